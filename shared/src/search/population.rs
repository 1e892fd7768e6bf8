//! Population based training: weights of the best are copied over the worst, with a changed point.
//!
//! Jaderberg et al., "Population Based Training of Neural Networks" (2017), algorithm 1 and section 4.1.1. Every member
//! of the population pauses after so many epochs. Exploit by truncation selection: a member among the last fifth takes
//! over the weights and the point of one drawn from the first fifth. Explore: each numeric value of that point is
//! multiplied by 0.8 or 1.2 (perturb), or, with a probability of a quarter, drawn anew from its domain (resample).
//! Values that have no order are drawn anew with that probability and kept otherwise. The quarter is the default of Ray's
//! implementation; the paper leaves it open.
//!
//! Members are compared at the epoch of the one that is judged: those ahead count with the score they had there, those
//! behind with their last. The paper compares the last scores, which with fewer workers than members puts whoever is
//! judged last of a generation behind members that have been trained for longer. For the same reason what is copied are
//! the source's weights of that epoch. Nobody waits for anybody: a member that pauses before all others reported at least
//! once simply goes on.

use super::draw::Draws;
use super::{Decided, Decision, Domain, History, Parameters, Place, Point, Trial, TrialId, Value, Why};
use std::sync::Arc;

/// The part of the population that is replaced, and that it is replaced from.
const TRUNCATION: f64 = 0.2;
const RESAMPLE: f64 = 0.25;
const FACTORS: [f64; 2] = [0.8, 1.2];

/// A population and how long its members train between two comparisons.
#[derive(Clone, Copy, Debug)]
pub(super) struct Population<'a> {
    pub(super) parameters: &'a Parameters,
    pub(super) seed: u64,
    pub(super) members: u32,
    pub(super) interval: u32,
    pub(super) epochs_max: u32,
}

impl Population<'_> {
    /// How the member that has waited with fewest epochs goes on; none where nobody waits.
    pub(super) fn next(&self, history: &History) -> Option<Decided> {
        let waiting = history
            .trials()
            .filter(|(_, trial)| trial.is_paused() && trial.until() < self.epochs_max);
        let (id, trial) = waiting.min_by_key(|(id, trial)| (trial.until(), *id))?;
        let at = trial.until();
        let until = at.saturating_add(self.interval).min(self.epochs_max);
        let judged = self.judged(history, at);
        let of = judged.len() as u32;
        let apart = (TRUNCATION * f64::from(of)) as u32;
        let rank = judged.iter().position(|member| member.trial == id)? as u32 + 1;
        let place = Place {
            at,
            score: trial.score_at(at),
            rank,
            of,
            kept: of - apart,
        };
        let decision = Decision::Promote { trial: id, until };
        let goes_on = Decided {
            decision,
            why: Why::KeepsUp(place),
        };
        if self.unreported(history) || rank <= of - apart {
            return Some(goes_on);
        }
        let mut draws = Draws::of("exploit", self.seed, id, at);
        let rank_from = draws.below(apart as usize);
        let source = &judged[rank_from];
        if trial.score_at(at).is_some_and(|score| score >= source.score) {
            return Some(goes_on);
        }
        let point = explored(self.parameters, &source.point, &mut draws);
        let why = Why::Outdone {
            place,
            score_from: source.score,
            rank_from: rank_from as u32 + 1,
        };
        let decision = Decision::Copy {
            from: source.trial,
            at: source.at,
            to: id,
            point,
            until,
        };
        Some(Decided { decision, why })
    }

    /// Epochs until the first pause.
    pub(super) fn first_pause(&self) -> u32 {
        self.interval.min(self.epochs_max)
    }

    /// Whether a member that lives has no score yet, or is not even started.
    fn unreported(&self, history: &History) -> bool {
        let silent = |trial: &Trial| trial.end().is_none() && trial.reached() < self.first_pause();
        history.started() < self.members || history.trials().any(|(_, trial)| silent(trial))
    }

    /// Living members as they were at this epoch, best first.
    fn judged(&self, history: &History, at: u32) -> Vec<Judged> {
        let judge = |(trial, of): (TrialId, &Trial)| {
            let paused = of.legs().iter().rev().filter(|leg| leg.until <= at);
            let last = paused
                .filter_map(|leg| Some((leg, of.score_at(leg.until)?)))
                .next();
            let (leg, score) = last.filter(|_| of.end().is_none())?;
            Some(Judged {
                trial,
                at: leg.until,
                score,
                point: Arc::clone(&leg.point),
            })
        };
        let mut judged: Vec<Judged> = history.trials().filter_map(judge).collect();
        judged.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.trial.cmp(&b.trial)));
        judged
    }
}

