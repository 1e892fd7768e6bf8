//! Raft's entries as the disk keeps them, and back.

use super::log::{Entry, EntryKind, LogError};
use raft::eraftpb::{self, EntryType};

pub(super) fn entry_to_disk(entry: &eraftpb::Entry) -> Entry {
    Entry {
        index: entry.index,
        term: entry.term,
        kind: EntryKind::of(entry),
        data: entry.data.clone(),
    }
}

pub(super) fn entry_from_disk(entry: Entry) -> Result<eraftpb::Entry, LogError> {
    let kind = match entry.kind {
        EntryKind::Commands => EntryType::EntryNormal,
        EntryKind::Members => EntryType::EntryConfChangeV2,
    };
    let mut back = eraftpb::Entry {
        index: entry.index,
        term: entry.term,
        data: entry.data,
        ..eraftpb::Entry::default()
    };
    back.set_entry_type(kind);
    Ok(back)
}
