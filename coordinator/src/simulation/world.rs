//! Time, events, and the lines between those who take part.

use super::Options;
use super::ask::{Answer, Ask, Input, Pending};
use super::dice::Dice;
use super::faults::Trouble;
use super::members::Operator;
use super::net::{Net, Place};
use super::oracle::{Known, Oracle};
use super::peers::{SimPeer, silence};
use super::person::Person;
use super::stalls::Stalls;
use super::worker::SimWorker;
use crate::leader::LeaderError;
use crate::replica::{Message, PeerId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Something that happens at a time.
#[derive(Debug)]
pub(super) enum Event {
    Tick(PeerId, u64),
    Turn(PeerId, u64),
    Start(PeerId),
    HealDisk(PeerId),
    Message {
        to: PeerId,
        from: PeerId,
        bytes: Vec<u8>,
    },
    SnapshotSent {
        of: PeerId,
        process: u64,
        to: PeerId,
        arrived: bool,
    },
    Arrive(u64),
    Answered(u64, Caller, Result<Answer, LeaderError>),
    Overdue(u64, Caller),
    /// Its line was given up.
    Broken(u64, Caller),
    Worker(usize, u64),
    StartWorker(usize),
    Late(Ask, usize),
    Person(usize),
    Operator,
    Trouble,
    Stall,
}

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// The worker's process, and whether it is about progress.
    Worker(usize, u64, bool),
    Person(usize),
    Operator,
    Nobody,
}

impl Caller {
    pub(super) fn place(self) -> Place {
        match self {
            Caller::Worker(worker, ..) => Place::Worker(worker),
            _ => Place::Person,
        }
    }
}

/// A question on its way, or at a peer.
pub(super) struct Call {
    pub(super) caller: Caller,
    pub(super) peer: PeerId,
    pub(super) ask: Ask,
    pending: Option<Pending>,
    /// When a peer took it.
    pub(super) taken_at: u64,
    /// What was acknowledged when it was asked.
    pub(super) known: Known,
}

/// See the module's description.
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) options: Options,
    pub(super) dice: Dice,
    pub(super) now: u64,
    /// A number that differs if anything happened differently.
    pub(super) trace: u64,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    next_event: u64,
    pub(super) calls: BTreeMap<u64, Call>,
    next_call: u64,
    pub(super) founders: u64,
    pub(super) log_bytes_max: u64,
    pub(super) net: Net,
    pub(super) peers: BTreeMap<PeerId, SimPeer>,
    pub(super) workers: Vec<SimWorker>,
    pub(super) persons: Vec<Person>,
    pub(super) operator: Operator,
    pub(super) trouble: Trouble,
    pub(super) stalls: Stalls,
    pub(super) oracle: Oracle,
    /// Whether everything was healed.
    pub(super) healed: bool,
}

impl World {
    pub(super) fn new(seed: u64, options: Options) -> World {
        let mut dice = Dice::new(seed);
        let founders = options.peers.unwrap_or_else(|| dice.pick(&[3, 3, 3, 3, 5, 1]));
        World {
            seed,
            options,
            now: 0,
            trace: 0,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next_event: 0,
            calls: BTreeMap::new(),
            next_call: 0,
            founders,
            log_bytes_max: dice.pick(&[4 << 10, 32 << 10, 256 << 10]),
            net: Net::good(),
            peers: BTreeMap::new(),
            workers: Vec::new(),
            persons: Vec::new(),
            operator: Operator::new(founders),
            trouble: Trouble::default(),
            stalls: Stalls::none(),
            oracle: Oracle::default(),
            healed: false,
            dice,
        }
    }

    pub(super) fn after(&mut self, wait: u64, event: Event) {
        self.at(self.now + wait, event);
    }

    pub(super) fn at(&mut self, when: u64, event: Event) {
        self.next_event += 1;
        self.queue.push(Reverse((when, self.next_event)));
        self.events.insert(self.next_event, event);
    }

