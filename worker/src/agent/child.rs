//! The runner as the agent sees it: a child process that is sent jobs, tells events and can be gone at any time.

use crate::runner::protocol::{self, Event, LINE_BYTES_MAX, Request};
use crate::stages::Cadence;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

/// Time a runner has to end after its stdin did.
const END_LIMIT: Duration = Duration::from_secs(2);
/// A longer line of the runner's stderr is cut into pieces of so many bytes.
const LOG_LINE_BYTES_MAX: u64 = 8 << 10;
/// What a runner says is held back once so many messages wait.
const SAID_MAX: usize = 1024;
/// Last lines of stderr that are searched for the cause of a death.
const LAST_LINES: usize = 20;

/// How runners are started.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    /// The program with the `runner` verb.
    pub(super) program: PathBuf,
    pub(super) threads: u16,
    pub(super) cache: Option<PathBuf>,
    pub(super) cache_bytes_max: u64,
    pub(super) cadence: Cadence,
}

/// A live or dead runner. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Runner {
    child: Child,
    stdin: ChildStdin,
    said: mpsc::Receiver<Said>,
    last_lines: VecDeque<String>,
}

/// What comes from a runner.
#[derive(Debug)]
pub(super) enum Said {
    Event(Event),
    /// A line of its stderr.
    Line(String),
    /// It says something that is no event.
    Nonsense(String),
}

/// How a runner ended.
#[derive(Debug)]
pub(super) struct Death {
    /// `exit status: 1`, `signal: 9 (SIGKILL)`.
    pub(super) how: String,
    /// Whether its last words are those of a failed allocation.
    pub(super) out_of_memory: bool,
}

impl Runner {
    pub(super) fn spawn(recipe: &Recipe, base: &str) -> io::Result<Runner> {
        let threads = recipe.threads.to_string();
        let seconds = |duration: Duration| duration.as_secs_f64().to_string();
        let cache = recipe
            .cache
            .iter()
            .flat_map(|folder| ["--cache".as_ref(), folder.as_os_str()]);
        let mut child = Command::new(&recipe.program)
            .arg("runner")
            .args(cache)
            .args(["--cache-bytes-max", &recipe.cache_bytes_max.to_string()])
            .args(["--threads", &threads, "--base", base])
            .args(["--checkpoint-seconds-min", &seconds(recipe.cadence.min)])
            .args(["--checkpoint-seconds-max", &seconds(recipe.cadence.max)])
            // Idle threads that spin take the cores from other workers.
            .env("OMP_WAIT_POLICY", "PASSIVE")
            // Without it cuBLAS has no deterministic algorithms, which a training may ask for.
            .env("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            .env("OMP_NUM_THREADS", &threads)
            // A training allocates the same few megabytes over and over; glibc would give each back to the kernel and
            // fault it in again, which costs a tenth to a fifth of a training's time on a CPU. 32 MiB is the largest
            // threshold that glibc takes (mallopt(3), M_MMAP_THRESHOLD).
            .env("MALLOC_MMAP_THRESHOLD_", "33554432")
            .env("MALLOC_TRIM_THRESHOLD_", "4294967296")
            .env("RAYON_NUM_THREADS", &threads)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal is for the agent, which then stops the runner in good order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::other("a pipe to the runner is missing");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let (sender, said) = mpsc::channel(SAID_MAX);
        tokio::spawn(read_events(stdout, sender.clone()));
        tokio::spawn(read_log(stderr, sender));
        Ok(Runner {
            child,
            stdin,
            said,
            last_lines: VecDeque::new(),
        })
    }

    /// Sends a request. A runner that is gone is no error here: [`Runner::next`] tells.
    pub(super) async fn send(&mut self, request: &Request) {
        let mut line = Vec::new();
        if protocol::write_line(&mut line, request).is_ok() {
            let _ = self.stdin.write_all(&line).await;
            let _ = self.stdin.flush().await;
        }
    }

    /// The next thing it says; `None` when it is gone. Safe to cancel.
    pub(super) async fn next(&mut self) -> Option<Said> {
        let said = self.said.recv().await;
        if let Some(Said::Line(line)) = &said {
            if self.last_lines.len() == LAST_LINES {
                self.last_lines.pop_front();
            }
            self.last_lines.push_back(line.clone());
            let _ = writeln!(io::stderr(), "{line}");
        }
        said
    }

    /// Whether the process has not ended yet.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it, by force if it does not go by itself, and waits until it is gone: its memory must be free before
    /// another runner starts.
    pub(super) async fn end(self) {
        let Runner {
            mut child,
            stdin,
            said,
            ..
        } = self;
        drop((stdin, said));
        if tokio::time::timeout(END_LIMIT, child.wait()).await.is_err() {
            kill(&mut child).await;
        }
    }

    /// Ends it by force.
    pub(super) async fn kill(mut self) {
        kill(&mut self.child).await;
    }

    /// Of one that closed its stdout: what it died of.
    pub(super) async fn autopsy(mut self) -> Death {
        let status = match tokio::time::timeout(END_LIMIT, self.child.wait()).await {
            Ok(status) => status,
            Err(_) => {
                kill(&mut self.child).await;
                self.child.wait().await
            }
        };
        let allocation = |line: &String| line.starts_with("memory allocation of ");
        Death {
            how: status.map_or_else(|error| error.to_string(), |status: ExitStatus| status.to_string()),
            out_of_memory: self.last_lines.iter().any(allocation),
        }
    }
}

async fn kill(child: &mut Child) {
    if let Err(error) = child.kill().await {
        tracing::warn!("cannot kill the runner: {error}");
    }
}

async fn read_events(stdout: impl AsyncRead + Unpin, sender: mpsc::Sender<Said>) {
    let mut reader = BufReader::new(stdout);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader)
            .take(LINE_BYTES_MAX as u64 + 1)
            .read_until(b'\n', &mut line)
            .await;
        if read.is_err() || line.is_empty() {
            return;
        }
        let ends = line.pop() == Some(b'\n');
        let said = match protocol::parse_line(&line) {
            Ok(event) => Said::Event(event),
            Err(error) => Said::Nonsense(error.to_string()),
        };
        // A line without its end is too long, or all that a dying runner could say.
        if !ends || sender.send(said).await.is_err() {
            return;
        }
    }
}

