//! The two programs: found beside the tests, run within bounds, and what they said.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest a program may take that nothing else is said of.
pub const PATIENCE: Duration = Duration::from_secs(600);

const POLL: Duration = Duration::from_millis(10);

/// What a program left.
#[derive(Clone, Debug)]
pub struct Said {
    /// What ran, for messages.
    pub what: String,
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Data.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
}

/// A program that runs. Dropping kills it.
#[derive(Debug)]
pub struct Running {
    what: String,
    child: Child,
    stdout: File,
    stderr: File,
}

/// One of the two programs, of the profile these tests were built with.
///
/// # Panics
/// If it is not there.
pub fn program(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("the test knows its own path");
    // target/debug/deps/test-hash and target/debug/program.
    let folder = if this.parent().is_some_and(|folder| folder.ends_with("deps")) {
        this.ancestors().nth(2)
    } else {
        this.parent()
    };
    let path = folder.expect("the test lies in a folder").join(name);
    assert!(
        path.is_file(),
        "there is no {}; build it first: `cargo build --bins`, which `make test` does by itself",
        path.display()
    );
    path
}

/// A command for `imgcalc` that finds its worker.
pub fn imgcalc() -> Command {
    let mut command = Command::new(program("imgcalc"));
    command.env("IMGCALC_WORKER", program("imgcalc-worker"));
    command
}

/// Starts a command.
///
/// # Panics
/// If the operating system refuses.
pub fn start(command: &mut Command) -> Running {
    let what: Vec<String> = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let program = PathBuf::from(command.get_program());
    let program = program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let what = format!("{program} {}", what.join(" "));
    let file = || tempfile::tempfile().expect("a file for output can be made");
    let (stdout, stderr) = (file(), file());
    let shared = |file: &File| Stdio::from(file.try_clone().expect("a file handle can be shared"));
    let child = command
        .stdin(Stdio::null())
        .stdout(shared(&stdout))
        .stderr(shared(&stderr))
        .spawn();
    let child = child.unwrap_or_else(|error| panic!("cannot start {what}: {error}"));
    Running {
        what,
        child,
        stdout,
        stderr,
    }
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Said {
    start(command).finish(PATIENCE)
}

impl Running {
    /// Its process.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("process ids are small")
    }

    /// Whether it has ended.
    pub fn is_over(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends what Ctrl-C sends.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid()) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Kills it as the power does.
    pub fn kill(mut self) -> Said {
        let _ = self.child.kill();
        self.finish(PATIENCE)
    }

    /// What it said on stdout so far.
    pub fn stdout(&self) -> String {
        whole(&self.stdout)
    }

    /// What it said on stderr so far.
    pub fn stderr(&self) -> String {
        whole(&self.stderr)
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If that takes longer than `limit`.
    pub fn finish(mut self, limit: Duration) -> Said {
        let end = Instant::now() + limit;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Said {
                    what: self.what.clone(),
                    code: status.code(),
                    stdout: whole(&self.stdout),
                    stderr: whole(&self.stderr),
                };
            }
            if Instant::now() >= end {
                let stderr = self.stderr();
                panic!("{} takes longer than {limit:?}; it said:\n{stderr}", self.what);
            }
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Said {
    /// It must have succeeded.
    ///
    /// # Panics
    /// If it did not.
    pub fn ok(self) -> Said {
        assert_eq!(
            self.code,
            Some(0),
            "{} failed:\n{}\n{}",
            self.what,
            self.stdout,
            self.stderr
        );
        self
    }

    /// It must have refused in good order; what it said on stderr.
    ///
    /// # Panics
    /// If it succeeded, panicked or was killed.
    pub fn refused(self) -> String {
        assert_eq!(
            self.code,
            Some(1),
            "{} should be refused:\n{}\n{}",
            self.what,
            self.stdout,
            self.stderr
        );
        assert!(
            self.stderr.contains("error: ") && !self.stderr.contains("panicked"),
            "{}:\n{}",
            self.what,
            self.stderr
        );
        self.stderr
    }

    /// Its stdout as JSON, after success.
    ///
    /// # Panics
    /// If it is none.
    pub fn json(self) -> Value {
        let said = self.ok();
        serde_json::from_str(&said.stdout)
            .unwrap_or_else(|error| panic!("{} gives no JSON: {error}\n{}", said.what, said.stdout))
    }
}

fn whole(file: &File) -> String {
    // Child and test share one position in the file: it must not be moved.
    let mut bytes = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        match file.read_at(&mut chunk, bytes.len() as u64) {
            Ok(0) | Err(_) => break,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
