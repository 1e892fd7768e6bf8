//! A runner as an agent sees it, one request at a time.

use super::PROGRAM;
use super::process::Process;
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::task::{FailureClass, Outcome, Task, Trained};
use imgcalc_worker::data::Account;
use imgcalc_worker::runner::protocol::{self, Event, Job, Request};
use rustix::process::Signal;
use std::io::{BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

pub struct Runner {
    pub process: Process,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    /// Of the last job, as it was told last.
    pub account: Account,
}

impl Runner {
    pub fn start(base: &str) -> Runner {
        Runner::with(base, "0")
    }

    /// With so many seconds between two checkpoints.
    pub fn with(base: &str, checkpoint_seconds: &str) -> Runner {
        let mut process = Process::start(
            Command::new(PROGRAM)
                .args([
                    "runner",
                    "--threads",
                    "1",
                    "--checkpoint-seconds-min",
                    checkpoint_seconds,
                    "--base",
                    base,
                ])
                .env("OMP_WAIT_POLICY", "PASSIVE")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped()),
        );
        Runner {
            stdin: process.child.stdin.take(),
            stdout: BufReader::new(process.child.stdout.take().unwrap()),
            account: Account::default(),
            process,
        }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    pub fn ask(&mut self, request: &Request) {
        protocol::write_line(self.stdin.as_mut().unwrap(), request).unwrap();
    }

    pub fn job(&mut self, task: &Task, token: u64) {
        self.job_from(task, token, None);
    }

    /// One that starts from what another ended with.
    pub fn job_from(&mut self, task: &Task, token: u64, weights: Option<&ObjectRef>) {
        self.ask(&Request::Job(Box::new(Job {
            task: task.clone(),
            token,
            weights: weights.cloned(),
        })));
    }

    /// The next event that is not about bytes.
    pub fn next(&mut self) -> Event {
        loop {
            let event = protocol::read_line(&mut self.stdout).unwrap();
            match event.expect("an event").unwrap() {
                Event::Account(account) => self.account = account,
                event => return event,
            }
        }
    }

    /// The event that ends the job.
    pub fn end_of_job(&mut self) -> Event {
        loop {
            match self.next() {
                Event::Progress(_) => {}
                end => return end,
            }
        }
    }

    pub fn trained(&mut self) -> Trained {
        match self.end_of_job() {
            Event::Done {
                outcome: Outcome::Train(trained),
            } => trained,
            other => panic!("{other:?}"),
        }
    }

    pub fn failed(&mut self) -> (FailureClass, String) {
        match self.end_of_job() {
            Event::Failed { class, message } => (class, message),
            other => panic!("{other:?}"),
        }
    }

    /// Ends it by the end of stdin; what it wrote to stderr.
    pub fn close(self) -> String {
        let (status, log) = self.end();
        // It kills itself if it does not end in half a second, for which a slow machine is reason enough.
        let killed = status.signal() == Some(Signal::KILL.as_raw());
        assert!(status.success() || killed, "{status}: {log}");
        log
    }

    pub fn end(mut self) -> (ExitStatus, String) {
        self.stdin = None;
        self.process.end()
    }
}
