//! How a search goes about it, and what it may spend.

use super::{Decision, History};
use serde::{Deserialize, Serialize};

/// An algorithm with its settings. What is not given is the papers'.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Algorithm {
    // Braces without fields: without them serde would let any other key pass.
    /// Every trial at a random point, trained to the end.
    Random {},
    /// Every point of a grid, trained to the end. Where the budget does not cover it, prefer `random`.
    Grid {
        /// Values of a range; a choice has all of its values.
        #[serde(default = "steps")]
        steps: u32,
    },
    /// Asynchronous successive halving: keeps every worker busy.
    Asha {
        /// One of so many goes on at each rung.
        #[serde(default = "eta")]
        eta: u32,
    },
    /// Brackets of successive halving that begin with ever more epochs.
    Hyperband {
        /// One of so many goes on at each rung.
        #[serde(default = "eta")]
        eta: u32,
    },
    /// Points by a model of the results, epochs by halving.
    Bohb {
        /// One of so many goes on at each rung.
        #[serde(default = "eta")]
        eta: u32,
        /// Which halving.
        #[serde(default)]
        halving: Halving,
    },
    /// A population whose last take over the weights of its first.
    Pbt {
        /// Trials that live side by side.
        #[serde(default = "population")]
        population: u32,
        /// Epochs between two comparisons.
        interval: u32,
    },
}

/// How epochs are shared out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Halving {
    /// By brackets, as BOHB is published.
    #[default]
    Hyperband,
    /// Asynchronously.
    Asha,
}

/// How long a trial is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epochs {
    /// Epochs before a trial may be given up, at least.
    #[serde(default = "one")]
    pub min: u32,
    /// Epochs of a trial that is never given up.
    pub max: u32,
}

/// How much a search may spend; nothing said is no limit. Both may be raised later, and the search goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Trials started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trainings: Option<u32>,
    /// Epochs of all trials together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u64>,
}

impl Algorithm {
    /// The part that goes on and the kind of halving, where trials are halved.
    pub fn halving(self) -> Option<(u32, Halving)> {
        match self {
            Algorithm::Asha { eta } => Some((eta, Halving::Asha)),
            Algorithm::Hyperband { eta } => Some((eta, Halving::Hyperband)),
            Algorithm::Bohb { eta, halving } => Some((eta, halving)),
            Algorithm::Random {} | Algorithm::Grid { .. } | Algorithm::Pbt { .. } => None,
        }
    }

    /// Whether it needs scores before the end of a training.
    pub fn needs_intermediate_results(self) -> bool {
        self.halving().is_some() || matches!(self, Algorithm::Pbt { .. })
    }
}

impl Budget {
    /// Whether a decision still fits.
    pub fn allows(&self, history: &History, decision: &Decision) -> bool {
        let starts = matches!(decision, Decision::Start { .. });
        let after = history.trial(decision.trial()).map_or(0, |trial| trial.until());
        let more = decision.until().map_or(0, |until| until.saturating_sub(after));
        let trainings = self
            .trainings
            .is_none_or(|most| !starts || history.started() < most);
        trainings
            && self
                .epochs
                .is_none_or(|most| history.epochs() + u64::from(more) <= most)
    }
}

impl Budget {
    /// Why it cannot be raised to another, if it cannot.
    pub fn unfit(&self, more: &Budget) -> Option<String> {
        let unlimited = |what: &str| Some(format!("the search has no limit of {what} that could be raised"));
        match more {
            Budget {
                trainings: None,
                epochs: None,
            } => Some("say how many trainings or epochs the search may take in all".into()),
            Budget {
                trainings: Some(_), ..
            } if self.trainings.is_none() => unlimited("trainings"),
            Budget { epochs: Some(_), .. } if self.epochs.is_none() => unlimited("epochs"),
            _ => None,
        }
    }

    /// The larger of both, limit by limit; what `more` does not name stays.
    pub fn raised(self, more: Budget) -> Budget {
        Budget {
            trainings: self.trainings.map(|now| now.max(more.trainings.unwrap_or(0))),
            epochs: self.epochs.map(|now| now.max(more.epochs.unwrap_or(0))),
        }
    }
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.trainings, self.epochs) {
            (Some(trainings), Some(epochs)) => write!(f, "{trainings} trainings and {epochs} epochs"),
            (Some(trainings), None) => write!(f, "{trainings} trainings"),
            (None, Some(epochs)) => write!(f, "{epochs} epochs"),
            (None, None) => f.pad("no limit"),
        }
    }
}

fn one() -> u32 {
    1
}

/// Li et al., "Hyperband", section 2.6: 3 or 4 in practice.
fn eta() -> u32 {
    3
}

fn steps() -> u32 {
    3
}

/// Jaderberg et al., section 4.4: of 10 or fewer outcomes vary more.
fn population() -> u32 {
    20
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Algorithm::Random {} => "random",
            Algorithm::Grid { .. } => "grid",
            Algorithm::Asha { .. } => "ASHA",
            Algorithm::Hyperband { .. } => "Hyperband",
            Algorithm::Bohb { .. } => "BOHB",
            Algorithm::Pbt { .. } => "PBT",
        })
    }
}
