//! Watches stdin on a thread of its own, so that a stop and the end of stdin are seen in the middle of a job.

use super::protocol::{self, BadLine, Job, Request};
use rustix::process::{Signal, getpid, kill_process};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

/// Requests that may wait; an agent sends the next only after the answer to the last.
const WAITING_MAX: usize = 64;

/// Time a job has to stop once stdin ended.
const LEAVE_LIMIT: Duration = Duration::from_millis(500);

/// Whether a job is to end before it is done, and how.
#[derive(Debug, Default)]
pub(super) struct Ending {
    stop: AtomicBool,
    keep: AtomicBool,
}

impl Ending {
    /// Whether it is to end.
    pub(super) fn stops(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Whether what it has done so far is to be kept.
    pub(super) fn keeps(&self) -> bool {
        self.keep.load(Ordering::Relaxed)
    }

    fn raise(&self, keep: bool) {
        self.keep.store(keep, Ordering::Relaxed);
        // Whoever sees the stop sees what was said with it.
        self.stop.store(true, Ordering::Release);
    }
}

/// A job and what a later [`Request::Stop`] or [`Request::Drain`] raises, or a line that is no request.
pub(super) type Received = Result<(Box<Job>, Arc<Ending>), BadLine>;

/// What arrives on stdin; ends with it. If the process is still there a moment later, it is killed.
pub(super) fn open() -> Receiver<Received> {
    let (sender, receiver) = sync_channel(WAITING_MAX);
    std::thread::spawn(move || {
        if let Err(error) = watch(&mut io::stdin().lock(), sender) {
            tracing::error!("cannot read requests: {error}");
        }
        std::thread::sleep(LEAVE_LIMIT);
        // Not exit(): that tears down libtorch under the thread that computes with it, and crashes.
        let _ = kill_process(getpid(), Signal::KILL);
    });
    receiver
}

fn watch(reader: &mut impl io::BufRead, sender: SyncSender<Received>) -> io::Result<()> {
    // Lines come in order, so a stop is meant for the last job above it, even if that has ended meanwhile.
    let mut last = Arc::new(Ending::default());
    while let Some(line) = protocol::read_line(reader)? {
        let received = match line {
            Ok(Request::Stop) => {
                last.raise(false);
                continue;
            }
            Ok(Request::Drain) => {
                last.raise(true);
                continue;
            }
            Ok(Request::Job(job)) => {
                last = Arc::new(Ending::default());
                Ok((job, last.clone()))
            }
            Err(bad) => Err(bad),
        };
        match sender.try_send(received) {
            Ok(()) => {}
            // Waiting here would make this thread blind for the end of stdin.
            Err(TrySendError::Full(_)) => return Err(io::Error::other("too many requests wait")),
            Err(TrySendError::Disconnected(_)) => return Ok(()),
        }
    }
    last.raise(false);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_or_the_end_is_meant_for_the_last_job_above_it() {
        let job = |token: u64| {
            let task = r#"{"kind":"columns","dataset":"DIGEST","formats":["1x1-b8-k8-q50"],
                "images":{"train":1,"validation":1,"test":0}}"#;
            let task = task.replace("DIGEST", &"0".repeat(64)).replace('\n', "");
            format!("{{\"job\":{{\"task\":{task},\"token\":{token},\"weights\":null}}}}\n")
        };
        let lines = format!(
            "\"stop\"\n{}{}\"stop\"\nnonsense\n{}\"drain\"\n{}",
            job(1),
            job(2),
            job(3),
            job(4)
        );
        let (sender, receiver) = sync_channel(WAITING_MAX);
        watch(&mut lines.as_bytes(), sender).unwrap();
        let received: Vec<Received> = receiver.iter().collect();
        let stopped = |index: usize| {
            let (job, ending) = received[index].as_ref().unwrap();
            (job.token, ending.stops(), ending.keeps())
        };
        assert_eq!((stopped(0), stopped(1)), ((1, false, false), (2, true, false)));
        assert!(received[2].is_err());
        assert_eq!(stopped(3), (3, true, true));
        // The end of stdin is a stop, too.
        assert_eq!(stopped(4), (4, true, false));
    }

    #[test]
    fn more_waiting_requests_than_an_agent_ever_sends_are_an_error() {
        let (sender, _receiver) = sync_channel(1);
        assert!(watch(&mut "x\nx\n".as_bytes(), sender).is_err());
    }
}
