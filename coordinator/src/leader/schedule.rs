//! What time and new knowledge ask of the leader: lost leases, plans that moved on, and work for those who wait.

use super::core::Core;
use super::request::{Asked, Lease};
use super::workers::Held;
use crate::ledger::{BuildPhase, Command, Effect, Ending, Phase};
use crate::placement::{Busy, Last, Place, Problem, Ready, Share, family, place};
use crate::plan::{Planned, Standing, plan};
use imgcalc_shared::build::BuildId;
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::task::{FailureClass, Outcome, Start, Task, TaskId};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// A training waits this long for the worker that just finished its parent to ask again, ms: that takes a round trip,
/// and another worker would spend longer on a runner, columns and weights.
const RETURN_MS: u64 = 500;

impl Core {
    pub(super) fn expire(&mut self, now_ms: u64) {
        let patience = (self.terms.lease + self.terms.grace).as_millis() as u64;
        // While this process stood still nobody could be heard, and a clock that is set says nothing about workers.
        let unseen_ms = now_ms.saturating_sub(std::mem::replace(&mut self.looked_at_ms, now_ms));
        let stood_still = u128::from(unseen_ms) > self.terms.heartbeat.as_millis();
        let missed_ms = if stood_still { unseen_ms } else { 0 };
        let mut lost = Vec::new();
        for (token, held) in &mut self.workers.held {
            held.heard_at_ms = held.heard_at_ms.saturating_add(missed_ms).min(now_ms);
            if held.heard_at_ms + patience <= now_ms {
                lost.push((*token, held.task));
            }
        }
        for (token, task) in lost {
            let message = format!("nothing was heard for {} s", patience / 1000);
            self.fail(task, token, FailureClass::WorkerLost, message, now_ms);
        }
    }

    pub(super) fn is_running(&self, build: &BuildId) -> bool {
        self.state
            .builds()
            .get(build)
            .is_some_and(|state| state.phase == BuildPhase::Running)
    }

    /// Whether a running build wants a task: the one it was given for, or another.
    pub(super) fn is_wanted(&self, build: &BuildId, task: TaskId) -> bool {
        let plans = || self.plans.values().flat_map(|plan| &plan.tasks);
        self.is_running(build) || plans().any(|planned| planned.id == task)
    }

    pub(super) fn replan(&mut self, now_ms: u64) {
        let running: Vec<BuildId> = self
            .state
            .builds()
            .keys()
            .filter(|id| self.is_running(id) && !self.plans.contains_key(id))
            .cloned()
            .collect();
        for id in running {
            let made = plan(&self.state.builds()[&id].build, self.state.known());
            if made.complete {
                let ending = made.refused.clone().map_or(Ending::Done, Ending::Refused);
                let words = match &ending {
                    Ending::Done => "done".to_string(),
                    Ending::Refused(reason) => format!("refused: {reason}"),
                };
                self.propose(Command::Finish {
                    build: id.clone(),
                    ending,
                    at_ms: now_ms,
                });
                self.logbook.write(&id, "coordinator", &words);
                self.logbook.end(&id);
            } else {
                self.plans.insert(id, made);
            }
        }
    }

    /// Tasks that can be done now, by build: those that get workers first come first, so that a task two builds want
    /// is done for the one that is served earlier.
    fn ready(&self, now_ms: u64) -> Vec<(BuildId, Vec<&Planned>)> {
        let mut builds: Vec<&BuildId> = self.plans.keys().collect();
        builds.sort_by_key(|id| {
            let state = &self.state.builds()[*id];
            (Reverse(state.priority), state.submitted_at_ms)
        });
        let free = |id: &TaskId| {
            let open = self.state.open().get(id);
            let waits = open.is_none_or(|open| open.phase == Phase::Waiting);
            waits && self.not_before_ms.get(id).is_none_or(|at| *at <= now_ms)
        };
        let mut seen = BTreeSet::new();
        let mut of_build = |build: &BuildId| {
            let tasks = self.plans[build].tasks.iter();
            tasks
                .filter(|planned| {
                    planned.standing == Standing::Ready && free(&planned.id) && seen.insert(planned.id)
                })
                .collect()
        };
        builds
            .into_iter()
            .map(|build| (build.clone(), of_build(build)))
            .collect()
    }

