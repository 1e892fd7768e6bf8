//! How far an order agrees with the truth, and how sure that is.

use imgcalc_tests::brute_force::metrics::agreement;
use imgcalc_tests::dice::Dice;

const RESAMPLES: usize = 2000;
const SEED: u64 = 11;

/// What something says of nets, and what is true of them.
pub struct Run {
    /// Which seed of the trainings it has seen or would see.
    pub seed: usize,
    /// A score of each net, more for better; none of those it learned from.
    pub scores: Vec<Option<f64>>,
    /// The true accuracy of each.
    pub truth: Vec<f64>,
}

/// Pairs of nets: how many runs order them as the truth does, less those that order them the other way.
pub struct Concordance {
    nets: usize,
    /// First and second net, the sum over runs, and the number of runs that say something of both.
    pairs: Vec<(usize, usize, f64, f64)>,
}

impl Concordance {
    /// Of runs over so many nets, in the pairs that count.
    pub fn of(nets: usize, runs: &[Run], counts: &dyn Fn(usize, usize) -> bool) -> Concordance {
        let mut pairs = Vec::new();
        for a in 0..nets {
            for b in (a + 1..nets).filter(|&b| counts(a, b)) {
                let signs: Vec<f64> = runs
                    .iter()
                    .filter_map(|run| {
                        let (of_a, of_b) = (run.scores[a]?, run.scores[b]?);
                        Some(agreement((run.truth[a], of_a), (run.truth[b], of_b)))
                    })
                    .collect();
                pairs.push((a, b, signs.iter().sum(), signs.len() as f64));
            }
        }
        Concordance { nets, pairs }
    }

    /// Kendall's tau-a, the mean over runs.
    pub fn tau(&self) -> f64 {
        self.weighted(&vec![1.0; self.nets])
    }

    /// The middle 95 % of what it is when other nets of the kind are drawn: bootstrap over nets, whose pairs with
    /// themselves do not count.
    pub fn interval(&self) -> (f64, f64) {
        let mut dice = Dice::new(SEED);
        let mut taus: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                let mut weights = vec![0.0; self.nets];
                for _ in 0..self.nets {
                    weights[dice.below(self.nets as u64) as usize] += 1.0;
                }
                self.weighted(&weights)
            })
            .collect();
        taus.sort_by(f64::total_cmp);
        (taus[RESAMPLES / 40], taus[RESAMPLES - 1 - RESAMPLES / 40])
    }

    fn weighted(&self, weights: &[f64]) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        for (a, b, signs, runs) in &self.pairs {
            let weight = weights[*a] * weights[*b];
            sum += weight * signs;
            count += weight * runs;
        }
        if count > 0.0 { sum / count } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgcalc_tests::brute_force::metrics::tau;

    fn run(scores: &[Option<f64>]) -> Run {
        Run {
            seed: 0,
            scores: scores.to_vec(),
            truth: (0..scores.len()).map(|net| net as f64).collect(),
        }
    }

    #[test]
    fn one_run_over_all_pairs_is_kendalls_tau() {
        let scores = [2.0, 1.0, 3.0, 3.0, 0.5, 9.0];
        let runs = [run(&scores.map(Some))];
        let pairs: Vec<(f64, f64)> = (0..6).map(|net| (net as f64, scores[net])).collect();
        let concordance = Concordance::of(6, &runs, &|_, _| true);
        assert!((concordance.tau() - tau(&pairs)).abs() < 1e-12);
        let (low, high) = concordance.interval();
        assert!(
            low < concordance.tau() && concordance.tau() < high,
            "{low} {high}"
        );
    }

    #[test]
    fn nets_a_run_learned_from_and_pairs_that_do_not_count_are_left_out() {
        let runs = [
            run(&[None, Some(1.0), Some(2.0), Some(3.0)]),
            run(&[Some(5.0), Some(4.0), None, None]),
        ];
        // Three pairs rightly ordered by the one, one wrongly by the other.
        let all = Concordance::of(4, &runs, &|_, _| true);
        assert!((all.tau() - 0.5).abs() < 1e-12);
        let some = Concordance::of(4, &runs, &|a, b| (a, b) == (0, 1));
        assert!((some.tau() + 1.0).abs() < 1e-12);
        let none = Concordance::of(4, &runs, &|_, _| false);
        assert_eq!(none.tau(), 0.0);
    }
}
