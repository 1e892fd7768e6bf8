//! Spaces of nets: stages of which a search chooses number, widths, depths, kernels and expansions.
//!
//! A point names exactly what its net has: of two stages no third width, of a `resnet_like` no expansion. So different
//! points are different nets, and none is trained twice under two names.

use super::draw::Draws;
use super::{Domain, Parameters, Point, SearchError, TrialId, Value};
use crate::net;
use crate::training::{MobileStage, Net, ResnetStage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// A plane of 32 × 32 is one of 1 × 1 then.
const STAGES_MAX: u16 = 6;
const VALUES_MAX: usize = 16;
const WIDTH_MAX: u16 = 4096;
const DEPTH_MAX: u16 = 32;
const KERNEL_MAX: u16 = 15;
const EXPANSION_MAX: u16 = 16;

/// Nets of which a search takes one: `[search.nets.space]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetSpace {
    /// What they are called in `[net]`.
    pub names: Vec<NetName>,
    /// Channels of the convolution in front, the same in all.
    #[serde(default = "stem")]
    pub stem: u16,
    /// Numbers of stages.
    pub stages: Vec<u16>,
    /// Channels of a stage.
    pub widths: Vec<u16>,
    /// Blocks of a stage.
    pub depths: Vec<u16>,
    /// Sides of a stage's windows.
    pub kernels: Vec<u16>,
    /// How many times more channels there are inside a block of a `mobile_like`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expansions: Vec<u16>,
}

/// A net that consists of stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetName {
    /// [`Net::ResnetLike`].
    ResnetLike,
    /// [`Net::MobileLike`].
    MobileLike,
}

/// What is chosen of every stage, in the order of features.
const WIDTH: &str = "width";
const DEPTH: &str = "depth";
const KERNEL: &str = "kernel";
const EXPANSION: &str = "expansion";

impl NetSpace {
    /// Whether it can be; the field, and what to do, where it cannot.
    pub fn check(&self) -> Result<(), SearchError> {
        let names: Vec<&str> = self.names.iter().map(|name| name.text()).collect();
        if names.is_empty() || names.len() > 2 || names.first() == names.get(1) {
            let allowed = "name resnet_like, mobile_like or both, each once";
            return refused("names", format!("{names:?}"), allowed);
        }
        let stem = std::slice::from_ref(&self.stem);
        within("stem", stem, 1..=WIDTH_MAX)?;
        within("stages", &self.stages, 1..=STAGES_MAX)?;
        within("widths", &self.widths, 1..=WIDTH_MAX)?;
        within("depths", &self.depths, 1..=DEPTH_MAX)?;
        within("kernels", &self.kernels, 1..=KERNEL_MAX)?;
        if let Some(even) = self.kernels.iter().find(|side| *side % 2 == 0) {
            return refused("kernels", even, "a kernel must be odd, for example 3 or 5");
        }
        if self.names.contains(&NetName::MobileLike) {
            within("expansions", &self.expansions, 1..=EXPANSION_MAX)?;
        } else if !self.expansions.is_empty() {
            let allowed = "only a mobile_like expands; leave it out or add mobile_like to names";
            return refused("expansions", format!("{:?}", self.expansions), allowed);
        }
        for &name in &self.names {
            if let Err(error) = net::parameters(&self.largest(name), 3, 1) {
                let allowed = format!("of the largest net: {error}");
                return refused("widths", format!("{:?}", self.widths), &allowed);
            }
        }
        Ok(())
    }

    /// How many nets there are; none where they are beyond counting.
    pub fn count(&self) -> Option<u64> {
        self.groups()
            .into_iter()
            .try_fold(0_u64, |sum, (.., count)| sum.checked_add(count?))
    }

    /// A net by its number, below [`NetSpace::count`]: the same for the same space.
    pub fn nth(&self, index: u64) -> Option<Point> {
        let mut rest = index;
        for (name, stages, count) in self.groups() {
            let count = count?;
            if rest >= count {
                rest -= count;
                continue;
            }
            let mut point = head(name, stages);
            for (parameter, values) in self.parts(name, stages) {
                let side = values.len() as u64;
                point.insert(parameter, whole(values[(rest % side) as usize]));
                rest /= side;
            }
            return Some(Point(point));
        }
        None
    }

