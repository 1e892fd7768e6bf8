//! What a search over hyper-parameters has come to, in the words people look at it with.

use crate::format::Format;
use crate::search::{
    Algorithm, Budget, Chapter, Epochs, HyperSearch, Parameters, Point, TrialId, Unfolded, levels,
};
use crate::task::{EpochPoint, TaskId, Trained};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A search as far as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchFacts {
    /// The format its trials are trained on.
    pub format: Format,
    /// How it goes about it.
    pub algorithm: Algorithm,
    /// How long a trial is trained.
    pub epochs: Epochs,
    /// What it may spend.
    pub budget: Budget,
    /// Trials at once.
    pub parallel: u16,
    /// Epochs decided on so far.
    pub epochs_spent: u64,
    /// Seconds of all trainings that ended, whoever they were done for.
    pub seconds: f64,
    /// Seconds in which something was trained for it.
    pub wall_seconds: f64,
    /// Seconds of all devices together that trained for it.
    pub device_seconds: f64,
    /// Whether nothing follows unless the budget is raised.
    pub is_over: bool,
    /// What is searched.
    pub parameters: Parameters,
    /// In the order of their start.
    pub trials: Vec<TrialFacts>,
    /// Their results, in the order in which they came.
    pub scored: Vec<Scored>,
    /// The best so far.
    pub best: Option<BestTrial>,
}

impl SearchFacts {
    /// Epochs at which trials are compared, where they are halved.
    pub fn levels(&self) -> Option<Vec<u32>> {
        let (eta, _) = self.algorithm.halving()?;
        Some(levels(self.epochs, eta))
    }
}

/// One trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialFacts {
    /// Its number.
    pub trial: TrialId,
    /// What it is trained with, now.
    pub point: Point,
    /// The bracket it belongs to.
    pub bracket: u32,
    /// Where it stands.
    pub standing: TrialStanding,
    /// Epochs it was trained for.
    pub epochs: u32,
    /// The epoch at which it pauses or paused.
    pub until: u32,
    /// Its last accuracy, 0 to 1.
    pub accuracy: Option<f64>,
    /// Trials whose weights it took over, with the epoch of theirs.
    pub copied: Vec<(TrialId, u32)>,
    /// One point per epoch.
    pub curve: Vec<EpochPoint>,
    /// Its trainings, one for each stretch.
    pub tasks: Vec<TaskId>,
}

/// A result of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scored {
    /// Which trial.
    pub trial: TrialId,
    /// The epoch at which it paused.
    pub epoch: u32,
    /// Its accuracy then, 0 to 1.
    pub accuracy: f64,
    /// Epochs of all trials that had ended by then.
    pub epochs_spent: u64,
}

/// Where a trial stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialStanding {
    /// A stretch of it is to be done or being done.
    Running,
    /// It waits at a rung.
    Paused,
    /// It will not go on.
    Stopped,
    /// It failed.
    Failed,
    /// It was trained to the end.
    Done,
}

/// The best trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BestTrial {
    /// Which.
    pub trial: TrialId,
    /// What it was trained with.
    pub point: Point,
    /// Epochs it was trained for.
    pub epochs: u32,
    /// Its accuracy then, 0 to 1.
    pub accuracy: f64,
    /// On test images, if it was trained to the end and the build has some.
    pub test_accuracy: Option<f64>,
    /// Key of its weights in the base.
    pub weights: String,
}

/// A search with all that happened in it.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchFound {
    /// For people.
    pub facts: SearchFacts,
    /// The search, to ask for reasons.
    pub search: HyperSearch,
    /// Its story.
    pub unfolded: Unfolded,
}

