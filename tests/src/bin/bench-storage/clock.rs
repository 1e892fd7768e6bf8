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

/// The value in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Bytes copied a second between two buffers far larger than any cache.
pub fn copy_bandwidth(from: &[u8], to: &mut [u8]) -> f64 {
    let ((), seconds) = timed(|| to.copy_from_slice(from));
    from.len() as f64 / seconds
}
