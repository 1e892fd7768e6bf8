//! What is measured: error, rank agreement, regret, cost.

use super::runs::Found;
use imgcalc_shared::format::{Format, Size};
use std::collections::BTreeMap;

/// Pairs of formats closer than this are within the noise, points of accuracy.
pub const BAND: f64 = 2.0;
/// Time budgets: as many as the chain has buckets.
pub const BUDGETS: usize = 12;
const SIZE: Size = Size {
    height: 32,
    width: 32,
};

/// What brute force says.
pub struct Truth {
    /// Formats in order of time, with time in µs.
    pub formats: Vec<(Format, f64)>,
    /// Mean test accuracy over seeds, in points.
    pub accuracy: BTreeMap<Format, f64>,
    /// Epochs of a training from scratch.
    pub epochs: f64,
}

/// How well something does.
#[derive(Clone, Copy, Debug)]
pub struct Score {
    /// Mean absolute error of accuracy, points; none where nothing is predicted.
    pub error: Option<f64>,
    /// Mean error with its sign, points.
    pub bias: Option<f64>,
    /// Kendall's tau with the truth.
    pub tau: Option<f64>,
    /// Share of the pairs outside the band that are ordered rightly.
    pub pairs: Option<f64>,
    /// Best accuracy minus that of the recommended format, mean over time budgets, points.
    pub regret: f64,
    /// The largest of them.
    pub regret_max: f64,
    /// True accuracy of the recommended format at each time budget, points.
    pub at_budgets: [f64; BUDGETS],
    /// Trainings it took.
    pub trainings: f64,
    /// Their cost in epochs on pixels' size.
    pub cost: f64,
}

/// Cost of one epoch on a format relative to one on pixels.
pub fn epoch_cost(format: Format) -> f64 {
    let plane = format.plane(SIZE);
    f64::from(plane.height * plane.width) / f64::from(SIZE.height * SIZE.width)
}

impl Truth {
    /// From the seeds of brute force.
    pub fn of(brute: &[Found]) -> Truth {
        let mut formats: Vec<(Format, f64)> = brute[0]
            .candidates
            .iter()
            .map(|candidate| (candidate.format, candidate.time_us))
            .collect();
        formats.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        let mut accuracy: BTreeMap<Format, f64> = BTreeMap::new();
        for training in brute.iter().flat_map(|found| &found.trained) {
            let test = training.test_accuracy.unwrap_or(training.accuracy);
            *accuracy.entry(training.format).or_default() += 100.0 * test / brute.len() as f64;
        }
        let epochs = brute[0].trained[0].curve.len() as f64;
        Truth {
            formats,
            accuracy,
            epochs,
        }
    }

    /// Cost of training everything from scratch once.
    pub fn cost(&self) -> f64 {
        self.formats
            .iter()
            .map(|(format, _)| self.epochs * epoch_cost(*format))
            .sum()
    }

    /// Scores a predicted accuracy (in points) of every format.
    pub fn score(&self, predicted: &BTreeMap<Format, f64>, trainings: f64, cost: f64) -> Score {
        let pairs: Vec<(f64, f64)> = self
            .accuracy
            .iter()
            .filter_map(|(format, truth)| Some((*truth, *predicted.get(format)?)))
            .collect();
        let error = pairs
            .iter()
            .map(|(truth, said)| (truth - said).abs())
            .sum::<f64>()
            / pairs.len() as f64;
        Score {
            error: Some(error),
            bias: Some(pairs.iter().map(|(truth, said)| said - truth).sum::<f64>() / pairs.len() as f64),
            tau: Some(tau(&pairs)),
            pairs: Some(ordered(&pairs)),
            ..self.choice(|format| predicted.get(&format).copied(), trainings, cost)
        }
    }

    /// Scores a choice: the format with the highest value within each budget is taken; where none has a value, the
    /// fastest is.
    pub fn choice(&self, value: impl Fn(Format) -> Option<f64>, trainings: f64, cost: f64) -> Score {
        let at_budgets = std::array::from_fn(|budget| {
            let within = self.within(budget);
            let known = within
                .iter()
                .filter_map(|(format, _)| Some((*format, value(*format)?)));
            let taken = known
                .max_by(|a, b| a.1.total_cmp(&b.1))
                .map_or(within[0].0, |(format, _)| format);
            self.accuracy[&taken]
        });
        let best = self.best();
        let regrets = best.iter().zip(&at_budgets).map(|(best, taken)| best - taken);
        Score {
            error: None,
            bias: None,
            tau: None,
            pairs: None,
            regret: regrets.clone().sum::<f64>() / BUDGETS as f64,
            regret_max: regrets.fold(0.0, f64::max),
            at_budgets,
            trainings,
            cost,
        }
    }

