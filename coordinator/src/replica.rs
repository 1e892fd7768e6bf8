//! One peer's copy of the replicated log: raft's core, the durable log below it, and nothing of what entries mean.
//!
//! ```text
//! propose · message · tick ─▶ Replica ─▶ turn(): log entries durable → messages out → entries committed
//! ```
//!
//! No sockets and no clock: messages and ticks come in as calls and go out as values, so that a simulator can drive
//! many replicas in one thread. The consensus is the crate `raft`; what it leaves to its user is here:
//! entries and votes are durable before the messages that promise them, snapshots are made on demand and always
//! reported, a peer that applied its own removal steps down, and nothing from the wire is trusted.

pub mod log;

mod convert;
mod identity;
mod logger;
mod members;
mod message;
mod store;
mod timing;
mod turn;

pub use identity::{Identity, IdentityError};
pub use members::{Change, Members, PeerId, Step};
pub use message::{BadMessage, Message};
pub use timing::Timing;
pub use turn::{Committed, NotTaken, Standing, Turn};

use convert::{entry_from_disk, entry_to_disk};
use log::{Disk, EntryKind, HardState, Log, LogError, Recovered, Snapshot};
use prost_of_raft::Message as _;
use raft::eraftpb::{ConfChangeV2, EntryType};
use raft::{RawNode, SnapshotStatus, StateRole};
use store::Store;

/// Entries before a snapshot that are kept in memory for peers that lag a little.
const ENTRIES_KEPT: u64 = 4096;
/// Longest append message in bytes; one entry may be longer.
const APPEND_BYTES_MAX: u64 = 1 << 20;
/// Append messages on their way to one peer.
const APPENDS_IN_FLIGHT_MAX: usize = 256;
/// Entries handed over for applying in one go, in bytes.
const COMMITTED_BYTES_MAX: u64 = 16 << 20;

/// See the module's description.
pub struct Replica<D: Disk> {
    node: RawNode<Store>,
    log: Log<D>,
    members: Members,
    /// As last told; on disk its commit index may lag.
    hard_state: HardState,
    id: PeerId,
    applied: u64,
    removed: bool,
}

impl<D: Disk> Replica<D> {
    /// Opens the log on a disk. A group's first peers are given all the same `founders`; one that joins later too.
    /// What comes back besides is the image to start from, if there is one; entries committed after it come with
    /// the first turns.
    pub fn open(
        disk: D,
        id: PeerId,
        founders: &Members,
        timing: Timing,
    ) -> Result<(Replica<D>, Option<Vec<u8>>), LogError> {
        let (log, recovered) = Log::open(disk)?;
        let Recovered {
            hard_state,
            snapshot,
            entries,
        } = recovered;
        let (members, index, term, image) = match snapshot {
            Some(Snapshot {
                index,
                term,
                members,
                data,
            }) => (Members::read(&members, "the snapshot")?, index, term, Some(data)),
            None => (founders.clone(), 0, 0, None),
        };
        let entries = entries
            .into_iter()
            .map(entry_from_disk)
            .collect::<Result<Vec<_>, LogError>>()?;
        let store = Store::new(&members, &hard_state, (index, term), entries, image.clone());
        let config = raft::Config {
            id,
            election_tick: timing.election_ticks_min,
            min_election_tick: timing.election_ticks_min,
            max_election_tick: timing.election_ticks_max,
            heartbeat_tick: timing.heartbeat_ticks,
            applied: index,
            max_size_per_msg: APPEND_BYTES_MAX,
            max_inflight_msgs: APPENDS_IN_FLIGHT_MAX,
            max_committed_size_per_ready: COMMITTED_BYTES_MAX,
            check_quorum: true,
            pre_vote: true,
            // Raft 0.7 batches entries onto an empty append that they do not follow; its receiver then confirms what it
            // does not have.
            batch_append: false,
            // Followers hear what is committed with the next append or heartbeat: nobody asks them, and to tell them
            // at once would double the messages.
            skip_bcast_commit: true,
            ..raft::Config::default()
        };
        let mut node =
            RawNode::new(&config, store, &logger::bridge()).map_err(|error| LogError::Damaged {
                path: "ledger".into(),
                what: error.to_string(),
            })?;
        // Alone there is nobody to wait for.
        if members.is_only(id) {
            let _ = node.campaign();
        }
        let replica = Replica {
            node,
            log,
            members,
            hard_state,
            id,
            applied: index,
            removed: false,
        };
        Ok((replica, image))
    }

    /// This peer.
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// Who holds the log.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// The last entry that was handed over for applying.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// Whether this peer applied its own removal: it has no part in the group any more.
    pub fn removed(&self) -> bool {
        self.removed
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        let raft = &self.node.raft;
        match raft.state {
            StateRole::Leader if !self.removed => Standing::Leader { term: raft.term },
            _ => Standing::Follower {
                leader: Some(raft.leader_id).filter(|id| *id != raft::INVALID_ID && *id != self.id),
            },
        }
    }

