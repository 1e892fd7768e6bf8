//! What the leader is asked, and what it says.

use crate::ledger::{Record, Wanted};
use crate::view::{Account, BuildView, Overview};
use imgcalc_shared::build::{Amendment, Build, BuildId};
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::task::{FailureClass, Outcome, Task, TaskId};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Why the leader did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaderError {
    /// It has stopped; the reason says what to do.
    #[error("{0}")]
    Stopped(String),
    /// This peer does not lead, or no longer: what was asked may be done or not, and asking again does no harm.
    #[error("this coordinator does not lead the group; {}", match .leader {
        Some(address) => format!("{address} does"),
        None => "an election is going on or no majority is there".into(),
    })]
    NotLeader {
        /// Where the leader listens, if that is known.
        leader: Option<String>,
    },
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
    pub host: Arc<str>,
    /// Its hardware class.
    pub hardware: Arc<str>,
    /// The only base it works on, if it says so.
    pub base: Option<Arc<str>>,
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
    /// It is to end.
    Drain,
}

/// What a worker is told about a running attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directive {
    /// Why the attempt is no longer wanted, if it is not.
    pub stop: Option<String>,
    /// Whether the worker is to hand it back and end.
    pub drain: bool,
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
    /// What reading from the base has cost, if the worker says so.
    pub account: Option<Account>,
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

pub(crate) type Reply<T> = oneshot::Sender<Result<T, LeaderError>>;

/// Past log lines of a build, and a channel for those to come.
pub(crate) type Lines = (Vec<String>, mpsc::UnboundedReceiver<String>);

#[derive(Debug)]
pub(crate) enum Request {
    Submit {
        build: Box<Build>,
        priority: i32,
        reply: Reply<(BuildId, bool)>,
    },
    Direct {
        build: BuildId,
        wanted: Option<Wanted>,
        priority: Option<i32>,
        reply: Reply<()>,
    },
    Amend {
        build: BuildId,
        amendment: Amendment,
        /// Whether as much was asked for before.
        reply: Reply<bool>,
    },
    Retry {
        build: BuildId,
        /// Start of a task's id; empty for all.
        task: String,
        reply: Reply<usize>,
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
        reply: Reply<Lines>,
    },
    Base {
        task: TaskId,
        token: u64,
        reply: Reply<Option<String>>,
    },
    Register {
        worker: WorkerFacts,
        reply: Reply<()>,
    },
    Lease {
        worker: String,
        wait: Duration,
        /// Rises with every question of the worker; 0: not counted.
        sequence: u64,
        reply: Reply<Asked>,
    },
    Progress {
        progress: Box<Progress>,
        reply: Reply<Directive>,
    },
    /// What an attempt has read. Nobody waits for an answer: it changes nothing that is decided.
    Account {
        token: u64,
        account: Account,
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
    Drain {
        worker: String,
        /// Take it back.
        cancel: bool,
        reply: Reply<bool>,
    },
    Gone {
        worker: Option<String>,
        class: FailureClass,
        why: String,
        reply: Reply<()>,
    },
}

impl Request {
    /// Answers it with an error.
    pub(crate) fn refuse(self, error: LeaderError) {
        fn say<T>(reply: Reply<T>, error: LeaderError) {
            // Whoever asked may have gone.
            let _ = reply.send(Err(error));
        }
        match self {
            Request::Submit { reply, .. } => say(reply, error),
            Request::Direct { reply, .. } | Request::Fail { reply, .. } | Request::Gone { reply, .. } => {
                say(reply, error)
            }
            Request::Register { reply, .. } => say(reply, error),
            Request::Retry { reply, .. } | Request::Adopt { reply, .. } => say(reply, error),
            Request::Overview { reply } => say(reply, error),
            Request::View { reply, .. } => say(reply, error),
            Request::Logs { reply, .. } => say(reply, error),
            Request::Base { reply, .. } => say(reply, error),
            Request::Lease { reply, .. } => say(reply, error),
            Request::Progress { reply, .. } => say(reply, error),
            Request::Account { .. } => {}
            Request::Complete { reply, .. } => say(reply, error),
            Request::Drain { reply, .. } | Request::Amend { reply, .. } => say(reply, error),
        }
    }
}
