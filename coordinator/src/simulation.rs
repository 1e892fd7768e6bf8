//! The whole group simulated in one thread from one seed, with simulated time: real nodes over the real log on
//! simulated disks, and workers, people and operators that follow their protocols.
//!
//! First everything goes wrong for a while (safety), then all of it is healed and every build must end (liveness).
//! What must be true is in `oracle.rs`. A seed that fails prints the line that replays it:
//!
//! ```text
//! make simulate FROM=17 SEEDS=1
//! ```
//!
//! That the oracle sees anything is tested by putting faults into the code, of which each must be found by what the
//! oracle says of its kind (`tests/faults.rs`).
//!
//! Beside this there are days (`day.rs`): 24 hours at the pace of the programs, with the terms they have by default, on
//! which nothing ends but the network stalls again and again. No worker may lose what it is at:
//!
//! ```text
//! IMGCALC_SIMULATE_DAYS=20 cargo test -p imgcalc-coordinator --lib simulation::tests::day -- --nocapture
//! ```

mod ask;
mod builds;
mod day;
pub(crate) mod dice;
mod disk;
mod faults;
mod members;
mod net;
mod oracle;
mod pace;
mod peers;
mod person;
mod stalls;
mod tests;
mod worker;
mod world;

use crate::leader::Terms;
use crate::peer::node::Bugs;
use pace::Pace;
use std::time::Duration;
use world::{Event, World};

/// Longest simulated time in which everything must end after it was healed, ms: a host that fails what others finish
/// is left alone for ten minutes.
const LIVENESS_MS_MAX: u64 = 1_200_000;

/// What a run is like, beside its seed.
#[derive(Clone, Copy, Debug)]
struct Options {
    /// So many; by seed unless given.
    peers: Option<u64>,
    terms: Terms,
    pace: Pace,
    /// Nothing goes wrong by itself and nobody directs.
    calm: bool,
    /// Nothing goes wrong but that peers are cut off from each other; by seed unless set.
    peers_apart: bool,
    /// Whether members change.
    members: bool,
    bugs: Bugs,
    disks_lie: bool,
    /// Peers take attempts away as soon as the lease ran out.
    grace_forgotten: bool,
    /// A leader that is asked for work takes the other workers for gone.
    workers_forgotten: bool,
}

/// What a run was like.
#[derive(Debug, PartialEq, Eq)]
struct Report {
    trace: u64,
    simulated_ms: u64,
    entries: u64,
    looks: usize,
    /// Attempts taken from workers that lived.
    taken_alive: usize,
}

impl Default for Options {
    fn default() -> Self {
        let millis = Duration::from_millis;
        Options {
            peers: None,
            terms: Terms {
                lease: millis(3_000),
                grace: millis(3_000),
                heartbeat: millis(500),
                orphan: millis(60_000),
            },
            pace: Pace::hurried(),
            calm: false,
            peers_apart: false,
            members: true,
            bugs: Bugs::default(),
            disks_lie: false,
            grace_forgotten: false,
            workers_forgotten: false,
        }
    }
}

/// Runs one seed to its end.
///
/// # Panics
/// If something is not as it must be.
fn simulate(seed: u64, options: Options) -> Report {
    let mut world = World::new(seed, options);
    for peer in 1..=world.founders {
        world.add_peer(peer);
    }
    let (workers, builds) = (world.dice.between(1, 4), world.dice.between(1, 3));
    for _ in 0..workers {
        world.add_worker();
    }
    for directs in [true, false] {
        let all = builds::all();
        let first = world.dice.below(all.len() as u64);
        let chosen = (first..first + builds).map(|at| all[at as usize % all.len()].0.clone());
        world.add_person(directs, chosen.collect());
    }
    world.after(1, Event::Operator);
    if !options.calm {
        world.begin_trouble();
        let trouble_ms = world.dice.between(5_000, 40_000);
        while world.now < trouble_ms {
            world.step();
        }
    }
    world.heal();
    let healed_at = world.now;
    while !(world.all_ended() && world.operator.is_idle()) {
        world.step();
        assert!(
            world.now < healed_at + LIVENESS_MS_MAX,
            "everything was healed, and the builds do not end: {}",
            world.standing()
        );
    }
    let quiet_at = world.now + 15_000;
    while world.now < quiet_at {
        world.step();
    }
    world.check_end();
    world.report()
}

impl World {
    /// Who waits for what, in words.
    fn standing(&mut self) -> String {
        let mut peers = Vec::new();
        for (id, peer) in &mut self.peers {
            let gone = peer.gone;
            match &mut peer.node {
                Some(node) => {
                    let (leads, applied) = (node.leads(), node.replica().applied());
                    let builds = node
                        .state()
                        .builds()
                        .values()
                        .map(|build| build.phase.to_string());
                    let builds: Vec<String> = builds.collect();
                    let (standing, members) = (node.replica().standing(), node.replica().members());
                    peers.push(format!("{id}: {standing:?} leads {leads} at {applied}, builds {builds:?}, voters {:?}, learners {:?}, outgoing {:?}", members.voters, members.learners, members.outgoing));
                }
                None => peers.push(format!("{id}: down, gone {gone}")),
            }
        }
        let asks: Vec<String> = self
            .calls
            .values()
            .map(|call| format!("{:?}", call.caller))
            .collect();
        format!(
            "peers {peers:#?}, operator idle {}, calls {asks:?}",
            self.operator.is_idle()
        )
    }

    fn report(&self) -> Report {
        Report {
            trace: self.trace,
            simulated_ms: self.now,
            entries: self.peers.values().map(|peer| peer.seen).max().unwrap_or(0),
            looks: self.oracle.looks,
            taken_alive: self.oracle.taken_alive,
        }
    }
}
