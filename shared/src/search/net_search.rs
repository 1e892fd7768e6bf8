//! A search over nets: of some candidates those that are fast enough, and of these the ones worth a training.
//!
//! ```text
//! space ─▶ candidates ─▶ measured time ─▶ looked at untrained ─▶ trained, some at once ─▶ the best
//!          drawn once    too slow: out    (proxies, predictor)
//!                                         or trained with shared weights (supernet)
//! ```
//!
//! What is trained next is a function of the seed and of what is known of the candidates, never of the order in which that
//! came: the predictor decides a round when the one before has ended.

mod words;

use super::predictor::{Judged, Predictor};
use super::{Budget, NetSpace, Point, SearchError};
use crate::format::Format;
use crate::net::SHARING_MAX;
use crate::task::Proxies;
use serde::{Deserialize, Serialize};

const TRAININGS_MAX: u32 = 10_000;
const CANDIDATES_MAX: u32 = SHARING_MAX as u32;
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
    /// How much may be spent: nets that are trained, and hours.
    pub budget: Budget,
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
    /// The best by what they come to when all are trained at once with shared weights.
    Supernet {
        /// Epochs of that; as many as of a training unless given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epochs: Option<u32>,
    },
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
    /// The accuracy it came to with its share of the weights of a supernet, where there was one.
    pub supernet: Option<f64>,
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
    /// It is among the best with shared weights.
    Shares {
        /// What it came to with its share, 0 to 1.
        accuracy: f64,
        /// 1 is the best.
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
            NetAlgorithm::Random {} | NetAlgorithm::Supernet { .. } => false,
            NetAlgorithm::Proxies { by } => !matches!(by, Promise::Parameters | Promise::Flops),
            NetAlgorithm::Predictor {} => true,
        }
    }

    /// Epochs of the training with shared weights where a training has so many; none where there is no such training.
    pub fn supernet_epochs(self, epochs: u32) -> Option<u32> {
        match self {
            NetAlgorithm::Supernet { epochs: own } => Some(own.unwrap_or(epochs)),
            _ => None,
        }
    }
}

impl NetSearch {
    /// Whether it can be; the field, and what to do, where it cannot.
    pub fn check(&self) -> Result<(), SearchError> {
        self.space.check()?;
        let counts = [
            ("epochs", self.epochs, EPOCHS_MAX),
            ("budget.trainings", self.trainings(), TRAININGS_MAX),
            ("candidates", self.candidates, CANDIDATES_MAX),
        ];
        for (field, count, most) in counts {
            if !(1..=most).contains(&count) {
                let allowed = format!("must be from 1 to {most}");
                return Err(SearchError::new(field, count, &allowed));
            }
        }
        if let Some(epochs) = self.algorithm.supernet_epochs(self.epochs) {
            if !(1..=EPOCHS_MAX).contains(&epochs) {
                let allowed =
                    format!("must be from 1 to {EPOCHS_MAX}; leave it out to have as many as a training");
                return Err(SearchError::new("algorithm.epochs", epochs, &allowed));
            }
            if self.space.count() == Some(1) {
                let allowed = "a single net has nobody to share its weights with; name more widths, depths or kernels \
                               in the space, or use `random`";
                return Err(SearchError::new("algorithm", "supernet", allowed));
            }
        }
        if self.candidates < self.trainings() {
            let allowed = format!("must be at least the {} nets that are trained", self.trainings());
            return Err(SearchError::new("candidates", self.candidates, &allowed));
        }
        if let Some(epochs) = self.budget.epochs {
            let allowed = "every net is trained for equally many; name `trainings` instead";
            return Err(SearchError::new("budget.epochs", epochs, allowed));
        }
        Ok(())
    }

    /// Nets that are trained.
    pub fn trainings(&self) -> u32 {
        self.budget.trainings.unwrap_or(0)
    }

    /// Why its budget cannot be raised so, if it cannot.
    pub fn unfit(&self, more: &Budget) -> Option<String> {
        let beyond = more.trainings.filter(|trainings| *trainings > self.candidates);
        let too_many = beyond.map(|trainings| {
            format!(
                "{trainings} trainings are more than the {} nets the search draws and measures",
                self.candidates
            )
        });
        self.budget.unfit(more).or(too_many)
    }

    /// The candidates: the same for the same search, fewer where the space has no more.
    pub fn pool(&self) -> Vec<Point> {
        self.space.candidates(&[], self.candidates as usize, self.seed)
    }

    /// Which of the candidates that are fast enough are to be trained, as far as what is known of them tells, in order. A
    /// candidate without proxies promises nothing by them.
    pub fn choose(&self, seen: &[Seen]) -> Vec<Chosen> {
        let most = (self.trainings() as usize).min(seen.len());
        match self.algorithm {
            NetAlgorithm::Random {} => (0..most)
                .map(|at| Chosen {
                    at,
                    why: Reason::Drawn,
                })
                .collect(),
            NetAlgorithm::Proxies { by } => {
                let scores = scores(by, seen);
                let order = best_first(&scores);
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
            NetAlgorithm::Supernet { .. } => {
                let scores = seen.iter().map(|seen| seen.supernet.unwrap_or(-1.0));
                let order = best_first(&scores.collect::<Vec<f64>>());
                let shares = |(rank, at): (u32, usize)| Chosen {
                    at,
                    // Where its supernet failed nothing is known of it.
                    why: seen[at]
                        .supernet
                        .map_or(Reason::Drawn, |accuracy| Reason::Shares {
                            accuracy,
                            rank,
                            of: seen.len() as u32,
                        }),
                };
                (1..).zip(order).take(most).map(shares).collect()
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

/// Places of scores, the highest first; equals stay as they were drawn.
fn best_first(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    order
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

#[cfg(test)]
mod tests;
