//! Workers on this machine, kept alive until they are stopped.
//!
//! A worker's stdin is a pipe from this program and ends with it, however it ends, and the worker ends with its stdin:
//! none is ever left behind.

use crate::{ClusterError, find_program};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Most workers started on one machine: beyond it a typing error is likelier than a wish.
const WORKERS_MAX: usize = 1024;
const RESTART_DELAY_FIRST: Duration = Duration::from_millis(500);
const RESTART_DELAY_MAX: Duration = Duration::from_secs(30);
/// A worker that lived so long died of something new.
const LIFE_GOOD: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// Which workers to start.
#[derive(Clone, Debug)]
pub struct LocalOptions {
    /// How many, 1 to 1024.
    pub count: usize,
    /// Addresses of the coordinators, host:port with commas between them.
    pub coordinators: String,
    /// Threads each may use.
    pub threads: u16,
    /// They are called `<prefix>-1`, `<prefix>-2`, …
    pub name_prefix: String,
    /// Folder for one log file each, `<name>.log`; made if it is not there.
    pub log_folder: PathBuf,
    /// More arguments for the worker program.
    pub extra_args: Vec<String>,
    /// The worker program; looked for if none is given.
    pub program: Option<PathBuf>,
}

/// Running workers. Dropping them kills them.
#[derive(Debug)]
pub struct LocalWorkers {
    program: PathBuf,
    options: LocalOptions,
    slots: Vec<Slot>,
}

/// What [`LocalWorkers::check`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A worker is gone and will be started again.
    Died {
        /// Its name.
        worker: String,
        /// `exit status: 1`, `signal: 9 (SIGKILL)`.
        how: String,
        /// Where its last words are.
        log: PathBuf,
        /// Until it is started again.
        restart_in: Duration,
    },
    /// It was started again.
    Restarted {
        /// Its name.
        worker: String,
    },
    /// It could not be started again; tried later.
    NotStarted {
        /// Its name.
        worker: String,
        /// Why.
        reason: String,
        /// Until the next try.
        restart_in: Duration,
    },
}

#[derive(Debug)]
struct Slot {
    name: String,
    state: State,
    /// Deaths in a row.
    deaths: u32,
}

#[derive(Debug)]
enum State {
    Running { child: Child, since: Instant },
    Waiting { until: Instant },
}

impl LocalWorkers {
    /// Starts them all, or none.
    pub fn start(options: LocalOptions) -> Result<Self, ClusterError> {
        let program = match &options.program {
            Some(program) => program.clone(),
            None => find_program()?,
        };
        std::fs::create_dir_all(&options.log_folder).map_err(|error| ClusterError::Log {
            path: options.log_folder.clone(),
            error,
        })?;
        let mut workers = LocalWorkers {
            program,
            options,
            slots: Vec::new(),
        };
        for number in 1..=workers.options.count.clamp(1, WORKERS_MAX) {
            let name = format!("{}-{number}", workers.options.name_prefix);
            let state = State::Running {
                child: workers.spawn(&name)?,
                since: Instant::now(),
            };
            workers.slots.push(Slot {
                name,
                state,
                deaths: 0,
            });
        }
        Ok(workers)
    }

    /// Names and process ids of those that run.
    pub fn running(&self) -> Vec<(String, u32)> {
        let running = self.slots.iter().filter_map(|slot| match &slot.state {
            State::Running { child, .. } => Some((slot.name.clone(), child.id())),
            State::Waiting { .. } => None,
        });
        running.collect()
    }

    /// Looks after them without waiting: starts those again that died, later after each death in a row. To be called
    /// every second or so.
    pub fn check(&mut self) -> Vec<Report> {
        let mut reports = Vec::new();
        for index in 0..self.slots.len() {
            let name = self.slots[index].name.clone();
            match &mut self.slots[index].state {
                State::Running { child, since } => {
                    let how = match child.try_wait() {
                        Ok(None) => continue,
                        Ok(Some(status)) => status.to_string(),
                        Err(error) => error.to_string(),
                    };
                    let fresh = since.elapsed() >= LIFE_GOOD;
                    let restart_in = self.slots[index].wait(fresh);
                    reports.push(Report::Died {
                        log: self.log_path(&name),
                        worker: name,
                        how,
                        restart_in,
                    });
                }
                State::Waiting { until } if *until <= Instant::now() => match self.spawn(&name) {
                    Ok(child) => {
                        self.slots[index].state = State::Running {
                            child,
                            since: Instant::now(),
                        };
                        reports.push(Report::Restarted { worker: name });
                    }
                    Err(error) => {
                        let restart_in = self.slots[index].wait(false);
                        reports.push(Report::NotStarted {
                            worker: name,
                            reason: error.to_string(),
                            restart_in,
                        });
                    }
                },
                State::Waiting { .. } => {}
            }
        }
        reports
    }

    /// Asks all to end, gives them `grace` to hand back what they do, and kills those that are still there. Returns
    /// how many had to be killed. Waits.
    pub fn stop(mut self, grace: Duration) -> usize {
        let end = Instant::now() + grace;
        for child in self.children() {
            // One that is gone already needs no signal.
            let _ = kill_process(Pid::from_child(child), Signal::TERM);
        }
        loop {
            let left = self.children().filter_map(|child| match child.try_wait() {
                Ok(Some(_)) => None,
                Ok(None) | Err(_) => Some(()),
            });
            let left = left.count();
            if left == 0 || Instant::now() >= end {
                // Dropping kills.
                return left;
            }
            std::thread::sleep(POLL);
        }
    }

    fn children(&mut self) -> impl Iterator<Item = &mut Child> {
        self.slots.iter_mut().filter_map(|slot| match &mut slot.state {
            State::Running { child, .. } => Some(child),
            State::Waiting { .. } => None,
        })
    }

    fn log_path(&self, name: &str) -> PathBuf {
        self.options.log_folder.join(format!("{name}.log"))
    }

    fn spawn(&self, name: &str) -> Result<Child, ClusterError> {
        let path = self.log_path(name);
        let log = OpenOptions::new().create(true).append(true).open(&path);
        let log = log.map_err(|error| ClusterError::Log { path, error })?;
        let threads = self.options.threads.to_string();
        let child = Command::new(&self.program)
            .args(["--coordinators", &self.options.coordinators])
            .args(["--threads", &threads, "--name", name, "--exit-with-stdin"])
            .args(&self.options.extra_args)
            // Idle threads that spin take the cores from the other workers.
            .env("OMP_WAIT_POLICY", "PASSIVE")
            .env("OMP_NUM_THREADS", &threads)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            // Ctrl-C in a terminal is for this program, which then stops its workers in good order.
            .process_group(0)
            .spawn();
        child.map_err(|error| ClusterError::Start {
            program: self.program.clone(),
            error,
        })
    }
}

impl Drop for LocalWorkers {
    fn drop(&mut self) {
        for child in self.children() {
            let _ = child.kill();
        }
        for child in self.children() {
            let _ = child.wait();
        }
    }
}

impl Slot {
    /// Makes it wait for its next start and returns how long.
    fn wait(&mut self, fresh: bool) -> Duration {
        self.deaths = if fresh { 0 } else { self.deaths };
        let delay = (RESTART_DELAY_FIRST * (1 << self.deaths.min(16))).min(RESTART_DELAY_MAX);
        self.deaths = self.deaths.saturating_add(1);
        self.state = State::Waiting {
            until: Instant::now() + delay,
        };
        delay
    }
}