    /// Lets happen what comes next.
    pub(super) fn step(&mut self) {
        let Reverse((when, number)) = self.queue.pop().expect("somebody always ticks");
        let event = self.events.remove(&number).expect("it was put there");
        self.now = when;
        self.note(when ^ number.rotate_left(20));
        match event {
            Event::Tick(peer, _) | Event::Turn(peer, _) | Event::Message { to: peer, .. }
                if let Some(until) = self.paused(peer) =>
            {
                self.at(until, event)
            }
            Event::Arrive(call) if let Some(until) = self.paused_call(call) => self.at(until, event),
            Event::Tick(peer, process) => self.tick(peer, process),
            Event::Turn(peer, process) => self.turn(peer, process),
            Event::Start(peer) => self.start_peer(peer),
            Event::HealDisk(peer) => self.heal_disk(peer),
            Event::Message { to, from, bytes } => self.hear(to, from, &bytes),
            Event::SnapshotSent {
                of,
                process,
                to,
                arrived,
            } => {
                let peer = self.peers.get_mut(&of).filter(|peer| peer.process == process);
                if let Some(node) = peer.and_then(|peer| peer.node.as_mut()) {
                    node.replica().snapshot_sent(to, arrived);
                    self.turn_soon(of);
                }
            }
            Event::Arrive(call) => self.arrive(call),
            Event::Answered(call, caller, said) => self.answered(call, caller, said),
            Event::Overdue(call, caller) => self.answered(call, caller, Err(silence())),
            Event::Broken(call, caller) => self.break_call(call, caller),
            Event::Worker(worker, process) => self.wake_worker(worker, process),
            Event::StartWorker(worker) => self.start_worker(worker),
            Event::Late(ask, worker) => {
                let (caller, peers) = (Caller::Nobody, self.living_peers());
                let peer = self.dice.pick(&peers);
                self.trace ^= worker as u64;
                self.call(caller, peer, ask, 10_000);
            }
            Event::Person(person) => self.wake_person(person),
            Event::Operator => self.operate(),
            Event::Trouble => self.make_trouble(),
            Event::Stall => self.begin_stall(),
        }
    }

    pub(super) fn note(&mut self, what: u64) {
        self.trace = (self.trace.rotate_left(5) ^ what).wrapping_mul(0x0100_0000_01b3);
    }

    /// Sends a message of a peer.
    pub(super) fn send(&mut self, from: PeerId, message: Message) {
        let (to, bytes) = (message.to(), message.encode());
        self.note(to ^ (bytes.len() as u64) << 8);
        let (here, there) = (Place::Peer(from), Place::Peer(to));
        let runs = self.peers.get(&to).is_some_and(|peer| peer.node.is_some());
        let mut delays = self.net.delays(&mut self.dice, here, there, self.now);
        if !runs {
            delays.clear();
        }
        if message.has_snapshot() {
            let process = self.peers[&from].process;
            let (of, arrived, wait) = (from, !delays.is_empty(), self.dice.between(1, 50));
            self.after(
                wait,
                Event::SnapshotSent {
                    of,
                    process,
                    to,
                    arrived,
                },
            );
        } else if delays.is_empty() && self.dice.chance(300) {
            let node = self.peers.get_mut(&from).and_then(|peer| peer.node.as_mut());
            if let Some(node) = node {
                node.replica().unreachable(to);
            }
        }
        for wait in delays {
            let bytes = bytes.clone();
            self.after(wait, Event::Message { to, from, bytes });
        }
    }

