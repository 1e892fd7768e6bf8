//! How fast those who take part are: hurried, so that much happens in a minute, or as the programs are.

use super::dice::Dice;
use crate::replica::{PeerId, Timing};
use imgcalc_shared::task::Task;
use std::time::Duration;

/// See the module's description. Times are in ms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Length of a peer's tick.
    pub(super) tick_ms: u64,
    /// Length of a tick while nothing can happen to the consensus: the network is whole and somebody leads.
    pub(super) idle_tick_ms: u64,
    /// Of so many reports workers give one while nothing can happen.
    pub(super) idle_heartbeats: u64,
    /// The whole state is looked at after so many entries.
    pub(super) entries_apart: u64,
    heartbeat_ticks: usize,
    /// Raft draws the time until an election from a range, and not from a seed: here every peer has a range of one.
    election_ticks: usize,
    election_ticks_apart: usize,
    /// A coordinator holds a question for work so long.
    pub(super) lease_wait_ms: u64,
    /// A worker waits so long for an answer.
    pub(super) call_limit_ms: u64,
    /// A report is not waited for longer.
    pub(super) report_limit_ms: u64,
    /// A worker waits so long at most before it tries again.
    pub(super) back_off_ms_max: u64,
    /// People look again after so long at most.
    pub(super) look_ms_max: u64,
    /// Whether trainings take minutes to hours.
    long: bool,
}

impl Pace {
    /// Everything within seconds.
    pub(super) fn hurried() -> Pace {
        Pace {
            tick_ms: 50,
            idle_tick_ms: 50,
            idle_heartbeats: 1,
            entries_apart: 1,
            heartbeat_ticks: 2,
            election_ticks: 10,
            election_ticks_apart: 3,
            lease_wait_ms: 2_000,
            call_limit_ms: 3_000,
            report_limit_ms: 1_500,
            back_off_ms_max: 2_000,
            look_ms_max: 1_000,
            long: false,
        }
    }

    /// As the programs do it: a heartbeat of the consensus every 100 ms and an election after 500, 700 or 900 ms, which
    /// is what `Timing::default()` draws from; the agent's limits.
    pub(super) fn real() -> Pace {
        Pace {
            tick_ms: 100,
            idle_tick_ms: 1_000,
            idle_heartbeats: 4,
            entries_apart: 32,
            heartbeat_ticks: 1,
            election_ticks: 3,
            election_ticks_apart: 2,
            lease_wait_ms: 20_000,
            call_limit_ms: 30_000,
            report_limit_ms: 30_000,
            back_off_ms_max: 5_000,
            look_ms_max: 300_000,
            long: true,
        }
    }

    pub(super) fn timing(&self, peer: PeerId) -> Timing {
        let election = self.election_ticks + self.election_ticks_apart * peer as usize;
        Timing {
            tick: Duration::from_millis(self.tick_ms),
            heartbeat_ticks: self.heartbeat_ticks,
            election_ticks_min: election,
            election_ticks_max: election + 1,
        }
    }

    /// How long a task takes.
    pub(super) fn work_ms(&self, dice: &mut Dice, task: &Task) -> u64 {
        match (self.long, task) {
            (true, Task::Train { .. }) => dice.between(120_000, 240_000) << dice.below(6),
            (true, _) => dice.between(5_000, 120_000),
            (false, _) if dice.chance(50) => dice.between(3_000, 12_000),
            (false, _) => dice.between(50, 1_500),
        }
    }
}
