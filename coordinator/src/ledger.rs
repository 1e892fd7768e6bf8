//! The ledger: what was submitted, who holds which task, and every result, durable before it is acknowledged.
//!
//! - [`Command`] and [`Effect`] are what goes in and what comes out; read them first.
//! - [`State`] is the machine: `apply(command) → effects`, without clock, randomness or I/O.
//! - [`Log`] keeps the commands on disk; replaying them gives the state back.

mod command;
mod effect;
mod log;
mod state;
#[cfg(test)]
mod tests;

pub use command::{Command, Ending, Record};
pub use effect::Effect;
pub use log::{Log, LogError};
pub use state::{Attempt, BuildPhase, BuildState, Committed, OpenTask, Phase, State, budget};
