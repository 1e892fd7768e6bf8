//! Numbers that come back with their seed: BLAKE3's extendable output over what is drawn and for whom.
//!
//! The output is a function of (purpose, seed, who, when) and of the place in it, so there is no generator whose state
//! would have to be kept: a draw for trial 7 does not depend on how many were drawn for trial 6.

use super::TrialId;

/// Tries to find a normal number inside the unit interval before the mean itself is taken.
const INSIDE_TRIES_MAX: usize = 64;

/// A stream of numbers.
pub(super) struct Draws(blake3::OutputReader);

impl Draws {
    /// What is drawn for this purpose for a trial at some point of its life.
    pub(super) fn of(purpose: &str, seed: u64, trial: TrialId, at: u32) -> Draws {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"imgcalc-search/");
        hasher.update(&seed.to_le_bytes());
        hasher.update(&trial.0.to_le_bytes());
        hasher.update(&at.to_le_bytes());
        hasher.update(purpose.as_bytes());
        Draws(hasher.finalize_xof())
    }

    /// Evenly from [0, 1), with all 53 bits a number there can have.
    pub(super) fn unit(&mut self) -> f64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Evenly from 0..count; 0 where that is empty.
    pub(super) fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f64) as usize).min(count.saturating_sub(1))
    }

    /// Whether something happens that happens with this probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// From a normal distribution cut to the unit interval: drawn anew while it lies outside.
    pub(super) fn normal_in_unit(&mut self, mean: f64, deviation: f64) -> f64 {
        for _ in 0..INSIDE_TRIES_MAX {
            // Box and Muller, "A Note on the Generation of Random Normal Deviates" (1958); 1 − u is never 0.
            let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
            let drawn = mean + deviation * radius * (std::f64::consts::TAU * self.unit()).cos();
            if (0.0..=1.0).contains(&drawn) {
                return drawn;
            }
        }
        mean.clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(purpose: &str, seed: u64, trial: u32, at: u32) -> Vec<f64> {
        let mut draws = Draws::of(purpose, seed, TrialId(trial), at);
        (0..4).map(|_| draws.unit()).collect()
    }

    #[test]
    fn the_same_is_drawn_again_and_everything_else_is_another() {
        let first = some("point", 1, 2, 3);
        assert_eq!(first, some("point", 1, 2, 3));
        for other in [
            some("points", 1, 2, 3),
            some("point", 2, 2, 3),
            some("point", 1, 3, 3),
            some("point", 1, 2, 4),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn numbers_fill_the_unit_interval_evenly() {
        let mut draws = Draws::of("test", 7, TrialId(0), 0);
        let drawn: Vec<f64> = (0..4000).map(|_| draws.unit()).collect();
        for tenth in 0..10 {
            let inside = drawn
                .iter()
                .filter(|number| (*number * 10.0) as usize == tenth)
                .count();
            assert!((330..=470).contains(&inside), "{tenth}: {inside}");
        }
        assert_eq!(draws.below(0), 0);
        assert!((0..200).all(|_| draws.below(3) < 3));
    }

    #[test]
    fn normal_numbers_have_their_mean_and_deviation_and_stay_inside() {
        let mut draws = Draws::of("test", 7, TrialId(0), 0);
        let drawn: Vec<f64> = (0..4000).map(|_| draws.normal_in_unit(0.5, 0.1)).collect();
        let mean = drawn.iter().sum::<f64>() / 4000.0;
        let variance = drawn.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / 4000.0;
        assert!((mean - 0.5).abs() < 0.01 && (variance.sqrt() - 0.1).abs() < 0.01);
        assert!((0..200).all(|_| (0.0..=1.0).contains(&draws.normal_in_unit(1.0, 3.0))));
        assert_eq!(
            draws.normal_in_unit(2.0, 0.0),
            1.0,
            "what is never inside is its nearest end"
        );
    }
}
