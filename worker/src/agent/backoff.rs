//! Waiting longer after every failure in a row.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Delays from 100 ms to 5 s, each up to twice the last, with jitter: workers that lost the same coordinator at the
/// same moment must not return at the same moment.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    random: RandomState,
    draws: u64,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Backoff {
            next: FIRST,
            random: RandomState::new(),
            draws: 0,
        }
    }

    /// Starts over, after a success.
    pub(super) fn reset(&mut self) {
        self.next = FIRST;
    }

    /// The delay before the next try: between half of the present step and all of it.
    pub(super) fn delay(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(LONGEST);
        self.draws += 1;
        let share = self.random.hash_one(self.draws) % 1000;
        step / 2 + step / 2 * share as u32 / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_longest_and_start_over() {
        let mut backoff = Backoff::new();
        let delays: Vec<Duration> = (0..20).map(|_| backoff.delay()).collect();
        assert!(delays[0] <= FIRST && delays[0] >= FIRST / 2);
        assert!(
            delays[10..]
                .iter()
                .all(|delay| (LONGEST / 2..=LONGEST).contains(delay))
        );
        backoff.reset();
        assert!(backoff.delay() <= FIRST);
    }
}
