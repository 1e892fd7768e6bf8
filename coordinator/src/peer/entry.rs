//! What the ledger puts into the replicated log: batches of commands, and images of the whole state.

use crate::ledger::{Command, State};
use imgcalc_shared::envelope;
use serde::{Deserialize, Serialize};

const IMAGE: &str = "imgcalc-state";
const IMAGE_VERSION: u32 = 1;
/// Version of a batch. A peer that meets a newer one stops: it must not guess.
const BATCH_VERSION: u32 = 1;

/// Bytes of a log that this release cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}; it was written by another release: use that one, or a newer")]
pub(crate) struct Unreadable(String);

#[derive(Serialize)]
struct BatchOut<'a> {
    version: u32,
    commands: &'a [Command],
}

#[derive(Deserialize)]
struct BatchIn {
    commands: Vec<Command>,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// A batch of commands as one entry: all of them are committed, or none.
pub(crate) fn write_batch(commands: &[Command]) -> Vec<u8> {
    let batch = BatchOut {
        version: BATCH_VERSION,
        commands,
    };
    serde_json::to_vec(&batch).expect("commands serialise")
}

/// The commands of an entry; none in the empty entry that begins a reign.
pub(crate) fn read_batch(data: &[u8]) -> Result<Vec<Command>, Unreadable> {
    if data.is_empty() {
        return Ok(Vec::new());
    }
    let unreadable = |error: serde_json::Error| Unreadable(error.to_string());
    let Version { version } = serde_json::from_slice(data).map_err(unreadable)?;
    if version != BATCH_VERSION {
        return Err(Unreadable(format!("a batch of version {version}")));
    }
    let batch: BatchIn = serde_json::from_slice(data).map_err(unreadable)?;
    Ok(batch.commands)
}

/// An image of the state.
pub(crate) fn write_image(state: &State) -> Vec<u8> {
    envelope::seal_densely(IMAGE, IMAGE_VERSION, state)
}

/// The state of an image.
pub(crate) fn read_image(image: &[u8]) -> Result<State, Unreadable> {
    envelope::open(IMAGE, IMAGE_VERSION, image).map_err(|error| Unreadable(format!("its state: {error}")))
}
