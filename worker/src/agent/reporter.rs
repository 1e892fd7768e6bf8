//! Keeps the coordinator informed about one attempt, over as many streams as it takes, and brings its directives back.

use super::backoff::Backoff;
use super::link::{Again, CALL_LIMIT, Link, LinkError};
use crate::data::Account;
use crate::stages::Progress;
use imgcalc_proto::v1::{Directive, ProgressUpdate};
use imgcalc_shared::task::TaskId;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// Log bytes kept while no coordinator takes them.
const LOG_BYTES_MAX: usize = 64 << 10;
/// Time the last update has to leave.
const LAST_LIMIT: Duration = Duration::from_secs(1);
/// Epochs that end faster than this are told together.
const GAP: Duration = Duration::from_millis(50);
/// A stream that lived so long was no failed try.
const STREAM_GOOD: Duration = Duration::from_secs(5);

/// Reports of one attempt; ends with [`Reporter::finish`] or when dropped.
#[derive(Debug)]
pub(super) struct Reporter {
    desk: Arc<Desk>,
    news: mpsc::Receiver<News>,
    task: JoinHandle<()>,
}

/// What the agent must know at once.
#[derive(Debug)]
pub(super) enum News {
    /// The attempt is no longer wanted.
    Stop(String),
    /// The worker is to end.
    Drain(String),
    /// The coordinators were silent for too long.
    Lost(LinkError),
}

/// Where the attempt lays down what is to be told.
#[derive(Debug)]
struct Desk {
    pending: Mutex<Pending>,
    changed: Notify,
}

#[derive(Debug)]
struct Pending {
    update: ProgressUpdate,
    /// Epochs done when the last update left.
    epoch_told: u32,
    account: Account,
    log_cut: bool,
    closing: bool,
}

/// An account as coordinators are told it.
pub(super) fn to_wire(account: Account) -> imgcalc_proto::v1::Account {
    imgcalc_proto::v1::Account {
        bytes_asked: account.bytes_asked,
        bytes_moved: account.bytes_moved,
        requests: account.requests,
        bytes_cached: account.bytes_cached,
    }
}

impl Reporter {
    pub(super) fn start(link: Arc<Link>, task: TaskId, token: u64) -> Self {
        let update = ProgressUpdate {
            task: task.to_string(),
            token,
            accuracy: -1.0,
            ..ProgressUpdate::default()
        };
        let desk = Arc::new(Desk {
            pending: Mutex::new(Pending {
                update,
                epoch_told: 0,
                account: Account::default(),
                log_cut: false,
                closing: false,
            }),
            changed: Notify::new(),
        });
        let (sender, news) = mpsc::channel(4);
        let at_work = desk.clone();
        let task = tokio::spawn(async move {
            if let Err(error) = report(&link, &at_work, &sender).await {
                let _ = sender.send(News::Lost(error)).await;
            }
        });
        Reporter { desk, news, task }
    }

    /// Tells how far the attempt is: at the next heartbeat, or sooner when an epoch ended.
    pub(super) fn progress(&self, progress: &Progress) {
        let urgent = self.desk.with(|pending| {
            let update = &mut pending.update;
            update.epoch = progress.epoch;
            update.epochs = progress.epochs;
            update.loss = progress.loss;
            update.accuracy = progress.accuracy.unwrap_or(-1.0);
            update.images_per_second = progress.images_per_second;
            update.bytes_read = progress.bytes_read;
            progress.epoch > pending.epoch_told
        });
        if urgent {
            self.desk.changed.notify_one();
        }
    }

    /// Tells what the attempt has read, at the next heartbeat.
    pub(super) fn account(&self, account: Account) {
        self.desk.with(|pending| {
            pending.update.account = Some(to_wire(account));
            pending.account = account;
        });
    }

    /// Adds a line to the log that goes with the next update.
    pub(super) fn log(&self, line: &str) {
        self.desk.with(|pending| pending.add_log(line));
    }

    /// What the coordinator wants; waits for ever if it wants nothing. Safe to cancel.
    pub(super) async fn news(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }

