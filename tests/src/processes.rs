//! What runs on behalf of a test: found by a mark in its environment, which children inherit, so that an orphan of an
//! orphan is found too.

use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::time::{Duration, Instant};

/// Environment variable that marks the processes of a test.
pub const MARK_VARIABLE: &str = "IMGCALC_TEST_MARK";

const POLL: Duration = Duration::from_millis(10);

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `imgcalc` itself.
    Coordinator,
    /// The worker's agent.
    Worker,
    /// The child of the agent that does the work.
    Runner,
    /// Something short-lived, for example the question for the hardware class.
    Other,
}

/// A live process with the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// What it is.
    pub role: Role,
}

/// The live processes that bear a mark.
pub fn marked(mark: &str) -> Vec<Process> {
    let wanted = format!("{MARK_VARIABLE}={mark}");
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let mut found: Vec<Process> = pids
        .filter_map(|pid| {
            let folder = Path::new("/proc").join(pid.to_string());
            // Of a process that has ended but was not waited for, this is empty.
            let environment = std::fs::read(folder.join("environ")).ok()?;
            let bears = environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == wanted.as_bytes());
            let role = role(&std::fs::read(folder.join("cmdline")).ok()?);
            bears.then_some(Process { pid, role })
        })
        .collect();
    found.sort_by_key(|process| process.pid);
    found
}

/// The processes that a process has started and that live.
pub fn children(pid: i32) -> Vec<i32> {
    let task = format!("/proc/{pid}/task");
    let Ok(threads) = std::fs::read_dir(task) else {
        return Vec::new();
    };
    let lists =
        threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok());
    let all: String = lists.collect();
    all.split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// Sends a signal to processes; one that is gone already is fine.
pub fn signal(pids: &[i32], signal: Signal) {
    for pid in pids.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        let _ = kill_process(pid, signal);
    }
}

/// Kills a process that cannot refuse. One that is gone already is fine.
pub fn kill(process: Process) {
    if let Some(pid) = Pid::from_raw(process.pid) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Waits until something holds; whether it did within the limit.
pub fn within(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(POLL);
    }
}

fn role(command: &[u8]) -> Role {
    let mut words = command.split(|byte| *byte == 0);
    let program = words
        .next()
        .and_then(|path| path.rsplit(|byte| *byte == b'/').next());
    match (program, words.next()) {
        (Some(b"imgcalc"), _) => Role::Coordinator,
        (Some(b"imgcalc-worker"), Some(b"--coordinators")) => Role::Worker,
        (Some(b"imgcalc-worker"), Some(b"runner")) => Role::Runner,
        _ => Role::Other,
    }
}
