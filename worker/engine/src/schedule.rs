//! The learning rate of each step.

/// Cosine annealing from `peak` at step 0 to 0 at step `steps` (Loshchilov and Hutter, "SGDR", equation 5, one period).
pub(crate) fn cosine(peak: f64, step: u64, steps: u64) -> f64 {
    0.5 * peak * (1.0 + (std::f64::consts::PI * step as f64 / steps as f64).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_falls_from_the_peak_over_half_of_it_to_nothing() {
        assert_eq!(cosine(0.4, 0, 10), 0.4);
        assert!((cosine(0.4, 5, 10) - 0.2).abs() < 1e-15);
        assert!(cosine(0.4, 10, 10).abs() < 1e-15);
        assert!((0..10).all(|step| cosine(0.4, step, 10) > cosine(0.4, step + 1, 10)));
    }
}
