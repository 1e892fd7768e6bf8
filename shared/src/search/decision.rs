//! What a search decides, and why.

use super::{Point, TrialId};
use serde::{Deserialize, Serialize};

/// One thing a search decides. Epochs count what a trial was itself trained for, whatever weights it was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Decision {
    /// A new trial.
    Start {
        /// Its name: trials are numbered in order of their start.
        trial: TrialId,
        /// What it is trained with.
        point: Point,
        /// The epoch at which it pauses.
        until: u32,
    },
    /// A paused trial goes on from its checkpoint.
    Promote {
        /// Which.
        trial: TrialId,
        /// The epoch at which it pauses again.
        until: u32,
    },
    /// A trial will never go on: its checkpoint can go.
    Stop {
        /// Which.
        trial: TrialId,
    },
    /// A paused trial takes over another's weights and goes on with another point.
    Copy {
        /// Whose weights.
        from: TrialId,
        /// As they were at this epoch of that trial.
        at: u32,
        /// Which trial goes on.
        to: TrialId,
        /// With what.
        point: Point,
        /// The epoch at which it pauses again.
        until: u32,
    },
}

/// A decision with its reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// What.
    pub decision: Decision,
    /// Why.
    pub why: Why,
}

/// Why something was decided, with the numbers behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Why {
    /// There was room for a new trial.
    Room {
        /// Where its point is from.
        origin: Origin,
        /// The bracket it belongs to, counted from 0; always 0 where there are none.
        bracket: u32,
    },
    /// It is among the best of its rung.
    AmongBest(Place),
    /// It is not among the best of a rung that is complete.
    NotAmongBest(Place),
    /// It keeps up with the population.
    KeepsUp(Place),
    /// It is among the last of the population, and another takes its place.
    Outdone {
        /// Where it stands.
        place: Place,
        /// The score of the trial whose weights it takes over.
        score_from: f64,
        /// Where those weights stand, 1 the best.
        rank_from: u32,
    },
}

/// Where a trial stands among others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The epoch at which they are compared.
    pub at: u32,
    /// Its score there; none where it failed before.
    pub score: Option<f64>,
    /// 1 is the best.
    pub rank: u32,
    /// How many are compared.
    pub of: u32,
    /// How many of them, from the best, go on.
    pub kept: u32,
}

/// Where a point is from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Origin {
    /// Drawn at random.
    Drawn,
    /// Drawn at random: the share of points a model has no say in.
    DrawnBesideModel {
        /// That share.
        share: f64,
    },
    /// Drawn at random: at no number of epochs there are results enough for a model.
    TooFewResults {
        /// The most there are at one number of epochs.
        results: u32,
        /// As many are needed.
        needed: u32,
    },
    /// The next one of the grid.
    Grid {
        /// Which, from 0.
        index: u64,
        /// Of how many.
        count: u64,
    },
    /// The likeliest of some candidates to be among the good, by a model of the results so far.
    Modelled {
        /// The model is of scores at this epoch.
        at: u32,
        /// Of so many trials.
        results: u32,
        /// So many of them are the good ones.
        good: u32,
        /// Natural logarithm of how much likelier the point is among the good than among the others.
        log_ratio: f64,
    },
}

impl Decision {
    /// The trial it is about.
    pub fn trial(&self) -> TrialId {
        match self {
            Decision::Start { trial, .. } | Decision::Promote { trial, .. } | Decision::Stop { trial } => {
                *trial
            }
            Decision::Copy { to, .. } => *to,
        }
    }

    /// The epoch until which it has the trial run; none where it ends it.
    pub fn until(&self) -> Option<u32> {
        match self {
            Decision::Start { until, .. }
            | Decision::Promote { until, .. }
            | Decision::Copy { until, .. } => Some(*until),
            Decision::Stop { .. } => None,
        }
    }
}