    /// Whether everything that was in the log when this reign began, and everything since, is applied: then the
    /// state is whole and a leader may decide on it.
    pub fn is_settled(&self, term: u64) -> bool {
        let log = &self.node.raft.raft_log;
        let last = log.last_index();
        self.applied == last && log.term(last).is_ok_and(|of_last| of_last == term)
    }

    /// Whether nothing is proposed that is not applied.
    pub fn is_idle(&self) -> bool {
        self.applied == self.node.raft.raft_log.last_index()
    }

    /// How far a leader knows each peer to be: its last entry known to be durable there, and whether it was heard
    /// lately. Empty on a follower.
    pub fn progress(&self) -> Vec<(PeerId, u64, bool)> {
        let status = self.node.status();
        let trackers = status.progress.into_iter().flat_map(|progress| progress.iter());
        trackers
            .map(|(id, progress)| (*id, progress.matched, progress.recent_active || *id == self.id))
            .collect()
    }

    /// Time passes.
    pub fn tick(&mut self) {
        self.node.tick();
    }

    /// A message of another peer.
    pub fn message(&mut self, message: Message) {
        // Raft drops what does not fit; that is no error of anybody's.
        if let Err(error) = self.node.step(message.0) {
            tracing::debug!("a raft message is dropped: {error}");
        }
    }

    /// A peer cannot be reached now.
    pub fn unreachable(&mut self, peer: PeerId) {
        self.node.report_unreachable(peer);
    }

    /// A snapshot was handed to a peer, or could not be.
    pub fn snapshot_sent(&mut self, peer: PeerId, arrived: bool) {
        let status = if arrived {
            SnapshotStatus::Finish
        } else {
            SnapshotStatus::Failure
        };
        self.node.report_snapshot(peer, status);
    }

    /// Proposes data; gives the index it will have if it is committed in this reign.
    pub fn propose(&mut self, data: Vec<u8>) -> Result<u64, NotTaken> {
        // Raft's core would pass it on to the leader.
        if self.node.raft.state != StateRole::Leader {
            return Err(NotTaken);
        }
        self.node.propose(Vec::new(), data).map_err(|_| NotTaken)?;
        Ok(self.node.raft.raft_log.last_index())
    }

    /// Proposes a change of members, all its steps at once through a joint configuration; one change at a time.
    pub fn change(&mut self, change: &Change) -> Result<u64, NotTaken> {
        if self.node.raft.state != StateRole::Leader {
            return Err(NotTaken);
        }
        let before = self.node.raft.raft_log.last_index();
        self.node
            .propose_conf_change(Vec::new(), change.to_raft())
            .map_err(|_| NotTaken)?;
        let index = self.node.raft.raft_log.last_index();
        // Raft replaces a change it cannot take now by an empty entry.
        let taken = self.node.raft.has_pending_conf() && index > before;
        if taken { Ok(index) } else { Err(NotTaken) }
    }

    /// Asks whether this peer still leads; [`Turn::reads`] answers, if it does.
    pub fn read(&mut self, context: u64) {
        if self.node.raft.state != StateRole::Leader {
            return;
        }
        self.node.read_index(context.to_le_bytes().to_vec());
    }

    /// Hands leadership to the peer that is furthest, if there is one to hand it to.
    pub fn hand_over(&mut self) {
        let others = self
            .progress()
            .into_iter()
            .filter(|(id, _, heard)| *id != self.id && *heard && self.members.voters.contains(id));
        if let Some((id, ..)) = others.max_by_key(|(_, matched, _)| *matched) {
            self.node.transfer_leader(id);
        }
    }

    /// Whether an image of what was applied is wanted: a peer lags too far behind, or the log has grown too long. It
    /// may grow by as much as the last image holds, so that images cost no more than a share of what they replace.
    pub fn wants_image(&self, log_bytes_max: u64) -> bool {
        let store = self.node.store();
        let log_bytes_max = log_bytes_max.max(store.snapshot_bytes());
        self.applied > store.snapshot_index()
            && (store.snapshot_wanted() || self.log.bytes_since_snapshot() > log_bytes_max)
    }

    /// Keeps an image of everything applied so far and forgets the entries before it.
    pub fn keep_image(&mut self, data: Vec<u8>) -> Result<(), LogError> {
        let index = self.applied;
        let term = self.node.raft.raft_log.term(index).unwrap_or(0);
        let snapshot = Snapshot {
            index,
            term,
            members: self.members.write(),
            data,
        };
        self.log.keep_snapshot(&snapshot)?;
        let conf_state = self.members.conf_state();
        self.node
            .mut_store()
            .keep_snapshot(conf_state, snapshot, ENTRIES_KEPT);
        Ok(())
    }

