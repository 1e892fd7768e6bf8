//! How a search goes about it, and what it may spend.

use super::{Decision, History, Hours};
use serde::{Deserialize, Serialize};

/// Trials of one search, whatever its budget says: where trials fail at once, hours never pass.
const TRIALS_MAX: u32 = 65_536;

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

/// How much a search may spend; nothing said is no limit. All of it may be raised later, and the search goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Trials started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trainings: Option<u32>,
    /// Epochs of all trials together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u64>,
    /// Time in which trials are trained, however many at once. Stretches that run when it is used up come to their end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_hours: Option<Hours>,
    /// Time of all devices together, one for each stretch that runs; as above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_hours: Option<Hours>,
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
        let trainings = !starts || history.started() < self.trainings.unwrap_or(TRIALS_MAX).min(TRIALS_MAX);
        trainings
            && history.spent().is_within(self.wall_hours, self.gpu_hours)
            && self
                .epochs
                .is_none_or(|most| history.epochs() + u64::from(more) <= most)
    }
}

impl Budget {
    /// Whether it ends a search some time.
    pub fn is_limited(&self) -> bool {
        *self != Budget::default()
    }

    /// Why it cannot be raised to another, if it cannot.
    pub fn unfit(&self, more: &Budget) -> Option<String> {
        if !more.is_limited() {
            return Some("say how many trainings, epochs or hours the search may take in all".into());
        }
        let limits = [
            ("trainings", self.trainings.is_some(), more.trainings.is_some()),
            ("epochs", self.epochs.is_some(), more.epochs.is_some()),
            (
                "hours on the wall",
                self.wall_hours.is_some(),
                more.wall_hours.is_some(),
            ),
            ("GPU-hours", self.gpu_hours.is_some(), more.gpu_hours.is_some()),
        ];
        let unlimited = limits
            .into_iter()
            .find(|(_, limited, raised)| *raised && !limited);
        unlimited.map(|(what, ..)| format!("the search has no limit of {what} that could be raised"))
    }

    /// The larger of both, limit by limit; what `more` does not name stays.
    pub fn raised(self, more: Budget) -> Budget {
        fn larger<T: Ord>(now: Option<T>, more: Option<T>) -> Option<T> {
            now.map(|now| more.into_iter().fold(now, T::max))
        }
        Budget {
            trainings: larger(self.trainings, more.trainings),
            epochs: larger(self.epochs, more.epochs),
            wall_hours: larger(self.wall_hours, more.wall_hours),
            gpu_hours: larger(self.gpu_hours, more.gpu_hours),
        }
    }
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let limits = [
            self.trainings.map(|most| format!("{most} trainings")),
            self.epochs.map(|most| format!("{most} epochs")),
            self.wall_hours.map(|most| format!("{most} hours on the wall")),
            self.gpu_hours.map(|most| format!("{most} GPU-hours")),
        ];
        let limits: Vec<String> = limits.into_iter().flatten().collect();
        match limits.split_last() {
            None => f.pad("no limit"),
            Some((only, [])) => f.pad(only),
            Some((last, rest)) => write!(f, "{} and {last}", rest.join(", ")),
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
