//! Where the attempts of a training write: below `tasks/<task>/attempt-<token>/`.
//!
//! ```text
//!     checkpoint-<epoch>.safetensors           between two epochs
//!     checkpoint-<epoch>-<step>.safetensors    so many steps into the epoch after it
//!     weights-<BLAKE3 of the object>.safetensors
//!     state-<BLAKE3 of the object>.safetensors    where a leg ends: what another training can go on from
//! ```
//!
//! Weights and states carry their digest in their name: that they are there and what they are can be told without reading them.

use imgcalc_engine::Place;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::task::TaskId;

const END: &str = ".safetensors";

/// Below it lies what all attempts of a task wrote.
pub(super) fn folder(task: TaskId) -> String {
    format!("tasks/{task}")
}

/// Of a checkpoint.
pub(super) fn checkpoint(task: TaskId, token: u64, place: Place) -> String {
    let attempt = attempt(task, token);
    match place {
        Place { epoch, step: 0 } => format!("{attempt}/checkpoint-{epoch}{END}"),
        Place { epoch, step } => format!("{attempt}/checkpoint-{epoch}-{step}{END}"),
    }
}

/// Of the weights a training ends with.
pub(super) fn weights(task: TaskId, token: u64, digest: &Digest) -> String {
    format!("{}/weights-{digest}{END}", attempt(task, token))
}

/// Of the state a leg ends with.
pub(super) fn state(task: TaskId, token: u64, digest: &Digest) -> String {
    format!("{}/state-{digest}{END}", attempt(task, token))
}

/// How far the checkpoint of this key is and which attempt wrote it, if it is one of the task's.
pub(super) fn place_and_token(task: TaskId, key: &str) -> Option<(Place, u64)> {
    let (token, name) = name(task, key)?;
    let numbers = name.strip_prefix("checkpoint-")?;
    let (epoch, step) = match numbers.split_once('-') {
        Some((epoch, step)) => (epoch, step.parse().ok()?),
        None => (numbers, 0),
    };
    let epoch = epoch.parse().ok()?;
    Some((Place { epoch, step }, token))
}

fn attempt(task: TaskId, token: u64) -> String {
    format!("{}/attempt-{token}", folder(task))
}

/// Token and name without its end.
fn name(task: TaskId, key: &str) -> Option<(u64, &str)> {
    let below = key.strip_prefix(&folder(task))?.strip_prefix("/attempt-")?;
    let (token, name) = below.split_once('/')?;
    Some((token.parse().ok()?, name.strip_suffix(END)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_says_is_read_back_from_it() {
        let task = TaskId(Digest::of(b"task"));
        for (epoch, step) in [(3, 0), (0, 7), (12, 345)] {
            let place = Place { epoch, step };
            let key = checkpoint(task, 9, place);
            assert_eq!(place_and_token(task, &key), Some((place, 9)), "{key}");
            assert_eq!(place_and_token(TaskId(Digest::of(b"other")), &key), None);
        }
        for key in [weights, state].map(|key| key(task, 9, &Digest::of(b"w"))) {
            assert!(place_and_token(task, &key).is_none(), "{key}");
        }
        for odd in [
            "checkpoint-x",
            "checkpoint-1-",
            "checkpoint--1",
            "checkpoint-1-2-3",
            "notes",
        ] {
            let key = format!("{}/attempt-1/{odd}{END}", folder(task));
            assert!(place_and_token(task, &key).is_none(), "{key}");
        }
    }
}
