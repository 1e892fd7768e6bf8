//! One coordinator: a peer of the group that holds the ledger together, alone or with others.
//!
//! [`Peer`] is the handle that servers and verbs use. Behind it runs one task, [`drive`], which owns a [`node::Node`]:
//! it takes all requests and messages that wait, lets the node decide, writes what came of all of them with one sync
//! (group commit), and only then answers. If the log cannot be written it stops, answers nothing as done, and says
//! why: nothing acknowledged is lost.

mod drive;
mod entry;
#[cfg(test)]
mod looks;
pub(crate) mod node;
#[cfg(test)]
mod tests;
mod transport;

pub use node::NodeError;

pub(crate) use entry::read_batch;

use crate::leader::{
    Asked, Directive, LeaderError, Lines, Progress, Reply, Request, Said, Terms, WorkerFacts, log_lines,
};
use crate::ledger::{Record, State, Wanted};
use crate::replica::log::{FolderDisk, Log, LogError, Recovered};
use crate::replica::{Change, Identity, IdentityError, Message, Timing};
use crate::view::{Account, BuildView, Members, Overview};
use drive::Input;
use imgcalc_proto::security::Credentials;
use imgcalc_shared::build::{Amendment, Build, BuildId};
use imgcalc_shared::task::{FailureClass, Outcome, TaskId};
use node::Node;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Requests and messages that wait before who sends them has to.
const QUEUE_MAX: usize = 4096;

/// How a peer runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its directory.
    pub data_dir: PathBuf,
    /// Whose it is.
    pub identity: Identity,
    /// What workers are told.
    pub terms: Terms,
    /// How time passes for the consensus.
    pub timing: Timing,
    /// What it shows other peers; none: it speaks to peers on this machine only.
    pub credentials: Option<Credentials>,
}

/// Why a peer does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The directory is not its.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// It cannot go on from its log.
    #[error(transparent)]
    Node(#[from] NodeError),
}

/// A handle to the running peer; cheap to clone.
#[derive(Clone, Debug)]
pub struct Peer {
    inputs: mpsc::Sender<Input>,
    stopped: watch::Receiver<Option<String>>,
    options: Options,
}

/// Where the ledger lies in a data directory.
pub(crate) fn ledger_folder(data_dir: &Path) -> PathBuf {
    data_dir.join("ledger")
}

/// Where log lines of builds lie in a data directory.
pub(crate) fn log_folder(data_dir: &Path) -> PathBuf {
    data_dir.join("logs")
}

/// The state in a data directory that nobody has open, as far as its own log tells: all of it where the peer is
/// alone, what it knows to be committed where it is one of a group.
pub(crate) fn read_state(data_dir: &Path) -> Result<State, NodeError> {
    let Recovered {
        hard_state,
        snapshot,
        entries,
    } = Log::read(&FolderDisk::at(ledger_folder(data_dir)))?;
    let alone = Identity::read(data_dir)
        .ok()
        .flatten()
        .is_none_or(|identity| identity.founders.len() == 1);
    let unreadable = |index: u64| {
        move |error: entry::Unreadable| NodeError::Unreadable {
            index,
            why: error.to_string(),
        }
    };
    let mut state = match &snapshot {
        Some(snapshot) => entry::read_image(&snapshot.data).map_err(unreadable(snapshot.index))?,
        None => State::default(),
    };
    let committed = entries
        .iter()
        .filter(|entry| entry.kind == crate::replica::log::EntryKind::Commands)
        .take_while(|entry| alone || entry.index <= hard_state.commit);
    for entry in committed {
        for command in read_batch(&entry.data).map_err(unreadable(entry.index))? {
            state.apply(&command);
        }
    }
    Ok(state)
}

impl Peer {
    /// Opens a data directory and takes part in its group. Call it inside a tokio runtime.
    pub fn start(options: Options) -> Result<Peer, StartError> {
        let Options {
            data_dir,
            identity,
            terms,
            timing,
            ..
        } = &options;
        let ledger = ledger_folder(data_dir);
        identity.claim(data_dir, &ledger)?;
        let disk = FolderDisk::at(ledger);
        let node = Node::open(disk, identity, *terms, *timing, Some(log_folder(data_dir)))?;
        let (inputs, receiver) = mpsc::channel(QUEUE_MAX);
        let (stop, stopped) = watch::channel(None);
        let transport = transport::Transport::new(&options, inputs.clone());
        tokio::spawn(drive::drive(node, transport, timing.tick, receiver, stop));
        Ok(Peer {
            inputs,
            stopped,
            options,
        })
    }

    /// How it runs.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Waits until the peer stopped by itself and says why.
    pub async fn stopped(&self) -> String {
        let mut stopped = self.stopped.clone();
        let why = stopped.wait_for(Option::is_some).await;
        why.ok()
            .and_then(|why| why.clone())
            .unwrap_or_else(|| "the coordinator is gone".into())
    }

    /// Hands leadership over where there is somebody to take it, writes what is left, and ends.
    pub async fn close(&self) {
        let (reply, done) = oneshot::channel();
        if self.inputs.send(Input::Close(reply)).await.is_ok() {
            let _ = done.await;
        }
    }

    /// Waits until this peer leads and can answer.
    pub async fn leads(&self) -> Result<(), LeaderError> {
        loop {
            match self.overview().await {
                Err(LeaderError::NotLeader { .. }) => tokio::time::sleep(Duration::from_millis(10)).await,
                said => return said.map(|_| ()),
            }
        }
    }

    /// Hands a message of another peer to this one.
    pub(crate) async fn message(&self, message: Message) -> Result<(), LeaderError> {
        self.inputs
            .send(Input::Message(message))
            .await
            .map_err(|_| self.gone_error())
    }

