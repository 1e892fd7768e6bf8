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

/// A job and the flag a later [`Request::Stop`] raises, or a line that is no request.
pub(super) type Received = Result<(Box<Job>, Arc<AtomicBool>), BadLine>;

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
    let mut stop_last = Arc::new(AtomicBool::new(false));
    while let Some(line) = protocol::read_line(reader)? {
        let received = match line {
            Ok(Request::Stop) => {
                stop_last.store(true, Ordering::Relaxed);
                continue;
            }
            Ok(Request::Job(job)) => {
                stop_last = Arc::new(AtomicBool::new(false));
                Ok((job, stop_last.clone()))
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
    stop_last.store(true, Ordering::Relaxed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_or_the_end_is_meant_for_the_last_job_above_it() {
        let job = |token: u64| {
            let task = r#"{"kind":"columns","dataset":"DIGEST","family":"1x1-b8","keep":8,
                "images":{"train":1,"validation":1,"test":0}}"#;
            let task = task.replace("DIGEST", &"0".repeat(64)).replace('\n', "");
            format!("{{\"job\":{{\"task\":{task},\"token\":{token},\"weights\":null}}}}\n")
        };
        let lines = format!("\"stop\"\n{}{}\"stop\"\nnonsense\n{}", job(1), job(2), job(3));
        let (sender, receiver) = sync_channel(WAITING_MAX);
        watch(&mut lines.as_bytes(), sender).unwrap();
        let received: Vec<Received> = receiver.iter().collect();
        let stopped = |index: usize| {
            let (job, stop) = received[index].as_ref().unwrap();
            (job.token, stop.load(Ordering::Relaxed))
        };
        assert_eq!((stopped(0), stopped(1)), ((1, false), (2, true)));
        assert!(received[2].is_err());
        // The end of stdin is a stop, too.
        assert_eq!(stopped(3), (3, true));
    }

    #[test]
    fn more_waiting_requests_than_an_agent_ever_sends_are_an_error() {
        let (sender, _receiver) = sync_channel(1);
        assert!(watch(&mut "x\nx\n".as_bytes(), sender).is_err());
    }
}
