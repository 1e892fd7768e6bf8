//! Numbers the worker's questions for work, so that a coordinator knows which of its answers never arrived.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Numbers that rise, over restarts too: microseconds of the clock, and at least one more than the last.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    last: AtomicU64,
}

impl Sequence {
    pub(super) fn next(&self) -> u64 {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.after(clock.as_micros() as u64)
    }

    fn after(&self, clock: u64) -> u64 {
        let next = |last: u64| clock.max(last + 1);
        let last = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        next(last.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_even_when_the_clock_stands_or_goes_back() {
        let sequence = Sequence::default();
        let numbers = [7, 7, 3, 100].map(|clock| sequence.after(clock));
        assert_eq!(numbers, [7, 8, 9, 100]);
        assert!(sequence.next() > 100);
    }
}