    /// Who holds the log, as far as this peer knows.
    pub async fn members(&self) -> Result<Members, LeaderError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.inputs.send(Input::Members(reply)).await;
        sent.map_err(|_| self.gone_error())?;
        answer.await.map_err(|_| self.gone_error())
    }

    /// Changes who holds the log.
    pub async fn change(&self, change: Change) -> Result<(), LeaderError> {
        self.put(|reply| Input::Change { change, reply }).await
    }

    /// Accepts a build.
    pub async fn submit(&self, build: Build, priority: i32) -> Result<(BuildId, bool), LeaderError> {
        self.ask(|reply| Request::Submit {
            build: Box::new(build),
            priority,
            reply,
        })
        .await
    }

    /// Changes what is wanted of a build.
    pub async fn direct(
        &self,
        build: BuildId,
        wanted: Option<Wanted>,
        priority: Option<i32>,
    ) -> Result<(), LeaderError> {
        self.ask(|reply| Request::Direct {
            build,
            wanted,
            priority,
            reply,
        })
        .await
    }

    /// Adds to what is wanted of a build; says whether as much was wanted before.
    pub async fn amend(&self, build: BuildId, amendment: Amendment) -> Result<bool, LeaderError> {
        self.ask(|reply| Request::Amend {
            build,
            amendment,
            reply,
        })
        .await
    }

    /// Gives quarantined tasks a new budget: those whose id starts with `task`. Says how many.
    pub async fn retry(&self, build: BuildId, task: String) -> Result<usize, LeaderError> {
        self.ask(|reply| Request::Retry { build, task, reply }).await
    }

    /// Takes recorded profile results over; says how many were new.
    pub async fn adopt(&self, records: Vec<Record>) -> Result<usize, LeaderError> {
        self.ask(|reply| Request::Adopt { records, reply }).await
    }

    /// Everything, in one line each.
    pub async fn overview(&self) -> Result<Overview, LeaderError> {
        self.ask(|reply| Request::Overview { reply }).await
    }

    /// All about one build.
    pub async fn view(&self, build: BuildId) -> Result<BuildView, LeaderError> {
        self.ask(|reply| Request::View { build, reply }).await
    }

    /// The log lines of a build so far, and those to come.
    pub(crate) async fn logs(&self, build: BuildId) -> Result<Lines, LeaderError> {
        self.ask(|reply| Request::Logs { build, reply }).await
    }

    /// The log lines of a build that this coordinator has written, whether it leads or not.
    pub(crate) fn logs_here(&self, build: &BuildId) -> Vec<String> {
        log_lines(&log_folder(&self.options.data_dir), build)
    }

    /// The base that an attempt reads and writes.
    pub(crate) async fn base_of(&self, task: TaskId, token: u64) -> Result<Option<String>, LeaderError> {
        self.ask(|reply| Request::Base { task, token, reply }).await
    }

    /// A worker introduces itself.
    pub async fn register(&self, worker: WorkerFacts) -> Result<(), LeaderError> {
        self.ask(|reply| Request::Register { worker, reply }).await
    }

    /// A worker asks for work and waits for it.
    pub async fn lease(&self, worker: String, wait: Duration, sequence: u64) -> Result<Asked, LeaderError> {
        self.ask(|reply| Request::Lease {
            worker,
            wait,
            sequence,
            reply,
        })
        .await
    }

    /// A worker is at it.
    pub async fn progress(&self, progress: Progress) -> Result<Directive, LeaderError> {
        self.ask(|reply| Request::Progress {
            progress: Box::new(progress),
            reply,
        })
        .await
    }

    /// A worker says what an attempt has read; whether anybody leads who takes it does not matter.
    pub fn account(&self, token: u64, account: Account) {
        // One that has no room for it now learns it from the next report.
        let _ = self
            .inputs
            .try_send(Input::Request(Request::Account { token, account }));
    }

    /// A worker hands over a result.
    pub async fn complete(&self, task: TaskId, token: u64, outcome: Outcome) -> Result<Said, LeaderError> {
        self.ask(|reply| Request::Complete {
            task,
            token,
            outcome: Box::new(outcome),
            reply,
        })
        .await
    }

    /// A worker ends an attempt that failed.
    pub async fn fail(
        &self,
        task: TaskId,
        token: u64,
        class: FailureClass,
        message: String,
    ) -> Result<(), LeaderError> {
        self.ask(|reply| Request::Fail {
            task,
            token,
            class,
            message,
            reply,
        })
        .await
    }

    /// A worker is to end, or no longer; says whether it is known.
    pub async fn drain(&self, worker: String, cancel: bool) -> Result<bool, LeaderError> {
        self.ask(|reply| Request::Drain {
            worker,
            cancel,
            reply,
        })
        .await
    }

    /// It is known, not guessed, that workers are gone: what they held is open again at once.
    pub async fn gone(
        &self,
        worker: Option<String>,
        class: FailureClass,
        why: String,
    ) -> Result<(), LeaderError> {
        self.ask(|reply| Request::Gone {
            worker,
            class,
            why,
            reply,
        })
        .await
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, LeaderError> {
        self.put(|reply| Input::Request(request(reply))).await
    }

    async fn put<T>(&self, input: impl FnOnce(Reply<T>) -> Input) -> Result<T, LeaderError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.inputs.send(input(reply)).await;
        sent.map_err(|_| self.gone_error())?;
        answer.await.map_err(|_| self.gone_error())?
    }

    fn gone_error(&self) -> LeaderError {
        let why = self.stopped.borrow().clone();
        LeaderError::Stopped(why.unwrap_or_else(|| "the coordinator is gone".into()))
    }
}

impl From<LogError> for StartError {
    fn from(error: LogError) -> Self {
        StartError::Node(error.into())
    }
}
