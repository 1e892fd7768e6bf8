//! What time and new knowledge ask of the leader: lost leases, plans that moved on, and work for those who wait.

use super::core::Core;
use super::request::{Asked, Lease};
use super::workers::Held;
use crate::ledger::{BuildPhase, Command, Effect, Ending, Phase};
use crate::placement::{Busy, Place, Ready, place};
use crate::plan::{Standing, plan};
use imgcalc_shared::build::BuildId;
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::task::{FailureClass, Outcome, Start, Task, TaskId};

impl Core {
    pub(super) fn expire(&mut self, now_ms: u64) {
        let patience = (self.terms.lease + self.terms.grace).as_millis() as u64;
        let mut lost = Vec::new();
        for (token, held) in &mut self.workers.held {
            if held.heard_at_ms == u64::MAX {
                held.heard_at_ms = now_ms;
            }
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

    /// Tasks that can be done now, builds in the order in which they were submitted.
    fn ready(&self, now_ms: u64) -> Vec<(BuildId, Task)> {
        let mut builds: Vec<&BuildId> = self.plans.keys().collect();
        builds.sort_by_key(|id| self.state.builds().get(*id).map(|state| state.submitted_at_ms));
        let free = |id: &TaskId| {
            let open = self.state.open().get(id);
            let waits = open.is_none_or(|open| open.phase == Phase::Waiting);
            waits && self.not_before_ms.get(id).is_none_or(|at| *at <= now_ms)
        };
        let mut seen = std::collections::BTreeSet::new();
        let mut ready = Vec::new();
        for build in builds {
            for planned in &self.plans[build].tasks {
                if planned.standing == Standing::Ready && free(&planned.id) && seen.insert(planned.id) {
                    ready.push((build.clone(), planned.task.clone()));
                }
            }
        }
        ready
    }

    pub(super) fn assign(&mut self, now_ms: u64) {
        if self.workers.known.values().all(|known| known.asking.is_none()) {
            return;
        }
        let names: Vec<String> = self.workers.known.keys().cloned().collect();
        let places: Vec<Place> = names.iter().map(|name| self.place(name)).collect();
        let ready = self.ready(now_ms);
        let problem: Vec<Ready> = ready
            .iter()
            .map(|(_, task)| Ready {
                exclusive: task.is_profile(),
                hardware: task.hardware().map(str::to_string),
            })
            .collect();
        for (task, at) in place(&problem, &places) {
            let (build, task) = ready[task].clone();
            self.grant(build, task, &names[at], now_ms);
        }
    }

    fn place(&self, name: &str) -> Place {
        let known = &self.workers.known[name];
        let busy = self
            .workers
            .holding(name)
            .map(|held| if held.profile { Busy::Profile } else { Busy::Work });
        Place {
            host: known.facts.host.clone(),
            hardware: known.facts.hardware.clone(),
            waiting: known.asking.is_some(),
            busy,
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
