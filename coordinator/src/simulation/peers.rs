//! The simulated peers: real nodes over simulated disks, with clocks of their own.

use super::World;
use super::disk::SimDisk;
use super::oracle::DAMAGED;
use super::world::Event;
use crate::leader::LeaderError;
use crate::peer::node::{Node, NodeError};
use crate::replica::log::{DiskFault, SimulatedDisk};
use crate::replica::{Identity, Message, PeerId};
use std::collections::BTreeMap;
use std::time::Duration;

/// How much later the ticks of a slow peer come.
const SLOWER: u64 = 8;
/// The simulation begins then, ms since 1970.
const BEGIN_MS: u64 = 1_700_000_000_000;

/// One peer.
pub(super) struct SimPeer {
    pub(super) node: Option<Node<SimDisk>>,
    pub(super) disk: SimDisk,
    /// Rises with every start.
    pub(super) process: u64,
    /// How far its clock is ahead, ms.
    pub(super) skew_ms: i64,
    pub(super) paused_until_ms: u64,
    /// Until then it gets so little of its machine that it ticks late.
    pub(super) slow_until_ms: u64,
    pub(super) turn_due: bool,
    pub(super) faulty: bool,
    /// Removed from the group, or taken off by whoever runs it.
    pub(super) gone: bool,
    /// Applied index when last looked at.
    pub(super) seen: u64,
    pub(super) led: bool,
}

pub(super) fn address(peer: PeerId) -> String {
    format!("p{peer}:1")
}

impl World {
    pub(super) fn add_peer(&mut self, id: PeerId) {
        let disk = SimulatedDisk::new(self.seed ^ id).with_segment_bytes(16 << 10);
        let peer = SimPeer {
            node: None,
            disk: SimDisk {
                below: disk,
                lies: self.options.disks_lie,
            },
            process: 0,
            skew_ms: self.dice.between(0, 6_000) as i64 - 3_000,
            paused_until_ms: 0,
            slow_until_ms: 0,
            turn_due: false,
            faulty: false,
            gone: false,
            seen: 0,
            led: false,
        };
        self.peers.insert(id, peer);
        self.start_peer(id);
    }

    pub(super) fn start_peer(&mut self, id: PeerId) {
        let founders: BTreeMap<PeerId, String> = (1..=self.founders).map(|id| (id, address(id))).collect();
        let identity = Identity::new("simulated", id, founders);
        let timing = self.options.pace.timing(id);
        let (mut terms, log_bytes_max, bugs) = (self.options.terms, self.log_bytes_max, self.options.bugs);
        if self.options.grace_forgotten {
            terms.grace = Duration::ZERO;
        }
        let peer = self.peers.get_mut(&id).expect("it is there");
        if peer.gone || peer.node.is_some() {
            return;
        }
        peer.process += 1;
        peer.disk.below.kill();
        match Node::open(peer.disk.clone(), &identity, terms, timing, None) {
            Ok(mut node) => {
                node.set_log_bytes_max(log_bytes_max);
                node.set_bugs(bugs);
                peer.node = Some(node);
                (peer.seen, peer.led, peer.turn_due) = (0, false, false);
                let process = peer.process;
                self.tick_again(id, process);
                self.turn_soon(id);
            }
            Err(error) => {
                assert!(peer.faulty, "{DAMAGED}: peer {id}: {error}");
                self.after(1_000, Event::Start(id));
            }
        }
    }

    /// The process ends at once, by a signal or because the power goes; it starts again later.
    pub(super) fn end_peer(&mut self, id: PeerId, power: bool, down_ms: u64) {
        let peer = self.peers.get_mut(&id).expect("it is there");
        peer.node = None;
        match power {
            true => {
                peer.disk.below.crash();
                peer.faulty = false;
            }
            false => peer.disk.below.kill(),
        }
        self.drop_calls(id);
        self.after(down_ms, Event::Start(id));
    }

    pub(super) fn heal_disk(&mut self, id: PeerId) {
        let peer = self.peers.get_mut(&id).expect("it is there");
        peer.disk.below.heal();
        peer.faulty = false;
    }

    pub(super) fn fail_disk(&mut self, id: PeerId, changes: u64, fault: DiskFault) {
        let peer = self.peers.get_mut(&id).expect("it is there");
        peer.faulty = true;
        peer.disk.below.fail_after(changes, fault);
    }

