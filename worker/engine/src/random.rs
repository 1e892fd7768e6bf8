//! Random numbers that depend on a seed and a purpose only, on every machine and in every version: BLAKE3's output stream.

use blake3::{Hasher, OutputReader};

const BUFFER_BYTES: usize = 1024;

/// A stream of random numbers.
pub(crate) struct Random {
    reader: OutputReader,
    buffer: [u8; BUFFER_BYTES],
    used: usize,
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
        }
    }

    fn next(&mut self) -> u64 {
        if self.used == BUFFER_BYTES {
            self.reader.fill(&mut self.buffer);
            self.used = 0;
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.buffer[self.used..self.used + 8]);
        self.used += 8;
        u64::from_le_bytes(bytes)
    }

    /// Uniform in [-bound, bound).
    pub(crate) fn symmetric(&mut self, bound: f64) -> f64 {
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        (2.0 * unit - 1.0) * bound
    }

    /// Uniform in 0..n without bias: draws that fall into the incomplete last run of n are thrown away.
    fn below(&mut self, n: u64) -> u64 {
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
}
