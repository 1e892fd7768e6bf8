//! The leader: one task that owns the ledger, so that every decision is taken in one place, in one order.
//!
//! Requests come through a channel. The leader takes all that wait, applies what they ask for, writes the commands of
//! all of them with one sync (group commit) and only then answers. If the log cannot be written it stops, answers
//! nothing as done, and says why: nothing acknowledged is lost.

mod core;
mod display;
mod logbook;
mod request;
mod schedule;
#[cfg(test)]
mod tests;
mod workers;

pub(crate) use logbook::read as log_lines;
pub use request::{Asked, LeaderError, Lease, Progress, Said, WorkerFacts};

use crate::ledger::{Command, Log, LogError, Record, State};
use crate::view::{BuildView, Overview};
use core::Core;
use imgcalc_shared::build::{Build, BuildId};
use imgcalc_shared::task::{FailureClass, Outcome, TaskId};
use logbook::Logbook;
use request::Request;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot, watch};

/// Requests answered with one sync of the log at most.
const BATCH_MAX: usize = 256;
/// Requests that wait before a caller has to.
const QUEUE_MAX: usize = 4096;
const TICK: Duration = Duration::from_millis(200);

/// How long leases last and how often workers must be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// A lease runs out this long after the worker was last heard.
    pub lease: Duration,
    /// An attempt is taken away this long after its lease ran out.
    pub grace: Duration,
    /// Workers report at least this often.
    pub heartbeat: Duration,
    /// Workers go on this long without any coordinator.
    pub orphan: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Terms {
            lease: seconds(30),
            grace: seconds(30),
            heartbeat: seconds(2),
            orphan: seconds(600),
        }
    }
}

/// A handle to the running leader; cheap to clone.
#[derive(Clone, Debug)]
pub struct Leader {
    requests: mpsc::Sender<Request>,
    stopped: watch::Receiver<Option<String>>,
    terms: Terms,
}

impl Leader {
    /// Opens the ledger in a data directory and starts leading. Call it inside a tokio runtime.
    pub fn start(data_dir: &Path, terms: Terms) -> Result<Leader, LogError> {
        let (log, commands) = Log::open(&data_dir.join("ledger.redb"))?;
        let mut state = State::default();
        for command in &commands {
            state.apply(command);
        }
        tracing::info!(entries = log.entries(), "the ledger is open");
        let core = Core::new(state, Logbook::new(data_dir.join("logs")), terms);
        let (requests, receiver) = mpsc::channel(QUEUE_MAX);
        let (stop, stopped) = watch::channel(None);
        tokio::spawn(lead(core, log, receiver, stop));
        Ok(Leader {
            requests,
            stopped,
            terms,
        })
    }

    /// The terms workers are told.
    pub fn terms(&self) -> Terms {
        self.terms
    }

    /// Waits until the leader stopped by itself and says why.
    pub async fn stopped(&self) -> String {
        let mut stopped = self.stopped.clone();
        let why = stopped.wait_for(Option::is_some).await;
        why.ok()
            .and_then(|why| why.clone())
            .unwrap_or_else(|| "the leader is gone".into())
    }

    /// Accepts a build.
    pub async fn submit(&self, build: Build) -> Result<(BuildId, bool), LeaderError> {
        self.ask(|reply| Request::Submit {
            build: Box::new(build),
            reply,
        })
        .await
    }

    /// Cancels a build.
    pub async fn cancel(&self, build: BuildId) -> Result<(), LeaderError> {
        self.ask(|reply| Request::Cancel { build, reply }).await
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
    pub async fn logs(
        &self,
        build: BuildId,
    ) -> Result<(Vec<String>, mpsc::UnboundedReceiver<String>), LeaderError> {
        self.ask(|reply| Request::Logs { build, reply }).await
    }

    /// A worker introduces itself.
    pub async fn register(&self, worker: WorkerFacts) -> Result<(), LeaderError> {
        self.ask(|reply| Request::Register { worker, reply }).await
    }

    /// A worker asks for work and waits for it.
    pub async fn lease(&self, worker: String, wait: Duration) -> Result<Asked, LeaderError> {
        self.ask(|reply| Request::Lease { worker, wait, reply }).await
    }

    /// A worker is at it; gives back a reason to stop, if there is one.
    pub async fn progress(&self, progress: Progress) -> Result<Option<String>, LeaderError> {
        self.ask(|reply| Request::Progress {
            progress: Box::new(progress),
            reply,
        })
        .await
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

    async fn ask<T>(&self, request: impl FnOnce(request::Reply<T>) -> Request) -> Result<T, LeaderError> {
        let (reply, answer) = oneshot::channel();
        let stopped = || {
            LeaderError::Stopped(
                self.stopped
                    .borrow()
                    .clone()
                    .unwrap_or_else(|| "it is gone".into()),
            )
        };
        self.requests.send(request(reply)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

async fn lead(
    mut core: Core,
    mut log: Log,
    mut requests: mpsc::Receiver<Request>,
    stop: watch::Sender<Option<String>>,
) {
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            request = requests.recv() => match request {
                Some(request) => core.handle(request, now_ms()),
                None => return,
            },
            _ = tick.tick() => {}
        }
        for _ in 1..BATCH_MAX {
            match requests.try_recv() {
                Ok(request) => core.handle(request, now_ms()),
                Err(_) => break,
            }
        }
        core.advance(now_ms());
        let commands: Vec<Command> = core.take_commands();
        if let Err(error) = tokio::task::block_in_place(|| log.append(&commands)) {
            // What was applied in memory is not durable: nothing more may be answered from it.
            let why = error.to_string();
            tracing::error!("{why}");
            core.abandon(&why);
            let _ = stop.send(Some(why));
            return;
        }
        core.answer();
    }
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}
