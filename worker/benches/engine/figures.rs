//! Medians over rounds.

/// The value in the middle, of an even number the mean of the two there; of no value nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => (sorted[even / 2 - 1] + sorted[even / 2]) / 2.0,
        odd => sorted[odd / 2],
    }
}

/// The ratio in the middle of those of each round.
pub fn median_ratio(above: &[f64], below: &[f64]) -> f64 {
    let ratios: Vec<f64> = above
        .iter()
        .zip(below)
        .map(|(above, below)| above / below)
        .collect();
    median(&ratios)
}
