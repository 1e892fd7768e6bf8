//! Gets workers onto machines. Here: onto this machine, as child processes that never outlive the program.
//!
//! It knows the worker as a program only and never links it: what starts workers needs no libtorch.

mod error;
mod local;
mod program;

pub use error::ClusterError;
pub use local::{LocalOptions, LocalWorkers, Report};
pub use program::{PROGRAM_VARIABLE, find_program, hardware_class};
