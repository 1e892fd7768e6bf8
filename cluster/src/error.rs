//! Why no worker runs.

use std::io;
use std::path::PathBuf;

/// What a program that starts workers tells its user.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The worker program is not there.
    #[error(
        "there is no imgcalc-worker beside {} nor in PATH; build it with `make setup` and \
         `cargo build --release -p imgcalc-worker`, or set {variable} to its path",
        .beside.display(), variable = crate::PROGRAM_VARIABLE
    )]
    NoProgram {
        /// The program that looked for it.
        beside: PathBuf,
    },
    /// The variable names something that is not there.
    #[error("{variable} names {}, which is no file", .path.display(), variable = crate::PROGRAM_VARIABLE)]
    BadVariable {
        /// Its value.
        path: PathBuf,
    },
    /// The worker program cannot be started.
    #[error("cannot start {}: {error}", .program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file for a worker's log cannot be written.
    #[error("cannot write the log {}: {error}", .path.display())]
    Log {
        /// The file or its folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The worker program does not tell the hardware class.
    #[error("`{} hardware` tells no hardware class: {reason}", .program.display())]
    Hardware {
        /// The program.
        program: PathBuf,
        /// What it gave instead.
        reason: String,
    },
}
