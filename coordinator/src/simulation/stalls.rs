//! A network that stalls again and again, all of it or a part, both ways or one, and then goes on.

use super::World;
use super::net::Place;
use super::world::{Caller, Event};
use crate::replica::PeerId;

const STALL_SECONDS_MIN: u64 = 30;
const STALL_SECONDS_MAX: u64 = 90;
const PAUSE_SECONDS_MIN: u64 = 30;
const PAUSE_SECONDS_MAX: u64 = 1_200;
/// So long before a stall, after it, and at the start something may happen.
const STIRRED_BEFORE_MS: u64 = 3_000;
const STIRRED_AFTER_MS: u64 = 12_000;

/// The stalls of a run.
pub(super) struct Stalls {
    /// When the next begins.
    next_ms: u64,
    /// When the last ends.
    until_ms: u64,
    pub(super) count: u64,
    pub(super) seconds: u64,
}

impl Stalls {
    pub(super) fn none() -> Stalls {
        Stalls {
            next_ms: u64::MAX,
            until_ms: 0,
            count: 0,
            seconds: 0,
        }
    }

    /// When something may happen next; now, if it may now.
    pub(super) fn stir_ms(&self, now_ms: u64) -> u64 {
        match now_ms < self.until_ms + STIRRED_AFTER_MS {
            true => now_ms,
            false => self.next_ms.saturating_sub(STIRRED_BEFORE_MS).max(now_ms),
        }
    }
}

impl World {
    /// Has the next stall come after a while.
    pub(super) fn await_stall(&mut self) {
        let begin = self.stalls.until_ms.max(self.now) / 1_000;
        let pause = self.dice.between(PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX);
        // At a full second, when idle peers tick: all of them stir together.
        self.stalls.next_ms = (begin + pause) * 1_000;
        self.at(self.stalls.next_ms, Event::Stall);
    }

    pub(super) fn begin_stall(&mut self) {
        let seconds = self.dice.between(STALL_SECONDS_MIN, STALL_SECONDS_MAX);
        let (now, until) = (self.now, self.now + seconds * 1_000);
        self.stalls.count += 1;
        self.stalls.seconds += seconds;
        self.stalls.until_ms = until;
        let (there, back) = self
            .dice
            .pick(&[(true, true), (true, true), (true, false), (false, true)]);
        for (a, b) in self.stalled_lines() {
            if there {
                self.net.stall(a, b, now, until);
            }
            if back {
                self.net.stall(b, a, now, until);
            }
        }
        self.break_calls();
        self.await_stall();
    }

    /// Which lines stall together.
    fn stalled_lines(&mut self) -> Vec<(Place, Place)> {
        let peers = self.living_peers();
        let any = self.dice.pick(&peers);
        let leader = self.leader().unwrap_or(any);
        let workers: Vec<Place> = (0..self.workers.len()).map(Place::Worker).collect();
        let chosen = |world: &mut World| -> Vec<Place> {
            let first = world.dice.pick(&workers);
            let others = workers.iter().copied();
            others
                .filter(|worker| *worker == first || world.dice.chance(400))
                .collect()
        };
        let to = |from: &[Place], peers: &[PeerId]| -> Vec<(Place, Place)> {
            let ends = |from: &Place| {
                let from = *from;
                let others = peers.iter().map(|peer| Place::Peer(*peer));
                others.filter(move |to| *to != from).map(move |to| (from, to))
            };
            from.iter().flat_map(ends).collect()
        };
        let between_peers = |one: PeerId| to(&[Place::Peer(one)], &peers);
        match self.dice.below(8) {
            0 | 1 => to(&workers, &peers),
            2 => to(&chosen(self), &peers),
            3 => to(&chosen(self), &[leader]),
            4 => between_peers(leader),
            5 => [to(&workers, &[leader]), between_peers(leader)].concat(),
            6 => [to(&workers, &[any]), between_peers(any)].concat(),
            _ => {
                let all = peers.iter().flat_map(|peer| between_peers(*peer));
                all.chain(to(&workers, &peers)).collect()
            }
        }
    }

    /// Whoever waits at the other end of a line that stalls gives up when the line is given up.
    fn break_calls(&mut self) {
        let broken = |(id, call): (&u64, &super::world::Call)| {
            let (place, peer) = (call.caller.place(), Place::Peer(call.peer));
            let wait = self.net.gives_up_after(place, peer, self.now)?;
            Some((*id, call.caller, wait))
        };
        let broken: Vec<(u64, Caller, u64)> = self.calls.iter().filter_map(broken).collect();
        for (id, caller, wait) in broken {
            self.after(wait, Event::Broken(id, caller));
        }
    }
}
