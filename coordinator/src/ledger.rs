//! The ledger: what was submitted, who holds which task, and every result, durable before it is acknowledged.
//!
//! - [`Command`] and [`Effect`] are what goes in and what comes out; read them first.
//! - [`State`] is the machine: `apply(command) → effects`, without clock, randomness or I/O.
//!
//! How commands become durable is not its business: a [`crate::replica`] replicates them, a [`crate::peer`] joins both.

mod command;
mod effect;
mod state;
#[cfg(test)]
mod tests;

pub use command::{Command, Ending, Record, Wanted};
pub use effect::Effect;
pub use state::{Attempt, BuildPhase, BuildState, Committed, OpenTask, Phase, State, budget};
