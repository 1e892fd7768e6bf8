//! The worker: does what the coordinator decided.
//!
//! - [`data`]: object store → verified ranges → decoded integers. Never names a training.
//! - [`stages`]: one task kind, one function.
//! - [`runner`]: the child process that runs stages, so that memory is handed over clean.
//! - [`agent`]: leases, heartbeats, supervision of the runner. Never names a tensor.
//! - [`tools`]: what a person runs by hand: import, encode, decode, inspect.

pub mod failure;

pub mod data;
pub mod stages;

pub mod runner;

pub mod agent;

pub mod tools;
