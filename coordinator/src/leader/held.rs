//! Attempts that run, found by fencing token, by worker, by task and by build.

use super::request::{Lease, Progress};
use crate::view::Account;
use imgcalc_shared::build::BuildId;
use imgcalc_shared::task::TaskId;
use std::collections::{BTreeMap, BTreeSet};

/// One attempt that runs.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) task: TaskId,
    pub(super) what: String,
    pub(super) profile: bool,
    pub(super) worker: String,
    pub(super) host: String,
    pub(super) build: BuildId,
    /// Of the question that it answered.
    pub(super) sequence: u64,
    pub(super) heard_at_ms: u64,
    pub(super) progress: Option<Progress>,
    /// What it has read.
    pub(super) account: Account,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct HeldAttempts {
    by_token: BTreeMap<u64, Held>,
    of_worker: BTreeMap<String, BTreeSet<u64>>,
    of_task: BTreeMap<TaskId, BTreeSet<u64>>,
    of_build: BTreeMap<BuildId, usize>,
}

impl Held {
    pub(super) fn of(lease: &Lease, worker: &str, host: &str, sequence: u64, now_ms: u64) -> Held {
        Held {
            task: lease.task.id(),
            what: lease.task.to_string(),
            profile: lease.task.is_profile(),
            worker: worker.into(),
            host: host.into(),
            build: lease.build.clone(),
            sequence,
            heard_at_ms: now_ms,
            progress: None,
            account: Account::default(),
        }
    }
}

impl HeldAttempts {
    pub(super) fn insert(&mut self, token: u64, held: Held) {
        self.remove(token);
        self.of_worker
            .entry(held.worker.clone())
            .or_default()
            .insert(token);
        self.of_task.entry(held.task).or_default().insert(token);
        *self.of_build.entry(held.build.clone()).or_default() += 1;
        self.by_token.insert(token, held);
    }

    pub(super) fn remove(&mut self, token: u64) -> Option<Held> {
        let held = self.by_token.remove(&token)?;
        forget(&mut self.of_worker, &held.worker, token);
        forget(&mut self.of_task, &held.task, token);
        if let Some(count) = self.of_build.get_mut(&held.build) {
            *count -= 1;
            if *count == 0 {
                self.of_build.remove(&held.build);
            }
        }
        Some(held)
    }

    pub(super) fn get_mut(&mut self, token: u64) -> Option<&mut Held> {
        self.by_token.get_mut(&token)
    }

    /// Notes what an attempt has read, if it still runs.
    pub(super) fn account(&mut self, token: u64, account: Account) {
        if let Some(held) = self.by_token.get_mut(&token) {
            held.account = account;
        }
    }

    /// By token, earliest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Held)> {
        self.by_token.iter().map(|(token, held)| (*token, held))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut Held)> {
        self.by_token.iter_mut().map(|(token, held)| (*token, held))
    }

    /// What a worker holds, earliest first.
    pub(super) fn of_worker(&self, worker: &str) -> impl Iterator<Item = (u64, &Held)> {
        let tokens = self.of_worker.get(worker).into_iter().flatten();
        tokens.map(|token| (*token, &self.by_token[token]))
    }

    /// Attempts at a task.
    pub(super) fn of_task(&self, task: &TaskId) -> impl Iterator<Item = u64> {
        self.of_task.get(task).into_iter().flatten().copied()
    }

    /// How many attempts of a build run.
    pub(super) fn count_of(&self, build: &BuildId) -> usize {
        self.of_build.get(build).copied().unwrap_or(0)
    }
}

fn forget<K: Ord>(tokens: &mut BTreeMap<K, BTreeSet<u64>>, key: &K, token: u64) {
    if let Some(of_key) = tokens.get_mut(key) {
        of_key.remove(&token);
        if of_key.is_empty() {
            tokens.remove(key);
        }
    }
}
