//! Time of this thread on its core, which other programs on the machine do not lengthen much.

use rustix::time::{ClockId, clock_gettime};

/// Seconds of CPU time this thread has had.
pub fn cpu() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

/// What a call gives, and the CPU seconds it took.
pub fn timed<T>(call: impl FnOnce() -> T) -> (T, f64) {
    let before = cpu();
    let given = std::hint::black_box(call());
    (given, cpu() - before)
}

/// The same of a second call at once: the first finds memory and caches as whatever was measured before left them.
pub fn timed_again<T>(mut call: impl FnMut() -> T) -> (T, f64) {
    std::hint::black_box(call());
    timed(call)
}

/// The value in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
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

/// Seconds to copy a byte between two buffers far larger than any cache.
pub fn copy(from: &[u8], to: &mut [u8]) -> f64 {
    let ((), seconds) = timed_again(|| to.copy_from_slice(from));
    seconds / from.len() as f64
}
