//! Hosts that keep failing what others finish are given nothing for a while. Soft: a new leader learns it again.

use imgcalc_shared::task::{FailureClass, TaskId};
use std::collections::{BTreeMap, BTreeSet};

/// So many tasks that failed on a host and were finished on another exclude it.
const STRIKES_MAX: u32 = 3;
/// For so long, ms; then it may prove itself.
const EXCLUDED_MS: u64 = 600_000;

#[derive(Debug, Default)]
pub(super) struct Exclusions {
    /// Hosts on which an open task failed by no fault of the lease.
    failed: BTreeMap<TaskId, BTreeSet<String>>,
    strikes: BTreeMap<String, u32>,
    until_ms: BTreeMap<String, u64>,
}

impl Exclusions {
    /// An attempt failed.
    pub(super) fn failed(&mut self, task: TaskId, host: &str, class: FailureClass) {
        if !matches!(class, FailureClass::Preempted | FailureClass::WorkerLost) {
            self.failed.entry(task).or_default().insert(host.into());
        }
    }

    /// A task was finished: where it failed before, the host is at fault.
    pub(super) fn completed(&mut self, task: TaskId, host: &str, now_ms: u64) {
        self.strikes.remove(host);
        for other in self.failed.remove(&task).unwrap_or_default() {
            if other == host {
                continue;
            }
            let strikes = self.strikes.entry(other.clone()).or_default();
            *strikes += 1;
            if *strikes >= STRIKES_MAX {
                tracing::warn!(
                    host = other,
                    "fails what others finish; it gets no work for {} minutes",
                    EXCLUDED_MS / 60_000
                );
                self.strikes.remove(&other);
                self.until_ms.insert(other, now_ms + EXCLUDED_MS);
            }
        }
    }

    /// Whether a host gets nothing now.
    pub(super) fn is_excluded(&self, host: &str, now_ms: u64) -> bool {
        self.until_ms.get(host).is_some_and(|until| *until > now_ms)
    }

    /// Hosts on which a task failed before: another is better, if there is one.
    pub(super) fn failed_on(&self, task: &TaskId) -> impl Iterator<Item = &String> {
        self.failed.get(task).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgcalc_shared::digest::Digest;

    fn task(number: u8) -> TaskId {
        TaskId(Digest::of(&[number]))
    }

    #[test]
    fn a_host_that_fails_what_others_finish_is_left_alone_for_a_while() {
        let mut exclusions = Exclusions::default();
        for number in 0..3 {
            assert!(!exclusions.is_excluded("bad", 0));
            exclusions.failed(task(number), "bad", FailureClass::Application);
            assert!(exclusions.failed_on(&task(number)).eq(["bad"]));
            exclusions.completed(task(number), "good", 0);
        }
        assert!(exclusions.is_excluded("bad", EXCLUDED_MS - 1));
        assert!(!exclusions.is_excluded("bad", EXCLUDED_MS), "it may prove itself");
        assert!(!exclusions.is_excluded("good", 0));
    }

    #[test]
    fn a_task_that_fails_everywhere_and_a_lost_worker_exclude_nobody() {
        let mut exclusions = Exclusions::default();
        for number in 0..9 {
            exclusions.failed(task(number), "a", FailureClass::WorkerLost);
            exclusions.failed(task(number), "a", FailureClass::Preempted);
            exclusions.completed(task(number), "b", 0);
            exclusions.failed(task(number), "b", FailureClass::Numeric);
        }
        assert!(!exclusions.is_excluded("a", 0) && !exclusions.is_excluded("b", 0));
    }
}
