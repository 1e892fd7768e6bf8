//! Deletes what a committed training leaves in the base, beside whatever the agent does next.

use crate::data::Base;
use crate::failure::Failure;
use crate::stages::tidy;
use imgcalc_shared::task::TaskId;
use std::time::Duration;
use tokio::task::JoinSet;

/// Time the last deletions have when the agent ends: what stays costs space only.
const LAST_LIMIT: Duration = Duration::from_secs(2);

/// Deletions under way.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    running: JoinSet<()>,
}

impl Leftovers {
    /// Begins to delete those of `task`. A failure is logged, no more.
    pub(super) fn delete(&mut self, base: String, task: TaskId) {
        while self.running.try_join_next().is_some() {}
        self.running.spawn_blocking(move || {
            let tidied: Result<usize, Failure> = Base::open(&base).and_then(|base| tidy(&base, task));
            match tidied {
                Ok(objects) => tracing::debug!(task = task.0.short(), objects, "leftovers are deleted"),
                Err(failure) => tracing::info!(
                    task = task.0.short(),
                    "leaves checkpoints behind: {}",
                    failure.message
                ),
            }
        });
    }

    /// Waits a moment for those under way.
    pub(super) async fn finish(mut self) {
        let all = async { while self.running.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_LIMIT, all).await;
    }
}
