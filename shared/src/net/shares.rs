//! Nets that share their weights: of nets that are said stage by stage, each is a part of one that holds them all, a supernet.
//!
//! ```text
//! largest    stage by stage the most of everything that any of them has       smallest   the least
//!
//! a net's variable ─ its name ─▶ the shared variable of that name: its first channels, the middle of its windows
//! ```
//!
//! What follows the stages reads another plane after two of them than after three, so it is shared among nets of as many stages
//! only: `head.weight` of a net of two stages is `after2.head.weight` among the shared ones. Running statistics are nobody's
//! share: of the same weights every net makes values of its own spread (Yu and Huang, "Universally Slimmable Networks and
//! Improved Training Techniques", section 3.3).

use super::{NetError, Variable, variables};
use crate::training::{MobileStage, Net, ResnetStage};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Nets that may share weights: each is scored by itself.
pub const SHARING_MAX: usize = 10_000;

/// Nets that a step of their training is of: the largest, the smallest and some that are drawn (the same paper, section 3.1:
/// the sandwich rule).
pub const NETS_OF_A_STEP: u32 = 4;

/// Nets of which every one is a part of the largest.
#[derive(Clone, Debug, PartialEq)]
pub struct Shares {
    nets: Vec<Net>,
    largest: Net,
    smallest: Net,
}

/// Which of two is meant.
#[derive(Clone, Copy)]
enum Extreme {
    Most,
    Least,
}

impl Shares {
    /// Of these nets, all of one name.
    pub fn of(nets: &[Net]) -> Result<Shares, NetError> {
        let count = nets.len();
        if count > SHARING_MAX {
            return Err(NetError(format!(
                "{count} nets are more than the {SHARING_MAX} that can share weights; take fewer"
            )));
        }
        let hull = |extreme: Extreme| {
            let (first, rest) = nets.split_first()?;
            // With itself, too, so that a single net is asked whether it can share at all.
            let first = extreme.net(first, first)?;
            rest.iter().try_fold(first, |hull, net| extreme.net(&hull, net))
        };
        let (Some(largest), Some(smallest)) = (hull(Extreme::Most), hull(Extreme::Least)) else {
            let names: std::collections::BTreeSet<&str> = nets.iter().map(Net::name).collect();
            return Err(NetError(format!(
                "nets of {names:?} cannot share weights; name nets of resnet_like, or nets of mobile_like"
            )));
        };
        Ok(Shares {
            nets: nets.to_vec(),
            largest,
            smallest,
        })
    }

    /// The nets, as they were given.
    pub fn nets(&self) -> &[Net] {
        &self.nets
    }

    /// What holds them all; it need not be one of them.
    pub fn largest(&self) -> &Net {
        &self.largest
    }

    /// What all of them hold; it need not be one of them.
    pub fn smallest(&self) -> &Net {
        &self.smallest
    }

    /// All that is fitted of any of them, each variable as large as the largest share of it, and the running statistics of the
    /// largest net.
    pub fn variables(&self, channels: u16, classes: u16) -> Result<Vec<Variable>, NetError> {
        let mut all = BTreeMap::new();
        for variable in variables(&self.largest, channels, classes)? {
            all.insert(shared_name(&self.largest, &variable.name), variable);
        }
        for net in self.nets.iter().chain([&self.smallest]) {
            let fitted = variables(net, channels, classes)?.into_iter();
            for variable in fitted.filter(|variable| !variable.is_buffer()) {
                match all.entry(shared_name(net, &variable.name)) {
                    Entry::Vacant(vacant) => {
                        vacant.insert(variable);
                    }
                    Entry::Occupied(mut known) => grow(known.get_mut(), variable),
                }
            }
        }
        let named = all
            .into_iter()
            .map(|(name, variable)| Variable { name, ..variable });
        Ok(named.collect())
    }
}

/// What a net's variable is called among the shared ones.
pub fn shared_name(net: &Net, name: &str) -> String {
    let stages = match net {
        Net::ResnetLike { stages, .. } => stages.len(),
        Net::MobileLike { stages, .. } => stages.len(),
        _ => return name.into(),
    };
    match name.starts_with("stem.") || name.starts_with("stages.") {
        true => name.into(),
        false => format!("after{stages}.{name}"),
    }
}

/// Makes a shared variable hold another share of it. It starts as the larger of the two would.
fn grow(known: &mut Variable, share: Variable) {
    if share.len() > known.len() {
        known.role = share.role;
    }
    for (most, side) in known.shape.iter_mut().zip(share.shape) {
        *most = side.max(*most);
    }
}

impl Extreme {
    fn of<T: Ord>(self, one: T, other: T) -> T {
        match self {
            Extreme::Most => one.max(other),
            Extreme::Least => one.min(other),
        }
    }

    /// Of two nets of one name, whose stages share weights.
    fn net(self, one: &Net, other: &Net) -> Option<Net> {
        match (one, other) {
            (
                Net::ResnetLike { stem, stages },
                Net::ResnetLike {
                    stem: other_stem,
                    stages: others,
                },
            ) => {
                let both = |a: &ResnetStage, b: &ResnetStage| ResnetStage {
                    width: self.of(a.width, b.width),
                    depth: self.of(a.depth, b.depth),
                    kernel: self.of(a.kernel, b.kernel),
                };
                Some(Net::ResnetLike {
                    stem: self.of(*stem, *other_stem),
                    stages: self.stages(stages, others, both),
                })
            }
            (
                Net::MobileLike { stem, stages },
                Net::MobileLike {
                    stem: other_stem,
                    stages: others,
                },
            ) => {
                let both = |a: &MobileStage, b: &MobileStage| MobileStage {
                    width: self.of(a.width, b.width),
                    depth: self.of(a.depth, b.depth),
                    kernel: self.of(a.kernel, b.kernel),
                    expansion: self.of(a.expansion, b.expansion),
                };
                Some(Net::MobileLike {
                    stem: self.of(*stem, *other_stem),
                    stages: self.stages(stages, others, both),
                })
            }
            _ => None,
        }
    }

