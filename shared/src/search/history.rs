//! What happened in a search so far: the decisions that were taken and the results that came.

use super::{Decision, Point, Spent, Took};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Name of a trial: its place in the order of starts, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrialId(pub u32);

/// One entry of the record a search is replayed from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A decision was taken.
    Decided(Decision),
    /// A trial was scored.
    Reported {
        /// Which.
        trial: TrialId,
        /// After this epoch.
        at: u32,
        /// Higher is better.
        score: f64,
    },
    /// A trial failed for good.
    Failed {
        /// Which.
        trial: TrialId,
    },
    /// A stretch took so much of the machines.
    Took(Took),
}

/// All that happened, in its order. Decisions of [`super::Search::decide`] depend on what is known of each trial, never
/// on which of two trials' results came first, except through decisions that were taken in between.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    trials: Vec<Trial>,
    spent: Spent,
}

/// One training of the search.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    legs: Vec<Leg>,
    reports: Vec<Report>,
    end: Option<End>,
}

/// A stretch of a trial between two decisions.
#[derive(Clone, Debug, PartialEq)]
pub struct Leg {
    /// What it is trained with; shared, for a history is copied to look ahead.
    pub point: Arc<Point>,
    /// Whose weights, at which epoch, it began with, where they were not its own.
    pub copied: Option<(TrialId, u32)>,
    /// The epoch it goes on from.
    pub after: u32,
    /// The epoch it pauses at.
    pub until: u32,
}

/// A score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// After this epoch.
    pub at: u32,
    /// Higher is better.
    pub score: f64,
}

/// Why a trial never goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was decided.
    Stopped,
    /// It failed.
    Failed,
}

/// The best weights a search has come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// Whose.
    pub trial: TrialId,
    /// What they were trained with last.
    pub point: Point,
    /// The epoch of their checkpoint.
    pub at: u32,
    /// Their score.
    pub score: f64,
}

/// Why an event cannot follow what happened before it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HistoryError {
    /// No such trial.
    #[error("{0} was never started")]
    Unknown(TrialId),
    /// A new trial has not the next number.
    #[error("{trial} cannot start: the next trial is {next}")]
    NotNext {
        /// What was said.
        trial: TrialId,
        /// What would be right.
        next: TrialId,
    },
    /// It was stopped or failed before; a late report of it can be left out.
    #[error("{0} has ended")]
    Ended(TrialId),
    /// It has not come to its pause, or is past it.
    #[error("{trial} is at epoch {reached} of {until}, which does not allow for epoch {at}")]
    Epoch {
        /// Which.
        trial: TrialId,
        /// Its last report.
        reached: u32,
        /// Its next pause.
        until: u32,
        /// What was said.
        at: u32,
    },
    /// Such a score cannot be compared.
    #[error("the score of {0} is no finite number")]
    NotFinite(TrialId),
    /// There are no such weights.
    #[error("{from} has no checkpoint of epoch {at} to copy")]
    NoCheckpoint {
        /// Whose.
        from: TrialId,
        /// When.
        at: u32,
    },
}

impl History {
    /// Replays a record.
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<History, HistoryError> {
        let mut history = History::default();
        for event in events {
            history.push(event)?;
        }
        Ok(history)
    }

    /// What happened next.
    pub fn push(&mut self, event: &Event) -> Result<(), HistoryError> {
        match event {
            Event::Decided(decision) => self.take(decision),
            Event::Reported { trial, at, score } => {
                let running = self.going(*trial)?;
                if *at <= running.reached() || *at > running.until() {
                    return Err(running.epoch(*trial, *at));
                }
                if !score.is_finite() {
                    return Err(HistoryError::NotFinite(*trial));
                }
                running.reports.push(Report {
                    at: *at,
                    score: *score,
                });
                Ok(())
            }
            Event::Failed { trial } => {
                self.going(*trial)?.end = Some(End::Failed);
                Ok(())
            }
            Event::Took(took) => {
                self.spent.add(*took);
                Ok(())
            }
        }
    }

    /// All trials in order of their start.
    pub fn trials(&self) -> impl Iterator<Item = (TrialId, &Trial)> {
        self.trials
            .iter()
            .enumerate()
            .map(|(at, trial)| (TrialId(at as u32), trial))
    }

    /// One of them.
    pub fn trial(&self, id: TrialId) -> Option<&Trial> {
        self.trials.get(id.0 as usize)
    }

    /// How many were started.
    pub fn started(&self) -> u32 {
        self.trials.len() as u32
    }

    /// How many run now: they hold a slot.
    pub fn running(&self) -> usize {
        self.trials.iter().filter(|trial| trial.is_running()).count()
    }

