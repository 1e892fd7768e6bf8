//! What a live leader shows of running attempts and workers.

use super::core::Core;
use super::workers::Known;
use crate::view::{Running, WorkerView};
use imgcalc_shared::build::BuildId;

impl Core {
    pub(super) fn running(&self, build: &BuildId) -> Vec<Running> {
        let held = self.workers.held.iter();
        let of_build = held.filter(|(_, held)| held.build == *build);
        of_build
            .map(|(_, held)| {
                let base = Running {
                    what: held.what.clone(),
                    worker: held.worker.clone(),
                    account: held.account,
                    ..Running::default()
                };
                match &held.progress {
                    None => base,
                    Some(progress) => Running {
                        epoch: progress.epoch,
                        epochs: progress.epochs,
                        loss: progress.loss,
                        accuracy: progress.accuracy,
                        images_per_second: progress.images_per_second,
                        bytes_read: progress.bytes_read,
                        ..base
                    },
                }
            })
            .collect()
    }

    pub(super) fn worker_views(&self) -> Vec<WorkerView> {
        let view = |known: &Known| WorkerView {
            name: known.facts.name.clone(),
            host: known.facts.host.to_string(),
            hardware: known.facts.hardware.to_string(),
            task: self
                .workers
                .held
                .of_worker(&known.facts.name)
                .next()
                .map(|(_, held)| held.what.clone()),
            draining: self.workers.is_draining(&known.facts.name),
            account: self.workers.account(&known.facts.name),
        };
        self.workers.known.values().map(view).collect()
    }
}