async fn read_log(stderr: impl AsyncRead + Unpin, sender: mpsc::Sender<Said>) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader)
            .take(LOG_LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)
            .await;
        if read.is_err() || line.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_string();
        if sender.send(Said::Line(text)).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn last_of(script: &str) -> (Vec<String>, Death) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("runner.sh");
        // Written by another process: a child started meanwhile by another test would inherit the open file, and a file
        // that is open for writing cannot be started.
        let write = std::process::Command::new("sh")
            .args(["-c", r#"printf '#!/bin/sh\n%s\n' "$1" > "$0" && chmod 755 "$0""#])
            .args([program.as_os_str(), script.as_ref()])
            .status();
        assert!(write.unwrap().success());
        let recipe = Recipe {
            program,
            threads: 1,
            cache: None,
            cache_bytes_max: 1 << 30,
            cadence: Cadence {
                min: Duration::ZERO,
                max: Duration::ZERO,
            },
        };
        let mut runner = Runner::spawn(&recipe, "memory://").unwrap();
        let mut said = Vec::new();
        while let Some(next) = runner.next().await {
            said.push(format!("{next:?}"));
        }
        (said, runner.autopsy().await)
    }

    #[tokio::test]
    async fn a_death_is_told_with_its_signal_and_a_failed_allocation_is_recognised() {
        let (said, death) = last_of("echo 'memory allocation of 99 bytes failed' >&2; kill -ABRT $$").await;
        assert_eq!(said, [r#"Line("memory allocation of 99 bytes failed")"#]);
        assert!(
            death.out_of_memory && death.how.contains("signal: 6"),
            "{death:?}"
        );
        let (_, death) = last_of("exit 3").await;
        assert!(!death.out_of_memory && death.how == "exit status: 3", "{death:?}");
    }

    #[tokio::test]
    async fn what_is_no_event_does_not_hide_the_next() {
        let (said, _) =
            last_of(r#"echo hello; echo '{"failed":{"class":"storage","message":"full"}}'"#).await;
        assert!(
            said[0].starts_with("Nonsense") && said[1].starts_with("Event(Failed"),
            "{said:?}"
        );
    }
}