    /// Makes durable what must be, sends what follows from it, and gives back what was committed.
    pub fn turn(&mut self, send: &mut dyn FnMut(Message)) -> Result<Turn, LogError> {
        let mut turn = Turn::default();
        while self.node.has_ready() {
            let mut ready = self.node.ready();
            let reads = ready.take_read_states();
            turn.reads.extend(reads.into_iter().filter_map(|read| {
                let context = read.request_ctx.as_slice().try_into().ok()?;
                Some((u64::from_le_bytes(context), read.index))
            }));
            if let Some(hard_state) = ready.hs() {
                self.hard_state = HardState {
                    term: hard_state.term,
                    vote: hard_state.vote,
                    commit: hard_state.commit,
                };
                self.remember_changes()?;
            }
            // Only a leader's: they promise nothing of its own entries.
            ready.take_messages().into_iter().for_each(|m| send(Message(m)));
            if !ready.snapshot().is_empty() {
                let snapshot = ready.snapshot().clone();
                self.install(snapshot, &mut turn)?;
            }
            let entries = ready.take_entries();
            if ready.must_sync() {
                let framed: Vec<log::Entry> = entries.iter().map(entry_to_disk).collect();
                self.log.append(&framed, Some(&self.hard_state))?;
            }
            self.node.mut_store().append(entries, &self.hard_state);
            let promises = ready.take_persisted_messages();
            promises.into_iter().for_each(|m| send(Message(m)));
            let committed = ready.take_committed_entries();
            self.hand_out(committed, &mut turn)?;
            let mut light = self.node.advance(ready);
            if let Some(commit) = light.commit_index() {
                self.hard_state.commit = commit;
                self.remember_changes()?;
            }
            light.take_messages().into_iter().for_each(|m| send(Message(m)));
            let committed = light.take_committed_entries();
            self.hand_out(committed, &mut turn)?;
            self.node.advance_apply();
        }
        Ok(turn)
    }

    /// Writes what would only be known again from other peers; for an end in good order.
    pub fn close(&mut self) -> Result<(), LogError> {
        self.log.append(&[], Some(&self.hard_state))
    }

    /// While members change, a leader writes down what is committed before it tells anybody. A peer that hears of its
    /// own removal ends for good; a leader that forgot it in a crash might need that peer's vote to learn it again.
    fn remember_changes(&mut self) -> Result<(), LogError> {
        if self.node.raft.has_pending_conf() {
            self.log.append(&[], Some(&self.hard_state))?;
        }
        Ok(())
    }

    fn install(&mut self, snapshot: raft::eraftpb::Snapshot, turn: &mut Turn) -> Result<(), LogError> {
        let (members, data) = message::open_snapshot(&snapshot.data)?;
        let metadata = snapshot.get_metadata();
        let kept = Snapshot {
            index: metadata.index,
            term: metadata.term,
            members: members.write(),
            data,
        };
        self.log.install_snapshot(&kept, &self.hard_state)?;
        self.applied = kept.index;
        self.members = members;
        turn.committed.push(Committed::Image {
            index: kept.index,
            data: kept.data.clone(),
        });
        let conf_state = self.members.conf_state();
        self.node.mut_store().install_snapshot(conf_state, kept);
        Ok(())
    }

    fn hand_out(&mut self, entries: Vec<raft::eraftpb::Entry>, turn: &mut Turn) -> Result<(), LogError> {
        for entry in entries {
            self.applied = entry.index;
            match entry.get_entry_type() {
                EntryType::EntryNormal => turn.committed.push(Committed::Data {
                    index: entry.index,
                    term: entry.term,
                    data: entry.data,
                }),
                EntryType::EntryConfChangeV2 | EntryType::EntryConfChange => {
                    self.apply_change(&entry)?;
                    turn.committed.push(Committed::Members { index: entry.index });
                }
            }
        }
        Ok(())
    }

    fn apply_change(&mut self, entry: &raft::eraftpb::Entry) -> Result<(), LogError> {
        let broken = |what: String| LogError::Damaged {
            path: "ledger".into(),
            what: format!("entry {}: {what}", entry.index),
        };
        let change =
            ConfChangeV2::decode(entry.data.as_slice()).map_err(|error| broken(error.to_string()))?;
        let addresses = members::addresses_of(&change).map_err(broken)?;
        let conf_state = self
            .node
            .apply_conf_change(&change)
            .map_err(|error| broken(error.to_string()))?;
        let was_member = self.members.contains(self.id);
        self.members.update(&conf_state, addresses);
        self.node.mut_store().set_conf_state(conf_state);
        // One that joined late goes through changes from before its time: they do not name it either.
        if was_member && !self.members.contains(self.id) {
            self.removed = true;
            // Raft's core panics in a leader that is no member.
            let term = self.node.raft.term;
            self.node.raft.become_follower(term, raft::INVALID_ID);
        }
        Ok(())
    }
}

impl EntryKind {
    fn of(entry: &raft::eraftpb::Entry) -> EntryKind {
        match entry.get_entry_type() {
            EntryType::EntryNormal => EntryKind::Commands,
            EntryType::EntryConfChange | EntryType::EntryConfChangeV2 => EntryKind::Members,
        }
    }
}