    /// The formats within a time budget, of which the last is the largest.
    pub fn within(&self, budget: usize) -> &[(Format, f64)] {
        &self.formats[..(budget + 1) * self.formats.len() / BUDGETS]
    }

    /// The best true accuracy at each time budget, points.
    pub fn best(&self) -> [f64; BUDGETS] {
        std::array::from_fn(|budget| {
            let within = self.within(budget).iter();
            within
                .map(|(format, _)| self.accuracy[format])
                .fold(f64::MIN, f64::max)
        })
    }
}

impl Score {
    /// The mean of several.
    pub fn mean(scores: &[Score]) -> Score {
        let count = scores.len() as f64;
        let mean = |of: fn(&Score) -> f64| scores.iter().map(of).sum::<f64>() / count;
        let known = |of: fn(&Score) -> Option<f64>| {
            let values: Option<Vec<f64>> = scores.iter().map(of).collect();
            values.map(|values| values.iter().sum::<f64>() / count)
        };
        Score {
            error: known(|score| score.error),
            bias: known(|score| score.bias),
            tau: known(|score| score.tau),
            pairs: known(|score| score.pairs),
            regret: mean(|score| score.regret),
            regret_max: scores.iter().map(|score| score.regret_max).fold(0.0, f64::max),
            at_budgets: std::array::from_fn(|budget| {
                scores.iter().map(|score| score.at_budgets[budget]).sum::<f64>() / count
            }),
            trainings: mean(|score| score.trainings),
            cost: mean(|score| score.cost),
        }
    }
}

/// Kendall's tau-a of pairs of values (Kendall, "A new measure of rank correlation", 1938).
pub fn tau(pairs: &[(f64, f64)]) -> f64 {
    let mut sum = 0.0;
    let mut count = 0.0;
    for (index, a) in pairs.iter().enumerate() {
        for b in &pairs[index + 1..] {
            sum += agreement(*a, *b);
            count += 1.0;
        }
    }
    sum / count
}

/// 1 where two pairs of values are in the same order, -1 where they are in opposite ones, 0 where two values are equal.
pub fn agreement(a: (f64, f64), b: (f64, f64)) -> f64 {
    let product = (a.0 - b.0) * (a.1 - b.1);
    if product == 0.0 { 0.0 } else { product.signum() }
}

/// Share of pairs whose true values differ by more than the band that are ordered rightly.
fn ordered(pairs: &[(f64, f64)]) -> f64 {
    let (mut right, mut all) = (0.0, 0.0);
    for (index, a) in pairs.iter().enumerate() {
        for b in &pairs[index + 1..] {
            if (a.0 - b.0).abs() > BAND {
                all += 1.0;
                right += if (a.0 - b.0) * (a.1 - b.1) > 0.0 { 1.0 } else { 0.0 };
            }
        }
    }
    right / all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twelve formats, the slower the denser; the densest but one is the most accurate.
    fn truth() -> Truth {
        let format = |keep: usize| -> Format { format!("1x1-b16-k{keep}-q20").parse().unwrap() };
        let formats: Vec<(Format, f64)> = (1..=12).map(|keep| (format(keep), keep as f64)).collect();
        let points = |keep: usize| if keep == 12 { 50.0 } else { 50.0 + keep as f64 };
        Truth {
            accuracy: (1..=12).map(|keep| (format(keep), points(keep))).collect(),
            formats,
            epochs: 8.0,
        }
    }

    #[test]
    fn within_a_budget_the_highest_value_is_taken_and_the_fastest_where_none_is_known() {
        let truth = truth();
        let densest = truth.choice(|format| Some(f64::from(format.keep())), 0.0, 0.0);
        assert_eq!(densest.at_budgets[10], 61.0);
        assert_eq!(densest.at_budgets[11], 50.0);
        assert_eq!((densest.regret, densest.regret_max), (11.0 / 12.0, 11.0));
        let one = truth.choice(|format| (format.keep() == 6).then_some(1.0), 0.0, 0.0);
        assert_eq!(one.at_budgets[4], 51.0);
        assert_eq!(one.at_budgets[11], 56.0);
        let best = truth.choice(|format| truth.accuracy.get(&format).copied(), 0.0, 0.0);
        assert_eq!(best.at_budgets, truth.best());
        assert_eq!(best.regret, 0.0);
    }

    #[test]
    fn what_is_ordered_as_the_truth_is_has_a_tau_of_one_whatever_its_scale() {
        let truth = truth();
        let said = |slope: f64| {
            let said = truth
                .accuracy
                .iter()
                .map(|(format, points)| (*format, slope * points));
            truth.score(&said.collect(), 1.0, 1.0)
        };
        assert_eq!(said(0.5).tau, Some(1.0));
        assert_eq!(said(-1.0).tau, Some(-1.0));
        assert_eq!(said(0.5).pairs, Some(1.0));
        assert_eq!(said(-1.0).pairs, Some(0.0));
    }
}
