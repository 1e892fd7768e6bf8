//! What is compared beside the chain: its bucket maxima, its model on random formats, and another seed of brute force.

use imgcalc_shared::bucket::Buckets;
use imgcalc_shared::format::Format;
use imgcalc_shared::performance::{PerformanceModel, bucket_maxima};
use imgcalc_tests::brute_force::arms::{cost, drawn, mean_over_draws};
use imgcalc_tests::brute_force::metrics::{Score, Truth};
use imgcalc_tests::brute_force::runs::Found;
use std::collections::BTreeMap;

/// Validation images of the benchmark's builds.
const VALIDATION_IMAGES: u32 = 1000;

/// The trainings of a build of the chain, predicted by the paper's maximum per bucket.
pub fn bucket_maximum(found: &Found, truth: &Truth) -> Score {
    let times: Vec<(Format, f64)> = found
        .candidates
        .iter()
        .map(|candidate| (candidate.format, candidate.time_us))
        .collect();
    let count = found
        .candidates
        .iter()
        .map(|candidate| candidate.bucket + 1)
        .max()
        .unwrap_or(1);
    let buckets = Buckets::cut(&times, count);
    let trained: Vec<(Format, f64)> = found
        .trained
        .iter()
        .map(|training| (training.format, training.accuracy))
        .collect();
    let maxima = bucket_maxima(&buckets, &trained);
    let predicted = buckets
        .iter()
        .filter_map(|(index, format)| Some((format, 100.0 * maxima[index]?)))
        .collect();
    truth.score(&predicted, found.trained.len() as f64, cost(&found.trained))
}

/// One seed of brute force as a prediction of the mean of the others: the ceiling that noise leaves.
pub fn seeds_against_each_other(brute: &[Found], truth: &Truth) -> Score {
    let scores: Vec<Score> = (0..brute.len())
        .map(|left_out| {
            let others: Vec<usize> = (0..brute.len()).filter(|index| *index != left_out).collect();
            let mut accuracy: BTreeMap<Format, f64> = BTreeMap::new();
            for &other in &others {
                for training in &brute[other].trained {
                    let test = training.test_accuracy.unwrap_or(training.accuracy);
                    *accuracy.entry(training.format).or_default() += 100.0 * test / others.len() as f64;
                }
            }
            let rest = Truth {
                formats: truth.formats.clone(),
                accuracy,
                epochs: truth.epochs,
            };
            let said = brute[left_out]
                .trained
                .iter()
                .map(|training| (training.format, 100.0 * training.accuracy))
                .collect();
            rest.score(
                &said,
                brute[left_out].trained.len() as f64,
                cost(&brute[left_out].trained),
            )
        })
        .collect();
    Score::mean(&scores)
}

/// Formats drawn at random until the cost is spent, under our performance model: what the choice of buckets and the chain add to it.
pub fn random_modelled(brute: &[Found], truth: &Truth, budget: f64, draws: u64) -> Score {
    mean_over_draws(draws, |draw| {
        let trained = drawn(brute, budget, draw);
        let observed: Vec<(Format, f64)> = trained
            .iter()
            .map(|training| (training.format, training.accuracy))
            .collect();
        let model = PerformanceModel::fit(&observed, VALIDATION_IMAGES).expect("at least one is trained");
        let mut said: BTreeMap<Format, f64> = truth
            .accuracy
            .keys()
            .map(|&format| (format, 100.0 * model.predict(format).accuracy))
            .collect();
        said.extend(
            observed
                .iter()
                .map(|(format, accuracy)| (*format, 100.0 * accuracy)),
        );
        truth.score(&said, trained.len() as f64, cost(&trained))
    })
}
