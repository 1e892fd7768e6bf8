//! What a search cannot be, before any work is done for it.

use super::rungs::{brackets, levels};
use super::{Algorithm, Halving, Search};
use crate::training::Hyper;

const EPOCHS_MAX: u32 = Hyper::EPOCHS_MAX;
const ETA_MAX: u32 = 16;
const GRID_MAX: u64 = 65_536;
/// A population smaller than that has no fifth to replace.
const POPULATION_MIN: u32 = 5;
const POPULATION_MAX: u32 = 1024;

/// A search that cannot be, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} = {value}: {allowed}")]
pub struct SearchError {
    /// Path of the field inside the search, for example `parameters.learning_rate`.
    pub field: String,
    /// What it is.
    pub value: String,
    /// What it may be.
    pub allowed: String,
}

impl SearchError {
    pub(super) fn new(field: &str, value: impl ToString, allowed: &str) -> SearchError {
        SearchError {
            field: field.into(),
            value: value.to_string(),
            allowed: allowed.into(),
        }
    }
}

fn ensure(holds: bool, field: &str, value: impl ToString, allowed: &str) -> Result<(), SearchError> {
    if holds {
        Ok(())
    } else {
        Err(SearchError::new(field, value, allowed))
    }
}

impl Search {
    /// Whether it can be; the field, and what to do, where it cannot.
    pub fn check(&self) -> Result<(), SearchError> {
        self.parameters.check()?;
        let (min, max) = (self.epochs.min, self.epochs.max);
        let allowed = format!("must be from 1 to {EPOCHS_MAX}");
        ensure((1..=EPOCHS_MAX).contains(&max), "epochs.max", max, &allowed)?;
        let allowed = format!("must be from 1 to epochs.max, which is {max}");
        ensure((1..=max).contains(&min), "epochs.min", min, &allowed)?;
        self.check_algorithm()?;
        self.check_budget()
    }

    fn check_algorithm(&self) -> Result<(), SearchError> {
        let max = self.epochs.max;
        if let Some((eta, _)) = self.algorithm.halving() {
            let allowed = format!("must be from 2 to {ETA_MAX}");
            ensure((2..=ETA_MAX).contains(&eta), "algorithm.eta", eta, &allowed)?;
            let allowed = format!(
                "with eta = {eta} no trial is ever given up before its {max} epochs; raise epochs.max, lower epochs.min \
                 to {} or less, or use the algorithm `random`",
                max / eta
            );
            let allowed = if max < eta {
                format!("raise it to {eta} or more, or use the algorithm `random`")
            } else {
                allowed
            };
            let (field, value) = if max < eta {
                ("epochs.max", max)
            } else {
                ("epochs.min", self.epochs.min)
            };
            ensure(levels(self.epochs, eta).len() > 1, field, value, &allowed)?;
        }
        match self.algorithm {
            Algorithm::Grid { steps } => {
                let allowed = format!("must be from 1 to {GRID_MAX}");
                ensure(
                    (1..=GRID_MAX).contains(&u64::from(steps)),
                    "algorithm.steps",
                    steps,
                    &allowed,
                )?;
                let count = self.parameters.grid_count(steps);
                let shown = count.map_or("more than can be counted".to_string(), |count| count.to_string());
                let allowed = format!(
                    "gives a grid of {shown} points, and {GRID_MAX} are allowed; use fewer steps or the algorithm `random`"
                );
                ensure(
                    count.is_some_and(|count| count <= GRID_MAX),
                    "algorithm.steps",
                    steps,
                    &allowed,
                )
            }
            Algorithm::Pbt { population, interval } => {
                let allowed =
                    format!("must be from {POPULATION_MIN}, whose fifth is one, to {POPULATION_MAX}");
                let holds = (POPULATION_MIN..=POPULATION_MAX).contains(&population);
                ensure(holds, "algorithm.population", population, &allowed)?;
                let allowed = format!(
                    "must be at least 1 and below epochs.max, which is {max}: nothing is copied at the end"
                );
                ensure(
                    (1..max).contains(&interval),
                    "algorithm.interval",
                    interval,
                    &allowed,
                )
            }
            _ => Ok(()),
        }
    }

    fn check_budget(&self) -> Result<(), SearchError> {
        let max = self.epochs.max;
        if let Some(epochs) = self.budget.epochs {
            let allowed =
                format!("does not suffice for one trial; raise it to {max} or more, or lower epochs.max");
            ensure(epochs >= u64::from(max), "budget.epochs", epochs, &allowed)?;
        }
        if let (Some(epochs), Algorithm::Pbt { population, interval }) = (self.budget.epochs, self.algorithm)
        {
            let least = u64::from(population) * u64::from(interval);
            let allowed = format!("does not suffice to start the population; raise it to {least} or more");
            ensure(epochs >= least, "budget.epochs", epochs, &allowed)?;
        }
        let Some(trainings) = self.budget.trainings else {
            return Ok(());
        };
        let (least, why) = match (self.algorithm, self.algorithm.halving()) {
            (Algorithm::Pbt { population, .. }, _) => (population, "a population is started whole"),
            (_, Some((eta, Halving::Asha))) => (eta, "of fewer none goes on"),
            (_, Some((eta, Halving::Hyperband))) => (
                brackets(self.epochs, eta)[0].trials[0],
                "of fewer than the first bracket none goes on",
            ),
            _ => (1, "a search has a trial"),
        };
        let allowed = format!("{why}; raise it to {least} or more");
        ensure(trainings >= least, "budget.trainings", trainings, &allowed)
    }
}
