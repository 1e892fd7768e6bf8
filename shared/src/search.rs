//! Search: which trial starts, goes on, stops or takes over another's weights, and with which hyper-parameters.
//!
//! ```text
//!  Search (parameters, algorithm, epochs, budget, seed) ─┐
//!                                                        ├─▶ decide ─▶ decisions, each with its reason ─┐
//!  History (decisions taken, results that came) ─────────┘                                              │
//!      ▲                                                                                                │
//!      └────────────────── recorded in order, with the results the trials come to ◀─────────────────────┘
//! ```
//!
//! Every algorithm is a pure function of what was decided and what came of it; nothing else is kept. A replayed record
//! gives the same next decision, and so does one in which results of different trials came in another order between the
//! same decisions. [`Search::unfold`] derives the decisions too, from results alone, where the number of slots is fixed.
//!
//! | algorithm | points | epochs | continued with more budget equals having had it at once |
//! |---|---|---|---|
//! | random | at random | all at once | always |
//! | grid | in order, the last name fastest | all at once | always |
//! | hyperband | at random | brackets of successive halving | always, where trainings are limited; in another order |
//! | asha | at random | asynchronous successive halving | with one slot; with more it is a run that could have been |
//! | bohb | by a model, a third at random | brackets, or asynchronous | likewise |
//! | pbt | at random, then copied and changed | in equal steps | likewise |
//!
//! With several slots the last three look at the results that came so far: where a budget made a slot wait, a later
//! decision knows more than it would have. Of Hyperband a limit of epochs can cut off another trial than it would have.
//!
//! A search over nets chooses from a [`NetSpace`]: at random, by what untrained nets promise, or by a [`Predictor`] of those
//! trained so far. [`NetSpace::candidates`] says which nets to look at, [`NetSpace::propose`] which of them to train.

mod algorithm;
mod check;
mod decision;
mod domain;
mod draw;
mod halving;
mod history;
mod hyper;
mod model;
mod net_search;
mod nets;
mod parameters;
mod points;
mod population;
mod predictor;
mod rungs;
mod slots;
mod spent;
#[cfg(test)]
mod tests;
mod unfold;

pub use algorithm::{Algorithm, Budget, Epochs, Halving};
pub use check::SearchError;
pub use decision::{Decided, Decision, Origin, Place, Why};
pub use domain::{Domain, Value};
pub use history::{Best, End, Event, History, HistoryError, Leg, Report, Trial, TrialId};
pub use hyper::{HyperSearch, SEARCHED, at_point};
pub use net_search::{Chosen, NetAlgorithm, NetSearch, Promise, Reason, Seen};
pub use nets::{NetName, NetSpace};
pub use parameters::{Parameters, Point};
pub use predictor::{Judged, Prediction, Predictor};
pub use rungs::{Bracket, brackets, levels};
pub use slots::{PARALLEL_MAX, Slots};
pub use spent::{Hours, HoursError, Spent, Took};
pub use unfold::{Chapter, Ended, Unfolded};

use population::Population;
use serde::{Deserialize, Serialize};

/// A search over hyper-parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// What is searched.
    pub parameters: Parameters,
    /// How.
    pub algorithm: Algorithm,
    /// How long a trial is trained.
    pub epochs: Epochs,
    /// How much may be spent.
    #[serde(default)]
    pub budget: Budget,
    /// Seed of every draw.
    #[serde(default)]
    pub seed: u64,
}

impl Search {
    /// What follows from what happened so far, with this many slots free: at most so many trials start or go on, in this
    /// order. Stops take no slot. The first decision that the budget does not allow for ends the list, so that more
    /// budget goes on from there. Nothing follows for a search that [`Search::check`] refuses.
    ///
    /// Deciding for two slots is deciding for one, taking that, and deciding for one again.
    ///
    /// # Panics
    /// Never: what is decided follows from the history it is taken into.
    pub fn decide(&self, history: &History, free_slots: usize) -> Vec<Decided> {
        let (mut ahead, mut decided, mut free) = (history.clone(), Vec::new(), free_slots);
        if self.check().is_err() {
            return decided;
        }
        while let Some(next) = self.next(&ahead) {
            if next.decision.until().is_some() {
                if free == 0 || !self.budget.allows(&ahead, &next.decision) {
                    break;
                }
                free -= 1;
            }
            ahead
                .push(&Event::Decided(next.decision.clone()))
                .expect("what is decided follows from the history");
            decided.push(next);
        }
        decided
    }