impl std::fmt::Display for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Decision::Start { trial, point, until } => {
                write!(f, "start {trial} until epoch {until} with {point}")
            }
            Decision::Promote { trial, until } => write!(f, "promote {trial} until epoch {until}"),
            Decision::Stop { trial } => write!(f, "stop {trial}"),
            Decision::Copy {
                from,
                at,
                to,
                point,
                until,
            } => write!(
                f,
                "copy {from} of epoch {at} to {to}, which goes on until epoch {until} with {point}"
            ),
        }
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Why::Room { origin, bracket } => write!(f, "room for a trial in bracket {bracket}: {origin}"),
            Why::AmongBest(place) => write!(f, "{place}: it goes on"),
            Why::NotAmongBest(place) => write!(f, "{place}: it does not"),
            Why::KeepsUp(place) => write!(f, "{place}: it keeps up"),
            Why::Outdone {
                place,
                score_from,
                rank_from,
            } => write!(
                f,
                "{place}: it takes over the weights of rank {rank_from} (score {score_from:.4})"
            ),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Place {
            at, rank, of, kept, ..
        } = self;
        match self.score {
            Some(score) => write!(f, "rank {rank} of {of} at epoch {at} (score {score:.4})")?,
            None => write!(f, "failed before epoch {at}, rank {rank} of {of}")?,
        }
        write!(f, ", of which {kept} go on")
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Drawn => f.pad("drawn at random"),
            Origin::DrawnBesideModel { share } => write!(
                f,
                "drawn at random, as a share of {share:.2} of the points is, whatever the model says"
            ),
            Origin::TooFewResults { results, needed } => write!(
                f,
                "drawn at random: a model needs {needed} results at one epoch, and there are {results}"
            ),
            Origin::Grid { index, count } => write!(f, "point {} of the grid's {count}", index + 1),
            Origin::Modelled {
                at,
                results,
                good,
                log_ratio,
            } => write!(
                f,
                "the model of {results} results at epoch {at} finds it {:.3} times as likely among the best {good} as \
                 among the others",
                log_ratio.exp()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place {
        at: 3,
        score: Some(0.75),
        rank: 4,
        of: 9,
        kept: 3,
    };

    fn point() -> Point {
        serde_json::from_str(r#"{"rate":0.1}"#).unwrap()
    }

    #[test]
    fn decisions_are_written_as_they_always_were() {
        // A record is replayed years later: a change here needs a reader of what was written before.
        let start = Decision::Start {
            trial: TrialId(7),
            point: point(),
            until: 3,
        };
        let promote = Decision::Promote {
            trial: TrialId(7),
            until: 9,
        };
        let copy = Decision::Copy {
            from: TrialId(1),
            at: 3,
            to: TrialId(7),
            point: point(),
            until: 6,
        };
        for (decision, json, words) in [
            (
                start,
                r#"{"start":{"trial":7,"point":{"rate":0.1},"until":3}}"#,
                "start trial 7 until epoch 3 with rate = 0.1",
            ),
            (
                promote,
                r#"{"promote":{"trial":7,"until":9}}"#,
                "promote trial 7 until epoch 9",
            ),
            (
                Decision::Stop { trial: TrialId(7) },
                r#"{"stop":{"trial":7}}"#,
                "stop trial 7",
            ),
            (
                copy,
                r#"{"copy":{"from":1,"at":3,"to":7,"point":{"rate":0.1},"until":6}}"#,
                "copy trial 1 of epoch 3 to trial 7, which goes on until epoch 6 with rate = 0.1",
            ),
        ] {
            assert_eq!(serde_json::to_string(&decision).unwrap(), json);
            assert_eq!(serde_json::from_str::<Decision>(json).unwrap(), decision);
            assert_eq!(decision.to_string(), words);
        }
    }

    #[test]
    fn reasons_say_the_numbers_behind_them() {
        let room = |origin: Origin| Why::Room { origin, bracket: 2 }.to_string();
        let modelled = Origin::Modelled {
            at: 9,
            results: 12,
            good: 5,
            log_ratio: 0.0,
        };
        assert_eq!(
            room(modelled),
            "room for a trial in bracket 2: the model of 12 results at epoch 9 finds it 1.000 times as likely among \
             the best 5 as among the others"
        );
        let few = Origin::TooFewResults {
            results: 4,
            needed: 7,
        };
        assert!(room(few).ends_with("a model needs 7 results at one epoch, and there are 4"));
        assert!(room(Origin::Grid { index: 4, count: 9 }).ends_with("point 5 of the grid's 9"));
        assert_eq!(
            Why::NotAmongBest(PLACE).to_string(),
            "rank 4 of 9 at epoch 3 (score 0.7500), of which 3 go on: it does not"
        );
        let outdone = Why::Outdone {
            place: PLACE,
            score_from: 0.9,
            rank_from: 1,
        };
        assert!(
            outdone
                .to_string()
                .ends_with("takes over the weights of rank 1 (score 0.9000)")
        );
        let failed = Place { score: None, ..PLACE };
        assert!(
            Why::NotAmongBest(failed)
                .to_string()
                .starts_with("failed before epoch 3")
        );
        let json = serde_json::to_string(&outdone).unwrap();
        assert_eq!(
            json,
            r#"{"outdone":{"place":{"at":3,"score":0.75,"rank":4,"of":9,"kept":3},"score_from":0.9,"rank_from":1}}"#
        );
        assert_eq!(serde_json::from_str::<Why>(&json).unwrap(), outdone);
    }
}
