//! What goes wrong, by seed, until everything is healed.

use super::World;
use super::net::{Net, Place};
use super::world::Event;
use crate::replica::PeerId;
use crate::replica::log::DiskFault;
use std::ops::Range;

/// What is wrong with the work itself.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// Attempts that fail by nobody's fault.
    pub(super) fail_per_mille: u64,
    /// Failures still to come that give a task up at once.
    pub(super) numeric: u64,
    /// Longest pause between two faults.
    pub(super) pause_ms: u64,
    /// Which faults there are, by number.
    kinds: Range<u64>,
}

const ALL_KINDS: Range<u64> = 0..19;
const PEERS_APART: Range<u64> = 0..3;

impl World {
    pub(super) fn begin_trouble(&mut self) {
        self.trouble = Trouble {
            fail_per_mille: self.dice.pick(&[0, 20, 100]),
            numeric: self.dice.pick(&[0, 0, 2]),
            pause_ms: self.dice.pick(&[300, 1_500, 5_000]),
            // Where everything goes wrong much is never reached.
            kinds: match self.options.peers_apart || self.dice.chance(100) {
                true => PEERS_APART,
                false => ALL_KINDS,
            },
        };
        self.after(500, Event::Trouble);
    }

    pub(super) fn make_trouble(&mut self) {
        if self.healed {
            return;
        }
        let wait = self.dice.between(50, self.trouble.pause_ms);
        self.after(wait, Event::Trouble);
        let living = self.living_peers();
        let any = self.dice.pick(&living);
        let mark = match self.dice.chance(500) {
            true => self.leader().unwrap_or(any),
            false => any,
        };
        let worker = self.dice.below(self.workers.len() as u64) as usize;
        let until = self.now + self.dice.between(200, 9_000);
        let down_ms = self.dice.between(50, 4_000);
        let changes = self.dice.below(25);
        let kinds = &self.trouble.kinds;
        match self.dice.between(kinds.start, kinds.end - 1) {
            0..3 => self.isolate(mark, until),
            3 => self.halve(until),
            4 => {
                for peer in living {
                    self.cut_both(Place::Worker(worker), Place::Peer(peer), until);
                }
            }
            5 => self.net.cut(Place::Worker(worker), Place::Peer(mark), until),
            6 => self.end_peer(mark, false, down_ms),
            7 => self.end_peer(mark, true, down_ms),
            8 | 9 => self.fail_disk(mark, changes, DiskFault::Off),
            10 => {
                self.fail_disk(mark, changes, DiskFault::Io);
                self.at(until, Event::HealDisk(mark));
            }
            11 => {
                self.fail_disk(mark, changes, DiskFault::Full);
                self.at(until, Event::HealDisk(mark));
            }
            12 => self.peers.get_mut(&mark).expect("it lives").paused_until_ms = until,
            13 => self.pause_worker(worker, until),
            14 => {
                let jump = self.dice.between(0, 20_000) as i64 - 10_000;
                self.peers.get_mut(&mark).expect("it lives").skew_ms += jump;
            }
            15 => self.end_worker(worker, down_ms),
            16 | 17 => {
                self.net.loss_per_mille = self.dice.pick(&[0, 10, 100, 300]);
                self.net.twice_per_mille = self.dice.pick(&[0, 50, 300]);
                self.net.late_per_mille = self.dice.pick(&[0, 20, 200]);
                self.net.delay_ms = self.dice.pick(&[2, 20, 150]);
            }
            _ if self.dice.chance(300) => {
                for peer in living {
                    self.end_peer(peer, true, down_ms);
                }
            }
            _ => {}
        }
    }

    fn pause_worker(&mut self, worker: usize, until: u64) {
        self.workers[worker].paused_until_ms = until;
    }

    fn cut_both(&mut self, a: Place, b: Place, until: u64) {
        self.net.cut(a, b, until);
        self.net.cut(b, a, until);
    }

    /// Cuts a peer off from the others, sometimes in one direction only, sometimes from everybody. One that is slow too
    /// notices late that it no longer leads.
    fn isolate(&mut self, peer: PeerId, until: u64) {
        let (one_way, people_too) = (self.dice.chance(200), self.dice.chance(300));
        if self.dice.chance(300) {
            self.peers.get_mut(&peer).expect("it lives").slow_until_ms = until;
        }
        for other in self.living_peers() {
            self.net.cut(Place::Peer(peer), Place::Peer(other), until);
            if !one_way {
                self.net.cut(Place::Peer(other), Place::Peer(peer), until);
            }
        }
        if people_too {
            for worker in 0..self.workers.len() {
                self.cut_both(Place::Worker(worker), Place::Peer(peer), until);
            }
        }
    }

    fn halve(&mut self, until: u64) {
        let peers = self.living_peers();
        let sides: Vec<bool> = peers.iter().map(|_| self.dice.chance(500)).collect();
        for (a, left) in peers.iter().zip(&sides) {
            for (b, right) in peers.iter().zip(&sides) {
                if left != right {
                    self.net.cut(Place::Peer(*a), Place::Peer(*b), until);
                }
            }
        }
    }

    /// Ends every fault; from now on everything must come to its end.
    pub(super) fn heal(&mut self) {
        self.healed = true;
        self.net = Net::good();
        for peer in self.living_peers() {
            self.heal_disk(peer);
            let simulated = self.peers.get_mut(&peer).expect("it lives");
            (simulated.paused_until_ms, simulated.slow_until_ms) = (0, 0);
            self.start_peer(peer);
        }
        for worker in 0..self.workers.len() {
            self.workers[worker].paused_until_ms = 0;
            self.start_worker(worker);
        }
    }
}
