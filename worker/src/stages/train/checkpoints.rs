//! The checkpoints of one training: written under the attempt, found by every later attempt of the task.

use super::keys;
use crate::data::Base;
use crate::failure::Failure;
use bytes::Bytes;
use imgcalc_engine::Place;
use imgcalc_shared::task::{FailureClass, TaskId};
use std::time::{Duration, Instant};

/// Checkpoints of one attempt that are kept: the last, and one more in case it is damaged.
const KEPT: usize = 2;

/// When a training writes a checkpoint. What bounds it is lost work, not epochs: short ones share a checkpoint, a long
/// one gets several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cadence {
    /// At the end of an epoch, if the last is so old.
    pub min: Duration,
    /// In the middle of an epoch, if the last is so old: more work than this, a step and a write is never lost.
    pub max: Duration,
}

impl Cadence {
    /// Whether one is due at a place that is `old` after the last.
    fn is_due(&self, place: Place, old: Duration) -> bool {
        match place.step {
            0 => old >= self.min,
            _ => old >= self.max.max(self.min),
        }
    }
}

/// Writes and finds them.
#[derive(Debug)]
pub(in crate::stages) struct Checkpoints {
    base: Base,
    task: TaskId,
    token: u64,
    cadence: Cadence,
    last: Instant,
    written: Vec<String>,
    /// Those of earlier attempts, until this one has as many as are kept.
    inherited: Vec<String>,
}

impl Checkpoints {
    pub(in crate::stages) fn new(base: Base, task: TaskId, token: u64, cadence: Cadence) -> Self {
        Checkpoints {
            base,
            task,
            token,
            cadence,
            last: Instant::now(),
            written: Vec::new(),
            inherited: Vec::new(),
        }
    }

    pub(in crate::stages) fn is_due(&self, place: Place) -> bool {
        self.cadence.is_due(place, self.last.elapsed())
    }

    pub(in crate::stages) fn write(&mut self, place: Place, bytes: &[u8]) -> Result<(), Failure> {
        let key = keys::checkpoint(self.task, self.token, place);
        let begin = Instant::now();
        self.base.put(&key, bytes.to_vec())?;
        tracing::debug!(
            object = key,
            bytes = bytes.len(),
            seconds = begin.elapsed().as_secs_f32(),
            "checkpoint"
        );
        self.inherited.retain(|inherited| *inherited != key);
        self.written.push(key);
        self.last = Instant::now();
        if self.written.len() > KEPT {
            let oldest = self.written.remove(0);
            self.delete(&oldest);
        }
        if self.written.len() == KEPT {
            // This attempt went on from the best of them, or could not.
            for key in std::mem::take(&mut self.inherited) {
                self.delete(&key);
            }
        }
        Ok(())
    }

    /// Keys of all checkpoints of the task, written by whichever attempt: the furthest first, and of one place the
    /// latest attempt's.
    pub(in crate::stages) fn newest_first(&mut self) -> Result<Vec<String>, Failure> {
        let listed = self.base.list(&keys::folder(self.task))?;
        let mut found: Vec<((Place, u64), String)> = listed
            .into_iter()
            .filter_map(|(key, _)| Some((keys::place_and_token(self.task, &key)?, key)))
            .collect();
        found.sort();
        let keys: Vec<String> = found.into_iter().rev().map(|(_, key)| key).collect();
        self.inherited = keys.clone();
        Ok(keys)
    }

    /// The next of these that can be read, with its key; none where there is no more. A base that does not answer now is no
    /// reason to begin anew.
    pub(in crate::stages) fn next_read(
        &self,
        keys: &mut impl Iterator<Item = String>,
    ) -> Result<Option<(String, Bytes)>, Failure> {
        for key in keys {
            match self.base.get(&key) {
                Ok(bytes) => {
                    tracing::info!(object = key, "goes on from a checkpoint");
                    return Ok(Some((key, bytes)));
                }
                Err(failure) if failure.class == FailureClass::Storage => return Err(failure),
                Err(failure) => refused(&key, &failure.message),
            }
        }
        Ok(None)
    }

    fn delete(&self, key: &str) {
        if let Err(failure) = self.base.delete(key) {
            tracing::info!(object = key, "leaves a checkpoint behind: {}", failure.message);
        }
    }
}

/// Says why a checkpoint is not gone on from.
pub(in crate::stages) fn refused(key: &str, reason: &str) {
    tracing::warn!(object = key, "cannot go on from a checkpoint: {reason}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgcalc_shared::digest::Digest;

    fn checkpoints(base: &Base, token: u64) -> Checkpoints {
        let cadence = Cadence {
            min: Duration::ZERO,
            max: Duration::ZERO,
        };
        Checkpoints::new(base.clone(), TaskId(Digest::of(b"task")), token, cadence)
    }

    fn place(epoch: u32, step: u64) -> Place {
        Place { epoch, step }
    }

    fn ends(keys: Vec<String>) -> Vec<String> {
        let end = |key: String| key.split_once("/attempt-").unwrap().1.replace(".safetensors", "");
        keys.into_iter().map(end).collect()
    }

    #[test]
    fn the_furthest_of_all_attempts_comes_first_and_goes_when_a_later_attempt_has_its_own() {
        let base = Base::open("memory://").unwrap();
        let mut first = checkpoints(&base, 3);
        for (epoch, step) in [(8, 0), (9, 0), (9, 11), (10, 0)] {
            first.write(place(epoch, step), b"x").unwrap();
        }
        let odd = format!("{}/attempt-3/checkpoint-x.safetensors", keys::folder(first.task));
        base.put(&odd, b"w".to_vec()).unwrap();
        checkpoints(&base, 11).write(place(9, 11), b"x").unwrap();

        let mut third = checkpoints(&base, 12);
        // Of its own an attempt keeps two.
        let all = ends(third.newest_first().unwrap());
        assert_eq!(
            all,
            ["3/checkpoint-10", "11/checkpoint-9-11", "3/checkpoint-9-11"]
        );
        third.write(place(10, 2), b"x").unwrap();
        let all = ends(checkpoints(&base, 13).newest_first().unwrap());
        assert_eq!(all[..2], ["12/checkpoint-10-2", "3/checkpoint-10"]);
        assert_eq!(all.len(), 4);
        third.write(place(11, 0), b"x").unwrap();
        let all = ends(checkpoints(&base, 13).newest_first().unwrap());
        assert_eq!(all, ["12/checkpoint-11", "12/checkpoint-10-2"]);
        assert!(base.exists(&odd).unwrap());
    }

    #[test]
    fn short_epochs_share_a_checkpoint_and_a_long_one_gets_several() {
        let seconds = Duration::from_secs;
        let cadence = Cadence {
            min: seconds(10),
            max: seconds(60),
        };
        let (end, middle) = (place(3, 0), place(3, 1));
        assert!(!cadence.is_due(end, seconds(9)) && cadence.is_due(end, seconds(10)));
        assert!(!cadence.is_due(middle, seconds(59)) && cadence.is_due(middle, seconds(60)));
        // Whoever wants few gets few.
        let rare = Cadence {
            min: seconds(600),
            ..cadence
        };
        assert!(!rare.is_due(middle, seconds(599)) && rare.is_due(middle, seconds(600)));
    }
}
