//! The wish that the worker ends, seen from wherever it waits.

use std::io;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// A view of the wish. Clones see the same one.
#[derive(Clone, Debug)]
pub(super) struct Shutdown {
    asked: watch::Receiver<Option<Instant>>,
    grace: Duration,
}

impl Shutdown {
    /// Is asked for by SIGTERM or SIGINT; the worker has `grace` from then.
    pub(super) fn on_signals(grace: Duration) -> io::Result<Self> {
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (sender, asked) = watch::channel(None);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = term.recv() => {}
                    _ = int.recv() => {}
                }
                if sender.borrow().is_none() {
                    tracing::info!("told to end: stopping what runs");
                    let _ = sender.send(Some(Instant::now()));
                }
            }
        });
        Ok(Shutdown { asked, grace })
    }

    pub(super) fn is_asked(&self) -> bool {
        self.asked.borrow().is_some()
    }

    /// Waits until it is asked for. Safe to cancel.
    pub(super) async fn asked(&mut self) {
        if self.asked.wait_for(Option::is_some).await.is_err() {
            std::future::pending().await
        }
    }

    /// Waits until it was asked for and its grace is over. Safe to cancel.
    pub(super) async fn over(&mut self) {
        self.asked().await;
        let since = *self.asked.borrow();
        if let Some(since) = since {
            sleep_until(since + self.grace).await;
        }
    }
}
