//! Tells the agent what a job reads while it reads.

use super::protocol::{self, Event};
use crate::data::{Account, Base};
use std::io;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Between two looks at the account.
const LOOK: Duration = Duration::from_millis(500);

/// Does `work`, which reads from `base`, and tells what it has read: once it is done, and if it is not `alone` on this
/// machine, as a measurement is, now and then before.
pub(super) fn tell<T>(base: &Base, alone: bool, work: impl FnOnce() -> T) -> T {
    let before = base.account();
    let (done, ends) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut told = Account::default();
            loop {
                let ended = match alone {
                    true => ends.recv().is_err(),
                    false => ends.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected),
                };
                let now = base.account() - before;
                if ended || now != told {
                    // If the agent is gone, the end of stdin says so too and ends the process.
                    let _ = protocol::write_line(&mut io::stdout().lock(), &Event::Account(now));
                    told = now;
                }
                if ended {
                    return;
                }
            }
        });
        // Dropped at the end of the work, by a panic too.
        let _done = done;
        work()
    })
}
