//! The coordinator: decides what is done, by whom, and remembers it; and the command line.
//!
//! - [`plan`]: what a build still needs, derived from its results. Never stores, never looks at a clock.
//! - [`ledger`]: what is durable: commands in, effects out. Never plans.
//! - [`placement`]: which ready task goes to which worker. Plain values.
//! - [`replica`]: one copy of the replicated log: consensus and disk. Never looks into an entry.
//! - [`leader`]: decides, while its peer leads: leases, plans, placement. No clock, no sockets.
//! - [`peer`]: one coordinator: joins replica, ledger and leader, and gives them time, disk and network.
//! - [`view`]: what people are shown.
//! - [`report`]: a build's answer as one HTML file with plots. Pure; never fetches, never writes.
//! - [`server`]: gRPC in front of a peer. Decides nothing.
//! - [`cli`]: the verbs of `imgcalc`.

pub mod plan;

pub mod ledger;
pub mod replica;

pub mod placement;
pub mod view;

pub mod report;

pub mod leader;
pub mod peer;
pub mod server;

pub mod cli;

#[cfg(test)]
mod simulation;
