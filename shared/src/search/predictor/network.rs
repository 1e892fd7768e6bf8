//! A small feed-forward network: two hidden layers of rectifiers, fitted by Adam on all results at once.
//!
//! Of sums, products, quotients and square roots alone, in a fixed order: the same on every machine.

use crate::search::draw::Draws;

const HIDDEN: usize = 16;
const STEPS: u32 = 200;
/// Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1; a larger rate, for few steps.
const RATE: f64 = 0.01;
const BETAS: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;
/// Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019): results are few.
const DECAY: f64 = 0.1;

/// Numbers of a network: of each layer its weights, output by output, then its biases.
#[derive(Clone, Debug)]
pub(super) struct Network {
    sizes: [usize; 4],
    numbers: Vec<f64>,
}

impl Network {
    /// Fitted to values of about unit size at places, all of one length.
    pub(super) fn fit(places: &[Vec<f64>], values: &[f64], draws: &mut Draws) -> Network {
        let inputs = places.first().map_or(0, Vec::len);
        let mut network = Network::drawn([inputs, HIDDEN, HIDDEN, 1], draws);
        let count = network.numbers.len();
        let (mut first, mut second) = (vec![0.0; count], vec![0.0; count]);
        let mut powers = [1.0; 2];
        for _ in 0..STEPS {
            let gradient = network.gradient(places, values);
            for (power, beta) in powers.iter_mut().zip(BETAS) {
                *power *= beta;
            }
            for (at, gradient) in gradient.into_iter().enumerate() {
                first[at] += (1.0 - BETAS[0]) * (gradient - first[at]);
                second[at] += (1.0 - BETAS[1]) * (gradient * gradient - second[at]);
                let (mean, square) = (first[at] / (1.0 - powers[0]), second[at] / (1.0 - powers[1]));
                let step = mean / (square.sqrt() + EPSILON);
                network.numbers[at] -= RATE * (step + DECAY * network.numbers[at]);
            }
        }
        network
    }

    /// Its value at a place.
    pub(super) fn at(&self, place: &[f64]) -> f64 {
        self.forward(place)[3][0]
    }

    fn drawn(sizes: [usize; 4], draws: &mut Draws) -> Network {
        let mut numbers = Vec::new();
        for pair in sizes.windows(2) {
            // He et al. (2015) for rectifiers.
            let bound = (6.0 / pair[0].max(1) as f64).sqrt();
            numbers.extend((0..pair[0] * pair[1]).map(|_| (2.0 * draws.unit() - 1.0) * bound));
            numbers.extend((0..pair[1]).map(|_| 0.0));
        }
        Network { sizes, numbers }
    }

    /// Where each layer's weights begin.
    fn offsets(&self) -> [usize; 3] {
        let [a, b, c, _] = self.sizes;
        [0, a * b + b, a * b + b + b * c + c]
    }

    /// What goes into each layer, and the result last.
    fn forward(&self, place: &[f64]) -> [Vec<f64>; 4] {
        let mut values = [place.to_vec(), Vec::new(), Vec::new(), Vec::new()];
        for (layer, offset) in self.offsets().into_iter().enumerate() {
            let (inputs, outputs) = (self.sizes[layer], self.sizes[layer + 1]);
            let biases = offset + inputs * outputs;
            let output = |output: usize| {
                let weights = &self.numbers[offset + output * inputs..][..inputs];
                let products = weights.iter().zip(&values[layer]).map(|(weight, x)| weight * x);
                let sum = self.numbers[biases + output] + products.sum::<f64>();
                if layer < 2 { sum.max(0.0) } else { sum }
            };
            values[layer + 1] = (0..outputs).map(output).collect();
        }
        values
    }

    /// Of the mean squared error.
    fn gradient(&self, places: &[Vec<f64>], values: &[f64]) -> Vec<f64> {
        let mut gradient = vec![0.0; self.numbers.len()];
        for (place, value) in places.iter().zip(values) {
            let passed = self.forward(place);
            let mut errors = vec![2.0 * (passed[3][0] - value) / values.len() as f64];
            for (layer, offset) in self.offsets().into_iter().enumerate().rev() {
                let (inputs, outputs) = (self.sizes[layer], self.sizes[layer + 1]);
                let mut before = vec![0.0; inputs];
                for (output, error) in errors.iter().enumerate() {
                    let weights = offset + output * inputs;
                    for (input, x) in passed[layer].iter().enumerate() {
                        gradient[weights + input] += error * x;
                        before[input] += error * self.numbers[weights + input];
                    }
                    gradient[offset + inputs * outputs + output] += error;
                }
                for (error, x) in before.iter_mut().zip(&passed[layer]) {
                    // What a rectifier cut off does not go back; the places themselves are nothing to fit.
                    if layer > 0 && *x <= 0.0 {
                        *error = 0.0;
                    }
                }
                errors = before;
            }
        }
        gradient
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::TrialId;

    fn draws(seed: u64) -> Draws {
        Draws::of("test", seed, TrialId(0), 0)
    }

    #[test]
    fn the_gradient_is_that_of_differences() {
        let mut network = Network::drawn([3, 4, 4, 1], &mut draws(1));
        // Away from where a rectifier has no slope.
        network.numbers.iter_mut().for_each(|number| *number += 0.05);
        let places = [vec![0.3, -0.8, 0.5], vec![-0.4, 0.9, 0.1], vec![0.7, 0.2, -0.6]];
        let values = [0.5, -1.0, 0.2];
        let error = |network: &Network| {
            let squares = places.iter().zip(values).map(|(place, value)| {
                let miss = network.at(place) - value;
                miss * miss
            });
            squares.sum::<f64>() / 3.0
        };
        let gradient = network.gradient(&places, &values);
        assert!(gradient.iter().filter(|slope| **slope != 0.0).count() > 20);
        for (at, slope) in gradient.into_iter().enumerate() {
            const STEP: f64 = 1e-6;
            let here = network.numbers[at];
            network.numbers[at] = here + STEP;
            let above = error(&network);
            network.numbers[at] = here - STEP;
            let found = (above - error(&network)) / (2.0 * STEP);
            network.numbers[at] = here;
            assert!((found - slope).abs() < 1e-6, "{at}: {found} {slope}");
        }
    }

    #[test]
    fn what_is_not_linear_is_learnt_and_the_same_draws_give_the_same_network() {
        let places: Vec<Vec<f64>> = (0..49)
            .map(|at| vec![f64::from(at % 7) / 3.0 - 1.0, f64::from(at / 7) / 3.0 - 1.0])
            .collect();
        let values: Vec<f64> = places.iter().map(|place| 2.0 * place[0] * place[1]).collect();
        let network = Network::fit(&places, &values, &mut draws(1));
        let misses = places.iter().zip(&values).map(|(place, value)| {
            let miss = network.at(place) - value;
            miss * miss
        });
        let (error, spread) = (
            misses.sum::<f64>(),
            values.iter().map(|value| value * value).sum::<f64>(),
        );
        assert!(error < 0.1 * spread, "{error} of {spread}");
        let fitted = |seed| Network::fit(&places, &values, &mut draws(seed)).numbers;
        assert_eq!(fitted(1), network.numbers);
        assert_ne!(fitted(2), network.numbers);
    }
}