    /// Until when a peer does not run, if it is stopped by a signal right now.
    pub(super) fn paused(&self, id: PeerId) -> Option<u64> {
        let until = self.peers.get(&id)?.paused_until_ms;
        (until > self.now).then_some(until)
    }

    pub(super) fn wall(&self, id: PeerId) -> u64 {
        let skew = self.peers[&id].skew_ms;
        (BEGIN_MS + self.now).saturating_add_signed(skew)
    }

    pub(super) fn tick(&mut self, id: PeerId, process: u64) {
        let peer = self.peers.get_mut(&id).expect("it is there");
        let Some(node) = peer.node.as_mut().filter(|_| peer.process == process) else {
            return;
        };
        node.replica().tick();
        self.tick_again(id, process);
        self.turn_soon(id);
    }

    /// Peers that have nothing to fear tick seldom, and together: else one would take the other's pause for its end.
    fn tick_again(&mut self, id: PeerId, process: u64) {
        let pace = self.options.pace;
        let (tick, idle) = (pace.tick_ms, pace.idle_tick_ms);
        let stirs = self.stalls.stir_ms(self.now) == self.now;
        let step = if stirs { tick } else { idle };
        let at = match tick == idle {
            true if self.peers[&id].slow_until_ms > self.now => self.now + tick * SLOWER,
            true => self.now + tick,
            false => (self.now / step + 1) * step + id,
        };
        self.at(at, Event::Tick(id, process));
    }

    /// What comes within a moment is taken together, as the real driver does.
    pub(super) fn turn_soon(&mut self, id: PeerId) {
        let peer = self.peers.get_mut(&id).expect("it is there");
        if !std::mem::replace(&mut peer.turn_due, true) {
            let (process, wait) = (peer.process, self.dice.below(3));
            self.after(wait, Event::Turn(id, process));
        }
    }

    pub(super) fn turn(&mut self, id: PeerId, process: u64) {
        let wall = self.wall(id);
        let peer = self.peers.get_mut(&id).expect("it is there");
        if peer.process != process {
            return;
        }
        peer.turn_due = false;
        let Some(node) = &mut peer.node else {
            return;
        };
        let mut sent = Vec::new();
        let turned = node.turn(wall, &mut |message: Message| sent.push(message));
        for message in sent {
            self.send(id, message);
        }
        if let Err(error) = turned {
            return self.stopped(id, error);
        }
        self.look_at(id);
        self.collect(id);
    }

    fn stopped(&mut self, id: PeerId, error: NodeError) {
        let peer = self.peers.get_mut(&id).expect("it is there");
        let removed = matches!(error, NodeError::Removed(_));
        assert!(removed || peer.faulty, "peer {id} stops by itself: {error}");
        if let Some(node) = peer.node.take() {
            node.fail(&error.to_string());
        }
        self.collect(id);
        let peer = self.peers.get_mut(&id).expect("it is there");
        peer.gone |= removed;
        // The process may find its machine without power, or only itself ended.
        let power = self.dice.chance(500);
        let down_ms = self.dice.between(100, 2_000);
        self.end_peer(id, power, down_ms);
    }

    pub(super) fn hear(&mut self, to: PeerId, from: PeerId, bytes: &[u8]) {
        let Some(node) = self.peers.get_mut(&to).and_then(|peer| peer.node.as_mut()) else {
            return;
        };
        let message = Message::decode(bytes, from, to).expect("what a peer encodes can be decoded");
        node.replica().message(message);
        self.turn_soon(to);
    }

    /// Who leads, if somebody says so; of several the one that began last.
    pub(super) fn leader(&self) -> Option<PeerId> {
        let leads = |peer: &SimPeer| peer.node.as_ref().is_some_and(Node::leads);
        let leaders = self.peers.iter().filter(|(_, peer)| leads(peer));
        leaders.map(|(id, _)| *id).next_back()
    }

    /// Peers whose data directories still count.
    pub(super) fn living_peers(&self) -> Vec<PeerId> {
        let lives = self.peers.iter().filter(|(_, peer)| !peer.gone);
        lives.map(|(id, _)| *id).collect()
    }
}

/// What a caller takes for silence.
pub(super) fn silence() -> LeaderError {
    LeaderError::Stopped("nobody answers".into())
}