    /// The bracket a trial belongs to, counted from 0; always 0 where there are none. The search is one that
    /// [`Search::check`] allows.
    pub fn bracket(&self, trial: TrialId) -> u32 {
        match self.algorithm.halving() {
            Some((eta, Halving::Hyperband)) => rungs::bracket_of(&brackets(self.epochs, eta), trial).0,
            _ => 0,
        }
    }

    /// Where a trial stands now in every rung it came to: why one that waits has not gone on. Nothing where trials are not
    /// halved.
    pub fn places(&self, history: &History, trial: TrialId) -> Vec<Place> {
        match self.algorithm.halving() {
            Some((eta, Halving::Asha)) => {
                halving::places_of_all(&levels(self.epochs, eta), eta, history, trial)
            }
            Some((eta, Halving::Hyperband)) => {
                halving::places_of_bracket(&brackets(self.epochs, eta), history, trial)
            }
            None => Vec::new(),
        }
    }

    fn next(&self, history: &History) -> Option<Decided> {
        let on = match (self.algorithm, self.algorithm.halving()) {
            (_, Some((eta, Halving::Asha))) => {
                halving::next_asynchronous(&levels(self.epochs, eta), eta, history)
            }
            (_, Some((eta, Halving::Hyperband))) => {
                halving::next_by_brackets(&brackets(self.epochs, eta), history)
            }
            (Algorithm::Pbt { population, interval }, None) => {
                let population = self.population(population, interval);
                if history.started() >= population.members {
                    return population.next(history);
                }
                None
            }
            _ => None,
        };
        on.or_else(|| self.start(history))
    }

    fn start(&self, history: &History) -> Option<Decided> {
        let trial = TrialId(history.started());
        let (parameters, seed) = (&self.parameters, self.seed);
        let drawn = || points::drawn(parameters, seed, history, trial);
        let (point, origin) = match self.algorithm {
            Algorithm::Grid { steps } => {
                let (index, count) = (u64::from(trial.0), parameters.grid_count(steps)?);
                (
                    parameters.grid_point(steps, index)?,
                    Origin::Grid { index, count },
                )
            }
            Algorithm::Bohb { eta, .. } => {
                points::modelled(parameters, &levels(self.epochs, eta), seed, history, trial)?
            }
            // A population is as large as it is said to be, even where that is more than there are points.
            Algorithm::Pbt { .. } => {
                let point = drawn().unwrap_or_else(|| points::draw(parameters, seed, trial, 0));
                (point, Origin::Drawn)
            }
            Algorithm::Random {} | Algorithm::Asha { .. } | Algorithm::Hyperband { .. } => {
                (drawn()?, Origin::Drawn)
            }
        };
        let until = match (self.algorithm, self.algorithm.halving()) {
            (_, Some((eta, Halving::Asha))) => *levels(self.epochs, eta).first()?,
            (_, Some((eta, Halving::Hyperband))) => {
                rungs::bracket_of(&brackets(self.epochs, eta), trial).2.levels[0]
            }
            (Algorithm::Pbt { population, interval }, None) => {
                self.population(population, interval).first_pause()
            }
            _ => self.epochs.max,
        };
        let why = Why::Room {
            origin,
            bracket: self.bracket(trial),
        };
        Some(Decided {
            decision: Decision::Start { trial, point, until },
            why,
        })
    }

    fn population(&self, members: u32, interval: u32) -> Population<'_> {
        let (parameters, epochs_max) = (&self.parameters, self.epochs.max);
        Population {
            parameters,
            seed: self.seed,
            members,
            interval,
            epochs_max,
        }
    }
}
