//! The domain of Image Calculator: its nouns and the pure functions over them.
//!
//! Charter: a thing belongs here only if it is a noun of the design (format, dataset, column, profile, bucket,
//! training, task, performance model, …) or a pure function over such nouns. No clock, no randomness without a
//! seed argument, no async, no sockets, no files, no helpers.
//!
//! The modules stand in the order in which data flows; each uses only those above it.

pub mod digest;
pub mod envelope;

pub mod format;
pub mod space;

pub mod dataset;

pub mod codec;
pub mod coding;
pub mod column;
pub mod encoded;

pub mod training;

pub mod net;

pub mod profile;

pub mod task;

#[cfg(feature = "made-up")]
pub mod made_up;

pub mod bucket;
pub mod chain;
pub mod search;

pub mod embedding;

pub mod build;
pub mod spec;

pub mod performance;

pub mod explore;
