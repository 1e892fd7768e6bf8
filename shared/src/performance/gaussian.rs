//! Gaussian-process regression with a Matérn-5/2 kernel and one length scale per feature.
//!
//! Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006): the predictive equations are 2.25 and
//! 2.26, the log marginal likelihood is 5.8, the kernel is 4.17. Length scales and variances are the most likely ones
//! on a fixed grid, found by coordinate ascent with a log-normal prior, so that equal data gives equal models.

use crate::format::FEATURES;
use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

type Point = [f64; FEATURES];

/// Values a length scale may take, in the features' log₂ units.
const LENGTHS: [f64; 8] = [0.7, 1.0, 1.5, 2.5, 4.0, 6.5, 11.0, 20.0];
/// Values the signal's variance may take, in units of the observed variance.
const SIGNALS: [f64; 5] = [0.5, 1.0, 2.0, 4.0, 8.0];
/// Values the noise's variance may take beyond the counting noise, in units of it.
const NOISES: [f64; 5] = [1.0, 2.0, 4.0, 8.0, 16.0];
/// Centres of the log-normal prior on length scales, by feature. There are few observations, so it matters: how much
/// is kept decides accuracy over a factor of a few, how it is laid out and how finely it is quantised matter far
/// less. Without it a handful of formats that differ in several ways at once is explained by the wrong one.
const LENGTH_CENTRES: [f64; FEATURES] = [2.5, 2.5, 6.5, 11.0, 6.5];
/// Its width, in natural logarithms.
const LENGTH_WIDTH: f64 = 0.7;
/// Observations used to choose the parameters; all are used to predict.
const CHOOSING_MAX: usize = 256;
const SWEEPS_MAX: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Parameters {
    lengths: [usize; FEATURES],
    signal: usize,
    noise: usize,
}

#[derive(Clone, Debug)]
pub(super) struct GaussianProcess {
    points: Vec<Point>,
    parameters: Parameters,
    mean: f64,
    /// Observed variance: the unit of the signal.
    scale: f64,
    /// Counting noise: the unit of the noise.
    counting: f64,
    factor: Cholesky<f64, Dyn>,
    weights: DVector<f64>,
}

impl GaussianProcess {
    /// Fits to values at points whose counting noise has this variance; none without points.
    pub(super) fn fit(points: Vec<Point>, values: &[f64], counting: f64) -> Option<GaussianProcess> {
        if points.is_empty() || points.len() != values.len() {
            return None;
        }
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let scale = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).max(counting);
        let centred: Vec<f64> = values.iter().map(|value| value - mean).collect();

        let stride = points.len().div_ceil(CHOOSING_MAX);
        let some_points: Vec<Point> = points.iter().step_by(stride).copied().collect();
        let some_values: Vec<f64> = centred.iter().step_by(stride).copied().collect();
        let parameters = most_likely(&some_points, &some_values, scale, counting);

        let factor = Cholesky::new(covariance(&points, parameters, scale, counting))?;
        let weights = factor.solve(&DVector::from_vec(centred));
        Some(GaussianProcess {
            points,
            parameters,
            mean,
            scale,
            counting,
            factor,
            weights,
        })
    }

    /// Mean and variance of a new observation at this point.
    pub(super) fn predict(&self, point: &Point) -> (f64, f64) {
        let kernel = |other: &Point| kernel(point, other, self.parameters, self.scale);
        let across = DVector::from_iterator(self.points.len(), self.points.iter().map(kernel));
        let mean = self.mean + across.dot(&self.weights);
        let explained = across.dot(&self.factor.solve(&across));
        let prior = SIGNALS[self.parameters.signal] * self.scale;
        let noise = NOISES[self.parameters.noise] * self.counting;
        // The mean itself was estimated from as many values as there are.
        let of_mean = self.scale / self.points.len() as f64;
        (mean, (prior - explained).max(0.0) + noise + of_mean)
    }
}

fn kernel(a: &Point, b: &Point, parameters: Parameters, scale: f64) -> f64 {
    let square = |axis: usize| ((a[axis] - b[axis]) / LENGTHS[parameters.lengths[axis]]).powi(2);
    let distance = (5.0 * (0..FEATURES).map(square).sum::<f64>()).sqrt();
    SIGNALS[parameters.signal] * scale * (1.0 + distance + distance * distance / 3.0) * (-distance).exp()
}

fn covariance(points: &[Point], parameters: Parameters, scale: f64, counting: f64) -> DMatrix<f64> {
    let noise = NOISES[parameters.noise] * counting;
    DMatrix::from_fn(points.len(), points.len(), |row, column| {
        let own = if row == column { noise } else { 0.0 };
        kernel(&points[row], &points[column], parameters, scale) + own
    })
}

/// Log marginal likelihood plus log prior, up to a constant.
fn evidence(
    points: &[Point],
    values: &DVector<f64>,
    parameters: Parameters,
    scale: f64,
    counting: f64,
) -> f64 {
    let Some(factor) = Cholesky::new(covariance(points, parameters, scale, counting)) else {
        return f64::NEG_INFINITY;
    };
    let fit = values.dot(&factor.solve(values));
    let log_determinant: f64 = 2.0
        * factor
            .l_dirty()
            .diagonal()
            .iter()
            .map(|value| value.ln())
            .sum::<f64>();
    let surprise = |(&index, centre): (&usize, f64)| ((LENGTHS[index] / centre).ln() / LENGTH_WIDTH).powi(2);
    let prior: f64 = parameters.lengths.iter().zip(LENGTH_CENTRES).map(surprise).sum();
    -0.5 * (fit + log_determinant + prior)
}

fn most_likely(points: &[Point], values: &[f64], scale: f64, counting: f64) -> Parameters {
    let values = DVector::from_column_slice(values);
    let centre = |centre: f64| LENGTHS.iter().position(|&length| length >= centre).unwrap_or(0);
    let mut best = Parameters {
        lengths: LENGTH_CENTRES.map(centre),
        signal: 1,
        noise: 0,
    };
    let mut best_evidence = evidence(points, &values, best, scale, counting);
    for _ in 0..SWEEPS_MAX {
        let before = best;
        let mut consider = |best: &mut Parameters, candidate: Parameters| {
            let found = evidence(points, &values, candidate, scale, counting);
            if found > best_evidence {
                (*best, best_evidence) = (candidate, found);
            }
        };
        for axis in 0..FEATURES {
            for index in 0..LENGTHS.len() {
                let mut candidate = best;
                candidate.lengths[axis] = index;
                consider(&mut best, candidate);
            }
        }
        for signal in 0..SIGNALS.len() {
            let candidate = Parameters { signal, ..best };
            consider(&mut best, candidate);
        }
        for noise in 0..NOISES.len() {
            let candidate = Parameters { noise, ..best };
            consider(&mut best, candidate);
        }
        if best == before {
            break;
        }
    }
    best
}
