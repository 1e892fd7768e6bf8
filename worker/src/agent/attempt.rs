//! One attempt: a job in the runner, its events to the coordinator, the coordinator's directives to the runner.

use super::child::{Runner, Said};
use super::link::LinkError;
use super::reporter::{News, Reporter};
use super::shutdown::Shutdown;
use crate::failure::Failure;
use crate::runner::protocol::{Event, Job, Request};
use imgcalc_shared::task::{FailureClass, Outcome};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// Time a job has to stop before its runner is killed.
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
    loop {
        let kill_at = stopping.as_ref().map(|stopping| stopping.kill_at);
        tokio::select! {
            said = runner.next() => match said {
                Some(Said::Event(Event::Progress(progress))) => reporter.progress(&progress),
                Some(Said::Line(line)) => reporter.log(&line),
                Some(Said::Nonsense(what)) => tracing::warn!("the runner says what is no event: {what}"),
                Some(Said::Event(Event::Done { outcome })) => {
                    drain(&mut runner, reporter).await;
                    return Ok((Ok(outcome), Some(runner)));
                }
                Some(Said::Event(Event::Failed { class, message })) => {
                    drain(&mut runner, reporter).await;
                    runner.end().await;
                    let failure = match stopping {
                        Some(Stopping { reason, .. }) if class == FailureClass::Preempted => preempted(reason),
                        _ => Failure::new(class, message),
                    };
                    return Ok((Err(failure), None));
                }
                None => return Ok((Err(death(runner, stopping, shutdown).await), None)),
            },
            news = reporter.news() => match news {
                News::Stop(reason) if stopping.is_none() => {
                    tracing::info!(reason, "the attempt is no longer wanted");
                    stopping = Some(Stopping::begin(&mut runner, reason).await);
                }
                News::Stop(_) => {}
                News::Lost(error) => {
                    runner.kill().await;
                    return Err(error);
                }
            },
            () = shutdown.asked(), if stopping.is_none() => {
                stopping = Some(Stopping::begin(&mut runner, "the worker is told to end".into()).await);
            }
            () = sleep_until(kill_at.unwrap_or_else(Instant::now)), if kill_at.is_some() => {
                runner.kill().await;
                let reason = stopping.map(|stopping| stopping.reason).unwrap_or_default();
                return Ok((Err(preempted(format!("{reason}; it does not stop within {STOP_LIMIT:?} and is killed"))), None));
            }
        }
    }
}

/// A job that was asked to stop.
struct Stopping {
    reason: String,
    kill_at: Instant,
}

impl Stopping {
    async fn begin(runner: &mut Runner, reason: String) -> Self {
        let kill_at = Instant::now() + STOP_LIMIT;
        // A runner that hangs may not read either.
        let _ = timeout(STOP_LIMIT, runner.send(&Request::Stop)).await;
        Stopping { reason, kill_at }
    }
}

fn preempted(reason: String) -> Failure {
    Failure::new(FailureClass::Preempted, reason)
}

async fn drain(runner: &mut Runner, reporter: &Reporter) {
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
    if timeout(SIGNAL_LAG, shutdown.asked()).await.is_ok() {
        return preempted("the worker is told to end".into());
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