struct Judged {
    trial: TrialId,
    at: u32,
    score: f64,
    point: Arc<Point>,
}

fn explored(parameters: &Parameters, from: &Point, draws: &mut Draws) -> Point {
    let explore = |(name, value): (&String, &Value)| {
        let domain = parameters.0.get(name)?;
        // Drawn whether used or not, so that one parameter's fate does not shift another's.
        let (again, place, up) = (draws.chance(RESAMPLE), draws.unit(), draws.chance(0.5));
        let changed = if again {
            domain.decode(place)
        } else {
            perturbed(domain, value, FACTORS[usize::from(up)])
        };
        Some((name.clone(), changed))
    };
    Point(from.0.iter().filter_map(explore).collect())
}

/// A value times a factor, inside its domain; a whole number moves by one at least.
fn perturbed(domain: &Domain, value: &Value, factor: f64) -> Value {
    match (domain, value) {
        (Domain::Log([low, high]) | Domain::Linear([low, high]), Value::Real(real)) => {
            let moved = (real * factor).clamp(*low, *high);
            // Through its place, so that it has no more digits than a value that is drawn.
            domain
                .encode(&Value::Real(moved))
                .map_or(Value::Real(moved), |place| domain.decode(place))
        }
        (Domain::Integer([low, high]) | Domain::LogInteger([low, high]), Value::Integer(whole)) => {
            let moved = (*whole as f64 * factor).round() as i64;
            let least = if factor < 1.0 { -1 } else { 1 };
            let moved = if moved == *whole { whole + least } else { moved };
            Value::Integer(moved.clamp(*low, *high))
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perturbing_multiplies_and_stays_inside() {
        let real =
            |value: f64, factor: f64| perturbed(&Domain::Log([0.001, 1.0]), &Value::Real(value), factor);
        assert_eq!([real(0.1, 0.8), real(0.1, 1.2)], [0.08, 0.12].map(Value::Real));
        assert_eq!([real(0.9, 1.2), real(0.0011, 0.8)], [1.0, 0.001].map(Value::Real));
        let whole =
            |value: i64, factor: f64| perturbed(&Domain::Integer([1, 100]), &Value::Integer(value), factor);
        assert_eq!(
            [whole(50, 0.8), whole(2, 1.2), whole(2, 0.8), whole(1, 0.8)],
            [40, 3, 1, 1].map(Value::Integer)
        );
        let choice = Domain::Choice(vec![Value::Integer(1), Value::Integer(2)]);
        assert_eq!(perturbed(&choice, &Value::Integer(2), 0.8), Value::Integer(2));
    }

    #[test]
    fn exploring_keeps_every_value_in_its_domain_and_changes_most() {
        let text = "a = { log = [1e-4, 1] }\nb = { integer = [1, 9] }\nc = { choice = [1, 2, 3] }";
        let parameters: Parameters = toml::from_str(text).unwrap();
        let from = parameters.decode(&[0.5, 0.5, 0.5]);
        let mut moved = 0;
        for trial in 0..200 {
            let mut draws = Draws::of("exploit", 3, TrialId(trial), 1);
            let point = explored(&parameters, &from, &mut draws);
            assert!(parameters.encode(&point).is_some(), "{point}");
            moved += usize::from(point.0["c"] != from.0["c"]);
            assert_ne!(point.0["a"], from.0["a"]);
        }
        // Drawn anew with 1/4, to another of three values with 2/3 of that.
        assert!((17..=50).contains(&moved), "{moved}");
    }
}
