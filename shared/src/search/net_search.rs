//! A search over nets: of some candidates those that are fast enough, and of these the ones worth a training.
//!
//! ```text
//! space ─▶ candidates ─▶ measured time ─▶ looked at untrained ─▶ trained, some at once ─▶ the best
//!          drawn once    too slow: out    (proxies, predictor)
//! ```
//!
//! What is trained next is a function of the seed and of what is known of the candidates, never of the order in which that
//! came: the predictor decides a round when the one before has ended.

use super::predictor::{Judged, Predictor};
use super::{NetSpace, Point, SearchError};
use crate::format::Format;
use crate::task::Proxies;
use serde::{Deserialize, Serialize};

const TRAININGS_MAX: u32 = 10_000;
const CANDIDATES_MAX: u32 = 10_000;
const EPOCHS_MAX: u32 = 100_000;

/// A search over nets as a build has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetSearch {
    /// What is searched.
    pub space: NetSpace,
    /// How.
    pub algorithm: NetAlgorithm,
    /// The format nets are trained on; the best that was found within `time_us` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// The most inference time of format and net together, µs per image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_us: Option<f64>,
    /// Epochs of a training.
    pub epochs: u32,
    /// Nets that are trained.
    pub trainings: u32,
    /// Nets that are drawn and measured; of them some are trained.
    pub candidates: u32,
    /// Trainings at once.
    pub parallel: u16,
    /// Seed of every draw.
    pub seed: u64,
}

/// How candidates are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum NetAlgorithm {
    // Braces without fields: without them serde would let any other key pass.
    /// As they were drawn.
    Random {},
    /// The most promising before any training.
    Proxies {
        /// By what.
        by: Promise,
    },
    /// The most promising by a model of those trained, round by round.
    Predictor {},
}

/// What an untrained net promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// [`Proxies::synflow`].
    Synflow,
    /// [`Proxies::grad_norm`].
    GradNorm,
    /// [`Proxies::jacobian_covariance`].
    JacobianCovariance,
    /// [`Proxies::naswot`].
    Naswot,
    /// Fitted numbers: the baseline that is hard to beat.
    Parameters,
    /// Operations of a forward pass.
    Flops,
    /// The mean rank by the four proxies.
    Ranks,
}

/// What is known of a candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its point of the space.
    pub point: Point,
    /// Fitted numbers.
    pub parameters: u64,
    /// Operations of a forward pass on the format.
    pub flops: u64,
    /// What was seen of it untrained, where somebody looked.
    pub proxies: Option<Proxies>,
    /// What a training came to: an accuracy, or none where it failed for good.
    pub result: Option<Option<f64>>,
}

/// A candidate that is worth a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    /// Its place among those given.
    pub at: usize,
    /// Why.
    pub why: Reason,
}

/// Why a net is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reason {
    /// It is the next that was drawn.
    Drawn,
    /// It is among the most promising.
    Promises {
        /// By what.
        by: Promise,
        /// How much; more is better.
        score: f64,
        /// 1 is the most.
        rank: u32,
        /// Of so many that are fast enough.
        of: u32,
    },
    /// A model of those trained expects much of it.
    Predicted {
        /// In which round, from 1.
        round: u32,
        /// From so many results; 0: too few to predict, so it is the next that was drawn.
        results: u32,
        /// What was expected.
        accuracy: Option<f64>,
        /// How far the model's parts disagreed.
        deviation: Option<f64>,
    },
}

impl NetAlgorithm {
    /// Whether candidates are looked at untrained.
    pub fn needs_proxies(self) -> bool {
        match self {
            NetAlgorithm::Random {} => false,
            NetAlgorithm::Proxies { by } => !matches!(by, Promise::Parameters | Promise::Flops),
            NetAlgorithm::Predictor {} => true,
        }
    }
}

