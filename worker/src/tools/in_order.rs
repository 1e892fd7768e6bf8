//! Work on all cores whose results are taken in order, with a bound on how many wait.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// How far the work may get ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// Threads that work.
    pub(super) threads: usize,
    /// Most results that are worked on or wait to be taken.
    pub(super) ahead_max: usize,
    /// Most results that are wanted at all; `take` may say otherwise later.
    pub(super) wanted: usize,
}

struct State<T> {
    /// The next number that nobody works on yet.
    next: usize,
    /// Numbers from here on must wait.
    allowed: usize,
    ready: BTreeMap<usize, T>,
    ended: bool,
}

/// Does `work` for the numbers below `count` and hands the results to `take` one by one, in order, on this thread.
/// There is no barrier: while a result is taken, the threads work on the next ones. `take` answers how many more
/// results are wanted at most; nothing is begun that may turn out not to be, and 0 ends it all.
pub(super) fn in_order<T: Send, E>(
    count: usize,
    reach: Reach,
    work: impl Fn(usize) -> T + Sync,
    mut take: impl FnMut(usize, T) -> Result<usize, E>,
) -> Result<(), E> {
    let ahead = |wanted: usize| wanted.min(reach.ahead_max.max(1));
    let line = Line {
        state: Mutex::new(State {
            next: 0,
            allowed: ahead(reach.wanted),
            ready: BTreeMap::new(),
            ended: reach.wanted == 0,
        }),
        change: Condvar::new(),
    };
    thread::scope(|scope| {
        // Also when `take` panics: the threads would wait for ever.
        let _end = EndOnDrop(&line);
        for _ in 0..reach.threads.clamp(1, count.max(1)) {
            scope.spawn(|| {
                let end = EndOnDrop(&line);
                while let Some(number) = line.begin(count) {
                    let result = work(number);
                    line.change(|state| state.ready.insert(number, result));
                }
                // Only one that panics ends the others.
                std::mem::forget(end);
            });
        }
        for number in 0..count {
            let Some(result) = line.wait_for(number) else {
                return Ok(());
            };
            let wanted = take(number, result)?;
            if wanted == 0 {
                return Ok(());
            }
            line.change(|state| state.allowed = number.saturating_add(1).saturating_add(ahead(wanted)));
        }
        Ok(())
    })
}

struct Line<T> {
    state: Mutex<State<T>>,
    change: Condvar,
}

impl<T> Line<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<R>(&self, edit: impl FnOnce(&mut State<T>) -> R) {
        edit(&mut self.lock());
        self.change.notify_all();
    }

    /// The next number to work on, as soon as it may be begun; none when there is no more to do.
    fn begin(&self, count: usize) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.ended || state.next >= count {
                return None;
            }
            if state.next < state.allowed {
                state.next += 1;
                return Some(state.next - 1);
            }
            state = self.change.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn wait_for(&self, number: usize) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(result) = state.ready.remove(&number) {
                return Some(result);
            }
            if state.ended {
                return None;
            }
            state = self.change.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

struct EndOnDrop<'a, T>(&'a Line<T>);

impl<T> Drop for EndOnDrop<'_, T> {
    fn drop(&mut self) {
        self.0.change(|state| state.ended = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    fn reach(ahead_max: usize, wanted: usize) -> Reach {
        Reach {
            threads: 4,
            ahead_max,
            wanted,
        }
    }

    #[test]
    fn results_come_in_order_and_the_work_stays_within_reach() {
        let (begun, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut seen = Vec::new();
        let work = |number: usize| {
            begun.fetch_add(1, SeqCst);
            // Nobody gets further ahead of what is taken than is allowed.
            assert!(number < taken.load(SeqCst) + 5, "{number} is begun too early");
            number * 10
        };
        let take = |number: usize, result: usize| {
            seen.push((number, result));
            taken.fetch_add(1, SeqCst);
            Ok::<usize, ()>(usize::MAX)
        };
        in_order(200, reach(5, usize::MAX), work, take).unwrap();
        assert!(seen.iter().enumerate().all(|(at, &pair)| pair == (at, at * 10)));
        assert_eq!((seen.len(), begun.load(SeqCst)), (200, 200));
    }

    #[test]
    fn nothing_is_begun_that_may_not_be_wanted() {
        let begun = AtomicUsize::new(0);
        let work = |number: usize| {
            begun.fetch_add(1, SeqCst);
            number
        };
        let mut wanted = 7;
        let take = |_: usize, _: usize| {
            wanted -= 1;
            Ok::<usize, ()>(wanted)
        };
        in_order(100, reach(50, 7), work, take).unwrap();
        assert_eq!(begun.load(SeqCst), 7);
    }

    #[test]
    fn an_error_ends_it_and_a_panic_is_passed_on() {
        let failing = |number: usize, _: usize| if number == 3 { Err("enough") } else { Ok(9) };
        assert_eq!(
            in_order(100, reach(9, 9), |number| number, failing),
            Err("enough")
        );
        let panicking = || {
            let work = |number: usize| assert_ne!(number, 5, "on purpose");
            in_order(100, reach(9, 9), work, |_, ()| Ok::<usize, ()>(9))
        };
        assert!(std::panic::catch_unwind(panicking).is_err());
    }
}
