//! What stands in a batch: entries, hard states, and where the log goes on. Drawn in [`super`].

use super::bytes::{take, u32_at, u64_at};
use super::error::{Fault, damaged};
use super::{ENTRY_BYTES_MAX, Entry, EntryKind, HardState};

const COMMANDS: u8 = 1;
const MEMBERS: u8 = 2;
const HARD_STATE: u8 = 3;
const CONTINUED: u8 = 4;

/// Bytes of an entry without its data.
pub(super) const ENTRY_HEAD_BYTES: usize = 1 + 4 + 8 + 8;
/// Bytes of a hard state.
pub(super) const HARD_STATE_BYTES: usize = 1 + 3 * 8;
/// Bytes of the record that ends a segment.
pub(super) const CONTINUED_BYTES: usize = 1 + 8;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    Entry(Entry),
    HardState(HardState),
    /// The log goes on in this segment; nothing follows in its own.
    Continued(u64),
}

pub(super) fn put_entry(body: &mut Vec<u8>, entry: &Entry) {
    body.push(match entry.kind {
        EntryKind::Commands => COMMANDS,
        EntryKind::Members => MEMBERS,
    });
    body.extend_from_slice(&(entry.data.len() as u32).to_le_bytes());
    body.extend_from_slice(&entry.index.to_le_bytes());
    body.extend_from_slice(&entry.term.to_le_bytes());
    body.extend_from_slice(&entry.data);
}

pub(super) fn put_hard_state(body: &mut Vec<u8>, state: &HardState) {
    body.push(HARD_STATE);
    for number in [state.term, state.vote, state.commit] {
        body.extend_from_slice(&number.to_le_bytes());
    }
}

pub(super) fn put_continued(body: &mut Vec<u8>, sequence: u64) {
    body.push(CONTINUED);
    body.extend_from_slice(&sequence.to_le_bytes());
}

/// The next record of a body whose checksum is right.
pub(super) fn next(rest: &mut &[u8]) -> Result<Record, Fault> {
    read(rest).unwrap_or_else(|| damaged("a record does not end where its batch does"))
}

fn read(rest: &mut &[u8]) -> Option<Result<Record, Fault>> {
    Some(Ok(match take(rest, 1)?[0] {
        kind @ (COMMANDS | MEMBERS) => {
            let head = take(rest, ENTRY_HEAD_BYTES - 1)?;
            let bytes = u32_at(head, 0) as usize;
            if bytes > ENTRY_BYTES_MAX {
                return Some(damaged(format!("an entry says it has {bytes} bytes")));
            }
            Record::Entry(Entry {
                index: u64_at(head, 4),
                term: u64_at(head, 12),
                kind: if kind == COMMANDS {
                    EntryKind::Commands
                } else {
                    EntryKind::Members
                },
                data: take(rest, bytes)?.to_vec(),
            })
        }
        HARD_STATE => {
            let numbers = take(rest, HARD_STATE_BYTES - 1)?;
            Record::HardState(HardState {
                term: u64_at(numbers, 0),
                vote: u64_at(numbers, 8),
                commit: u64_at(numbers, 16),
            })
        }
        CONTINUED => Record::Continued(u64_at(take(rest, CONTINUED_BYTES - 1)?, 0)),
        kind => return Some(damaged(format!("a record has the unknown kind {kind}"))),
    }))
}
