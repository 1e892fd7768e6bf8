//! The agent as a process.

use super::coordinator::Coordinator;
use super::process::Process;
use super::{PROGRAM, children, wait_until};
use imgcalc_shared::task::Outcome;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};

/// Where a test says nothing of the time to end in, it is more than the slowest machine needs.
const GRACE: [&str; 2] = ["--grace-seconds", "600"];

pub struct Agent {
    pub process: Process,
    pub stdin: Option<ChildStdin>,
}

impl Agent {
    pub fn start(coordinator: &Coordinator, options: &str) -> Agent {
        Agent::of(std::slice::from_ref(coordinator), options)
    }

    /// Of a group of coordinators.
    pub fn of(coordinators: &[Coordinator], options: &str) -> Agent {
        let addresses: Vec<String> = coordinators.iter().map(|one| one.address.to_string()).collect();
        let mut process = Process::start(
            Command::new(PROGRAM)
                .args(["--coordinators", &addresses.join(",")])
                .args(["--threads", "1", "--name", "tested", "--exit-with-stdin"])
                .args(GRACE.iter().filter(|_| !options.contains(GRACE[0])))
                .args(options.split_whitespace())
                .stdin(Stdio::piped())
                .stdout(Stdio::null()),
        );
        Agent {
            stdin: process.child.stdin.take(),
            process,
        }
    }

    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    pub fn runner(&self) -> u32 {
        let mut runner = None;
        wait_until("there is one runner", || match children(self.pid())[..] {
            [one] => {
                runner = Some(one);
                true
            }
            _ => false,
        });
        runner.unwrap()
    }

    /// How it ends by itself, and what it wrote.
    pub fn end(mut self) -> (ExitStatus, String) {
        self.process.end()
    }
}

/// Too long to end by itself here.
pub const ENDLESS: u32 = 1_000_000;

pub fn wait_for_training(coordinator: &Coordinator) {
    wait_until("the training is under way", || {
        coordinator.book().updates.iter().any(|update| update.epoch > 0)
    });
}

pub fn outcome(json: &str) -> Outcome {
    serde_json::from_str(json).unwrap()
}
