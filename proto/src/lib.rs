//! Wire types between coordinators, workers and clients, and their conversions to and from `shared`;
//! and who may speak: [`security`].

mod convert;
pub mod security;

/// The generated messages and services of `proto/imgcalc.proto`.
#[allow(missing_docs, clippy::all)]
pub mod v1 {
    tonic::include_proto!("imgcalc.v1");
}

pub use convert::{failure_class_from_wire, from_wire, task_id_from_wire, to_wire};

/// Version of what is spoken; both sides must name the same.
pub const PROTOCOL: u32 = 2;

/// Longest message in bytes: a view of a build with ten thousand trainings stays below it.
pub const MESSAGE_BYTES_MAX: usize = 256 << 20;
