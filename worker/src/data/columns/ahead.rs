//! Reads ahead: while one row group is decoded the next ones are read, within bounds.

use crate::failure::Failure;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

/// Row groups that are read while others are decoded: as many requests are under way at a time.
const READS_MAX: usize = 8;
/// Bytes of row groups that are being read, or are read and not yet decoded. One that is larger goes alone.
const IN_FLIGHT_BYTES_MAX: u64 = 256 << 20;

/// What row groups that move at a time have to share.
#[derive(Debug)]
pub(super) struct Gates {
    /// Bytes in memory.
    pub(super) bytes: Gate,
    /// Cores that decode.
    pub(super) cores: Gate,
}

/// Lets so much through at a time.
#[derive(Debug)]
pub(super) struct Gate {
    most: u64,
    free: Mutex<u64>,
    changed: Condvar,
}

/// What was let through; gives it back when dropped.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    amount: u64,
}

/// Does `work` for all of these, begun in their order, several at a time. After an error none is begun any more; of
/// several errors that of the first is told.
pub(super) fn each<J: Send>(
    jobs: Vec<J>,
    work: impl Fn(J, &Gates) -> Result<(), Failure> + Sync,
) -> Result<(), Failure> {
    let cores = rayon::current_num_threads();
    let gates = Gates {
        bytes: Gate::new(IN_FLIGHT_BYTES_MAX),
        cores: Gate::new(cores as u64),
    };
    let threads = jobs.len().min(READS_MAX + cores);
    let next = Mutex::new(jobs.into_iter().enumerate());
    let failed: Mutex<Option<(usize, Failure)>> = Mutex::new(None);
    let run = || {
        loop {
            if lock(&failed).is_some() {
                return;
            }
            let Some((number, job)) = lock(&next).next() else {
                return;
            };
            if let Err(failure) = work(job, &gates) {
                let mut failed = lock(&failed);
                if failed.as_ref().is_none_or(|(first, _)| number < *first) {
                    *failed = Some((number, failure));
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, failure)) => Err(failure),
        None => Ok(()),
    }
}

impl Gate {
    fn new(most: u64) -> Gate {
        Gate {
            most,
            free: Mutex::new(most),
            changed: Condvar::new(),
        }
    }

    /// Waits for so much, or for all where there is not as much.
    pub(super) fn pass(&self, amount: u64) -> Pass<'_> {
        let amount = amount.min(self.most);
        let mut free = lock(&self.free);
        while *free < amount {
            free = self.changed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= amount;
        Pass { gate: self, amount }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        *lock(&self.gate.free) += self.amount;
        self.gate.changed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    #[test]
    fn the_next_are_read_while_one_is_decoded() {
        // The first is done only once the second has begun.
        let both = Barrier::new(2);
        each(vec![0, 1], |_, gates| {
            let _bytes = gates.bytes.pass(1);
            both.wait();
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn bytes_in_flight_stay_within_their_bound_and_what_exceeds_it_goes_alone() {
        let (flying, most) = (AtomicU64::new(0), AtomicU64::new(0));
        let sizes: Vec<u64> = (0..60)
            .map(|number| match number % 7 {
                0 => IN_FLIGHT_BYTES_MAX * 3,
                other => IN_FLIGHT_BYTES_MAX / 4 * other,
            })
            .collect();
        each(sizes, |bytes, gates| {
            let pass = gates.bytes.pass(bytes);
            let now = flying.fetch_add(pass.amount, SeqCst) + pass.amount;
            most.fetch_max(now, SeqCst);
            thread::yield_now();
            flying.fetch_sub(pass.amount, SeqCst);
            Ok(())
        })
        .unwrap();
        assert_eq!(most.into_inner(), IN_FLIGHT_BYTES_MAX);
    }

    #[test]
    fn an_error_ends_it_and_the_first_is_told() {
        let begun = AtomicU64::new(0);
        let failure = each((0..10_000).collect(), |number, _| {
            begun.fetch_add(1, SeqCst);
            match number {
                0..5 => Ok(()),
                _ => Err(Failure::bad_data(format!("{number} is damaged"))),
            }
        })
        .unwrap_err();
        assert_eq!(failure.message, "5 is damaged");
        let threads = (READS_MAX + rayon::current_num_threads()) as u64;
        assert!(begun.into_inner() <= 5 + threads);
    }
}
