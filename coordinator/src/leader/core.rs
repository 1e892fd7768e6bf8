//! The leader's decisions, without sockets, disk or clock: time is an argument, commands are collected.

use super::Terms;
use super::agenda::Agenda;
use super::exclusions::Exclusions;
use super::held::Held;
use super::logbook::Logbook;
use super::request::{Directive, LeaderError, Reply, Request};
use super::workers::Workers;
use crate::ledger::{BuildPhase, BuildState, Command, Effect, Phase, State, Wanted};
use crate::plan::Standing;
use crate::view::{Account, BuildView, Overview};
use imgcalc_shared::build::{Amendment, BuildId};
use imgcalc_shared::task::TaskId;
use std::collections::BTreeMap;

/// How often time alone is a reason to look for something to do, ms; oftener where workers report as often.
const LOOK_MS: u64 = 50;

/// An answer that waits until what it says is durable.
pub(crate) type Answer = Box<dyn FnOnce(Result<(), LeaderError>) + Send>;

/// What a leader knows and decides. Its state runs ahead of the log by the commands that are not durable yet: it is
/// thrown away with its reign.
pub(crate) struct Core {
    pub(super) state: State,
    pub(super) logbook: Logbook,
    pub(super) terms: Terms,
    pub(super) workers: Workers,
    /// Of running builds; one that is missing is derived anew from its plan.
    pub(super) agendas: BTreeMap<BuildId, Agenda>,
    pub(super) not_before_ms: BTreeMap<TaskId, u64>,
    pub(super) exclusions: Exclusions,
    /// When leases were last looked at.
    pub(super) looked_at_ms: u64,
    /// Whether somebody asked for something since, or a plan is new.
    asked: bool,
    /// Commands applied and not yet durable.
    commands: Vec<Command>,
    /// Answers that may go out when they are.
    answers: Vec<Answer>,
}