    fn stages<T: Copy>(self, one: &[T], other: &[T], both: impl Fn(&T, &T) -> T) -> Vec<T> {
        let stage = |at: usize| match (one.get(at), other.get(at)) {
            (Some(a), Some(b)) => Some(both(a, b)),
            (one, other) => one.or(other).copied(),
        };
        (0..self.of(one.len(), other.len())).filter_map(stage).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resnet(stages: &[(u16, u16, u16)]) -> Net {
        let stage = |&(width, depth, kernel): &(u16, u16, u16)| ResnetStage { width, depth, kernel };
        Net::ResnetLike {
            stem: 4,
            stages: stages.iter().map(stage).collect(),
        }
    }

    fn mobile(stages: &[(u16, u16)]) -> Net {
        let stage = |&(width, expansion): &(u16, u16)| MobileStage {
            width,
            depth: 1,
            kernel: 3,
            expansion,
        };
        Net::MobileLike {
            stem: 4,
            stages: stages.iter().map(stage).collect(),
        }
    }

    #[test]
    fn the_largest_has_the_most_and_the_smallest_the_least_of_every_stage() {
        let nets = [
            resnet(&[(8, 1, 5), (4, 2, 3)]),
            resnet(&[(6, 2, 3)]),
            resnet(&[(2, 1, 7), (8, 1, 1), (3, 1, 3)]),
        ];
        let shares = Shares::of(&nets).unwrap();
        assert_eq!(*shares.largest(), resnet(&[(8, 2, 7), (8, 2, 3), (3, 1, 3)]));
        assert_eq!(*shares.smallest(), resnet(&[(2, 1, 3)]));
        assert_eq!(Shares::of(&nets[..1]).unwrap().largest(), &nets[0]);
    }

    #[test]
    fn every_variable_of_every_net_has_a_place_among_the_shared_ones() {
        let resnets = [
            resnet(&[(8, 1, 5), (4, 2, 3)]),
            resnet(&[(6, 2, 3)]),
            resnet(&[(2, 1, 7)]),
        ];
        let mobiles = [
            mobile(&[(8, 1), (4, 3)]),
            mobile(&[(6, 4)]),
            mobile(&[(3, 1), (9, 2)]),
        ];
        for nets in [resnets, mobiles] {
            let shares = Shares::of(&nets).unwrap();
            let shared = shares.variables(3, 5).unwrap();
            let shape = |name: &str| {
                &shared
                    .iter()
                    .find(|variable| variable.name == name)
                    .unwrap()
                    .shape
            };
            for net in shares.nets().iter().chain([shares.smallest()]) {
                for variable in variables(net, 3, 5).unwrap() {
                    if !variable.is_buffer() {
                        let whole = shape(&shared_name(net, &variable.name));
                        assert_eq!(whole.len(), variable.shape.len());
                        assert!(variable.shape.iter().zip(whole).all(|(side, most)| side <= most));
                    }
                }
            }
            // The largest is all of what it shares: what is done to it reaches every number.
            for variable in variables(shares.largest(), 3, 5).unwrap() {
                assert_eq!(
                    *shape(&shared_name(shares.largest(), &variable.name)),
                    variable.shape
                );
            }
        }
    }

    #[test]
    fn what_follows_the_stages_is_shared_by_nets_of_as_many_only() {
        let nets = [
            resnet(&[(8, 1, 3), (4, 1, 3)]),
            resnet(&[(6, 1, 3)]),
            resnet(&[(2, 1, 3)]),
        ];
        let shared = Shares::of(&nets).unwrap().variables(1, 5).unwrap();
        let heads = shared
            .iter()
            .filter(|variable| variable.name.ends_with("head.weight"));
        let heads: Vec<(&str, &[i64])> = heads
            .map(|variable| (variable.name.as_str(), variable.shape.as_slice()))
            .collect();
        assert_eq!(
            heads,
            [
                ("after1.head.weight", [5, 6].as_slice()),
                ("after2.head.weight", &[5, 4])
            ]
        );
    }

    #[test]
    fn nets_that_cannot_share_are_refused() {
        for nets in [
            &[][..],
            &[Net::Resnet18 {}],
            &[resnet(&[(2, 1, 3)]), mobile(&[(2, 1)])],
            &[resnet(&[(2, 1, 3)]), Net::Resnet18 {}],
        ] {
            let error = Shares::of(nets).unwrap_err().to_string();
            assert!(error.contains("cannot share weights; name nets of"), "{error}");
        }
        let many = vec![resnet(&[(2, 1, 3)]); SHARING_MAX + 1];
        let error = Shares::of(&many).unwrap_err().to_string();
        assert!(error.contains("more than the 10000"), "{error}");
        // What cannot be a net at all is found when its variables are asked for.
        let bad = Shares::of(&[resnet(&[(0, 1, 3)])]).unwrap();
        assert!(bad.variables(1, 2).is_err());
    }
}
