//! Made-up trials: weights are one number that nears what its point can come to.

use super::super::draw::Draws;
use super::*;
use std::collections::BTreeMap;

/// A training: after each epoch the distance of the weights from `ceiling` is multiplied by 1 − `rate`.
#[derive(Clone, Copy)]
pub(super) struct Objective {
    /// What a point, given by its place in the unit cube, can come to.
    pub(super) ceiling: fn(&[f64]) -> f64,
    /// How fast.
    pub(super) rate: fn(&[f64]) -> f64,
}

/// A search with workers that run its trials, each at a speed of its own.
pub(super) struct Bench<'a> {
    search: &'a Search,
    objective: Objective,
    slots: usize,
    pub(super) history: History,
    pub(super) events: Vec<Event>,
    pub(super) decided: Vec<Decided>,
    /// Weights after an epoch of a trial.
    weights: BTreeMap<(TrialId, u32), f64>,
    /// When a running trial comes to its pause.
    due: BTreeMap<TrialId, f64>,
    now: f64,
    /// Decides which trial is how fast.
    pub(super) pace: u64,
}

impl<'a> Bench<'a> {
    pub(super) fn new(search: &'a Search, objective: Objective, slots: usize) -> Bench<'a> {
        Bench {
            search,
            objective,
            slots,
            history: History::default(),
            events: Vec::new(),
            decided: Vec::new(),
            weights: BTreeMap::new(),
            due: BTreeMap::new(),
            now: 0.0,
            pace: 0,
        }
    }

    /// The same trials with a search that has, for example, more budget.
    pub(super) fn go_on_with(mut self, search: &'a Search) -> Bench<'a> {
        self.search = search;
        self
    }

    /// Until nothing runs and nothing is decided.
    pub(super) fn run(mut self) -> Bench<'a> {
        self.decide();
        while let Some((&trial, &due)) = self.due.iter().min_by(|(_, a), (_, b)| a.total_cmp(b)) {
            self.now = due;
            self.due.remove(&trial);
            self.train(trial);
            self.decide();
        }
        self
    }

    fn push(&mut self, event: Event) {
        self.history.push(&event).unwrap();
        self.events.push(event);
    }

    fn decide(&mut self) {
        let free = self.slots - self.history.running();
        for decided in self.search.decide(&self.history, free) {
            self.push(Event::Decided(decided.decision.clone()));
            let id = decided.decision.trial();
            if decided.decision.until().is_some() {
                let leg = self.history.trial(id).unwrap().legs().last().unwrap();
                let slow = 1.0 + Draws::of("pace", self.pace, id, leg.after).unit();
                self.due
                    .insert(id, self.now + slow * f64::from(leg.until - leg.after));
            }
            self.decided.push(decided);
        }
    }

    fn train(&mut self, id: TrialId) {
        let leg = self.history.trial(id).unwrap().legs().last().unwrap().clone();
        let place = self.search.parameters.encode(&leg.point).unwrap();
        let before = leg.copied.unwrap_or((id, leg.after));
        let start = if before.1 == 0 { 0.0 } else { self.weights[&before] };
        let ceiling = (self.objective.ceiling)(&place);
        let left = (1.0 - (self.objective.rate)(&place)).powi((leg.until - leg.after) as i32);
        let score = ceiling - (ceiling - start) * left;
        self.weights.insert((id, leg.until), score);
        self.push(reported(id.0, leg.until, score));
    }
}