    pub(super) fn assign(&mut self, now_ms: u64) {
        if self.workers.known.values().all(|known| known.asking.is_none()) {
            return;
        }
        let names: Vec<String> = self.workers.known.keys().cloned().collect();
        let ready = self.ready(now_ms);
        let mut problem = Problem::default();
        let mut tasks: Vec<(BuildId, Task)> = Vec::new();
        for (index, (build, of_build)) in ready.iter().enumerate() {
            let state = &self.state.builds()[build];
            problem.builds.push(Share {
                priority: state.priority,
                held: self.workers.held_by(build),
                served: self.workers.served(build),
            });
            for planned in of_build {
                for host in self.exclusions.failed_on(&planned.id) {
                    let there = |name: &&String| self.workers.known[*name].facts.host == *host;
                    let places = names.iter().enumerate().filter(|(_, name)| there(name));
                    let task = problem.tasks.len();
                    problem.failed.extend(places.map(|(at, _)| (task, at)));
                }
                problem.tasks.push(Ready::of(planned, index, &state.build.base));
                tasks.push((build.clone(), planned.task.clone()));
            }
        }
        let index_of = |build: &BuildId| ready.iter().position(|(id, _)| id == build);
        problem.places = names
            .iter()
            .map(|name| self.place(name, index_of, now_ms))
            .collect();
        for (task, at) in place(&problem) {
            let (build, task) = tasks[task].clone();
            self.grant(build, task, &names[at], now_ms);
        }
    }

    fn place(&self, name: &str, index_of: impl Fn(&BuildId) -> Option<usize>, now_ms: u64) -> Place {
        let known = &self.workers.known[name];
        let busy = self
            .workers
            .holding(name)
            .map(|held| if held.profile { Busy::Profile } else { Busy::Work });
        let last = known.finished.as_ref().and_then(|finished| {
            let committed = self.state.committed().get(&finished.task);
            Some(Last {
                task: finished.task,
                build: index_of(&finished.build)?,
                family: committed.and_then(|committed| family(&committed.task)),
            })
        });
        let finished_at_ms = known.finished.as_ref().map(|finished| finished.at_ms);
        Place {
            host: known.facts.host.clone(),
            hardware: known.facts.hardware.clone(),
            base: known.facts.base.clone(),
            waiting: known.asking.is_some(),
            returning: finished_at_ms.is_some_and(|at| now_ms < at + RETURN_MS),
            closed: self.workers.is_draining(name) || self.exclusions.is_excluded(&known.facts.host, now_ms),
            busy,
            last,
        }
    }

    fn grant(&mut self, build: BuildId, task: Task, worker: &str, now_ms: u64) {
        let Some(known) = self.workers.known.get(worker) else {
            return;
        };
        let host = known.facts.host.clone();
        let sequence = known.asking.as_ref().map_or(0, |question| question.sequence);
        let command = Command::Lease {
            task: Box::new(task.clone()),
            build: build.clone(),
            worker: worker.into(),
            host: host.clone(),
            sequence,
            at_ms: now_ms,
        };
        let Effect::Leased { token, .. } = self.propose(command) else {
            return;
        };
        let base = self.state.builds()[&build].build.base.clone();
        let lease = Lease {
            weights: self.first_weights(&task),
            task,
            token,
            base,
            build,
        };
        self.workers.serve(&lease.build, token);
        let held = Held::of(&lease, worker, &host, sequence, now_ms);
        self.workers.held.insert(token, held);
        if let Some(question) = self.workers.take_question(worker) {
            self.reply(question.reply, Ok(Asked::Lease(Box::new(lease))));
        }
    }

    fn first_weights(&self, task: &Task) -> Option<ObjectRef> {
        let Task::Train {
            start: Start::Weights(parent),
            ..
        } = task
        else {
            return None;
        };
        match self.state.known().results.get(parent) {
            Some(Outcome::Train(trained)) => Some(trained.weights.clone()),
            _ => None,
        }
    }
}
