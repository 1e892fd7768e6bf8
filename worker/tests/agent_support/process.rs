//! A process whose stderr is read all the time: a full pipe would hold it up.

use super::wait_until;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

/// Dropping kills it.
pub struct Process {
    pub child: Child,
    log: Option<JoinHandle<String>>,
}

impl Process {
    pub fn start(command: &mut Command) -> Process {
        let mut child = command
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // What came before an error is shown all the same.
            let _ = stderr.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Process {
            child,
            log: Some(log),
        }
    }

    /// How it ends by itself, and what it wrote.
    pub fn end(&mut self) -> (ExitStatus, String) {
        let mut status = None;
        wait_until("the process ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let log = self.log.take().map(|log| log.join().unwrap());
        (status.unwrap(), log.unwrap_or_default())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
