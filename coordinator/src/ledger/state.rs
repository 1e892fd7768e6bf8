//! The replicated machine.

mod builds;
mod check;

use super::{Command, Effect, Ending, Record};
use crate::plan::{Known, Over};
use imgcalc_shared::build::{Build, BuildId};
use imgcalc_shared::search::Took;
use imgcalc_shared::task::{FailureClass, Outcome, Task, TaskId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Failures of a class after which a task is given up; none: as often as it takes.
///
/// Being pre-empted or a full disk is never the task's fault. A lost worker seldom is, but a task that kills every
/// runner it meets must end some time. A numeric failure is deterministic: the second attempt would end the same way.
pub fn budget(class: FailureClass) -> Option<usize> {
    match class {
        FailureClass::Preempted | FailureClass::Storage => None,
        FailureClass::WorkerLost => Some(20),
        FailureClass::OutOfMemory => Some(3),
        FailureClass::Numeric => Some(1),
        FailureClass::BadData => Some(2),
        FailureClass::Application => Some(3),
    }
}

/// Everything the log says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    next_token: u64,
    builds: BTreeMap<BuildId, BuildState>,
    open: BTreeMap<TaskId, OpenTask>,
    results: BTreeMap<TaskId, Outcome>,
    committed: BTreeMap<TaskId, Committed>,
    quarantined: BTreeSet<TaskId>,
    /// How each task ended, with a result or for good.
    #[serde(default)]
    order: BTreeMap<TaskId, Over>,
    /// Of the last that ended.
    #[serde(default)]
    ended: u64,
}

/// A build in the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BuildState {
    /// The build.
    pub build: Build,
    /// Where it stands.
    pub phase: BuildPhase,
    /// When it was first submitted, milliseconds since 1970.
    pub submitted_at_ms: u64,
    /// Builds of higher priority get workers first.
    pub priority: i32,
}

/// Where a build stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildPhase {
    /// Its tasks are done as workers ask for them.
    Running,
    /// It waits until somebody resumes it.
    Paused,
    /// Nobody wants it now; submitting it again goes on.
    Cancelled,
    /// Over.
    Ended {
        /// How.
        ending: Ending,
        /// Tasks it took, done or given up.
        tasks: usize,
        /// When, milliseconds since 1970.
        at_ms: u64,
    },
}

/// A task that was leased at least once and has no result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenTask {
    /// The task.
    pub task: Task,
    /// Its attempts, in order of their tokens.
    pub attempts: Vec<Attempt>,
    /// Whether somebody holds it.
    pub phase: Phase,
    /// Its first attempts, so many, no longer count against its budgets.
    pub forgiven: usize,
}

/// Who holds an open task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nobody.
    Waiting,
    /// The last attempt, under this token.
    Leased(u64),
    /// Nobody ever again.
    Quarantined,
}

/// One lease of a task by one worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Fencing token: rises over all attempts of all tasks.
    pub token: u64,
    /// Who.
    pub worker: String,
    /// The machine it ran on.
    pub host: String,
    /// The build it was given for.
    pub build: BuildId,
    /// Of the worker's question that it answered; 0 if the worker does not count them.
    pub sequence: u64,
    /// Since when, milliseconds since 1970.
    pub started_at_ms: u64,
    /// How it failed, if it did.
    pub failure: Option<(FailureClass, String)>,
    /// When, milliseconds since 1970; nobody wrote it down at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at_ms: Option<u64>,
}

/// A result's circumstances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Committed {
    /// The task.
    pub task: Task,
    /// The attempts it took, none for an adopted result.
    pub attempts: Vec<Attempt>,
    /// Token of the attempt whose result it is, none for an adopted result.
    pub token: Option<u64>,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
}

impl State {
    /// The builds by name.
    pub fn builds(&self) -> &BTreeMap<BuildId, BuildState> {
        &self.builds
    }

    /// Tasks leased before and without a result.
    pub fn open(&self) -> &BTreeMap<TaskId, OpenTask> {
        &self.open
    }

    /// Circumstances of every result.
    pub fn committed(&self) -> &BTreeMap<TaskId, Committed> {
        &self.committed
    }

