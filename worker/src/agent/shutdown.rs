//! The wish that the worker ends, seen from wherever it waits.

use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Of the grace, so much is for what runs to stop; the rest is for telling a coordinator.
const STOP_SHARE: f64 = 0.75;

/// A view of the wish. Clones see the same one.
#[derive(Clone, Debug)]
pub(super) struct Shutdown {
    sender: Arc<watch::Sender<Option<Asked>>>,
    asked: watch::Receiver<Option<Asked>>,
    grace: Duration,
}

/// The wish.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Whose.
    pub(super) reason: String,
    /// What runs must have stopped by then.
    pub(super) stop_by: Instant,
    /// The process must have ended by then.
    pub(super) end_by: Instant,
}

impl Shutdown {
    /// Nobody wishes it yet; the worker has `grace` from when somebody does.
    pub(super) fn new(grace: Duration) -> Self {
        let (sender, asked) = watch::channel(None);
        Shutdown {
            sender: Arc::new(sender),
            asked,
            grace,
        }
    }

    /// SIGTERM and SIGINT ask for it: a person, a scheduler, or the notice before a spot machine is taken away.
    pub(super) fn watch_signals(&self) -> io::Result<()> {
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let shutdown = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = term.recv() => {}
                    _ = int.recv() => {}
                }
                shutdown.ask("the worker is told to end");
            }
        });
        Ok(())
    }

    /// Asks for it; only the first time counts.
    pub(super) fn ask(&self, reason: &str) {
        let now = Instant::now();
        self.sender.send_if_modified(|asked| {
            if asked.is_some() {
                return false;
            }
            tracing::info!(reason, "told to end: stopping what runs");
            *asked = Some(Asked {
                reason: reason.to_string(),
                stop_by: now + self.grace.mul_f64(STOP_SHARE),
                end_by: now + self.grace,
            });
            true
        });
    }

    /// The wish, if there is one.
    pub(super) fn wish(&self) -> Option<Asked> {
        self.asked.borrow().clone()
    }

    /// Waits until it is asked for. Safe to cancel.
    pub(super) async fn asked(&mut self) -> Asked {
        let asked = match self.asked.wait_for(Option::is_some).await {
            Ok(asked) => asked.clone(),
            Err(_) => None,
        };
        match asked {
            Some(asked) => asked,
            None => std::future::pending().await,
        }
    }

    /// Waits until it was asked for and its grace is over. Safe to cancel.
    pub(super) async fn over(&mut self) {
        let asked = self.asked().await;
        sleep_until(asked.end_by).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_wish_counts_and_leaves_time_to_tell_of_what_was_stopped() {
        let mut shutdown = Shutdown::new(Duration::from_secs(8));
        assert!(shutdown.wish().is_none());
        shutdown.ask("first");
        shutdown.ask("second");
        let asked = shutdown.asked().await;
        assert_eq!(asked.reason, "first");
        assert_eq!(asked.end_by - asked.stop_by, Duration::from_secs(2));
    }

    #[tokio::test]
    async fn a_wish_without_grace_is_over_at_once() {
        let shutdown = Shutdown::new(Duration::ZERO);
        shutdown.ask("now");
        shutdown.clone().over().await;
    }
}
