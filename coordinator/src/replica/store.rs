//! What raft's core reads of the log: kept in memory, as the disk has it.

use super::log::{HardState, Snapshot};
use super::members::Members;
use super::message::seal_snapshot;
use raft::eraftpb::{self, ConfState, Entry, SnapshotMetadata};
use raft::{GetEntriesContext, RaftState, Result, Storage, StorageError};
use std::cell::Cell;

/// See the module's description.
pub(super) struct Store {
    hard_state: eraftpb::HardState,
    conf_state: ConfState,
    /// The entry before the first one kept: its index and term.
    start: (u64, u64),
    entries: Vec<Entry>,
    snapshot: Option<eraftpb::Snapshot>,
    /// Raft's core wanted a snapshot that is not there.
    wanted: Cell<bool>,
}

impl Store {
    pub(super) fn new(
        members: &Members,
        hard_state: &HardState,
        start: (u64, u64),
        entries: Vec<Entry>,
        image: Option<Vec<u8>>,
    ) -> Store {
        let conf_state = members.conf_state();
        let snapshot = image.map(|image| sealed(&conf_state, start, &members.write(), &image));
        let mut store = Store {
            hard_state: eraftpb::HardState::default(),
            conf_state,
            start,
            entries,
            snapshot,
            wanted: Cell::new(false),
        };
        store.set_hard_state(hard_state);
        // The commit index on disk may lag behind a snapshot.
        store.hard_state.commit = store.hard_state.commit.max(start.0);
        store
    }

    pub(super) fn snapshot_index(&self) -> u64 {
        let metadata = self.snapshot.as_ref().map(eraftpb::Snapshot::get_metadata);
        metadata.map_or(0, |metadata| metadata.index)
    }

    pub(super) fn snapshot_bytes(&self) -> u64 {
        self.snapshot
            .as_ref()
            .map_or(0, |snapshot| snapshot.data.len() as u64)
    }

    pub(super) fn snapshot_wanted(&self) -> bool {
        self.wanted.get()
    }

    pub(super) fn append(&mut self, entries: Vec<Entry>, hard_state: &HardState) {
        if let Some(first) = entries.first() {
            let keep = first.index.saturating_sub(self.start.0 + 1) as usize;
            self.entries.truncate(keep);
            self.entries.extend(entries);
        }
        self.set_hard_state(hard_state);
    }

    pub(super) fn set_conf_state(&mut self, conf_state: ConfState) {
        self.conf_state = conf_state;
    }

    pub(super) fn keep_snapshot(&mut self, conf_state: ConfState, snapshot: Snapshot, entries_kept: u64) {
        let at = (snapshot.index, snapshot.term);
        self.snapshot = Some(sealed(&conf_state, at, &snapshot.members, &snapshot.data));
        self.wanted.set(false);
        let start = snapshot.index.saturating_sub(entries_kept);
        if start > self.start.0 {
            let term = self.term(start).unwrap_or(0);
            self.entries.drain(..(start - self.start.0) as usize);
            self.start = (start, term);
        }
    }

    pub(super) fn install_snapshot(&mut self, conf_state: ConfState, snapshot: Snapshot) {
        self.start = (snapshot.index, snapshot.term);
        self.entries.clear();
        self.snapshot = Some(sealed(&conf_state, self.start, &snapshot.members, &snapshot.data));
        self.conf_state = conf_state;
        self.hard_state.commit = self.hard_state.commit.max(snapshot.index);
    }

    fn set_hard_state(&mut self, hard_state: &HardState) {
        self.hard_state.term = hard_state.term;
        self.hard_state.vote = hard_state.vote;
        self.hard_state.commit = hard_state.commit;
    }
}

fn sealed(conf_state: &ConfState, at: (u64, u64), members: &[u8], image: &[u8]) -> eraftpb::Snapshot {
    eraftpb::Snapshot {
        data: seal_snapshot(members, image),
        metadata: Some(SnapshotMetadata {
            conf_state: Some(conf_state.clone()),
            index: at.0,
            term: at.1,
        }),
    }
}

impl Storage for Store {
    fn initial_state(&self) -> Result<RaftState> {
        Ok(RaftState {
            hard_state: self.hard_state.clone(),
            conf_state: self.conf_state.clone(),
        })
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _: GetEntriesContext,
    ) -> Result<Vec<Entry>> {
        if low <= self.start.0 {
            return Err(StorageError::Compacted.into());
        }
        let at = |index: u64| (index - self.start.0 - 1) as usize;
        let found = self
            .entries
            .get(at(low)..at(high))
            .ok_or(StorageError::Unavailable)?;
        let mut found = found.to_vec();
        raft::util::limit_size(&mut found, max_size.into());
        Ok(found)
    }

    fn term(&self, index: u64) -> Result<u64> {
        if index == self.start.0 {
            return Ok(self.start.1);
        }
        if index < self.start.0 {
            return Err(StorageError::Compacted.into());
        }
        let entry = self.entries.get((index - self.start.0 - 1) as usize);
        Ok(entry.ok_or(StorageError::Unavailable)?.term)
    }

    fn first_index(&self) -> Result<u64> {
        Ok(self.start.0 + 1)
    }

    fn last_index(&self) -> Result<u64> {
        Ok(self.start.0 + self.entries.len() as u64)
    }

    fn snapshot(&self, request_index: u64, to: u64) -> Result<eraftpb::Snapshot> {
        let fits = self.snapshot.as_ref().filter(|snapshot| {
            let metadata = snapshot.get_metadata();
            let conf_state = metadata.get_conf_state();
            let known = [
                &conf_state.voters,
                &conf_state.learners,
                &conf_state.voters_outgoing,
                &conf_state.learners_next,
            ];
            // A receiver that does not find itself in the snapshot would refuse it.
            metadata.index >= request_index
                && metadata.index >= self.start.0
                && known.iter().any(|peers| peers.contains(&to))
        });
        fits.cloned().ok_or_else(|| {
            self.wanted.set(true);
            StorageError::SnapshotTemporarilyUnavailable.into()
        })
    }
}
