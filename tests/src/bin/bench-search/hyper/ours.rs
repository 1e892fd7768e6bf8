//! Our searches on the recorded grid, in virtual time: an epoch takes as long as any other.
//!
//! A population takes over weights, and what they then come to was never recorded. It is modelled: under the new point
//! they go on along that point's curve, from where it first has their score; where it never has, they are at its end.

use super::regret::{Score, Trace};
use super::surrogate::Surrogate;
use imgcalc_shared::search::{Algorithm, Budget, Event, History, Leg, Search, TrialId};
use std::collections::BTreeMap;

/// A search with slots in which its trials run.
struct Bench<'a> {
    surrogate: &'a Surrogate,
    search: Search,
    history: History,
    now: u32,
    /// Stretches that run, by when they end.
    running: BTreeMap<(u32, TrialId), Leg>,
    /// How far along the curve of their points weights were, by the trial and its epoch.
    places: BTreeMap<(TrialId, u32), f64>,
    /// Epochs of the stretches that ended.
    spent: u32,
    trace: Trace,
}

/// Runs one until it has spent so many trainings' epochs.
pub(super) fn search(
    surrogate: &Surrogate,
    algorithm: Algorithm,
    slots: usize,
    seed: u64,
    trainings: u32,
) -> Trace {
    let search = Search {
        parameters: surrogate.parameters.clone(),
        algorithm,
        epochs: surrogate.epochs,
        budget: Budget::default(),
        seed,
    };
    let mut bench = Bench {
        surrogate,
        search,
        history: History::default(),
        now: 0,
        running: BTreeMap::new(),
        places: BTreeMap::new(),
        spent: 0,
        trace: Trace::default(),
    };
    loop {
        bench.decide(slots - bench.running.len());
        let most = trainings * surrogate.epochs.max;
        match bench.running.pop_first() {
            Some(((end, trial), leg)) => bench.end(end, trial, &leg),
            None => return bench.trace,
        }
        if bench.spent > most {
            return bench.trace;
        }
    }
}

impl Bench<'_> {
    fn decide(&mut self, free: usize) {
        for decided in self.search.decide(&self.history, free) {
            self.push(&Event::Decided(decided.decision.clone()));
            let trial = decided.decision.trial();
            let leg = self.history.trial(trial).and_then(|trial| trial.legs().last());
            if let (Some(leg), Some(until)) = (leg, decided.decision.until()) {
                self.running
                    .insert((self.now + until - leg.after, trial), leg.clone());
            }
        }
    }

    /// A stretch comes to its end.
    fn end(&mut self, end: u32, trial: TrialId, leg: &Leg) {
        self.now = end;
        self.spent += leg.until - leg.after;
        let beside = self.running.iter().map(|((end, _), other)| {
            let left = end - self.now;
            other.until - other.after - left
        });
        let spent = self.spent + beside.sum::<u32>();
        let curve = self.surrogate.curve(&leg.point);
        let place = match leg.copied {
            Some(source) => first_at(&curve, self.score_of(source)),
            None if leg.after == 0 => 0.0,
            None => self.places[&(trial, leg.after)],
        };
        for at in leg.after + 1..=leg.until {
            let score = along(&curve, place + f64::from(at - leg.after));
            self.push(&Event::Reported { trial, at, score });
            self.trace.0.push(Score {
                // Of the whole stretch: nobody hears of it before its end.
                spent,
                at,
                score,
                value: curve[curve.len() - 1],
            });
        }
        self.places
            .insert((trial, leg.until), place + f64::from(leg.until - leg.after));
    }

    fn score_of(&self, (trial, at): (TrialId, u32)) -> f64 {
        let score = self.history.trial(trial).and_then(|trial| trial.score_at(at));
        score.expect("weights that are taken over have a score")
    }

    fn push(&mut self, event: &Event) {
        self.history
            .push(event)
            .expect("what happens follows from what was decided");
    }
}

/// Score at a place on a curve, in epochs; past its end that of its end.
fn along(curve: &[f64], place: f64) -> f64 {
    let place = (place - 1.0).clamp(0.0, (curve.len() - 1) as f64);
    let (low, high) = (curve[place as usize], curve[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

/// The first place at which a curve has a score, its end where it never has.
fn first_at(curve: &[f64], score: f64) -> f64 {
    let Some(after) = curve.iter().position(|&accuracy| accuracy >= score) else {
        return curve.len() as f64;
    };
    match after.checked_sub(1) {
        // Somewhere in the first epoch, of which nothing else is known.
        None => 1.0,
        Some(before) => 1.0 + before as f64 + (score - curve[before]) / (curve[after] - curve[before]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_go_on_from_where_the_new_curve_first_has_their_score() {
        let curve = [0.2, 0.4, 0.3, 0.8];
        assert_eq!(first_at(&curve, 0.3), 1.5);
        assert!((along(&curve, 2.5) - 0.35).abs() < 1e-12);
        assert_eq!(first_at(&curve, 0.1), 1.0, "below its first epoch");
        let never = first_at(&curve, 0.9);
        assert_eq!((never, along(&curve, never + 1.0)), (4.0, 0.8));
    }
}
