//! What applying a command brought about.

use imgcalc_shared::build::BuildId;
use imgcalc_shared::task::TaskId;

/// One consequence of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The build is running now; `known` if it was in the ledger before.
    Submitted {
        /// Which.
        build: BuildId,
        /// Whether it was there before.
        known: bool,
    },
    /// Something else is wanted of the build now.
    Directed {
        /// Which.
        build: BuildId,
    },
    /// The amendment is part of the build now; `known` if as much was asked for before, and nothing changed.
    Amended {
        /// Which.
        build: BuildId,
        /// Whether it was there before.
        known: bool,
    },
    /// The task has a new budget and can be tried again.
    Retried {
        /// The task.
        task: TaskId,
    },
    /// The build is over.
    Finished {
        /// Which.
        build: BuildId,
    },
    /// The worker holds the task under this token.
    Leased {
        /// The task.
        task: TaskId,
        /// Fencing token of the attempt.
        token: u64,
    },
    /// The result is in the ledger now.
    Committed {
        /// The task.
        task: TaskId,
    },
    /// A result was there already and stays.
    AlreadyCommitted {
        /// The task.
        task: TaskId,
    },
    /// The attempt is over and the task is open again.
    Reopened {
        /// The task.
        task: TaskId,
        /// Fencing token of the attempt.
        token: u64,
    },
    /// The task used up a budget and is given up.
    Quarantined {
        /// The task.
        task: TaskId,
    },
    /// The command does not hold and changed nothing.
    Refused {
        /// Why.
        reason: String,
    },
}