    /// What a plan may know.
    pub fn known(&self) -> Known<'_> {
        Known {
            results: &self.results,
            quarantined: &self.quarantined,
            order: &self.order,
        }
    }

    /// Applies one command. The same commands in the same order give the same state and effects everywhere.
    pub fn apply(&mut self, command: &Command) -> Vec<Effect> {
        match command {
            Command::Submit {
                build,
                priority,
                at_ms,
            } => vec![self.submit(build, *priority, *at_ms)],
            Command::Direct {
                build,
                wanted,
                priority,
                ..
            } => vec![self.direct(build, *wanted, *priority)],
            Command::Amend { build, amendment, .. } => vec![self.amend(build, amendment)],
            Command::Retry { tasks, builds, .. } => {
                let effects: Vec<Effect> = tasks.iter().map(|task| self.retry(*task)).collect();
                if effects
                    .iter()
                    .any(|effect| matches!(effect, Effect::Retried { .. }))
                {
                    self.reopen(builds);
                }
                effects
            }
            Command::Finish {
                build,
                ending,
                tasks,
                at_ms,
            } => vec![self.finish(build, ending, *tasks, *at_ms)],
            Command::Adopt { records, at_ms } => {
                records.iter().map(|record| self.adopt(record, *at_ms)).collect()
            }
            Command::Lease {
                task,
                build,
                worker,
                host,
                sequence,
                at_ms,
            } => {
                let attempt = Attempt {
                    token: self.next_token + 1,
                    worker: worker.clone(),
                    host: host.clone(),
                    build: build.clone(),
                    sequence: *sequence,
                    started_at_ms: *at_ms,
                    failure: None,
                    failed_at_ms: None,
                };
                vec![self.lease(task, build, attempt)]
            }
            Command::Complete {
                task,
                token,
                outcome,
                at_ms,
            } => vec![self.complete(*task, *token, outcome, *at_ms)],
            Command::Fail {
                task,
                token,
                class,
                message,
                at_ms,
            } => vec![self.fail(*task, *token, *class, message, *at_ms)],
        }
    }

    fn retry(&mut self, id: TaskId) -> Effect {
        match self.open.get_mut(&id) {
            Some(open) if open.phase == Phase::Quarantined => {
                open.phase = Phase::Waiting;
                open.forgiven = open.attempts.len();
                self.quarantined.remove(&id);
                self.order.remove(&id);
                Effect::Retried { task: id }
            }
            Some(open) => refused(format!("{} is not quarantined", open.task)),
            None => refused(format!("task {id} is not open")),
        }
    }

    fn adopt(&mut self, record: &Record, at_ms: u64) -> Effect {
        let task = record.task.id();
        if self.results.contains_key(&task) {
            return Effect::AlreadyCommitted { task };
        }
        if !record.task.is_profile() {
            return refused(format!(
                "{} is no profile; only recorded profiles are taken over",
                record.task
            ));
        }
        if !record.task.accepts(&record.outcome) {
            return refused(format!(
                "the recorded result of {} does not answer it",
                record.task
            ));
        }
        if matches!(
            self.open.get(&task),
            Some(OpenTask {
                phase: Phase::Leased(_),
                ..
            })
        ) {
            return refused(format!("{} is being measured", record.task));
        }
        self.open.remove(&task);
        self.quarantined.remove(&task);
        let circumstances = Committed {
            task: record.task.clone(),
            attempts: Vec::new(),
            token: None,
            at_ms,
        };
        self.commit(task, circumstances, &record.outcome)
    }

    fn lease(&mut self, task: &Task, build: &BuildId, attempt: Attempt) -> Effect {
        let id = task.id();
        if self.results.contains_key(&id) {
            return Effect::AlreadyCommitted { task: id };
        }
        if !self
            .builds
            .get(build)
            .is_some_and(|state| state.phase == BuildPhase::Running)
        {
            return refused(format!("build {build} is not running"));
        }
        let fresh = OpenTask {
            task: task.clone(),
            attempts: Vec::new(),
            phase: Phase::Waiting,
            forgiven: 0,
        };
        let open = self.open.entry(id).or_insert(fresh);
        if open.phase != Phase::Waiting {
            return refused(format!("{task} is held or given up"));
        }
        let token = attempt.token;
        self.next_token = token;
        open.phase = Phase::Leased(token);
        open.attempts.push(attempt);
        Effect::Leased { task: id, token }
    }

    /// Takes a result from any attempt there ever was, even a fenced one: it answers the same question, and taking
    /// it saves doing it again. It never replaces a committed one.
    fn complete(&mut self, id: TaskId, token: u64, outcome: &Outcome, at_ms: u64) -> Effect {
        if self.results.contains_key(&id) {
            return Effect::AlreadyCommitted { task: id };
        }
        let Some(open) = self.open.get(&id) else {
            return refused(format!("task {id} was never leased"));
        };
        if !open.attempts.iter().any(|attempt| attempt.token == token) {
            return refused(format!("token {token} is of no attempt at {}", open.task));
        }
        if !open.task.accepts(outcome) {
            return refused(format!("the result does not answer {}", open.task));
        }
        let open = self.open.remove(&id).expect("found above");
        self.quarantined.remove(&id);
        let circumstances = Committed {
            task: open.task,
            attempts: open.attempts,
            token: Some(token),
            at_ms,
        };
        self.commit(id, circumstances, outcome)
    }

    fn commit(&mut self, task: TaskId, circumstances: Committed, outcome: &Outcome) -> Effect {
        self.results.insert(task, outcome.clone());
        let took = took(&circumstances.attempts, circumstances.token, circumstances.at_ms);
        self.committed.insert(task, circumstances);
        self.end(task, took);
        Effect::Committed { task }
    }

    fn end(&mut self, task: TaskId, took: Option<(BuildId, Took)>) {
        self.ended += 1;
        let place = self.ended;
        self.order.insert(task, Over { place, took });
    }

    fn fail(&mut self, id: TaskId, token: u64, class: FailureClass, message: &str, at_ms: u64) -> Effect {
        let Some(open) = self
            .open
            .get_mut(&id)
            .filter(|open| open.phase == Phase::Leased(token))
        else {
            return refused(format!("token {token} does not hold task {id}"));
        };
        if let Some(attempt) = open.attempts.iter_mut().find(|attempt| attempt.token == token) {
            attempt.failure = Some((class, message.into()));
            attempt.failed_at_ms = Some(at_ms);
        }
        let of_class = |attempt: &&Attempt| {
            attempt
                .failure
                .as_ref()
                .is_some_and(|(failed, _)| *failed == class)
        };
        let counted = open.attempts.iter().skip(open.forgiven);
        let spent = counted.filter(of_class).count();
        if budget(class).is_some_and(|budget| spent >= budget) {
            open.phase = Phase::Quarantined;
            self.quarantined.insert(id);
            let took = took(&open.attempts, Some(token), at_ms);
            self.end(id, took);
            return Effect::Quarantined { task: id };
        }
        open.phase = Phase::Waiting;
        Effect::Reopened { task: id, token }
    }
}

/// What a task took of the build that the attempt with this token was for; earlier attempts for other builds are theirs.
fn took(attempts: &[Attempt], token: Option<u64>, until_ms: u64) -> Option<(BuildId, Took)> {
    let last = attempts.iter().find(|attempt| Some(attempt.token) == token)?;
    let of_build = || attempts.iter().filter(|attempt| attempt.build == last.build);
    let device_ms = of_build().filter_map(|attempt| {
        let until = if attempt.token == last.token {
            Some(until_ms)
        } else {
            attempt.failed_at_ms
        };
        Some(until?.saturating_sub(attempt.started_at_ms))
    });
    let took = Took {
        from_ms: of_build().map(|attempt| attempt.started_at_ms).min()?,
        until_ms,
        device_ms: device_ms.fold(0, u64::saturating_add),
    };
    Some((last.build.clone(), took))
}

fn refused(reason: String) -> Effect {
    Effect::Refused { reason }
}
