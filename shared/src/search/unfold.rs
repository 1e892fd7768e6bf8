//! A search as it went: its decisions and the results that came, derived from the results alone.
//!
//! Nothing but results decides what happens, and how many slots there were when they came: of the stretches that run, the one whose
//! result came first is heard first, and what follows from it is decided before the next is heard. Results may be there
//! before anybody asked for them, for another build may have wanted the same. With more results the story of fewer is
//! only longer: whatever came later has a larger number.

use super::{Decided, Decision, Event, History, Report, Search, Slots, Took, TrialId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a stretch of a trial ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// When, as a number that rises from result to result.
    pub order: u64,
    /// What it took; nothing where it was there before.
    pub took: Option<Took>,
    /// Its scores by epoch, the last of them where it pauses; none where it failed for good.
    pub reports: Option<Vec<Report>>,
}

/// A search so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unfolded {
    /// What is known of its trials.
    pub history: History,
    /// What happened, in order.
    pub story: Vec<Chapter>,
    /// Whether nothing will ever follow, unless the budget is raised.
    pub is_over: bool,
}

/// One thing that happened in a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Chapter {
    /// Something was decided.
    Decided(Decided),
    /// A trial came to its pause with this score.
    Paused {
        /// Which.
        trial: TrialId,
        /// At the end of it.
        last: Report,
    },
    /// A trial failed for good.
    Failed {
        /// Which.
        trial: TrialId,
    },
}

impl Chapter {
    /// The trial it is about.
    pub fn trial(&self) -> TrialId {
        match self {
            Chapter::Decided(decided) => decided.decision.trial(),
            Chapter::Paused { trial, .. } | Chapter::Failed { trial } => *trial,
        }
    }

    /// Whether it concerns a trial: it is about it, or its weights are taken over.
    pub fn is_about(&self, trial: TrialId) -> bool {
        let gives = match self {
            Chapter::Decided(Decided {
                decision: Decision::Copy { from, .. },
                ..
            }) => *from == trial,
            _ => false,
        };
        gives || self.trial() == trial
    }
}

impl Search {
    /// The search as far as its results reach. `ended` is told every decision once, in order, and says how the stretch that
    /// follows from it ended, if it has.
    pub fn unfold(&self, slots: &Slots, mut ended: impl FnMut(&Decision) -> Option<Ended>) -> Unfolded {
        let mut unfolded = Unfolded::default();
        // Results of stretches that run, by when they came.
        let mut came: BTreeMap<(u64, TrialId), Ended> = BTreeMap::new();
        loop {
            // One by one: how a stretch ended says which result is the next, and so how many slots there were.
            loop {
                let next = came.first_key_value().map_or(u64::MAX, |((order, _), _)| *order);
                let free = slots.before(next).saturating_sub(unfolded.history.running());
                let decided = self.decide(&unfolded.history, free.min(1));
                if decided.is_empty() {
                    break;
                }
                for next in decided {
                    take(&mut unfolded.history, Event::Decided(next.decision.clone()));
                    if let Some(ended) = ended(&next.decision) {
                        came.insert((ended.order, next.decision.trial()), ended);
                    }
                    unfolded.story.push(Chapter::Decided(next));
                }
            }
            let Some(((_, trial), ended)) = came.pop_first() else {
                unfolded.is_over = unfolded.history.running() == 0;
                return unfolded;
            };
            if let Some(took) = ended.took {
                take(&mut unfolded.history, Event::Took(took));
            }
            unfolded.hear(trial, ended.reports);
        }
    }
}

impl Unfolded {
    fn hear(&mut self, trial: TrialId, reports: Option<Vec<Report>>) {
        for report in reports.iter().flatten() {
            let (at, score) = (report.at, report.score);
            take(&mut self.history, Event::Reported { trial, at, score });
        }
        let arrived = self.history.trial(trial).is_some_and(|trial| trial.is_paused());
        match reports
            .and_then(|reports| reports.last().copied())
            .filter(|_| arrived)
        {
            Some(last) => self.story.push(Chapter::Paused { trial, last }),
            None => {
                take(&mut self.history, Event::Failed { trial });
                self.story.push(Chapter::Failed { trial });
            }
        }
    }
}

/// What is decided follows from the history, and a result that does not, of a curve with a gap for example, is left out:
/// then the trial did not arrive and counts as failed.
fn take(history: &mut History, event: Event) {
    if let Err(error) = history.push(&event) {
        debug_assert!(!matches!(event, Event::Decided(_)), "{error}");
    }
}

impl std::fmt::Display for Chapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Chapter::Decided(Decided { decision, why }) => write!(f, "{decision}: {why}"),
            Chapter::Paused { trial, last } => {
                write!(
                    f,
                    "{trial} comes to epoch {} with a score of {:.4}",
                    last.at, last.score
                )
            }
            Chapter::Failed { trial } => write!(f, "{trial} fails for good"),
        }
    }
}
