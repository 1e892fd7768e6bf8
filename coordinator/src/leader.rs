//! What the peer that leads decides: who gets which task, when a lease is lost, when a build is over.
//!
//! A [`Core`] lives for one reign. It starts from the replicated state, and everything else it knows (workers, leases
//! heard of, pauses) is soft: a new leader learns it again. It has no clock, no sockets and no disk but the log lines
//! of builds; requests and the time go in, commands to propose and answers that wait for them come out.

mod agenda;
mod attempts;
mod core;
mod display;
mod exclusions;
mod held;
mod logbook;
mod request;
mod schedule;
mod workers;

pub(crate) use core::{Answer, Core};
pub(crate) use logbook::{Logbook, read as log_lines};
pub use request::{Asked, Directive, LeaderError, Lease, Progress, Said, WorkerFacts};
pub(crate) use request::{Lines, Reply, Request};

use std::time::Duration;

/// How long leases last and how often workers must be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// A lease runs out this long after the worker was last heard.
    pub lease: Duration,
    /// An attempt is taken away this long after its lease ran out.
    pub grace: Duration,
    /// Workers report at least this often.
    pub heartbeat: Duration,
    /// Workers go on this long without any coordinator.
    pub orphan: Duration,
}

impl Default for Terms {
    /// A network that stalls for a minute and a half, plus what it takes to notice a dead line and to find another
    /// coordinator, costs nobody an attempt.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Terms {
            lease: seconds(30),
            grace: seconds(90),
            heartbeat: seconds(2),
            orphan: seconds(600),
        }
    }
}