impl NetSearch {
    /// Whether it can be; the field, and what to do, where it cannot.
    pub fn check(&self) -> Result<(), SearchError> {
        self.space.check()?;
        let counts = [
            ("epochs", self.epochs, EPOCHS_MAX),
            ("budget.trainings", self.trainings, TRAININGS_MAX),
            ("candidates", self.candidates, CANDIDATES_MAX),
        ];
        for (field, count, most) in counts {
            if !(1..=most).contains(&count) {
                let allowed = format!("must be from 1 to {most}");
                return Err(SearchError::new(field, count, &allowed));
            }
        }
        if self.candidates < self.trainings {
            let allowed = format!("must be at least the {} nets that are trained", self.trainings);
            return Err(SearchError::new("candidates", self.candidates, &allowed));
        }
        Ok(())
    }

    /// The candidates: the same for the same search, fewer where the space has no more.
    pub fn pool(&self) -> Vec<Point> {
        self.space.candidates(&[], self.candidates as usize, self.seed)
    }

    /// Which of the candidates that are fast enough are to be trained, as far as what is known of them tells, in order. A
    /// candidate without proxies promises nothing by them.
    pub fn choose(&self, seen: &[Seen]) -> Vec<Chosen> {
        let most = (self.trainings as usize).min(seen.len());
        match self.algorithm {
            NetAlgorithm::Random {} => (0..most)
                .map(|at| Chosen {
                    at,
                    why: Reason::Drawn,
                })
                .collect(),
            NetAlgorithm::Proxies { by } => {
                let scores = scores(by, seen);
                let mut order: Vec<usize> = (0..seen.len()).collect();
                // Stable: equals stay as they were drawn.
                order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
                let promises = |(rank, at): (u32, usize)| Chosen {
                    at,
                    why: Reason::Promises {
                        by,
                        score: scores[at],
                        rank,
                        of: seen.len() as u32,
                    },
                };
                (1..).zip(order).take(most).map(promises).collect()
            }
            NetAlgorithm::Predictor {} => self.rounds(seen, most),
        }
    }

    /// Rounds of as many as are trained at once; one is decided when all of the one before have ended.
    fn rounds(&self, seen: &[Seen], most: usize) -> Vec<Chosen> {
        let mut chosen: Vec<Chosen> = Vec::new();
        let mut judged: Vec<Judged> = Vec::new();
        for round in 1.. {
            let is_left = |at: &usize| chosen.iter().all(|earlier| earlier.at != *at);
            let left: Vec<usize> = (0..seen.len()).filter(is_left).collect();
            let count = (most - chosen.len()).min(self.parallel.into());
            let candidates: Vec<(Point, Option<Proxies>)> = left
                .iter()
                .map(|&at| (seen[at].point.clone(), seen[at].proxies))
                .collect();
            let proposed = self.space.propose(&judged, &candidates, count, self.seed);
            let predictor = Predictor::fit(&self.space, &judged, self.seed);
            let of_round: Vec<usize> = proposed
                .iter()
                .filter_map(|point| left.iter().copied().find(|&at| seen[at].point == *point))
                .collect();
            for &at in &of_round {
                let expected = predictor.as_ref();
                let expected =
                    expected.and_then(|model| model.predict(&seen[at].point, seen[at].proxies.as_ref()));
                let why = Reason::Predicted {
                    round,
                    results: expected.map_or(0, |_| judged.len() as u32),
                    accuracy: expected.map(|expected| expected.accuracy),
                    deviation: expected.map(|expected| expected.deviation),
                };
                chosen.push(Chosen { at, why });
            }
            let ended = of_round.iter().all(|&at| seen[at].result.is_some());
            if of_round.is_empty() || chosen.len() >= most || !ended {
                break;
            }
            for at in of_round {
                let Seen {
                    point,
                    proxies,
                    result,
                    ..
                } = &seen[at];
                if let Some(Some(accuracy)) = result {
                    judged.push(Judged {
                        point: point.clone(),
                        proxies: *proxies,
                        accuracy: *accuracy,
                    });
                }
            }
        }
        chosen
    }
}

