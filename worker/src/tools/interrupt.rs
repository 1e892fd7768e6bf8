//! Ctrl-C while a tool works: the first asks it to stop in good order, the second ends it at once.

use anyhow::Context;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use tokio::signal::unix::{SignalKind, signal};

/// Exit status of a program that was interrupted, as shells know it.
pub(super) const EXIT_STATUS: u8 = 130;

/// A process has one Ctrl-C.
static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Why a tool ended early.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("interrupted")]
pub(super) struct Interrupted;

/// From now on SIGINT only asks.
pub(super) fn watch() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("cannot listen for Ctrl-C")?;
    let guard = runtime.enter();
    let mut interrupts = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    drop(guard);
    std::thread::spawn(move || {
        runtime.block_on(async {
            while interrupts.recv().await.is_some() {
                if REQUESTED.swap(true, SeqCst) {
                    std::process::exit(EXIT_STATUS.into());
                }
            }
        });
    });
    Ok(())
}

/// Whether somebody asked.
pub(super) fn requested() -> bool {
    REQUESTED.load(SeqCst)
}

/// An error as soon as somebody asked.
pub(super) fn check() -> Result<(), Interrupted> {
    match requested() {
        true => Err(Interrupted),
        false => Ok(()),
    }
}
