//! Random numbers that depend on a seed and a purpose only, on every machine and in every version: BLAKE3's output stream.

use blake3::{Hasher, OutputReader};

const BUFFER_BYTES: usize = 1024;

/// A stream of random numbers.
pub(crate) struct Random {
    reader: OutputReader,
    buffer: [u8; BUFFER_BYTES],
    used: usize,
    /// Normal draws come in pairs.
    spare: Option<f64>,
}

impl Random {
    /// The stream of a seed for one purpose, such as the weights of one layer or the order of one epoch.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        let mut hasher = Hasher::new_derive_key("imgcalc engine 1 random numbers");
        hasher.update(&seed.to_le_bytes());
        hasher.update(purpose.as_bytes());
        Random {
            reader: hasher.finalize_xof(),
            buffer: [0; BUFFER_BYTES],
            used: BUFFER_BYTES,
            spare: None,
        }
    }

    /// Uniform over all there are.
    pub(crate) fn next(&mut self) -> u64 {
        if self.used == BUFFER_BYTES {
            self.reader.fill(&mut self.buffer);
            self.used = 0;
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.buffer[self.used..self.used + 8]);
        self.used += 8;
        u64::from_le_bytes(bytes)
    }

    /// Uniform in [0, 1).
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in [-bound, bound).
    pub(crate) fn symmetric(&mut self, bound: f64) -> f64 {
        (2.0 * self.unit() - 1.0) * bound
    }

    /// Normally distributed around 0 with deviation 1 (Marsaglia's polar method).
    pub(crate) fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (self.symmetric(1.0), self.symmetric(1.0));
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let scale = (-2.0 * ln(square) / square).sqrt();
                self.spare = Some(y * scale);
                return x * scale;
            }
        }
    }

    /// For each of n whether it is kept: 1 over the probability to be kept, or else 0. So a mean stays what it was.
    pub(crate) fn kept(&mut self, n: usize, drop: f64) -> Vec<f32> {
        let kept = (1.0 / (1.0 - drop)) as f32;
        let draw = |_| if self.unit() < drop { 0.0 } else { kept };
        (0..n).map(draw).collect()
    }

    /// Uniform in 0..n without bias: draws that fall into the incomplete last run of n are thrown away.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        let whole = u64::MAX - u64::MAX % n;
        loop {
            let draw = self.next();
            if draw < whole {
                return draw % n;
            }
        }
    }

    /// The numbers 0..n in random order (Fisher and Yates).
    pub(crate) fn permutation(&mut self, n: usize) -> Vec<i64> {
        let mut order: Vec<i64> = (0..n as i64).collect();
        for last in (1..n).rev() {
            order.swap(last, self.below(last as u64 + 1) as usize);
        }
        order
    }
}

/// The natural logarithm of a positive, normal number from sums and products alone: those of libraries differ in their last bits.
fn ln(x: f64) -> f64 {
    const TERMS: u32 = 12;
    let bits = x.to_bits();
    let mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    let exponent = (bits >> 52) as f64 - 1023.0;
    // ln m = 2 artanh((m - 1) / (m + 1)), a series in a number of at most 0.172 once m is around 1.
    let (mantissa, exponent) = if mantissa > std::f64::consts::SQRT_2 {
        (mantissa / 2.0, exponent + 1.0)
    } else {
        (mantissa, exponent)
    };
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let series = (0..TERMS)
        .rev()
        .fold(0.0, |sum, term| sum * s * s + 1.0 / f64::from(2 * term + 1));
    exponent * std::f64::consts::LN_2 + 2.0 * s * series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_holds_every_number_once_and_depends_on_seed_and_purpose() {
        let order = |seed, purpose| Random::new(seed, purpose).permutation(1000);
        let mut sorted = order(1, "epoch 1");
        assert_ne!(sorted, order(1, "epoch 2"));
        assert_ne!(sorted, order(2, "epoch 1"));
        assert_eq!(sorted, order(1, "epoch 1"));
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn draws_fill_their_range_evenly() {
        let mut random = Random::new(7, "test");
        let draws: Vec<f64> = (0..20_000).map(|_| random.symmetric(3.0)).collect();
        assert!(draws.iter().all(|x| (-3.0..3.0).contains(x)));
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let square = draws.iter().map(|x| x * x).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.06 && (square - 3.0).abs() < 0.1, "{mean} {square}");
    }

    #[test]
    fn normal_draws_have_the_moments_of_the_normal_distribution() {
        let mut random = Random::new(7, "test");
        let draws: Vec<f64> = (0..200_000).map(|_| random.normal()).collect();
        let moment = |power: i32| draws.iter().map(|x| x.powi(power)).sum::<f64>() / draws.len() as f64;
        for (power, expected, tolerance) in [(1, 0.0, 0.01), (2, 1.0, 0.02), (3, 0.0, 0.04), (4, 3.0, 0.1)] {
            let found = moment(power);
            assert!((found - expected).abs() < tolerance, "{power}: {found}");
        }
    }

    #[test]
    fn the_logarithm_is_right_to_the_last_bits() {
        for x in [
            1e-300, 1e-9, 0.3, 0.5, 0.707, 0.708, 0.999_999, 1.0, 1.414, 1.415, 2.0, 3e17,
        ] {
            assert!((ln(x) - x.ln()).abs() <= 4e-16 * x.ln().abs().max(1.0), "{x}");
        }
    }

    #[test]
    fn what_is_dropped_is_made_good_for_by_the_rest() {
        let kept = Random::new(1, "test").kept(20_000, 0.2);
        assert!(kept.iter().all(|&factor| factor == 0.0 || factor == 1.25));
        let mean = kept.iter().sum::<f32>() / kept.len() as f32;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        assert!(
            Random::new(1, "test")
                .kept(9, 0.0)
                .iter()
                .all(|&factor| factor == 1.0)
        );
    }
}
