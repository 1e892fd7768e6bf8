//! The leader's decisions, without sockets, disk or clock: time is an argument, commands are collected.

use super::Terms;
use super::logbook::Logbook;
use super::request::{LeaderError, Progress, Reply, Request, Said};
use super::workers::{Held, Workers};
use crate::ledger::{BuildPhase, Command, Effect, Phase, State};
use crate::plan::Plan;
use crate::view::{BuildView, Overview};
use imgcalc_shared::build::BuildId;
use imgcalc_shared::task::{FailureClass, Outcome, TaskId};
use std::collections::BTreeMap;

/// First pause before a task that failed by its own fault is tried again, ms; doubles with every attempt.
const BACK_OFF_MS: u64 = 1_000;
const BACK_OFF_MS_MAX: u64 = 60_000;

type Answer = Box<dyn FnOnce(Result<(), LeaderError>) + Send>;

pub(super) struct Core {
    pub(super) state: State,
    pub(super) logbook: Logbook,
    pub(super) terms: Terms,
    pub(super) workers: Workers,
    /// Plans of running builds; empty when something they depend on changed.
    pub(super) plans: BTreeMap<BuildId, Plan>,
    pub(super) not_before_ms: BTreeMap<TaskId, u64>,
    /// Commands applied and not yet durable.
    commands: Vec<Command>,
    /// Answers that may go out when they are.
    answers: Vec<Answer>,
}

impl Core {
    pub(super) fn new(state: State, logbook: Logbook, terms: Terms) -> Core {
        let mut workers = Workers::default();
        for (id, open) in state.open() {
            if let (Phase::Leased(token), Some(attempt)) = (open.phase, open.attempts.last()) {
                let held = Held {
                    task: *id,
                    what: open.task.to_string(),
                    profile: open.task.is_profile(),
                    worker: attempt.worker.clone(),
                    build: None,
                    // Nobody could report while no leader was there: the lease starts anew at the first look.
                    heard_at_ms: u64::MAX,
                    progress: None,
                };
                workers.held.insert(token, held);
            }
        }
        Core {
            state,
            logbook,
            terms,
            workers,
            plans: BTreeMap::new(),
            not_before_ms: BTreeMap::new(),
            commands: Vec::new(),
            answers: Vec::new(),
        }
    }

