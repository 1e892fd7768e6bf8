//! An object store for whole-system tests: a real server of the S3 protocol, and a proxy that spoils requests to it.
//!
//! Programs reach it by their environment: [`S3Server::env`], or [`env`] of the address of a
//! [`FaultProxy`] before it.

#[path = "../../worker/tests/base_support/faults.rs"]
mod faults;
#[path = "../../worker/tests/base_support/http.rs"]
mod http;
#[path = "../../worker/tests/base_support/server.rs"]
mod server;

pub use faults::{Answered, Fault, FaultProxy, Plan};
pub use server::{PLACE, S3Server, env};