    /// Asks a peer; the caller hears of it in any case, at the latest when the question is overdue.
    pub(super) fn call(&mut self, caller: Caller, peer: PeerId, ask: Ask, limit: u64) -> u64 {
        self.next_call += 1;
        let id = self.next_call;
        self.oracle.asked(&ask);
        let known = self.oracle.known();
        let (here, there) = (caller.place(), Place::Peer(peer));
        let mut delays = self.net.delays(&mut self.dice, here, there, self.now);
        // A line of gRPC doubles nothing.
        delays.truncate(1);
        if let [wait] = delays[..] {
            let call = Call {
                caller,
                peer,
                ask,
                pending: None,
                taken_at: 0,
                known,
            };
            self.calls.insert(id, call);
            self.after(wait, Event::Arrive(id));
        }
        match self.net.gives_up_after(here, there, self.now) {
            Some(wait) if wait < limit => self.after(wait, Event::Broken(id, caller)),
            _ => self.after(limit, Event::Overdue(id, caller)),
        }
        id
    }

    /// The peer notices too: it answers nobody. What has not reached it yet may still do so.
    fn break_call(&mut self, id: u64, caller: Caller) {
        if self.calls.get(&id).is_some_and(|call| call.pending.is_some()) {
            self.calls.remove(&id);
        }
        self.answered(id, caller, Err(silence()));
    }

    fn paused_call(&self, call: u64) -> Option<u64> {
        self.paused(self.calls.get(&call)?.peer)
    }

    fn arrive(&mut self, id: u64) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let peer = call.peer;
        let wall = self.wall(peer);
        let call = self.calls.get_mut(&id).expect("found above");
        let Some(node) = self.peers.get_mut(&peer).and_then(|peer| peer.node.as_mut()) else {
            let call = self.calls.remove(&id).expect("found above");
            return self.after(1, Event::Answered(id, call.caller, Err(silence())));
        };
        if self.options.workers_forgotten
            && let Ask::Lease(worker, ..) = &call.ask
        {
            for other in self.workers.iter().filter(|other| other.name() != worker) {
                let (gone, _) = Ask::Leave(other.name().into()).open();
                if let Input::Request(request) = gone {
                    node.request(request, wall);
                }
            }
        }
        let (input, pending) = call.ask.open();
        call.pending = Some(pending);
        call.taken_at = self.now;
        match input {
            Input::Request(request) => node.request(request, wall),
            Input::Change(change, reply) => node.change(&change, reply),
        }
        self.turn_soon(peer);
        self.collect(peer);
    }

    /// Sends the answers a peer has given.
    pub(super) fn collect(&mut self, peer: PeerId) {
        let mut given = Vec::new();
        for (id, call) in &mut self.calls {
            if call.peer == peer
                && let Some(said) = call.pending.as_mut().and_then(|pending| pending())
            {
                given.push((*id, said));
            }
        }
        for (id, said) in given {
            let call = self.calls.remove(&id).expect("it is there");
            let open = call.ask.directs().is_some_and(|build| {
                self.calls
                    .values()
                    .any(|other| other.ask.directs().as_ref() == Some(&build))
            });
            self.oracle.said(&call, &said, open, self.now);
            self.note(id << 1 | u64::from(said.is_ok()));
            let delays = self
                .net
                .delays(&mut self.dice, Place::Peer(peer), call.caller.place(), self.now);
            if let Some(wait) = delays.first() {
                self.after(*wait, Event::Answered(id, call.caller, said));
            }
        }
    }

    /// Questions at a peer that is gone are never answered.
    pub(super) fn drop_calls(&mut self, peer: PeerId) {
        let at_it = |call: &Call| call.peer == peer && call.pending.is_some();
        let lost: Vec<u64> = self
            .calls
            .iter()
            .filter(|(_, call)| at_it(call))
            .map(|(id, _)| *id)
            .collect();
        for id in lost {
            let call = self.calls.remove(&id).expect("it is there");
            self.after(1, Event::Answered(id, call.caller, Err(silence())));
        }
    }

    fn answered(&mut self, call: u64, caller: Caller, said: Result<Answer, LeaderError>) {
        match caller {
            Caller::Worker(worker, process, beat) => self.worker_answered(worker, process, beat, call, said),
            Caller::Person(person) => self.person_answered(person, call, said),
            Caller::Operator => self.operator_answered(call, said),
            Caller::Nobody => {}
        }
    }
}
