//! Why the log cannot be opened, read or written.

use super::ENTRY_BYTES_MAX;
use std::io;
use std::path::PathBuf;

/// Why the log cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Another process has it open.
    #[error("the ledger {path} is open in another process")]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// Truncated or altered. It is not repaired: that would forget.
    #[error(
        "the ledger's {path} is damaged: {what}; restore the ledger from a copy, or let a new peer take this one's \
         place; its files were left as they are"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and how.
        what: String,
    },
    /// Intact, but not of this release.
    #[error("the ledger's {path} is of another release: {what}; use that release, or another data directory")]
    OtherRelease {
        /// The file.
        path: PathBuf,
        /// What this release cannot read.
        what: String,
    },
    /// The disk has no room.
    #[error(
        "no room is left for the ledger's {path}; free some and start again, nothing acknowledged is lost"
    )]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// An entry too long to be one. Nothing was written.
    #[error("a ledger entry of {bytes} bytes is longer than {ENTRY_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// An index that would leave a gap, or change what a snapshot covers. Nothing was written.
    #[error("index {index} is out of place in the ledger {path}: it takes {lowest} to {highest}")]
    OutOfPlace {
        /// The folder.
        path: PathBuf,
        /// The index given.
        index: u64,
        /// The lowest that would do.
        lowest: u64,
        /// The highest that would do.
        highest: u64,
    },
    /// A write failed before, and what the disk holds since then is known only by reading it.
    #[error("the ledger {path} failed earlier and takes nothing more; start again")]
    Failed {
        /// The folder.
        path: PathBuf,
    },
    /// Anything else the disk says.
    #[error("the ledger's {path} cannot be used: {what}")]
    Disk {
        /// The file.
        path: PathBuf,
        /// What it says.
        what: String,
    },
}

impl LogError {
    /// What the disk said about a file.
    pub(super) fn of(path: PathBuf, error: io::Error) -> LogError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LogError::Full { path },
            _ => LogError::Disk {
                path,
                what: error.to_string(),
            },
        }
    }
}

/// What is wrong with the bytes of a file; where they lie is added by who read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    Damaged(String),
    OtherRelease(String),
}

impl Fault {
    pub(super) fn at(self, path: PathBuf) -> LogError {
        match self {
            Fault::Damaged(what) => LogError::Damaged { path, what },
            Fault::OtherRelease(what) => LogError::OtherRelease { path, what },
        }
    }
}

/// Damaged, and how.
pub(super) fn damaged<T>(what: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Damaged(what.into()))
}
