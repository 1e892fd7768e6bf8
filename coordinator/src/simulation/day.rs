//! A day on which no process ends and the network stalls again and again: nobody who is at work must lose it.

use super::pace::Pace;
use super::world::World;
use super::{Options, builds};
use crate::leader::Terms;
use std::fmt;

const WORKERS: usize = 5;
/// More than a day's work.
const BUILDS: usize = 25;

/// Images of a state that grows all day are seldom made.
const LOG_BYTES_MAX: u64 = 1 << 20;

/// What a day was like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DayReport {
    pub(super) seed: u64,
    pub(super) hours: u64,
    pub(super) stalls: u64,
    pub(super) stalled_seconds: u64,
    /// Attempts that a worker began.
    pub(super) attempts: usize,
    /// Results that were acknowledged.
    pub(super) results: usize,
    pub(super) leader_changes: usize,
    /// Leases whose answer was lost in a stall: the worker asked again and never knew of them.
    pub(super) unheard: usize,
    /// Longest time between two reports of an attempt that reached a leader.
    pub(super) silent_seconds_max: u64,
    /// Attempts taken from a worker that was at it.
    pub(super) false_recoveries: usize,
    trace: u64,
}

/// Lives through one day.
///
/// # Panics
/// If something is not as it must be; false recoveries are counted.
pub(super) fn simulate_day(seed: u64, hours: u64, terms: Terms) -> DayReport {
    let options = Options {
        peers: Some(3),
        terms,
        pace: Pace::real(),
        calm: true,
        members: false,
        ..Options::default()
    };
    let mut world = World::new(seed, options);
    // Nothing fails but the network.
    world.healed = true;
    world.log_bytes_max = LOG_BYTES_MAX;
    (1..=world.founders).for_each(|peer| world.add_peer(peer));
    (0..WORKERS).for_each(|_| world.add_worker());
    world.add_person(true, (0..BUILDS).map(builds::of_a_day).collect());
    world.await_stall();
    while world.now < hours * 3_600_000 {
        world.step();
    }
    world.check_attempts();
    let (oracle, stalls) = (&world.oracle, &world.stalls);
    DayReport {
        seed,
        hours,
        stalls: stalls.count,
        stalled_seconds: stalls.seconds,
        attempts: oracle.begun,
        results: oracle.results(),
        leader_changes: oracle.reigns.saturating_sub(1),
        unheard: oracle.unheard,
        silent_seconds_max: oracle.silence_ms_max / 1_000,
        false_recoveries: oracle.taken_alive,
        trace: world.trace,
    }
}

impl DayReport {
    pub(super) const HEADER: &str = "seed  hours  stalls  stalled s  attempts  results  leader changes  \
        leases unheard  longest silence s  false recoveries";
}

impl fmt::Display for DayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DayReport {
            seed,
            hours,
            stalls,
            stalled_seconds,
            attempts,
            results,
            leader_changes,
            unheard,
            silent_seconds_max,
            false_recoveries,
            ..
        } = self;
        write!(
            f,
            "{seed:>4}  {hours:>5}  {stalls:>6}  {stalled_seconds:>9}  {attempts:>8}  {results:>7}  \
             {leader_changes:>14}  {unheard:>14}  {silent_seconds_max:>17}  {false_recoveries:>16}"
        )
    }
}
