//! Who goes on: successive halving, asynchronous and by brackets.
//!
//! Asynchronous (ASHA): Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht and Talwalkar, "A System for Massively
//! Parallel Hyperparameter Tuning" (MLSys 2020), algorithm 2. Whenever a worker is free: from the highest rung below the
//! last downwards, the best trial among the best ⌊n ÷ η⌋ of the n that came to the rung, if it has not gone on yet, goes
//! on; where there is none, a new trial starts. Its rate s of early stopping is 0, the
//! most eager: to give trials up later, raise the least epochs.
//!
//! By brackets: the inner loop of Hyperband (see [`super::rungs`]): a rung is complete when every trial that comes to it
//! has its score there; then the best go on and the others are stopped. So who goes on does not depend on the order of
//! results at all.
//!
//! A trial that fails on the way to a rung counts as its worst: it makes room as any other, and never goes on. Equal
//! scores go by the order of starts.

use super::rungs::{Bracket, bracket_of};
use super::{Decided, Decision, History, Place, Trial, TrialId, Why};

/// A trial as a rung sees it: its score, none where it failed on the way.
type Entry<'a> = (TrialId, &'a Trial, Option<f64>);
/// A trial with its place in a rung.
type Placed<'a> = (TrialId, &'a Trial, Place);

/// The next promotion of the asynchronous algorithm.
pub(super) fn next_asynchronous(levels: &[u32], eta: u32, history: &History) -> Option<Decided> {
    for rung in (0..levels.len().saturating_sub(1)).rev() {
        let (level, next) = (levels[rung], levels[rung + 1]);
        let came = rung_of_all(level, eta, history);
        let ready = |(_, trial, place): &&Placed| {
            place.rank <= place.kept && trial.is_paused() && trial.until() == level
        };
        if let Some((trial, _, place)) = came.iter().find(ready) {
            return Some(promote(*trial, next, *place));
        }
    }
    None
}

/// The next promotion or stop by brackets; stops first, for they need no worker.
pub(super) fn next_by_brackets(brackets: &[Bracket], history: &History) -> Option<Decided> {
    let mut first = TrialId(0);
    while first.0 < history.started() {
        let (_, _, bracket) = bracket_of(brackets, first);
        let decided = next_of_bracket(bracket, first, history);
        if decided.is_some() {
            return decided;
        }
        first = TrialId(first.0 + bracket.trials[0]);
    }
    None
}

fn next_of_bracket<'a>(bracket: &Bracket, first: TrialId, history: &'a History) -> Option<Decided> {
    let mut members: Vec<(TrialId, &Trial)> = (0..bracket.trials[0])
        .filter_map(|at| {
            let id = TrialId(first.0 + at);
            Some((id, history.trial(id)?))
        })
        .collect();
    if members.len() < bracket.trials[0] as usize {
        return None;
    }
    for rung in 0..bracket.levels.len() - 1 {
        let (level, next) = (bracket.levels[rung], bracket.levels[rung + 1]);
        // Whoever ended with no score here will have none.
        let came = |&(id, trial): &(TrialId, &'a Trial)| {
            entry(level, id, trial).or_else(|| trial.end().map(|_| (id, trial, None)))
        };
        let came: Vec<Entry<'_>> = members.iter().filter_map(came).collect();
        if came.len() < members.len() {
            return None;
        }
        let scored = came.iter().filter(|(_, _, score)| score.is_some()).count() as u32;
        let kept = bracket.trials[rung + 1].min(scored);
        let came = ranked(level, kept, came);
        let (on, off) = came.split_at(kept as usize);
        if let Some((trial, _, place)) = off.iter().find(|(_, trial, _)| trial.end().is_none()) {
            return Some(Decided {
                decision: Decision::Stop { trial: *trial },
                why: Why::NotAmongBest(*place),
            });
        }
        let waits = |(_, trial, _): &&Placed| trial.is_paused() && trial.until() == level;
        if let Some((trial, _, place)) = on.iter().find(waits) {
            return Some(promote(*trial, next, *place));
        }
        members = on.iter().map(|&(id, trial, _)| (id, trial)).collect();
    }
    None
}

/// Where a trial stands now in every rung it came to, asynchronously.
pub(super) fn places_of_all(levels: &[u32], eta: u32, history: &History, trial: TrialId) -> Vec<Place> {
    let place = |&level: &u32| {
        let came = rung_of_all(level, eta, history);
        came.iter()
            .find(|(id, _, _)| *id == trial)
            .map(|(_, _, place)| *place)
    };
    levels.iter().filter_map(place).collect()
}

/// The same by brackets: among the trials of its own.
pub(super) fn places_of_bracket(brackets: &[Bracket], history: &History, trial: TrialId) -> Vec<Place> {
    let (_, first, bracket) = bracket_of(brackets, trial);
    let own = first.0..first.0 + bracket.trials[0];
    let place = |(rung, &level): (usize, &u32)| {
        let kept = bracket.trials.get(rung + 1).copied().unwrap_or(0);
        let members = history.trials().filter(|(id, _)| own.contains(&id.0));
        let came = ranked(
            level,
            kept,
            members
                .filter_map(|(id, trial)| entry(level, id, trial))
                .collect(),
        );
        came.iter()
            .find(|(id, _, _)| *id == trial)
            .map(|(_, _, place)| *place)
    };
    bracket.levels.iter().enumerate().filter_map(place).collect()
}

fn rung_of_all(level: u32, eta: u32, history: &History) -> Vec<Placed<'_>> {
    let came: Vec<Entry<'_>> = history
        .trials()
        .filter_map(|(id, trial)| entry(level, id, trial))
        .collect();
    let kept = came.len() as u32 / eta.max(2);
    ranked(level, kept, came)
}

fn promote(trial: TrialId, until: u32, place: Place) -> Decided {
    Decided {
        decision: Decision::Promote { trial, until },
        why: Why::AmongBest(place),
    }
}

/// A trial that came to a level, or failed on the way to it.
fn entry(level: u32, id: TrialId, trial: &Trial) -> Option<Entry<'_>> {
    match trial.score_at(level) {
        Some(score) => Some((id, trial, Some(score))),
        None if trial.end().is_some() && trial.until() == level => Some((id, trial, None)),
        None => None,
    }
}

/// Best first; those that failed last; equals by their start.
fn ranked(at: u32, kept: u32, mut came: Vec<Entry<'_>>) -> Vec<Placed<'_>> {
    let worth = |score: Option<f64>| score.unwrap_or(f64::NEG_INFINITY);
    came.sort_by(|(a, _, x), (b, _, y)| worth(*y).total_cmp(&worth(*x)).then(a.cmp(b)));
    let of = came.len() as u32;
    let place = |score, rank| Place {
        at,
        score,
        rank,
        of,
        kept,
    };
    came.into_iter()
        .zip(1..)
        .map(|((id, trial, score), rank)| (id, trial, place(score, rank)))
        .collect()
}
