//! The performance model: predicts the accuracy of every format from the formats that were trained.
//!
//! Two predictors stand beside each other, because the comparison is part of the result:
//!
//! - [`PerformanceModel`], a Gaussian process over [`Format::features`]: a prediction with an interval for each
//!   single format. It assumes that near formats behave alike and nothing about which direction is better: accuracy
//!   is not monotone in density.
//! - [`bucket_maxima`], the paper's: the best accuracy seen in each sampled bucket, interpolated linearly between
//!   sampled buckets (Sirin and Idreos, SIGMOD 2024, equation 3).

mod gaussian;

use crate::bucket::Buckets;
use crate::format::Format;
use gaussian::GaussianProcess;

/// Two-sided 95 % of a normal distribution, in standard deviations.
const SIGMAS: f64 = 1.959_963_984_540_054;

/// Accuracy expected of a format, 0 to 1, with a 95 % interval for what a training of it would measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Expected.
    pub accuracy: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A fitted model.
#[derive(Clone, Debug)]
pub struct PerformanceModel {
    process: GaussianProcess,
}

impl PerformanceModel {
    /// Fits the model to trained formats and their validation accuracies, measured on `images` images each. None
    /// without observations.
    ///
    /// Deterministic: equal observations, in any order, give equal models.
    pub fn fit(observed: &[(Format, f64)], images: u32) -> Option<PerformanceModel> {
        let mut observed = observed.to_vec();
        observed.sort_by_key(|(format, _)| *format);
        let mean = observed.iter().map(|(_, accuracy)| accuracy).sum::<f64>() / observed.len().max(1) as f64;
        // Counting right answers among n images has the variance of a binomial share.
        let noise = (mean * (1.0 - mean) / f64::from(images.max(1))).max(1e-6);
        let points: Vec<_> = observed.iter().map(|(format, _)| format.features()).collect();
        let values: Vec<f64> = observed.iter().map(|(_, accuracy)| *accuracy).collect();
        GaussianProcess::fit(points, &values, noise).map(|process| PerformanceModel { process })
    }

    /// What it expects of a format, trained or not.
    pub fn predict(&self, format: Format) -> Prediction {
        let (mean, variance) = self.process.predict(&format.features());
        let half = SIGMAS * variance.sqrt();
        let share = |value: f64| value.clamp(0.0, 1.0);
        Prediction {
            accuracy: share(mean),
            low: share(mean - half),
            high: share(mean + half),
        }
    }
}