impl Core {
    pub(crate) fn new(state: State, logbook: Logbook, terms: Terms) -> Core {
        let mut workers = Workers::default();
        let mut exclusions = Exclusions::default();
        for (id, open) in state.open() {
            for attempt in &open.attempts {
                if let Some((class, _)) = &attempt.failure {
                    exclusions.failed(*id, &attempt.host, *class);
                }
            }
            if let (Phase::Leased(token), Some(attempt)) = (open.phase, open.attempts.last()) {
                let held = Held {
                    task: *id,
                    what: open.task.to_string(),
                    profile: open.task.is_profile(),
                    worker: attempt.worker.clone(),
                    host: attempt.host.clone(),
                    build: attempt.build.clone(),
                    sequence: attempt.sequence,
                    // Nobody could report while no leader was there: the lease starts anew at the first look.
                    heard_at_ms: u64::MAX,
                    progress: None,
                    account: Account::default(),
                };
                workers.held.insert(token, held);
            }
        }
        Core {
            state,
            logbook,
            terms,
            workers,
            agendas: BTreeMap::new(),
            not_before_ms: BTreeMap::new(),
            exclusions,
            looked_at_ms: u64::MAX,
            asked: true,
            commands: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// What is to be proposed, and the answers that may go out when it is durable.
    pub(crate) fn take(&mut self) -> (Vec<Command>, Vec<Answer>) {
        (
            std::mem::take(&mut self.commands),
            std::mem::take(&mut self.answers),
        )
    }

    /// Tells everybody who waits that this peer no longer leads.
    pub(crate) fn abandon(mut self, error: &LeaderError) {
        for answer in std::mem::take(&mut self.answers) {
            answer(Err(error.clone()));
        }
        self.workers.abandon(error);
    }

    /// Whether nothing waits to be taken.
    #[cfg(debug_assertions)]
    pub(crate) fn is_idle(&self) -> bool {
        self.commands.is_empty()
    }

    /// The state that is, once the commands taken so far are durable.
    #[cfg(debug_assertions)]
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn handle(&mut self, request: Request, now_ms: u64) {
        self.asked = true;
        match request {
            Request::Submit {
                build,
                priority,
                reply,
            } => {
                let id = build.id();
                let effect = self.propose(Command::Submit {
                    build,
                    priority,
                    at_ms: now_ms,
                });
                let known = matches!(effect, Effect::Submitted { known: true, .. });
                let words = if known { "submitted again" } else { "submitted" };
                self.logbook.write(&id, "coordinator", words);
                self.reply(reply, Ok((id, known)));
            }
            Request::Direct {
                build,
                wanted,
                priority,
                reply,
            } => {
                let said = self.direct(&build, wanted, priority, now_ms);
                self.reply(reply, said);
            }
            Request::Amend {
                build,
                amendment,
                reply,
            } => {
                let said = self.amend(build, amendment, now_ms);
                self.reply(reply, said);
            }
            Request::Retry { build, task, reply } => {
                let said = self.retry(&build, &task, now_ms);
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
                let known = |build: &BuildId| self.agendas.get(build).map(Agenda::counts);
                let overview = Overview::of(&self.state, self.worker_views(), known);
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
            Request::Base { task, token, reply } => {
                let base = self.base_of(task, token);
                self.reply(reply, Ok(base));
            }
            Request::Register { worker, reply } => {
                self.workers.register(worker, now_ms);
                self.reply(reply, Ok(()));
            }
            Request::Lease {
                worker,
                wait,
                sequence,
                reply,
            } => {
                self.workers.heard(&worker, now_ms);
                self.never_arrived(&worker, sequence, now_ms);
                self.workers.ask(
                    &worker,
                    reply,
                    sequence,
                    now_ms.saturating_add(wait.as_millis() as u64),
                );
            }
            Request::Progress { progress, reply } => {
                let directive = self.progress(*progress, now_ms);
                if directive == Directive::default() {
                    // It changes nothing, so it does not matter who still leads.
                    let _ = reply.send(Ok(directive));
                } else {
                    self.reply(reply, Ok(directive));
                }
            }
            Request::Account { token, account } => self.workers.held.account(token, account),
            Request::Drain {
                worker,
                cancel,
                reply,
            } => {
                let known = self.workers.drain(&worker, !cancel);
                self.reply(reply, Ok(known));
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
                self.fail_all(of_worker, class, &why, now_ms);
                match worker {
                    Some(worker) => self.workers.forget(&worker),
                    None => self.workers.forget_all(),
                }
                self.reply(reply, Ok(()));
            }
        }
    }

    /// Does what time and new knowledge ask for: ends attempts whose lease and grace ran out, ends builds that have
    /// nothing left, and hands ready tasks to workers that wait. Where nothing was asked it looks only now and then.
    pub(crate) fn advance(&mut self, now_ms: u64) {
        let look_ms = LOOK_MS.min(self.terms.heartbeat.as_millis() as u64 / 4);
        // The clock may be set back too.
        let time_passed = self.looked_at_ms.abs_diff(now_ms) >= look_ms;
        if time_passed {
            self.expire(now_ms);
            self.workers.tire(now_ms);
        }
        if std::mem::take(&mut self.asked) || time_passed {
            let planned = self.replan(now_ms);
            self.assign(now_ms);
            let widened = self.widen(now_ms);
            self.asked = planned > 0 || widened;
        }
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
            for effect in &effects {
                self.note(effect);
            }
            self.commands.push(command);
        }
        effects
    }

    /// Brings the agendas up to date with what was applied.
    fn note(&mut self, effect: &Effect) {
        let agendas = self.agendas.values_mut();
        match effect {
            Effect::Leased { task, .. } => agendas.for_each(|agenda| agenda.take(task)),
            Effect::Reopened { task, .. } => agendas.for_each(|agenda| agenda.give_back(task)),
            Effect::Committed { task } => self.agendas.retain(|_, agenda| !agenda.commit(task)),
            Effect::Quarantined { task } => self.agendas.retain(|_, agenda| !agenda.wants(task)),
            Effect::Submitted { build, .. }
            | Effect::Directed { build }
            | Effect::Amended { build, .. }
            | Effect::Finished { build } => {
                self.agendas.remove(build);
            }
            Effect::Retried { .. } => self.agendas.clear(),
            Effect::AlreadyCommitted { .. } | Effect::Refused { .. } => {}
        }
    }

    pub(super) fn reply<T: Send + 'static>(&mut self, reply: Reply<T>, said: Result<T, LeaderError>) {
        self.answers
            .push(Box::new(move |durable| drop(reply.send(durable.and(said)))));
    }

    fn direct(
        &mut self,
        build: &BuildId,
        wanted: Option<Wanted>,
        priority: Option<i32>,
        now_ms: u64,
    ) -> Result<(), LeaderError> {
        let command = Command::Direct {
            build: build.clone(),
            wanted,
            priority,
            at_ms: now_ms,
        };
        if let Effect::Refused { reason } = self.propose(command) {
            return Err(LeaderError::Refused(reason));
        }
        let words = match wanted {
            Some(Wanted::Run) => "resumed",
            Some(Wanted::Pause) => "paused",
            Some(Wanted::Cancel) => "cancelled",
            None => "has another priority",
        };
        self.logbook.write(build, "coordinator", words);
        if wanted == Some(Wanted::Cancel) {
            self.logbook.end(build);
        }
        Ok(())
    }

    /// Adds to what is wanted of a build; says whether as much was wanted before.
    pub(super) fn amend(
        &mut self,
        build: BuildId,
        amendment: Amendment,
        now_ms: u64,
    ) -> Result<bool, LeaderError> {
        let words = format!("asked for {amendment}");
        let command = Command::Amend {
            build: build.clone(),
            amendment,
            at_ms: now_ms,
        };
        match self.propose(command) {
            Effect::Refused { reason } => Err(LeaderError::Refused(reason)),
            effect => {
                self.logbook.write(&build, "coordinator", &words);
                Ok(matches!(effect, Effect::Amended { known: true, .. }))
            }
        }
    }

    /// Gives quarantined tasks of a build a new budget; says how many.
    fn retry(&mut self, build: &BuildId, task: &str, now_ms: u64) -> Result<usize, LeaderError> {
        let Some(state) = self.state.builds().get(build) else {
            return Err(no_build(build));
        };
        let plan = crate::plan::plan(&state.build, self.state.known());
        let quarantined = plan.tasks.iter().filter(|planned| {
            planned.standing == Standing::Quarantined && planned.id.to_string().starts_with(task)
        });
        let tasks: Vec<TaskId> = quarantined.map(|planned| planned.id).collect();
        if tasks.is_empty() {
            return Err(LeaderError::Refused(match task {
                "" => format!("no task of build {build} is quarantined"),
                task => format!("no quarantined task of build {build} starts with {task:?}"),
            }));
        }
        for task in &tasks {
            self.not_before_ms.remove(task);
        }
        let builds = self.ended_without(&tasks);
        let effects = self.propose_all(Command::Retry {
            tasks,
            builds,
            at_ms: now_ms,
        });
        let retried = |effect: &&Effect| matches!(effect, Effect::Retried { .. });
        let count = effects.iter().filter(retried).count();
        let words = format!("{count} quarantined tasks are tried again");
        self.logbook.write(build, "coordinator", &words);
        Ok(count)
    }
}

impl Core {
    /// Whether an open task is on the data of a build, or on none.
    fn is_about(&self, task: TaskId, build: &BuildState) -> bool {
        let open = self.state.open().get(&task);
        let dataset = open.and_then(|open| open.task.dataset());
        dataset.is_none_or(|dataset| dataset == build.build.dataset)
    }

    /// Builds that are over and lack one of these tasks, which others may have tried for them.
    fn ended_without(&self, tasks: &[TaskId]) -> Vec<BuildId> {
        let over = self.state.builds().iter().filter(|(_, state)| {
            matches!(state.phase, BuildPhase::Ended { .. })
                && tasks.iter().any(|task| self.is_about(*task, state))
                && crate::plan::plan(&state.build, self.state.known())
                    .tasks
                    .iter()
                    .any(|planned| tasks.contains(&planned.id))
        });
        over.map(|(id, _)| id.clone()).collect()
    }
}

fn no_build(id: &BuildId) -> LeaderError {
    LeaderError::Refused(format!("there is no build {id}"))
}