    /// Sends what is still to be told, if a coordinator takes it now. Gives what the attempt has read.
    pub(super) async fn finish(mut self) -> Account {
        self.desk.with(|pending| pending.closing = true);
        self.desk.changed.notify_one();
        let _ = tokio::time::timeout(LAST_LIMIT, &mut self.task).await;
        self.desk.with(|pending| pending.account)
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Desk {
    fn with<T>(&self, action: impl FnOnce(&mut Pending) -> T) -> T {
        action(&mut self.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The update to send now; its log is handed over with it.
    fn take(&self, worker: &str) -> ProgressUpdate {
        self.with(|pending| {
            pending.epoch_told = pending.update.epoch;
            pending.log_cut = false;
            let log = std::mem::take(&mut pending.update.log);
            ProgressUpdate {
                worker: worker.to_string(),
                log,
                ..pending.update.clone()
            }
        })
    }

    /// Takes the log of an update back that did not leave.
    fn put_back(&self, log: &str) {
        self.with(|pending| {
            let later = std::mem::take(&mut pending.update.log);
            for line in log.lines().chain(later.lines()) {
                pending.add_log(line);
            }
        });
    }

    fn is_closing(&self) -> bool {
        self.with(|pending| pending.closing)
    }
}

impl Pending {
    fn add_log(&mut self, line: &str) {
        let log = &mut self.update.log;
        if log.len() + line.len() < LOG_BYTES_MAX {
            log.push_str(line);
            log.push('\n');
        } else if !self.log_cut {
            self.log_cut = true;
            log.push_str("… lines left out here: no coordinator took them\n");
        }
    }
}

async fn report(link: &Link, desk: &Desk, news: &mpsc::Sender<News>) -> Result<(), LinkError> {
    let mut backoff = Backoff::new();
    loop {
        let (sender, receiver) = mpsc::channel(4);
        let receiver = Mutex::new(Some(receiver));
        // The first update goes before the stream is open: a coordinator may answer only after it.
        let open = |mut client: super::link::Client, worker: String| {
            let first = desk.take(&worker);
            let log = first.log.clone();
            let updates = receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
            let sender = &sender;
            async move {
                let Some(updates) = updates else {
                    return Err(Status::internal("a stream is opened once"));
                };
                let _ = sender.send(first).await;
                let opened = client.progress(ReceiverStream::new(updates)).await;
                if opened.is_err() {
                    desk.put_back(&log);
                }
                opened.map(|stream| tonic::Response::new((worker, stream.into_inner())))
            }
        };
        let begin = Instant::now();
        let ended = match link.call_once(CALL_LIMIT, &open).await {
            Ok((worker, directives)) => converse(link, desk, news, &worker, sender, directives).await,
            Err(status) => Some(status),
        };
        let Some(status) = ended else {
            return Ok(());
        };
        if desk.is_closing() {
            return Ok(());
        }
        let again = match link.missed(status) {
            // Updates that are refused are not worth a training: it goes on, and its outcome is asked for.
            Err(LinkError::Refused(status)) => {
                tracing::warn!("an update is refused: {}", status.message());
                Again::Later
            }
            other => other?,
        };
        if begin.elapsed() > STREAM_GOOD {
            backoff.reset();
        }
        again.pause(&mut backoff).await;
    }
}

/// Sends updates over an open stream and passes directives on. Returns why the stream ended, or none when all is told.
async fn converse(
    link: &Link,
    desk: &Desk,
    news: &mpsc::Sender<News>,
    worker: &str,
    updates: mpsc::Sender<ProgressUpdate>,
    mut directives: Streaming<Directive>,
) -> Option<Status> {
    let mut heartbeat = tokio::time::interval(link.terms().heartbeat);
    heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    heartbeat.tick().await;
    let mut told = Instant::now();
    loop {
        tokio::select! {
            _ = heartbeat.tick() => {}
            () = desk.changed.notified() => if told.elapsed() < GAP && !desk.is_closing() {
                continue;
            },
            directive = directives.message() => match directive {
                Ok(Some(directive)) => {
                    link.heard();
                    if directive.drain {
                        let reason = match directive.reason.as_str() {
                            "" => "the coordinator drains the worker".to_string(),
                            why => format!("the coordinator drains the worker: {why}"),
                        };
                        let _ = news.send(News::Drain(reason)).await;
                    } else if directive.stop {
                        let _ = news.send(News::Stop(directive.reason)).await;
                    }
                    continue;
                }
                Ok(None) => return Some(Status::unavailable("the coordinator ends the stream")),
                Err(status) => return Some(status),
            },
        }
        let closing = desk.is_closing();
        let update = desk.take(worker);
        told = Instant::now();
        // Room for four: full means that the line is stuck, and keep-alive will say so; the log must not get lost.
        if let Err(error) = updates.try_send(update) {
            desk.put_back(&error.into_inner().log);
        }
        if closing {
            // The end of the updates ends the stream once the coordinator has read them all.
            drop(updates);
            while let Ok(Some(_)) = directives.message().await {}
            return None;
        }
    }
}