/// A measured accuracy with the 95 % interval of a share counted over `images` images (Wilson, "Probable inference,
/// the law of succession, and statistical inference", 1927).
pub fn measured(accuracy: f64, images: u32) -> Prediction {
    let n = f64::from(images.max(1));
    let z2 = SIGMAS * SIGMAS;
    let centre = (accuracy + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = SIGMAS / (1.0 + z2 / n) * (accuracy * (1.0 - accuracy) / n + z2 / (4.0 * n * n)).sqrt();
    Prediction {
        accuracy,
        low: (centre - half).clamp(0.0, accuracy),
        high: (centre + half).clamp(accuracy, 1.0),
    }
}

/// The best trained accuracy of each bucket: measured where formats of it were trained, elsewhere on the straight
/// line between the nearest sampled buckets, beyond the ends the end's. None where nothing was trained at all.
pub fn bucket_maxima(buckets: &Buckets, trained: &[(Format, f64)]) -> Vec<Option<f64>> {
    let best = |index: usize| {
        let inside = trained
            .iter()
            .filter(|(format, _)| buckets.formats(index).contains(format));
        inside.map(|(_, accuracy)| *accuracy).max_by(f64::total_cmp)
    };
    let sampled: Vec<(usize, f64)> = (0..buckets.len())
        .filter_map(|index| Some((index, best(index)?)))
        .collect();
    let interpolate = |index: usize| {
        let after = sampled.iter().find(|(at, _)| *at >= index);
        let before = sampled.iter().rev().find(|(at, _)| *at <= index);
        match (before, after) {
            (Some(&(left, low)), Some(&(right, high))) if left < right => {
                Some(low + (high - low) * (index - left) as f64 / (right - left) as f64)
            }
            (Some(&(_, accuracy)), _) | (None, Some(&(_, accuracy))) => Some(accuracy),
            (None, None) => None,
        }
    };
    (0..buckets.len()).map(interpolate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Size, spread};
    use crate::space::Space;

    fn formats() -> Vec<Format> {
        Space::preset("sigmod24")
            .unwrap()
            .split(Size {
                height: 32,
                width: 32,
            })
            .0
    }

    /// A smooth accuracy that peaks at a middling bandwidth.
    fn truth(format: Format) -> f64 {
        let [rows, columns, _, quant, _] = format.features();
        0.86 - 0.02 * (rows + 1.5).powi(2).min(9.0)
            - 0.01 * (columns + 1.0).powi(2).min(9.0)
            - 0.01 * (quant - 4.0)
    }

    #[test]
    fn a_smooth_accuracy_is_learned_from_28_formats() {
        let all = formats();
        let observed: Vec<(Format, f64)> = spread(&all, 28)
            .into_iter()
            .map(|format| (format, truth(format)))
            .collect();
        let model = PerformanceModel::fit(&observed, 1000).unwrap();
        let error = |format: Format| (model.predict(format).accuracy - truth(format)).abs();
        let mean_error = all.iter().map(|&format| error(format)).sum::<f64>() / all.len() as f64;
        assert!(mean_error < 0.01, "{mean_error}");
        let inside = |format: &&Format| {
            (model.predict(**format).low..=model.predict(**format).high).contains(&truth(**format))
        };
        let covered = all.iter().filter(inside).count();
        assert!(covered * 10 >= all.len() * 9, "{covered} of {}", all.len());
    }

    #[test]
    fn the_model_does_not_depend_on_the_order_of_observations() {
        let mut observed: Vec<(Format, f64)> = spread(&formats(), 12)
            .into_iter()
            .map(|format| (format, truth(format)))
            .collect();
        let first = PerformanceModel::fit(&observed, 500).unwrap();
        observed.reverse();
        let second = PerformanceModel::fit(&observed, 500).unwrap();
        assert!(
            formats()
                .into_iter()
                .all(|format| first.predict(format) == second.predict(format))
        );
    }

    #[test]
    fn few_equal_and_single_observations_still_give_a_model() {
        assert!(PerformanceModel::fit(&[], 100).is_none());
        for observed in [vec![0.8], vec![0.5, 0.5, 0.5], vec![0.0, 1.0]] {
            let observed: Vec<(Format, f64)> = formats().into_iter().zip(observed).collect();
            let model = PerformanceModel::fit(&observed, 100).unwrap();
            let prediction = model.predict(formats()[200]);
            assert!((0.0..=1.0).contains(&prediction.accuracy) && prediction.low <= prediction.high);
        }
    }

    #[test]
    fn bucket_maxima_interpolate_linearly_and_extend_the_ends() {
        let times: Vec<(Format, f64)> = formats()
            .into_iter()
            .enumerate()
            .map(|(index, format)| (format, index as f64))
            .collect();
        let buckets = Buckets::cut(&times, 16);
        assert_eq!(bucket_maxima(&buckets, &[]), vec![None; 16]);
        let trained = [
            (buckets.formats(2)[0], 0.2),
            (buckets.formats(2)[5], 0.4),
            (buckets.formats(6)[0], 0.8),
        ];
        let maxima: Vec<f64> = bucket_maxima(&buckets, &trained).into_iter().flatten().collect();
        assert_eq!((maxima[0], maxima[2], maxima[15]), (0.4, 0.4, 0.8));
        assert!((maxima[3] - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_measured_interval_holds_its_accuracy_and_narrows_with_images() {
        let few = measured(1.0, 100);
        let many = measured(0.85, 10_000);
        assert!(few.low < 1.0 && few.high == 1.0 && few.accuracy == 1.0);
        assert!(many.low > 0.84 && many.high < 0.86);
    }
}
