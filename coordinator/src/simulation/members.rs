//! Whoever runs the group: replaces one peer by a fresh one now and then.

use super::World;
use super::ask::{Answer, Ask};
use super::peers::address;
use super::world::{Caller, Event};
use crate::leader::LeaderError;
use crate::replica::{Change, PeerId, Step};

const CALL_LIMIT_MS: u64 = 3_000;
/// Time in which a removed peer still runs: the others leave the joint configuration meanwhile.
const PARTING_MS: u64 = 5_000;

pub(super) struct Operator {
    members: Vec<PeerId>,
    next_id: PeerId,
    at: PeerId,
    call: Option<u64>,
    job: Job,
}

enum Job {
    Nothing,
    Learn { new: PeerId, old: PeerId },
    Vote { new: PeerId, old: PeerId },
    Remove { new: PeerId, old: PeerId },
    Part { old: PeerId, at_ms: u64 },
}

impl Operator {
    pub(super) fn new(founders: u64) -> Operator {
        Operator {
            members: (1..=founders).collect(),
            next_id: founders + 1,
            at: 1,
            call: None,
            job: Job::Nothing,
        }
    }

    /// Who is a member for sure.
    pub(super) fn members(&self) -> &[PeerId] {
        &self.members
    }

    /// A leader that decides alone cannot be replaced at once: nobody else could remove it.
    fn at_once(&self, new: PeerId) -> bool {
        new.is_multiple_of(2) && self.members.len() > 1
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.job, Job::Nothing)
    }
}

impl World {
    pub(super) fn operate(&mut self) {
        let wait = self.dice.between(100, 1_000);
        self.after(wait, Event::Operator);
        if self.operator.call.is_some() {
            return;
        }
        let step = match self.operator.job {
            Job::Nothing => {
                if !self.healed && self.options.members && self.dice.chance(60) {
                    let old = self.dice.pick(&self.operator.members);
                    let new = self.operator.next_id;
                    self.operator.next_id += 1;
                    self.operator.job = Job::Learn { new, old };
                }
                return;
            }
            Job::Learn { new, .. } => vec![Step::Learn {
                peer: new,
                address: address(new),
            }],
            // Both at once, through a joint configuration, or one after the other.
            Job::Vote { new, old } if self.operator.at_once(new) => {
                vec![Step::Vote { peer: new }, Step::Remove { peer: old }]
            }
            Job::Vote { new, .. } => vec![Step::Vote { peer: new }],
            Job::Remove { old, .. } => vec![Step::Remove { peer: old }],
            Job::Part { old, at_ms } => {
                if at_ms <= self.now {
                    self.part(old);
                }
                return;
            }
        };
        let (caller, ask) = (Caller::Operator, Ask::Change(Change { steps: step }));
        let call = self.call(caller, self.operator.at, ask, CALL_LIMIT_MS);
        self.operator.call = Some(call);
    }

    pub(super) fn operator_answered(&mut self, call: u64, said: Result<Answer, LeaderError>) {
        if self.operator.call != Some(call) {
            return;
        }
        self.operator.call = None;
        let done = match said {
            Ok(_) => true,
            Err(LeaderError::Refused(why)) => match self.operator.job {
                Job::Learn { .. } => why.contains("is a member already"),
                Job::Vote { .. } => why.contains("is not learning"),
                _ => why.contains("there is no peer"),
            },
            Err(_) => {
                let peers = self.living_peers();
                self.operator.at = self.dice.pick(&peers);
                false
            }
        };
        if !done {
            return;
        }
        self.operator.job = match self.operator.job {
            Job::Learn { new, old } => {
                self.add_peer(new);
                Job::Vote { new, old }
            }
            Job::Vote { new, old } if !self.operator.at_once(new) => Job::Remove { new, old },
            Job::Vote { new, old } | Job::Remove { new, old } => {
                self.operator.members.retain(|peer| *peer != old);
                self.operator.members.push(new);
                let at_ms = self.now + PARTING_MS;
                Job::Part { old, at_ms }
            }
            Job::Nothing | Job::Part { .. } => Job::Nothing,
        };
    }

    fn part(&mut self, old: PeerId) {
        let peer = self.peers.get_mut(&old).expect("it was a member");
        (peer.node, peer.gone) = (None, true);
        self.drop_calls(old);
        self.operator.job = Job::Nothing;
    }
}