/// What each candidate promises; more is better.
fn scores(by: Promise, seen: &[Seen]) -> Vec<f64> {
    let proxy = |of: fn(&Proxies) -> f64| -> Vec<f64> {
        let score = |seen: &Seen| seen.proxies.as_ref().map_or(f64::NEG_INFINITY, of);
        seen.iter().map(score).collect()
    };
    match by {
        Promise::Synflow => proxy(|proxies| proxies.synflow),
        Promise::GradNorm => proxy(|proxies| proxies.grad_norm),
        Promise::JacobianCovariance => proxy(|proxies| proxies.jacobian_covariance),
        Promise::Naswot => proxy(|proxies| proxies.naswot),
        Promise::Parameters => seen.iter().map(|seen| seen.parameters as f64).collect(),
        Promise::Flops => seen.iter().map(|seen| seen.flops as f64).collect(),
        Promise::Ranks => {
            let each = [
                Promise::Synflow,
                Promise::GradNorm,
                Promise::JacobianCovariance,
                Promise::Naswot,
            ];
            let each = each.map(|by| scores(by, seen));
            // Minus the mean rank, so that more is better.
            let rank = |scores: &Vec<f64>, at: usize| {
                scores.iter().filter(|&&other| other > scores[at]).count() as f64
            };
            let mean =
                |at: usize| each.iter().map(|scores| rank(scores, at)).sum::<f64>() / each.len() as f64;
            (0..seen.len()).map(|at| -1.0 - mean(at)).collect()
        }
    }
}

impl std::fmt::Display for NetAlgorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NetAlgorithm::Random {} => f.pad("random"),
            NetAlgorithm::Proxies { by } => write!(f, "most promising by {by}"),
            NetAlgorithm::Predictor {} => f.pad("predictor"),
        }
    }
}