    /// The net of a point; none where the point is not of this space, or says what its net does not have.
    pub fn net(&self, point: &Point) -> Option<Net> {
        let (name, count) = self.group(point)?;
        if *point != self.only(name, count, point)? {
            return None;
        }
        let number = |part: &str, stage: u16| number(point, &format!("{part}{stage}"));
        let stages = 1..=count;
        Some(match name {
            NetName::ResnetLike => Net::ResnetLike {
                stem: self.stem,
                stages: stages
                    .map(|stage| {
                        Some(ResnetStage {
                            width: number(WIDTH, stage)?,
                            depth: number(DEPTH, stage)?,
                            kernel: number(KERNEL, stage)?,
                        })
                    })
                    .collect::<Option<_>>()?,
            },
            NetName::MobileLike => Net::MobileLike {
                stem: self.stem,
                stages: stages
                    .map(|stage| {
                        Some(MobileStage {
                            width: number(WIDTH, stage)?,
                            depth: number(DEPTH, stage)?,
                            kernel: number(KERNEL, stage)?,
                            expansion: number(EXPANSION, stage)?,
                        })
                    })
                    .collect::<Option<_>>()?,
            },
        })
    }

    /// The net that has the most of everything: every other of this name is a part of it.
    pub fn largest(&self, name: NetName) -> Net {
        let most = |values: &[u16]| values.iter().copied().max().unwrap_or(1);
        let (width, depth, kernel) = (most(&self.widths), most(&self.depths), most(&self.kernels));
        let (stem, count) = (self.stem, usize::from(most(&self.stages)));
        match name {
            NetName::ResnetLike => {
                let stage = ResnetStage { width, depth, kernel };
                Net::ResnetLike {
                    stem,
                    stages: vec![stage; count],
                }
            }
            NetName::MobileLike => {
                let expansion = most(&self.expansions);
                let stage = MobileStage {
                    width,
                    depth,
                    kernel,
                    expansion,
                };
                Net::MobileLike {
                    stem,
                    stages: vec![stage; count],
                }
            }
        }
    }

    /// Everything that is chosen of some net, as a search has it. A point of these says more than most nets have:
    /// [`NetSpace::trimmed`] takes that away.
    pub fn parameters(&self) -> Parameters {
        let names = self.names.iter().map(|name| Value::Text(name.text().into()));
        let stages = self.stages.iter().map(|&count| whole(count));
        let mut all = BTreeMap::from([
            ("name".to_string(), Domain::Choice(names.collect())),
            ("stages".to_string(), Domain::Choice(stages.collect())),
        ]);
        let most = self.stages.iter().copied().max().unwrap_or(0);
        for &name in &self.names {
            for (parameter, values) in self.parts(name, most) {
                let values = values.iter().map(|&value| whole(value)).collect();
                all.insert(parameter, Domain::Choice(values));
            }
        }
        Parameters(all)
    }

    /// A point without what its net does not have; none where that is no point of this space.
    pub fn trimmed(&self, point: &Point) -> Option<Point> {
        let (name, stages) = self.group(point)?;
        self.only(name, stages, point)
    }

    /// A net drawn at random: its name and number of stages evenly, then all of the rest.
    ///
    /// # Panics
    /// Never: what is drawn of the parameters is of the space that they are of. The space is one that
    /// [`NetSpace::check`] allows.
    pub fn draw(&self, seed: u64, trial: TrialId, again: u32) -> Point {
        let parameters = self.parameters();
        let mut draws = Draws::of("net", seed, trial, again);
        let places: Vec<f64> = parameters.0.iter().map(|_| draws.unit()).collect();
        self.trimmed(&parameters.decode(&places))
            .expect("what is drawn of the parameters is of the space")
    }