    pub(super) fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }

    /// Sends the answers that waited for the log.
    pub(super) fn answer(&mut self) {
        for answer in std::mem::take(&mut self.answers) {
            answer(Ok(()));
        }
    }

    /// Tells everybody who waits that nothing more is done.
    pub(super) fn abandon(&mut self, why: &str) {
        for answer in std::mem::take(&mut self.answers) {
            answer(Err(LeaderError::Stopped(why.into())));
        }
    }

    pub(super) fn handle(&mut self, request: Request, now_ms: u64) {
        match request {
            Request::Submit { build, reply } => {
                let id = build.id();
                let effect = self.propose(Command::Submit { build, at_ms: now_ms });
                let known = matches!(effect, Effect::Submitted { known: true, .. });
                self.logbook.write(
                    &id,
                    "coordinator",
                    if known { "submitted again" } else { "submitted" },
                );
                self.reply(reply, Ok((id, known)));
            }
            Request::Cancel { build, reply } => {
                let said = match self.propose(Command::Cancel {
                    build: build.clone(),
                    at_ms: now_ms,
                }) {
                    Effect::Refused { reason } => Err(LeaderError::Refused(reason)),
                    _ => Ok(()),
                };
                if said.is_ok() {
                    self.logbook.write(&build, "coordinator", "cancelled");
                    self.logbook.end(&build);
                }
                self.reply(reply, said);
            }
            Request::Adopt { records, reply } => {
                let command = Command::Adopt {
                    records,
                    at_ms: now_ms,
                };
                let effects = self.propose_all(command);
                let refused = effects.iter().find_map(|effect| match effect {
                    Effect::Refused { reason } => Some(LeaderError::Refused(reason.clone())),
                    _ => None,
                });
                let adopted = effects
                    .iter()
                    .filter(|effect| matches!(effect, Effect::Committed { .. }))
                    .count();
                self.reply(reply, refused.map_or(Ok(adopted), Err));
            }
            Request::Overview { reply } => {
                let overview = Overview::of(&self.state, self.worker_views());
                self.reply(reply, Ok(overview));
            }
            Request::View { build, reply } => {
                let running = self.running(&build);
                let view = BuildView::of(&self.state, &build, running);
                self.reply(reply, view.ok_or_else(|| no_build(&build)));
            }
            Request::Logs { build, reply } => {
                let said = match self.state.builds().get(&build) {
                    Some(state) => Ok(self.logbook.follow(&build, state.phase == BuildPhase::Running)),
                    None => Err(no_build(&build)),
                };
                self.reply(reply, said);
            }
            Request::Register { worker, reply } => {
                self.workers.register(worker, now_ms);
                self.reply(reply, Ok(()));
            }
            Request::Lease { worker, wait, reply } => {
                self.workers.heard(&worker, now_ms);
                self.workers
                    .ask(&worker, reply, now_ms.saturating_add(wait.as_millis() as u64));
            }
            Request::Progress { progress, reply } => {
                let stop = self.progress(*progress, now_ms);
                self.reply(reply, Ok(stop));
            }
            Request::Complete {
                task,
                token,
                outcome,
                reply,
            } => {
                let said = self.complete(task, token, outcome, now_ms);
                self.reply(reply, Ok(said));
            }
            Request::Fail {
                task,
                token,
                class,
                message,
                reply,
            } => {
                self.fail(task, token, class, message, now_ms);
                self.reply(reply, Ok(()));
            }
            Request::Gone {
                worker,
                class,
                why,
                reply,
            } => {
                let of_worker = |held: &Held| worker.as_ref().is_none_or(|worker| held.worker == *worker);
                let lost: Vec<(u64, TaskId)> = self
                    .workers
                    .held
                    .iter()
                    .filter(|(_, held)| of_worker(held))
                    .map(|(token, held)| (*token, held.task))
                    .collect();
                for (token, task) in lost {
                    self.fail(task, token, class, why.clone(), now_ms);
                }
                self.workers
                    .known
                    .retain(|name, _| worker.as_ref().is_some_and(|worker| worker != name));
                self.reply(reply, Ok(()));
            }
        }
    }

    /// Does what time and new knowledge ask for: ends attempts whose lease and grace ran out, ends builds that have
    /// nothing left, and hands ready tasks to workers that wait.
    pub(super) fn advance(&mut self, now_ms: u64) {
        self.expire(now_ms);
        self.replan(now_ms);
        self.assign(now_ms);
        self.workers.tire(now_ms);
    }

    pub(super) fn propose(&mut self, command: Command) -> Effect {
        let mut effects = self.propose_all(command);
        debug_assert_eq!(effects.len(), 1);
        effects.remove(0)
    }

    /// Applies a command and keeps it for the log; one that changes nothing is not kept.
    fn propose_all(&mut self, command: Command) -> Vec<Effect> {
        let effects = self.state.apply(&command);
        let nothing =
            |effect: &Effect| matches!(effect, Effect::Refused { .. } | Effect::AlreadyCommitted { .. });
        if !effects.iter().all(nothing) {
            // A lease changes nothing a plan looks at.
            if !matches!(command, Command::Lease { .. }) {
                self.plans.clear();
            }
            self.commands.push(command);
        }
        effects
    }

    pub(super) fn reply<T: Send + 'static>(&mut self, reply: Reply<T>, said: Result<T, LeaderError>) {
        self.answers
            .push(Box::new(move |durable| drop(reply.send(durable.and(said)))));
    }

    fn progress(&mut self, progress: Progress, now_ms: u64) -> Option<String> {
        self.workers.heard(&progress.worker, now_ms);
        let Some(held) = self
            .workers
            .held
            .get_mut(&progress.token)
            .filter(|held| held.task == progress.task)
        else {
            return Some("the task is no longer leased to this attempt".into());
        };
        held.heard_at_ms = now_ms;
        let (build, what, who) = (held.build.clone(), held.what.clone(), held.worker.clone());
        let epoch_before = held.progress.as_ref().map_or(0, |progress| progress.epoch);
        if let Some(build) = &build {
            if !progress.log.is_empty() {
                self.logbook.write(build, &who, &progress.log);
            }
            if let (true, Some(accuracy)) = (progress.epoch > epoch_before, progress.accuracy) {
                let loss = progress.loss.unwrap_or(f64::NAN);
                let epochs = format!("epoch {}/{}", progress.epoch, progress.epochs);
                self.logbook.write(
                    build,
                    &who,
                    &format!("{what}: {epochs} loss {loss:.4} accuracy {accuracy:.4}"),
                );
            }
        }
        held_progress(&mut self.workers, progress);
        let running = build.is_none_or(|build| self.is_running(&build));
        (!running).then(|| "its build is cancelled".into())
    }

    fn complete(&mut self, task: TaskId, token: u64, outcome: Box<Outcome>, now_ms: u64) -> Said {
        let held = self.workers.held.remove(&token);
        let words = outcome_words(&outcome);
        match self.propose(Command::Complete {
            task,
            token,
            outcome,
            at_ms: now_ms,
        }) {
            Effect::Committed { .. } => {
                // Any other attempt at this task is void now.
                self.workers.held.retain(|_, held| held.task != task);
                if let Some(held) = &held {
                    self.workers.finished(held, now_ms);
                }
                if let Some(Held {
                    build: Some(build),
                    what,
                    worker,
                    ..
                }) = held
                {
                    self.logbook
                        .write(&build, &worker, &format!("{what}: done{words}"));
                }
                Said::Committed
            }
            Effect::AlreadyCommitted { .. } => Said::AlreadyCommitted,
            Effect::Refused { reason } => Said::Refused(reason),
            other => Said::Refused(format!("unexpected {other:?}")),
        }
    }

    pub(super) fn fail(
        &mut self,
        task: TaskId,
        token: u64,
        class: FailureClass,
        message: String,
        now_ms: u64,
    ) {
        let held = self.workers.held.remove(&token);
        let effect = self.propose(Command::Fail {
            task,
            token,
            class,
            message: message.clone(),
            at_ms: now_ms,
        });
        if !matches!(class, FailureClass::Preempted | FailureClass::WorkerLost) {
            let attempts = self.state.open().get(&task).map_or(1, |open| open.attempts.len());
            let pause = BACK_OFF_MS
                .saturating_mul(1 << attempts.saturating_sub(1).min(16))
                .min(BACK_OFF_MS_MAX);
            self.not_before_ms.insert(task, now_ms + pause);
        }
        if let Some(Held {
            build: Some(build),
            what,
            worker,
            ..
        }) = held
        {
            let given_up = if matches!(effect, Effect::Quarantined { .. }) {
                "; given up"
            } else {
                ""
            };
            self.logbook
                .write(&build, &worker, &format!("{what}: {class}: {message}{given_up}"));
        }
    }
}

fn held_progress(workers: &mut Workers, progress: Progress) {
    if let Some(held) = workers.held.get_mut(&progress.token) {
        held.progress = Some(progress);
    }
}

fn no_build(id: &BuildId) -> LeaderError {
    LeaderError::Refused(format!("there is no build {id}"))
}

fn outcome_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Train(trained) => format!(", accuracy {:.4}", trained.accuracy),
        Outcome::Columns { objects, bytes } => format!(", {objects} objects of {bytes} bytes"),
        _ => String::new(),
    }
}
