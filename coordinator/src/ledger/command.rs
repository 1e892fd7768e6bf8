//! What can be asked of the ledger. The leader stamps time into a command; the machine has no clock.

use imgcalc_shared::build::{Build, BuildId};
use imgcalc_shared::task::{FailureClass, Outcome, Task, TaskId};
use serde::{Deserialize, Serialize};

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// A build is wanted. A cancelled build that is submitted again goes on.
    Submit {
        /// The build.
        build: Box<Build>,
        /// Milliseconds since 1970.
        at_ms: u64,
    },
    /// A build is no longer wanted.
    Cancel {
        /// Which.
        build: BuildId,
        /// Milliseconds since 1970.
        at_ms: u64,
    },
    /// A build has nothing left to do.
    Finish {
        /// Which.
        build: BuildId,
        /// How it ended.
        ending: Ending,
        /// Milliseconds since 1970.
        at_ms: u64,
    },
    /// Results recorded elsewhere are brought in.
    Adopt {
        /// The results with their tasks.
        records: Vec<Record>,
        /// Milliseconds since 1970.
        at_ms: u64,
    },
    /// A worker gets a task.
    Lease {
        /// The task.
        task: Box<Task>,
        /// The build that wants it first.
        build: BuildId,
        /// The worker.
        worker: String,
        /// Milliseconds since 1970.
        at_ms: u64,
    },
    /// A worker hands over what came out.
    Complete {
        /// The task's name.
        task: TaskId,
        /// Fencing token of the attempt.
        token: u64,
        /// What came out.
        outcome: Box<Outcome>,
        /// Milliseconds since 1970.
        at_ms: u64,
    },
    /// An attempt ends without an outcome: the worker says so, or the leader knows that the worker is gone.
    Fail {
        /// The task's name.
        task: TaskId,
        /// Fencing token of the attempt.
        token: u64,
        /// Whose fault it is.
        class: FailureClass,
        /// What happened.
        message: String,
        /// Milliseconds since 1970.
        at_ms: u64,
    },
}

/// How a build ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Everything that could be done is done.
    Done,
    /// It cannot be done; the reason names the field.
    Refused(String),
}

/// A result recorded elsewhere, with the task that it answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The task.
    pub task: Task,
    /// What came out of it.
    pub outcome: Outcome,
}