    /// Numbers in [0, 1] that say what a net is, as many for every net: how far up its lists each choice stands, and 0
    /// for what it does not have. None where the point is not of this space.
    pub fn features(&self, point: &Point) -> Option<Vec<f64>> {
        self.net(point)?;
        let (name, stages) = self.group(point)?;
        let most = self.stages.iter().copied().max().unwrap_or(0);
        let mut features = vec![
            f64::from(name == NetName::MobileLike),
            f64::from(stages) / f64::from(most),
        ];
        for stage in 1..=most {
            for (part, values) in self.lists() {
                let chosen = number(point, &format!("{part}{stage}"));
                let up = chosen.map(|chosen| values.iter().filter(|&&value| value <= chosen).count());
                features.push(up.map_or(0.0, |up| up as f64 / values.len() as f64));
            }
        }
        Some(features)
    }

    fn lists(&self) -> [(&'static str, &[u16]); 4] {
        [
            (WIDTH, &self.widths),
            (DEPTH, &self.depths),
            (KERNEL, &self.kernels),
            (EXPANSION, &self.expansions),
        ]
    }

    /// What is chosen of the stages of a net, with what it may be.
    fn parts(&self, name: NetName, stages: u16) -> impl Iterator<Item = (String, &[u16])> {
        (1..=stages).flat_map(move |stage| {
            let of_name = move |(part, _): &(&str, &[u16])| name.expands() || *part != EXPANSION;
            let lists = self.lists().into_iter().filter(of_name);
            lists.map(move |(part, values)| (format!("{part}{stage}"), values))
        })
    }

    /// Every name with every number of stages and how many nets have these.
    fn groups(&self) -> Vec<(NetName, u16, Option<u64>)> {
        let group = |name: NetName, stages: u16| {
            let mut sides = self.parts(name, stages).map(|(_, values)| values.len() as u64);
            (name, stages, sides.try_fold(1_u64, u64::checked_mul))
        };
        let of_name = |&name: &NetName| self.stages.iter().map(move |&stages| group(name, stages));
        self.names.iter().flat_map(of_name).collect()
    }

    fn group(&self, point: &Point) -> Option<(NetName, u16)> {
        let Value::Text(text) = point.0.get("name")? else {
            return None;
        };
        let name = self.names.iter().find(|name| name.text() == text)?;
        let stages = number(point, "stages").filter(|stages| self.stages.contains(stages))?;
        Some((*name, stages))
    }

    /// What a net of this name and so many stages has of a point, all of it allowed.
    fn only(&self, name: NetName, stages: u16, point: &Point) -> Option<Point> {
        let mut kept = head(name, stages);
        for (parameter, values) in self.parts(name, stages) {
            let value = number(point, &parameter).filter(|value| values.contains(value))?;
            kept.insert(parameter, whole(value));
        }
        Some(Point(kept))
    }
}

impl NetName {
    fn text(self) -> &'static str {
        match self {
            NetName::ResnetLike => "resnet_like",
            NetName::MobileLike => "mobile_like",
        }
    }

    fn expands(self) -> bool {
        self == NetName::MobileLike
    }
}

fn head(name: NetName, stages: u16) -> BTreeMap<String, Value> {
    BTreeMap::from([
        ("name".into(), Value::Text(name.text().into())),
        ("stages".into(), whole(stages)),
    ])
}

fn number(point: &Point, parameter: &str) -> Option<u16> {
    match point.0.get(parameter)? {
        Value::Integer(value) => u16::try_from(*value).ok(),
        _ => None,
    }
}

fn whole(value: u16) -> Value {
    Value::Integer(value.into())
}

fn stem() -> u16 {
    16
}

fn refused(field: &str, value: impl ToString, allowed: &str) -> Result<(), SearchError> {
    Err(SearchError::new(&format!("space.{field}"), value, allowed))
}

fn within(field: &str, values: &[u16], range: RangeInclusive<u16>) -> Result<(), SearchError> {
    if values.is_empty() || values.len() > VALUES_MAX {
        let allowed = format!("name 1 to {VALUES_MAX} of them");
        return refused(field, format!("{} values", values.len()), &allowed);
    }
    for (at, value) in values.iter().enumerate() {
        if !range.contains(value) {
            let allowed = format!("must be from {} to {}", range.start(), range.end());
            return refused(field, value, &allowed);
        }
        if values[..at].contains(value) {
            return refused(field, value, "is named twice; name every value once");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
