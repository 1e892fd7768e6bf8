//! Attempts that run: what workers say of them, and how they end.

use super::core::Core;
use super::held::Held;
use super::request::{Directive, Progress, Said};
use crate::ledger::{Command, Effect};
use imgcalc_shared::task::{FailureClass, Outcome, TaskId};

/// First pause before a task that failed by its own fault is tried again, ms; doubles with every attempt.
const BACK_OFF_MS: u64 = 1_000;
const BACK_OFF_MS_MAX: u64 = 60_000;

impl Core {
    pub(super) fn progress(&mut self, progress: Progress, now_ms: u64) -> Directive {
        self.workers.heard(&progress.worker, now_ms);
        let drain = self.workers.is_draining(&progress.worker);
        let held = self.workers.held.get_mut(progress.token);
        let Some(held) = held.filter(|held| held.task == progress.task) else {
            return Directive {
                stop: Some("the task is no longer leased to this attempt".into()),
                drain,
            };
        };
        held.heard_at_ms = now_ms;
        held.account = progress.account.unwrap_or(held.account);
        let epoch_before = held.progress.as_ref().map_or(0, |progress| progress.epoch);
        if !progress.log.is_empty() {
            self.logbook.write(&held.build, &held.worker, &progress.log);
        }
        if let (true, Some(accuracy)) = (progress.epoch > epoch_before, progress.accuracy) {
            let loss = progress.loss.unwrap_or(f64::NAN);
            let epochs = format!("epoch {}/{}", progress.epoch, progress.epochs);
            let line = format!("{}: {epochs} loss {loss:.4} accuracy {accuracy:.4}", held.what);
            self.logbook.write(&held.build, &held.worker, &line);
        }
        let (task, build) = (held.task, held.build.clone());
        held.progress = Some(progress);
        Directive {
            stop: (!self.is_wanted(&build, task)).then(|| "nobody wants it at present".into()),
            drain,
        }
    }

    pub(super) fn complete(&mut self, task: TaskId, token: u64, outcome: Box<Outcome>, now_ms: u64) -> Said {
        let held = self.take_held(token);
        let words = outcome_words(&outcome);
        match self.propose(Command::Complete {
            task,
            token,
            outcome,
            at_ms: now_ms,
        }) {
            Effect::Committed { .. } => {
                // Any other attempt at this task is void now.
                let others: Vec<u64> = self.workers.held.of_task(&task).collect();
                for token in others {
                    self.take_held(token);
                }
                if let Some(held) = held {
                    self.exclusions.completed(task, &held.host, now_ms);
                    let committed = self.state.committed().get(&task);
                    let family = committed.and_then(|committed| committed.task.family());
                    self.workers.finished(&held, family, now_ms);
                    let line = format!("{}: done{words}", held.what);
                    self.logbook.write(&held.build, &held.worker, &line);
                }
                Said::Committed
            }
            Effect::AlreadyCommitted { .. } => Said::AlreadyCommitted,
            Effect::Refused { reason } => Said::Refused(reason),
            other => Said::Refused(format!("unexpected {other:?}")),
        }
    }

    pub(super) fn fail(
        &mut self,
        task: TaskId,
        token: u64,
        class: FailureClass,
        message: String,
        now_ms: u64,
    ) {
        let held = self.take_held(token);
        let effect = self.propose(Command::Fail {
            task,
            token,
            class,
            message: message.clone(),
            at_ms: now_ms,
        });
        if !matches!(class, FailureClass::Preempted | FailureClass::WorkerLost) {
            let attempts = self.state.open().get(&task).map_or(1, |open| open.attempts.len());
            let pause = BACK_OFF_MS
                .saturating_mul(1 << attempts.saturating_sub(1).min(16))
                .min(BACK_OFF_MS_MAX);
            self.not_before_ms.insert(task, now_ms + pause);
        }
        if let Some(held) = held {
            self.exclusions.failed(task, &held.host, class);
            let given_up = matches!(effect, Effect::Quarantined { .. });
            let end = if given_up { "; given up" } else { "" };
            let line = format!("{}: {class}: {message}{end}", held.what);
            self.logbook.write(&held.build, &held.worker, &line);
        }
    }

    /// Ends an attempt; what it read stays on its worker's account.
    fn take_held(&mut self, token: u64) -> Option<Held> {
        let held = self.workers.held.remove(token)?;
        self.workers.charge(&held.worker, held.account);
        Some(held)
    }

    /// A worker asks for work only when it is at nothing: what an earlier question of it was answered with never
    /// reached it, or ended with a process of its name that is gone.
    pub(super) fn never_arrived(&mut self, worker: &str, sequence: u64, now_ms: u64) {
        let of_worker = self.workers.held.of_worker(worker);
        let earlier = of_worker.filter(|(_, held)| held.sequence < sequence && held.sequence > 0);
        let lost: Vec<(u64, TaskId)> = earlier.map(|(token, held)| (token, held.task)).collect();
        let why = "the worker asks for work again and is not at it";
        self.fail_these(lost, FailureClass::Preempted, why, now_ms);
    }

    /// Ends every attempt of which that is true.
    pub(super) fn fail_all(
        &mut self,
        which: impl Fn(&Held) -> bool,
        class: FailureClass,
        why: &str,
        now_ms: u64,
    ) {
        let held = self.workers.held.iter().filter(|(_, held)| which(held));
        let lost: Vec<(u64, TaskId)> = held.map(|(token, held)| (token, held.task)).collect();
        self.fail_these(lost, class, why, now_ms);
    }

    fn fail_these(&mut self, attempts: Vec<(u64, TaskId)>, class: FailureClass, why: &str, now_ms: u64) {
        for (token, task) in attempts {
            self.fail(task, token, class, why.to_string(), now_ms);
        }
    }

    /// The base an attempt reads and writes, running or long over.
    pub(super) fn base_of(&self, task: TaskId, token: u64) -> Option<String> {
        let open = self.state.open().get(&task).map(|open| &open.attempts);
        let committed = self.state.committed().get(&task).map(|done| &done.attempts);
        let attempt = open
            .or(committed)?
            .iter()
            .find(|attempt| attempt.token == token)?;
        Some(self.state.builds().get(&attempt.build)?.build.base.clone())
    }
}

fn outcome_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Train(trained) => format!(", accuracy {:.4}", trained.accuracy),
        Outcome::Columns { objects, bytes } => format!(", {objects} objects of {bytes} bytes"),
        _ => String::new(),
    }
}
