//! What can be asked of the ledger. The leader stamps time into a command; the machine has no clock.

use imgcalc_shared::build::{Amendment, Build, BuildId};
use imgcalc_shared::task::{FailureClass, Outcome, Task, TaskId};
use serde::{Deserialize, Serialize};

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// A build is wanted. A paused or cancelled build that is submitted again goes on.
    Submit {
        /// The build.
        build: Box<Build>,
        /// Builds of higher priority get workers first.
        priority: i32,
        /// Milliseconds since 1970.
        at_ms: u64,
    },
    /// Something else is wanted of a build.
    Direct {
        /// Which.
        build: BuildId,
        /// What is wanted now; none: as before.
        wanted: Option<Wanted>,
        /// Its new priority; none: as before.
        priority: Option<i32>,
        /// Milliseconds since 1970.
        at_ms: u64,
    },
    /// More is wanted of a build than its spec says. One that had ended goes on.
    Amend {
        /// Which.
        build: BuildId,
        /// What.
        amendment: Amendment,
        /// Milliseconds since 1970.
        at_ms: u64,
    },
    /// Quarantined tasks get a new budget of failures.
    Retry {
        /// Which.
        tasks: Vec<TaskId>,
        /// Builds that ended without them: they go on.
        builds: Vec<BuildId>,
        /// Milliseconds since 1970.
        at_ms: u64,
    },
    /// A build has nothing left to do.
    Finish {
        /// Which.
        build: BuildId,
        /// How it ended.
        ending: Ending,
        /// Tasks it took, done or given up.
        tasks: usize,
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
        /// The machine it runs on.
        host: String,
        /// Of the worker's question that this answers.
        sequence: u64,
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

/// What is wanted of a build that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// That it goes on.
    Run,
    /// That it waits: what runs is stopped and goes on from its last checkpoint.
    Pause,
    /// Nothing: what runs is stopped.
    Cancel,
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
