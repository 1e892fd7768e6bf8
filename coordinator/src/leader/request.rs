//! What the leader is asked, and what it says.

use crate::ledger::Record;
use crate::view::{BuildView, Overview};
use imgcalc_shared::build::{Build, BuildId};
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::task::{FailureClass, Outcome, Task, TaskId};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Why the leader did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaderError {
    /// It has stopped; the reason says what to do.
    #[error("{0}")]
    Stopped(String),
    /// What was asked does not hold.
    #[error("{0}")]
    Refused(String),
}

/// A worker as it introduces itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerFacts {
    /// Unique among those that run.
    pub name: String,
    /// Its host.
    pub host: String,
    /// Its hardware class.
    pub hardware: String,
}

/// Answer to a worker that asks for work.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// Here is some.
    Lease(Box<Lease>),
    /// There is none now.
    Nothing,
    /// It must introduce itself first.
    UnknownWorker,
}

/// A task in a worker's hands.
#[derive(Clone, Debug, PartialEq)]
pub struct Lease {
    /// The task.
    pub task: Task,
    /// Fencing token.
    pub token: u64,
    /// Object store of the build.
    pub base: String,
    /// The build.
    pub build: BuildId,
    /// First weights, where the task starts from some.
    pub weights: Option<ObjectRef>,
}

/// What a worker reports of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Who.
    pub worker: String,
    /// Which task.
    pub task: TaskId,
    /// Which attempt.
    pub token: u64,
    /// Epochs done.
    pub epoch: u32,
    /// Epochs in all.
    pub epochs: u32,
    /// Last training loss.
    pub loss: Option<f64>,
    /// Validation accuracy after the last epoch.
    pub accuracy: Option<f64>,
    /// Images trained on per second.
    pub images_per_second: f64,
    /// Bytes of columns read.
    pub bytes_read: u64,
    /// Log lines since the last report.
    pub log: String,
}

/// Answer to a worker that hands over a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It is in the ledger now.
    Committed,
    /// One was there already.
    AlreadyCommitted,
    /// It does not hold.
    Refused(String),
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, LeaderError>>;

#[derive(Debug)]
pub(super) enum Request {
    Submit {
        build: Box<Build>,
        reply: Reply<(BuildId, bool)>,
    },
    Cancel {
        build: BuildId,
        reply: Reply<()>,
    },
    Adopt {
        records: Vec<Record>,
        reply: Reply<usize>,
    },
    Overview {
        reply: Reply<Overview>,
    },
    View {
        build: BuildId,
        reply: Reply<BuildView>,
    },
    Logs {
        build: BuildId,
        reply: Reply<(Vec<String>, mpsc::UnboundedReceiver<String>)>,
    },
    Register {
        worker: WorkerFacts,
        reply: Reply<()>,
    },
    Lease {
        worker: String,
        wait: Duration,
        reply: Reply<Asked>,
    },
    Progress {
        progress: Box<Progress>,
        reply: Reply<Option<String>>,
    },
    Complete {
        task: TaskId,
        token: u64,
        outcome: Box<Outcome>,
        reply: Reply<Said>,
    },
    Fail {
        task: TaskId,
        token: u64,
        class: FailureClass,
        message: String,
        reply: Reply<()>,
    },
    Gone {
        worker: Option<String>,
        class: FailureClass,
        why: String,
        reply: Reply<()>,
    },
}
