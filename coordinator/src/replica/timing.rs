//! Time as the consensus counts it.

use std::time::Duration;

/// How time passes for the consensus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Length of one tick: [`super::Replica::tick`] is called so often.
    pub tick: Duration,
    /// A leader is heard this often, ticks.
    pub heartbeat_ticks: usize,
    /// A leader that is silent this long is replaced, ticks: drawn anew each time from this one up to, and without,
    /// the next field. Different for every peer, or votes are split.
    pub election_ticks_min: usize,
    /// See `election_ticks_min`.
    pub election_ticks_max: usize,
}

impl Default for Timing {
    /// A heartbeat every 100 ms, an election after 500 ms to 1 s.
    fn default() -> Self {
        Timing::of(Duration::from_millis(100), Duration::from_millis(500))
    }
}

impl Timing {
    /// Small ticks, so that two peers seldom stand for election in the same one.
    pub fn of(heartbeat: Duration, election: Duration) -> Timing {
        let tick = (heartbeat / 5).max(Duration::from_millis(1));
        let ticks = |time: Duration| (time.as_micros() / tick.as_micros()).max(1) as usize;
        let heartbeat_ticks = ticks(heartbeat);
        let election_ticks = ticks(election).max(heartbeat_ticks + 2);
        Timing {
            tick,
            heartbeat_ticks,
            election_ticks_min: election_ticks,
            election_ticks_max: election_ticks * 2,
        }
    }
}