impl SearchFound {
    /// Puts the facts together. `tasks` are the trainings of each trial by the epoch at which they pause, with what came of
    /// them.
    pub fn of(
        search: &HyperSearch,
        format: Format,
        unfolded: Unfolded,
        tasks: &BTreeMap<(TrialId, u32), (TaskId, Option<&Trained>)>,
    ) -> SearchFound {
        let of_trial = |id: TrialId| {
            let range = (id, 0)..=(id, u32::MAX);
            tasks.range(range).map(|(_, training)| training)
        };
        let trials = unfolded.history.trials().map(|(id, trial)| {
            let curve = of_trial(id).filter_map(|(_, trained)| trained.as_ref());
            TrialFacts {
                trial: id,
                point: trial.point().clone(),
                bracket: search.search.bracket(id),
                standing: standing(trial, search.search.epochs.max),
                epochs: trial.reached(),
                until: trial.until(),
                accuracy: trial.reports().last().map(|report| report.score),
                copied: trial.legs().iter().filter_map(|leg| leg.copied).collect(),
                curve: curve.flat_map(|trained| trained.curve.iter().copied()).collect(),
                tasks: of_trial(id).map(|(task, _)| *task).collect(),
            }
        });
        let trials: Vec<TrialFacts> = trials.collect();
        let best = unfolded.history.best().and_then(|best| {
            let (_, trained) = tasks.get(&(best.trial, best.at))?;
            let trained = trained.as_ref()?;
            Some(BestTrial {
                trial: best.trial,
                point: best.point,
                epochs: best.at,
                accuracy: best.score,
                test_accuracy: trained.test_accuracy,
                weights: trained.weights.key.clone(),
            })
        });
        let ended = tasks.values().filter_map(|(_, trained)| trained.as_ref());
        let facts = SearchFacts {
            format,
            algorithm: search.search.algorithm,
            epochs: search.search.epochs,
            budget: search.search.budget,
            parallel: search.parallel,
            epochs_spent: unfolded.history.epochs(),
            seconds: ended.map(|trained| trained.seconds).sum(),
            wall_seconds: unfolded.history.spent().wall_seconds(),
            device_seconds: unfolded.history.spent().device_seconds(),
            is_over: unfolded.is_over,
            parameters: search.search.parameters.clone(),
            trials,
            scored: scored(&unfolded.story),
            best,
        };
        SearchFound {
            facts,
            search: search.clone(),
            unfolded,
        }
    }

    /// The facts about the search itself.
    pub fn facts_without_trials(&self) -> SearchFacts {
        SearchFacts {
            trials: Vec::new(),
            ..self.facts.clone()
        }
    }

    /// What happened to a trial, in order: the number of the chapter, from 1, and what it says.
    pub fn story_of(&self, trial: TrialId) -> impl Iterator<Item = (usize, &Chapter)> {
        let story = (1..).zip(&self.unfolded.story);
        story.filter(move |(_, chapter)| chapter.is_about(trial))
    }
}

fn scored(story: &[Chapter]) -> Vec<Scored> {
    let mut reached: BTreeMap<TrialId, u32> = BTreeMap::new();
    let mut epochs_spent = 0;
    let paused = story.iter().filter_map(|chapter| match chapter {
        Chapter::Paused { trial, last } => Some((*trial, last)),
        Chapter::Decided(_) | Chapter::Failed { .. } => None,
    });
    paused
        .map(|(trial, last)| {
            let before = reached.insert(trial, last.at).unwrap_or(0);
            epochs_spent += u64::from(last.at.saturating_sub(before));
            Scored {
                trial,
                epoch: last.at,
                accuracy: last.score,
                epochs_spent,
            }
        })
        .collect()
}

fn standing(trial: &crate::search::Trial, epochs_max: u32) -> TrialStanding {
    use crate::search::End;
    match trial.end() {
        Some(End::Stopped) => TrialStanding::Stopped,
        Some(End::Failed) => TrialStanding::Failed,
        None if trial.is_running() => TrialStanding::Running,
        None if trial.until() >= epochs_max => TrialStanding::Done,
        None => TrialStanding::Paused,
    }
}

impl std::fmt::Display for TrialStanding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            TrialStanding::Running => "running",
            TrialStanding::Paused => "paused",
            TrialStanding::Stopped => "stopped",
            TrialStanding::Failed => "failed",
            TrialStanding::Done => "done",
        })
    }
}
