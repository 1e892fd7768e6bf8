//! One peer of the group that holds the replicated log together.
//!
//! - [`log`]: what the peer promised, on its disk. Never decides, never sends.

pub mod log;
