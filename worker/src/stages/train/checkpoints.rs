//! The checkpoints of one training: written under the attempt, found by every later attempt of the task.

use crate::data::Base;
use crate::failure::Failure;
use imgcalc_shared::task::TaskId;
use std::time::{Duration, Instant};

/// Checkpoints of one attempt that are kept: the last, and one more in case it is damaged.
const KEPT: usize = 2;

/// Writes and finds them.
#[derive(Debug)]
pub(super) struct Checkpoints {
    base: Base,
    task: TaskId,
    token: u64,
    every: Duration,
    last: Instant,
    written: Vec<String>,
}

impl Checkpoints {
    pub(super) fn new(base: Base, task: TaskId, token: u64, every: Duration) -> Self {
        Checkpoints {
            base,
            task,
            token,
            every,
            last: Instant::now(),
            written: Vec::new(),
        }
    }

    pub(super) fn base(&self) -> &Base {
        &self.base
    }

    pub(super) fn is_due(&self) -> bool {
        self.last.elapsed() >= self.every
    }

    pub(super) fn write(&mut self, epoch: u32, bytes: &[u8]) -> Result<(), Failure> {
        let key = format!(
            "{}/attempt-{}/checkpoint-{epoch}.safetensors",
            self.folder(),
            self.token
        );
        self.base.put(&key, bytes.to_vec())?;
        self.written.push(key);
        self.last = Instant::now();
        if self.written.len() > KEPT {
            let oldest = self.written.remove(0);
            self.delete(&oldest);
        }
        Ok(())
    }

    /// Keys of all checkpoints of the task, written by whichever attempt: the latest epoch first, and of one epoch
    /// the latest attempt's.
    pub(super) fn newest_first(&self) -> Result<Vec<String>, Failure> {
        let listed = self.base.list(&self.folder())?;
        let mut found: Vec<((u32, u64), String)> = listed
            .into_iter()
            .filter_map(|(key, _)| Some((self.epoch_and_token(&key)?, key)))
            .collect();
        found.sort();
        Ok(found.into_iter().rev().map(|(_, key)| key).collect())
    }

    /// Deletes the checkpoints of all attempts, as far as that succeeds: they are of no use once
    /// the task's result is committed.
    pub(super) fn delete_all(&self) {
        match self.newest_first() {
            Ok(keys) => keys.iter().for_each(|key| self.delete(key)),
            Err(failure) => tracing::info!("leaves checkpoints behind: {}", failure.message),
        }
    }

    fn delete(&self, key: &str) {
        if let Err(failure) = self.base.delete(key) {
            tracing::info!(object = key, "leaves a checkpoint behind: {}", failure.message);
        }
    }

    fn folder(&self) -> String {
        format!("tasks/{}", self.task)
    }

    fn epoch_and_token(&self, key: &str) -> Option<(u32, u64)> {
        let below = key.strip_prefix(&self.folder())?.strip_prefix("/attempt-")?;
        let (token, name) = below.split_once('/')?;
        let epoch = name.strip_prefix("checkpoint-")?.strip_suffix(".safetensors")?;
        Some((epoch.parse().ok()?, token.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgcalc_shared::digest::Digest;

    fn checkpoints(base: &Base, token: u64, every: Duration) -> Checkpoints {
        Checkpoints::new(base.clone(), TaskId(Digest::of(b"task")), token, every)
    }

    #[test]
    fn the_newest_of_all_attempts_comes_first_and_all_are_deleted() {
        let base = Base::open("memory://").unwrap();
        let mut first = checkpoints(&base, 3, Duration::ZERO);
        for epoch in [8, 9, 10] {
            first.write(epoch, b"x").unwrap();
        }
        let mut second = checkpoints(&base, 11, Duration::ZERO);
        second.write(9, b"x").unwrap();
        let folder = second.folder();
        base.put(&format!("{folder}/attempt-3/weights.safetensors"), b"w".to_vec())
            .unwrap();
        base.put(
            &format!("{folder}/attempt-3/checkpoint-x.safetensors"),
            b"w".to_vec(),
        )
        .unwrap();
        let newest = second.newest_first().unwrap();
        let ends: Vec<&str> = newest.iter().map(|key| &key[folder.len()..]).collect();
        // Of its own an attempt keeps two.
        assert_eq!(
            ends,
            [
                "/attempt-3/checkpoint-10.safetensors",
                "/attempt-11/checkpoint-9.safetensors",
                "/attempt-3/checkpoint-9.safetensors"
            ]
        );
        second.delete_all();
        assert_eq!(base.list(&folder).unwrap().len(), 2);
    }

    #[test]
    fn a_checkpoint_is_due_when_the_last_is_old_enough() {
        let base = Base::open("memory://").unwrap();
        assert!(checkpoints(&base, 1, Duration::ZERO).is_due());
        assert!(!checkpoints(&base, 1, Duration::from_secs(60)).is_due());
    }
}
