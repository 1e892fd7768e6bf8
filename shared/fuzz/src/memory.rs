//! What decoding allocates, held against what the header states.
//!
//! Zstandard's own memory is not counted: a context that is made once a thread.

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Most values an input is decoded for: those of a page of a run several times over.
pub const VALUES_MAX: usize = 1 << 17;
/// What decoding takes besides what grows with the values: a workspace, bytes.
pub const WORKSPACE: usize = 84 << 10;
/// What decoding a run takes for each value, bytes: the value, the frame it may come from, symbols and low bits.
pub const A_VALUE: usize = 6;

/// What decoding a run of so many values may allocate, bytes.
pub fn of_run(values: usize) -> usize {
    A_VALUE * values + WORKSPACE
}

/// Does what is to be done and panics if it ever holds more memory than this, bytes. Nothing may run beside it.
pub fn within<T>(bound: usize, what: &str, work: impl FnOnce() -> T) -> T {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let done = work();
    let used = MEMORY.peak_usage() - before;
    assert!(used <= bound, "{what} takes {used} bytes, {bound} are stated");
    done
}

/// Panics if an error has nothing to say, or says more than a person reads: it may repeat what it found.
pub fn is_readable(error: &impl std::fmt::Display) {
    let message = error.to_string();
    let length = message.chars().count();
    assert!(
        (5..400).contains(&length),
        "an error of {length} characters: {message:.200}"
    );
}