impl std::fmt::Display for Promise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Promise::Synflow => "synflow",
            Promise::GradNorm => "gradient norm",
            Promise::JacobianCovariance => "Jacobian covariance",
            Promise::Naswot => "naswot",
            Promise::Parameters => "parameters",
            Promise::Flops => "operations",
            Promise::Ranks => "mean rank by all proxies",
        })
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reason::Drawn => f.pad("the next that was drawn"),
            Reason::Promises { by, score, rank, of } => {
                write!(f, "rank {rank} of {of} by {by} ")?;
                match by {
                    _ if !score.is_finite() => f.write_str("(nobody could look)"),
                    Promise::Ranks => write!(f, "({:.1})", -score),
                    Promise::Parameters | Promise::Flops => write!(f, "({score:.0})"),
                    _ => write!(f, "({score:.4})"),
                }
            }
            Reason::Predicted {
                round,
                results,
                accuracy: Some(accuracy),
                deviation,
            } => write!(
                f,
                "round {round}: {:.1} ± {:.1} % expected from {results} results",
                100.0 * accuracy,
                100.0 * deviation.unwrap_or(0.0)
            ),
            Reason::Predicted { round, .. } => {
                write!(
                    f,
                    "round {round}: the next that was drawn, for there are too few results to predict from"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(algorithm: &str) -> NetSearch {
        let text = format!(
            "algorithm = {{ {algorithm} }}\nepochs = 3\ntrainings = 24\ncandidates = 60\nparallel = 4\nseed = 5\n\
             [space]\nnames = [\"resnet_like\", \"mobile_like\"]\nstages = [1, 2, 3]\nwidths = [8, 16, 24]\ndepths = [1, 2]\n\
             kernels = [3, 5]\nexpansions = [2, 4]"
        );
        toml::from_str(&text).unwrap()
    }

    /// A net's worth: wider and deeper is better, up to a point.
    fn worth(space: &NetSpace, point: &Point) -> f64 {
        let features = space.features(point).unwrap();
        let sum: f64 = features.iter().sum::<f64>() / features.len() as f64;
        0.5 + 0.4 * (1.0 - (sum - 0.6).abs())
    }

    fn seen(search: &NetSearch) -> Vec<Seen> {
        let pool = search.pool();
        let each = pool.into_iter().map(|point| {
            let value = worth(&search.space, &point);
            let proxies = Proxies {
                synflow: 10.0 * value,
                grad_norm: 1.0 - value,
                jacobian_covariance: value,
                naswot: 100.0 * value,
            };
            Seen {
                parameters: (1e6 * value) as u64,
                flops: 1,
                proxies: Some(proxies),
                result: None,
                point,
            }
        });
        each.collect()
    }

    #[test]
    fn candidates_are_drawn_once_and_all_different() {
        let search = search("name = \"random\"");
        assert_eq!(search.check(), Ok(()));
        let pool = search.pool();
        assert_eq!(pool.len(), 60);
        assert!(
            pool.iter()
                .enumerate()
                .all(|(at, point)| !pool[..at].contains(point))
        );
        assert_eq!(pool, search.pool());
    }

    #[test]
    fn the_most_promising_are_trained_first() {
        let search = search("name = \"proxies\", by = \"synflow\"");
        let seen = seen(&search);
        let chosen = search.choose(&seen);
        assert_eq!(chosen.len(), 24);
        let value = |chosen: &Chosen| worth(&search.space, &seen[chosen.at].point);
        assert!(chosen.is_sorted_by(|a, b| value(a) >= value(b)));
        assert!(chosen[0].why.to_string().starts_with("rank 1 of 60 by synflow"));
        // What is against the others counts in their mean.
        let ranks = NetSearch {
            algorithm: NetAlgorithm::Proxies { by: Promise::Ranks },
            ..search.clone()
        };
        assert_eq!(ranks.choose(&seen)[0].at, chosen[0].at);
    }

    #[test]
    fn a_round_is_decided_when_the_one_before_has_ended_and_predicts_as_soon_as_it_can() {
        let search = search("name = \"predictor\"");
        let mut seen = seen(&search);
        let mut rounds = 0;
        loop {
            let chosen = search.choose(&seen);
            let open: Vec<usize> = chosen
                .iter()
                .map(|chosen| chosen.at)
                .filter(|&at| seen[at].result.is_none())
                .collect();
            if open.is_empty() {
                assert_eq!(chosen.len(), 24);
                break;
            }
            rounds += 1;
            assert_eq!(open.len(), 4);
            // All but one have ended: the next round is not known.
            for &at in &open[1..] {
                seen[at].result = Some(Some(worth(&search.space, &seen[at].point)));
            }
            assert_eq!(search.choose(&seen), chosen);
            // One in a while fails.
            seen[open[0]].result = Some((rounds != 2).then(|| worth(&search.space, &seen[open[0]].point)));
        }
        assert_eq!(rounds, 6);
        let chosen = search.choose(&seen);
        let predicted = |chosen: &&Chosen| {
            matches!(
                chosen.why,
                Reason::Predicted {
                    accuracy: Some(_),
                    ..
                }
            )
        };
        assert_eq!(
            chosen.iter().filter(predicted).count(),
            12,
            "from the fourth round on"
        );
        let best = |part: &[Chosen]| {
            part.iter()
                .map(|one| worth(&search.space, &seen[one.at].point))
                .fold(0.0, f64::max)
        };
        assert!(best(&chosen[12..]) >= best(&chosen[..12]));
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_field() {
        let refused = |change: fn(&mut NetSearch)| {
            let mut search = search("name = \"random\"");
            change(&mut search);
            search.check().unwrap_err().to_string()
        };
        assert!(refused(|search| search.trainings = 0).contains("budget.trainings = 0"));
        assert!(
            refused(|search| search.candidates = 10).contains("candidates = 10: must be at least the 24")
        );
        assert!(refused(|search| search.epochs = 0).contains("epochs = 0"));
        assert!(refused(|search| search.space.widths.clear()).contains("widths"));
    }
}
