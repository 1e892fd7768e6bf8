//! The agent as a process.

use super::coordinator::Coordinator;
use super::{PROGRAM, children, wait_until};
use imgcalc_shared::task::Outcome;
use std::io::Read;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

pub struct Agent {
    pub child: Child,
    pub stdin: Option<ChildStdin>,
}

impl Agent {
    pub fn start(coordinator: &Coordinator, options: &str) -> Agent {
        Agent::of(std::slice::from_ref(coordinator), options)
    }

    /// Of a group of coordinators.
    pub fn of(coordinators: &[Coordinator], options: &str) -> Agent {
        let addresses: Vec<String> = coordinators.iter().map(|one| one.address.to_string()).collect();
        let mut child = Command::new(PROGRAM)
            .args(["--coordinators", &addresses.join(",")])
            .args(["--threads", "1", "--name", "tested", "--exit-with-stdin"])
            .args(options.split_whitespace())
            .env("RUST_LOG", "info")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Agent {
            stdin: child.stdin.take(),
            child,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
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
        let mut log = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .unwrap();
        (self.child.wait().unwrap(), log)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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
