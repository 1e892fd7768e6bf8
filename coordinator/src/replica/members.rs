//! Who holds the log, where they listen, and how that changes.

use super::log::LogError;
use prost_of_raft::Message as _;
use raft::eraftpb::{ConfChangeSingle, ConfChangeTransition, ConfChangeType, ConfChangeV2, ConfState};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Name of a peer: a number from 1, never given twice in a group.
pub type PeerId = u64;

/// The members of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Members {
    /// They decide.
    pub voters: BTreeSet<PeerId>,
    /// They get everything and decide nothing: peers that catch up.
    pub learners: BTreeSet<PeerId>,
    /// While members change: those who decided before and still do.
    pub outgoing: BTreeSet<PeerId>,
    /// While members change: voters that will be learners.
    pub learners_next: BTreeSet<PeerId>,
    /// Where each listens, host:port.
    pub addresses: BTreeMap<PeerId, String>,
}

/// A change of members. All steps happen at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// At least one.
    pub steps: Vec<Step>,
}

/// One step of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// A peer gets everything and decides nothing.
    Learn {
        /// Which.
        peer: PeerId,
        /// Where it listens, host:port.
        address: String,
    },
    /// A peer that learned decides with the others.
    Vote {
        /// Which.
        peer: PeerId,
    },
    /// A peer is no member any more.
    Remove {
        /// Which.
        peer: PeerId,
    },
}

impl Members {
    /// The first members of a group.
    pub fn founders(addresses: BTreeMap<PeerId, String>) -> Members {
        Members {
            voters: addresses.keys().copied().collect(),
            addresses,
            ..Members::default()
        }
    }

    /// Whether a peer is a member.
    pub fn contains(&self, peer: PeerId) -> bool {
        [&self.voters, &self.learners, &self.outgoing, &self.learners_next]
            .iter()
            .any(|set| set.contains(&peer))
    }

    /// Whether a peer decides alone.
    pub fn is_only(&self, peer: PeerId) -> bool {
        self.voters.len() == 1 && self.voters.contains(&peer) && self.outgoing.is_empty()
    }

    /// Why a change cannot be made to these members, if it cannot.
    pub fn objection(&self, change: &Change) -> Option<String> {
        let mut voters = self.voters.clone();
        let mut addresses: BTreeSet<&String> = self.addresses.values().collect();
        if change.steps.is_empty() {
            return Some("the change has no step".into());
        }
        if !self.outgoing.is_empty() {
            return Some("the members are changing right now; try again in a moment".into());
        }
        for step in &change.steps {
            match step {
                Step::Learn { peer, address } => {
                    if *peer == 0 {
                        return Some("a peer's id is a number from 1".into());
                    }
                    if self.contains(*peer) {
                        return Some(format!("peer {peer} is a member already"));
                    }
                    if !addresses.insert(address) {
                        return Some(format!("{address} is the address of another peer"));
                    }
                }
                Step::Vote { peer } => {
                    if !self.learners.contains(peer) {
                        return Some(format!("peer {peer} is not learning"));
                    }
                    voters.insert(*peer);
                }
                Step::Remove { peer } => {
                    if !self.contains(*peer) {
                        return Some(format!("there is no peer {peer}"));
                    }
                    voters.remove(peer);
                }
            }
        }
        voters
            .is_empty()
            .then(|| "a group needs at least one peer that decides".into())
    }

    pub(super) fn conf_state(&self) -> ConfState {
        let list = |set: &BTreeSet<PeerId>| set.iter().copied().collect();
        ConfState {
            voters: list(&self.voters),
            learners: list(&self.learners),
            voters_outgoing: list(&self.outgoing),
            learners_next: list(&self.learners_next),
            auto_leave: !self.outgoing.is_empty(),
        }
    }

    pub(super) fn update(&mut self, conf_state: &ConfState, addresses: BTreeMap<PeerId, String>) {
        let set = |list: &[PeerId]| list.iter().copied().collect();
        self.voters = set(&conf_state.voters);
        self.learners = set(&conf_state.learners);
        self.outgoing = set(&conf_state.voters_outgoing);
        self.learners_next = set(&conf_state.learners_next);
        let mut all = std::mem::take(&mut self.addresses);
        all.extend(addresses);
        all.retain(|peer, _| self.contains(*peer));
        self.addresses = all;
    }

    pub(super) fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("members serialise")
    }

    pub(super) fn read(bytes: &[u8], of: &str) -> Result<Members, LogError> {
        serde_json::from_slice(bytes).map_err(|error| LogError::Damaged {
            path: "ledger".into(),
            what: format!("the members in {of} cannot be read: {error}"),
        })
    }
}

impl Change {
    pub(super) fn to_raft(&self) -> ConfChangeV2 {
        let mut addresses = BTreeMap::new();
        let changes = self.steps.iter().map(|step| {
            let (kind, peer) = match step {
                Step::Learn { peer, address } => {
                    addresses.insert(*peer, address.clone());
                    (ConfChangeType::AddLearnerNode, *peer)
                }
                Step::Vote { peer } => (ConfChangeType::AddNode, *peer),
                Step::Remove { peer } => (ConfChangeType::RemoveNode, *peer),
            };
            let mut single = ConfChangeSingle {
                node_id: peer,
                ..ConfChangeSingle::default()
            };
            single.set_change_type(kind);
            single
        });
        let changes: Vec<ConfChangeSingle> = changes.collect();
        let mut change = ConfChangeV2 {
            changes,
            context: serde_json::to_vec(&addresses).expect("addresses serialise"),
            ..ConfChangeV2::default()
        };
        // One step needs no joint configuration; several go through one and leave it by themselves.
        change.set_transition(if self.steps.len() > 1 {
            ConfChangeTransition::Implicit
        } else {
            ConfChangeTransition::Auto
        });
        change
    }
}

/// The addresses a change brings; the entry that leaves a joint configuration brings none.
pub(super) fn addresses_of(change: &ConfChangeV2) -> Result<BTreeMap<PeerId, String>, String> {
    if change.context.is_empty() {
        return Ok(BTreeMap::new());
    }
    serde_json::from_slice(&change.context).map_err(|error| format!("its addresses cannot be read: {error}"))
}

/// Whether an entry's bytes are a change this release can apply.
pub(super) fn is_change(data: &[u8]) -> bool {
    ConfChangeV2::decode(data).is_ok_and(|change| {
        addresses_of(&change).is_ok()
            && ConfChangeTransition::from_i32(change.transition).is_some()
            && change
                .changes
                .iter()
                .all(|single| ConfChangeType::from_i32(single.change_type).is_some())
    })
}
