//! One attempt: a job in the runner, its events to the coordinator, the coordinator's directives to the runner.
//!
//! Nothing ends it but its own end, a directive, the wish that the worker ends, or coordinators that were silent for
//! longer than a worker goes on alone.

use super::child::{Runner, Said};
use super::link::LinkError;
use super::reporter::{News, Reporter};
use super::shutdown::{Asked, Shutdown};
use crate::failure::Failure;
use crate::runner::protocol::{Event, Job, Request};
use imgcalc_shared::task::{FailureClass, Outcome};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// Time a job that is no longer wanted has to stop before its runner is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Time the last lines of a job's log have to arrive after its last event: they come through another pipe.
const LAST_LINES_LIMIT: Duration = Duration::from_millis(50);
/// Time in which a signal to the whole group of processes reaches the agent after it reached the runner.
const SIGNAL_LAG: Duration = Duration::from_millis(200);

/// Runs `job` to its end. Gives the runner back if it can be trusted with the next job.
pub(super) async fn run(
    mut runner: Runner,
    job: Job,
    reporter: &mut Reporter,
    shutdown: &mut Shutdown,
) -> Result<(Result<Outcome, Failure>, Option<Runner>), LinkError> {
    runner.send(&Request::Job(Box::new(job))).await;
    let mut stopping: Option<Stopping> = None;
    let mut lost = None;
    let (result, runner) = loop {
        let kill_at = stopping.as_ref().map(|stopping| stopping.kill_at);
        tokio::select! {
            said = runner.next() => match said {
                Some(Said::Event(Event::Progress(progress))) => reporter.progress(&progress),
                Some(Said::Event(Event::Account(account))) => reporter.account(account),
                Some(Said::Line(line)) => reporter.log(&line),
                Some(Said::Nonsense(what)) => tracing::warn!("the runner says what is no event: {what}"),
                Some(Said::Event(Event::Done { outcome })) => {
                    last_lines(&mut runner, reporter).await;
                    break (Ok(outcome), Some(runner));
                }
                Some(Said::Event(Event::Failed { class, message })) => {
                    last_lines(&mut runner, reporter).await;
                    runner.end().await;
                    let failure = match stopping {
                        Some(Stopping { reason, .. }) if class == FailureClass::Preempted => preempted(reason),
                        _ => Failure::new(class, message),
                    };
                    break (Err(failure), None);
                }
                None => break (Err(death(runner, stopping, shutdown).await), None),
            },
            news = reporter.news() => match news {
                News::Stop(reason) if stopping.is_none() => {
                    tracing::info!(reason, "the attempt is no longer wanted");
                    stopping = Some(Stopping::begin(&mut runner, Request::Stop, reason, Instant::now() + STOP_LIMIT).await);
                }
                News::Stop(_) => {}
                News::Drain(reason) => shutdown.ask(&reason),
                News::Lost(error) => {
                    // Somebody may find the checkpoint later.
                    if stopping.is_none() {
                        let (reason, limit) = (error.to_string(), Instant::now() + STOP_LIMIT);
                        stopping = Some(Stopping::begin(&mut runner, Request::Drain, reason, limit).await);
                    }
                    lost = Some(error);
                }
            },
            Asked { reason, stop_by, .. } = shutdown.asked(), if stopping.is_none() => {
                stopping = Some(Stopping::begin(&mut runner, Request::Drain, reason, stop_by).await);
            }
            () = sleep_until(kill_at.unwrap_or_else(Instant::now)), if kill_at.is_some() => {
                runner.kill().await;
                let reason = stopping.map(|stopping| stopping.reason).unwrap_or_default();
                break (Err(preempted(format!("{reason}; it does not stop in time and is killed"))), None);
            }
        }
    };
    match lost {
        // What is done may still be handed over, if somebody answers just now.
        Some(error) if result.is_err() => Err(error),
        _ => Ok((result, runner)),
    }
}

/// A job that was asked to stop.
struct Stopping {
    reason: String,
    kill_at: Instant,
}

impl Stopping {
    async fn begin(runner: &mut Runner, request: Request, reason: String, kill_at: Instant) -> Self {
        // A runner that hangs may not read either.
        let _ = tokio::time::timeout_at(kill_at, runner.send(&request)).await;
        Stopping { reason, kill_at }
    }
}

fn preempted(reason: String) -> Failure {
    Failure::new(FailureClass::Preempted, reason)
}

async fn last_lines(runner: &mut Runner, reporter: &Reporter) {
    while let Ok(Some(said)) = timeout(LAST_LINES_LIMIT, runner.next()).await {
        if let Said::Line(line) = said {
            reporter.log(&line);
        }
    }
}

async fn death(runner: Runner, stopping: Option<Stopping>, shutdown: &mut Shutdown) -> Failure {
    let death = runner.autopsy().await;
    if let Some(Stopping { reason, .. }) = stopping {
        return preempted(reason);
    }
    if let Ok(asked) = timeout(SIGNAL_LAG, shutdown.asked()).await {
        return preempted(asked.reason);
    }
    let how = death.how;
    tracing::warn!("the runner is gone ({how})");
    if death.out_of_memory {
        return Failure::new(
            FailureClass::OutOfMemory,
            format!("the runner cannot allocate memory ({how})"),
        );
    }
    Failure::new(FailureClass::WorkerLost, format!("the runner is gone ({how})"))
}
