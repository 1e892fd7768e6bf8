//! What a search has found at which cost.

use super::surrogate::Surrogate;
use std::fmt;

/// Epochs whose scores are compared.
const LEVELS: [u32; 3] = [1, 3, 9];

/// A score of a trial.
#[derive(Clone, Copy, Debug)]
pub(super) struct Score {
    /// Epochs of all trials when it came.
    pub(super) spent: u32,
    /// The trial's epoch.
    pub(super) at: u32,
    /// What it was.
    pub(super) score: f64,
    /// What the point comes to at the end of a whole training.
    pub(super) value: f64,
}

/// Scores in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace(pub(super) Vec<Score>);

/// Of many searches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quartiles([f64; 3]);

impl Trace {
    /// What the best point has more than the incumbent once so many trainings' epochs are spent.
    pub(super) fn regret(&self, surrogate: &Surrogate, trainings: u32) -> f64 {
        let most = trainings * surrogate.epochs.max;
        let came = self
            .0
            .iter()
            .filter(|score| score.spent <= most && LEVELS.contains(&score.at));
        let incumbent = came.max_by(|a, b| a.at.cmp(&b.at).then(a.score.total_cmp(&b.score)));
        surrogate.best - incumbent.map_or(0.0, |incumbent| incumbent.value)
    }
}

impl Quartiles {
    /// Of at least one number.
    pub(super) fn of(numbers: impl Iterator<Item = f64>) -> Quartiles {
        let mut sorted: Vec<f64> = numbers.collect();
        sorted.sort_by(f64::total_cmp);
        // Between the two numbers beside the place.
        Quartiles([0.25, 0.5, 0.75].map(|share| {
            let place = share * (sorted.len() - 1) as f64;
            let (low, high) = (sorted[place as usize], sorted[place.ceil() as usize]);
            low + (high - low) * place.fract()
        }))
    }
}

/// In points of accuracy.
impl fmt::Display for Quartiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, median, high] = self.0.map(|accuracy| 100.0 * accuracy);
        write!(f, "{median:.2} ({low:.2}–{high:.2})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_incumbent_is_the_best_at_the_highest_level_that_was_paid_for() {
        let surrogate = Surrogate::read().unwrap();
        let score = |spent, at, score, value| Score {
            spent,
            at,
            score,
            value,
        };
        let scores = [
            score(3, 3, 0.7, 0.1),
            score(6, 3, 0.6, 0.2),
            // Of no level.
            score(8, 8, 0.9, 0.3),
            score(18, 9, 0.5, 0.4),
        ];
        let trace = Trace(scores.into());
        let value = |trainings| surrogate.best - trace.regret(&surrogate, trainings);
        assert!((value(1) - 0.1).abs() < 1e-12 && (value(2) - 0.4).abs() < 1e-12);
        assert_eq!(value(0), 0.0);
    }

    #[test]
    fn quartiles_lie_between_the_numbers_beside_them() {
        let quartiles = Quartiles::of([0.04, 0.01, 0.02, 0.03].into_iter());
        assert_eq!(quartiles.to_string(), "2.50 (1.75–3.25)");
    }
}