    /// Epochs decided on so far. A leg that is running or failed counts whole, so that trials that fail use up a budget too;
    /// one that was stopped counts as far as it reported.
    pub fn epochs(&self) -> u64 {
        let of = |trial: &Trial| match trial.end {
            Some(End::Stopped) => u64::from(trial.reached()),
            Some(End::Failed) | None => u64::from(trial.until()),
        };
        self.trials.iter().map(of).sum()
    }

    /// What stretches that have ended took of the machines.
    pub fn spent(&self) -> &Spent {
        &self.spent
    }

    /// The best so far among the weights trials paused with, for those have a checkpoint; of equals the one of the
    /// earlier trial, of that its earlier epoch.
    pub fn best(&self) -> Option<Best> {
        let mut best: Option<Best> = None;
        for (trial, of) in self.trials() {
            for leg in &of.legs {
                let Some(score) = of.score_at(leg.until) else {
                    continue;
                };
                if best.as_ref().is_none_or(|best| score > best.score) {
                    best = Some(Best {
                        trial,
                        point: Point::clone(&leg.point),
                        at: leg.until,
                        score,
                    });
                }
            }
        }
        best
    }

    fn take(&mut self, decision: &Decision) -> Result<(), HistoryError> {
        match decision {
            Decision::Start { trial, point, until } => {
                let next = TrialId(self.started());
                if *trial != next {
                    return Err(HistoryError::NotNext { trial: *trial, next });
                }
                let leg = Leg {
                    point: Arc::new(point.clone()),
                    copied: None,
                    after: 0,
                    until: *until,
                };
                let new = Trial {
                    legs: vec![leg],
                    reports: Vec::new(),
                    end: None,
                };
                if *until == 0 {
                    return Err(new.epoch(*trial, 0));
                }
                self.trials.push(new);
            }
            Decision::Promote { trial, until } => {
                let paused = self.paused(*trial, *until)?;
                let point = Arc::clone(&paused.legs[paused.legs.len() - 1].point);
                paused.legs.push(Leg {
                    point,
                    copied: None,
                    after: paused.until(),
                    until: *until,
                });
            }
            Decision::Stop { trial } => self.going(*trial)?.end = Some(End::Stopped),
            Decision::Copy {
                from,
                at,
                to,
                point,
                until,
            } => {
                let source = self.trial(*from).ok_or(HistoryError::Unknown(*from))?;
                let kept = source.legs.iter().any(|leg| leg.until == *at);
                if !kept || source.score_at(*at).is_none() {
                    return Err(HistoryError::NoCheckpoint { from: *from, at: *at });
                }
                let paused = self.paused(*to, *until)?;
                let (point, copied) = (Arc::new(point.clone()), Some((*from, *at)));
                paused.legs.push(Leg {
                    point,
                    copied,
                    after: paused.until(),
                    until: *until,
                });
            }
        }
        Ok(())
    }

    fn going(&mut self, id: TrialId) -> Result<&mut Trial, HistoryError> {
        let trial = self
            .trials
            .get_mut(id.0 as usize)
            .ok_or(HistoryError::Unknown(id))?;
        match trial.end {
            None => Ok(trial),
            Some(_) => Err(HistoryError::Ended(id)),
        }
    }

    fn paused(&mut self, id: TrialId, until: u32) -> Result<&mut Trial, HistoryError> {
        let trial = self.going(id)?;
        if trial.is_running() || until <= trial.until() {
            return Err(trial.epoch(id, until));
        }
        Ok(trial)
    }
}

impl Trial {
    /// Its stretches, in order.
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// Its scores, by epoch.
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// Why it never goes on, if so.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// What it is trained with now.
    pub fn point(&self) -> &Point {
        // A trial is made with its first leg and loses none.
        &self.legs[self.legs.len() - 1].point
    }

    /// Its next pause.
    pub fn until(&self) -> u32 {
        self.legs.last().map_or(0, |leg| leg.until)
    }

    /// The epoch of its last report; 0 before the first.
    pub fn reached(&self) -> u32 {
        self.reports.last().map_or(0, |report| report.at)
    }

    /// Its score after this very epoch.
    pub fn score_at(&self, epoch: u32) -> Option<f64> {
        self.reports
            .iter()
            .find(|report| report.at == epoch)
            .map(|report| report.score)
    }

    /// Whether it has not come to its pause.
    pub fn is_running(&self) -> bool {
        self.end.is_none() && self.reached() < self.until()
    }

    /// Whether it came to its pause and may go on.
    pub fn is_paused(&self) -> bool {
        self.end.is_none() && self.reached() == self.until()
    }

    fn epoch(&self, trial: TrialId, at: u32) -> HistoryError {
        HistoryError::Epoch {
            trial,
            reached: self.reached(),
            until: self.until(),
            at,
        }
    }
}

impl std::fmt::Display for TrialId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("trial {}", self.0))
    }
}
