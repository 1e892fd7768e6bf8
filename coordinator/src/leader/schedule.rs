//! What time and new knowledge ask of the leader: lost leases, plans that moved on, and work for those who wait.

use super::agenda::Agenda;
use super::core::Core;
use super::held::Held;
use super::request::{Asked, Lease};
use crate::ledger::{BuildPhase, Command, Effect, Ending, Phase};
use crate::placement::{Busy, Last, Place, Problem, Ready, Share, place};
use crate::plan::{Planned, Stage, plan};
use imgcalc_shared::build::{Amendment, BuildId};
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::search::PARALLEL_MAX;
use imgcalc_shared::task::{FailureClass, Outcome, Start, Task, TaskId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Plans derived in one turn: one takes a hundredth of a second where a build has a thousand trainings, and the other
/// peers must hear of their leader in between.
const PLANS_A_TURN: usize = 4;

impl Core {
    pub(super) fn expire(&mut self, now_ms: u64) {
        let patience = (self.terms.lease + self.terms.grace).as_millis() as u64;
        // While this process stood still nobody could be heard, and a clock that is set says nothing about workers.
        let unseen_ms = now_ms.saturating_sub(std::mem::replace(&mut self.looked_at_ms, now_ms));
        let stood_still = u128::from(unseen_ms) > self.terms.heartbeat.as_millis();
        let missed_ms = if stood_still { unseen_ms } else { 0 };
        let mut lost = Vec::new();
        for (token, held) in self.workers.held.iter_mut() {
            held.heard_at_ms = held.heard_at_ms.saturating_add(missed_ms).min(now_ms);
            if held.heard_at_ms + patience <= now_ms {
                lost.push((token, held.task));
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

    /// Whether a running build wants a task: the one it was given for, or another, as far as that is known.
    pub(super) fn is_wanted(&self, build: &BuildId, task: TaskId) -> bool {
        self.is_running(build)
            || self.agendas.values().any(|agenda| agenda.wants(&task))
            || self.unplanned().next().is_some()
    }

    /// Running builds whose plan is to be derived anew.
    fn unplanned(&self) -> impl Iterator<Item = &BuildId> {
        let running = self.state.builds().keys().filter(|id| self.is_running(id));
        running.filter(|id| !self.agendas.contains_key(id))
    }

    /// Derives plans that are missing, some in a turn, and ends builds that have nothing left; says how many plans.
    pub(super) fn replan(&mut self, now_ms: u64) -> usize {
        let some: Vec<BuildId> = self.unplanned().take(PLANS_A_TURN).cloned().collect();
        let count = some.len();
        for id in some {
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
                    tasks: made.tasks.len(),
                    at_ms: now_ms,
                });
                self.logbook.write(&id, "coordinator", &words);
                self.logbook.end(&id);
            } else {
                let open = self.state.open();
                let free = |task: &TaskId| open.get(task).is_none_or(|open| open.phase == Phase::Waiting);
                let agenda = Agenda::of(made, free);
                self.agendas.insert(id, agenda);
            }
        }
        #[cfg(debug_assertions)]
        self.check_agendas();
        count
    }

    /// An agenda that was patched says what a plan derived anew would say.
    #[cfg(debug_assertions)]
    fn check_agendas(&self) {
        let few = self.state.committed().len() < 64 && !self.is_idle();
        for (id, agenda) in self.agendas.iter().filter(|_| few) {
            let made = plan(&self.state.builds()[id].build, self.state.known());
            let anew = made.tasks.iter().map(|planned| (planned.id, planned.standing));
            assert!(agenda.standings().eq(anew), "the agenda of {id} is not its plan");
        }
    }

    /// Tasks that can be done now, by build, as many as `room` workers could be given. Builds that get workers first
    /// come first, so that a task two builds want is done for the one that is served earlier.
    fn ready(&self, room: usize, now_ms: u64) -> Vec<(BuildId, Vec<&Planned>)> {
        let mut builds: Vec<&BuildId> = self.agendas.keys().collect();
        builds.sort_by_key(|id| {
            let state = &self.state.builds()[*id];
            (Reverse(state.priority), state.submitted_at_ms)
        });
        let due = |id: &TaskId| self.not_before_ms.get(id).is_none_or(|at| *at <= now_ms);
        let mut seen = BTreeSet::new();
        let mut of_build = |build: &BuildId| {
            let mut tasks = Vec::new();
            for queue in self.agendas[build].ready() {
                let mut left = room;
                for planned in queue {
                    if left == 0 {
                        break;
                    }
                    if due(&planned.id) && seen.insert(planned.id) {
                        tasks.push(planned);
                        // One that failed somewhere may not go to every worker: it counts for none.
                        left -= usize::from(self.exclusions.failed_on(&planned.id).next().is_none());
                    }
                }
            }
            tasks
        };
        builds
            .into_iter()
            .map(|build| (build.clone(), of_build(build)))
            .collect()
    }

    pub(super) fn assign(&mut self, now_ms: u64) {
        if !self.workers.anybody_asks() {
            return;
        }
        let candidates = self.workers.candidates(now_ms);
        let ready = self.ready(candidates.len(), now_ms);
        let at_hand = || ready.iter().flat_map(|(_, tasks)| tasks);
        if at_hand().next().is_none() {
            return;
        }
        // A profile looks for the quietest host, and a task that failed for one on which it did not: of all there are.
        let failed = |task: &TaskId| self.exclusions.failed_on(task).next().is_some();
        let choosy = at_hand().any(|planned| planned.task.is_profile() || failed(&planned.id));
        let names: Vec<&String> = match choosy {
            true => self.workers.known.keys().collect(),
            false => self.workers.neighbours(&candidates).into_iter().collect(),
        };
        let (problem, tasks) = self.problem(&ready, &names, now_ms);
        let granted: Vec<_> = place(&problem)
            .into_iter()
            .map(|(task, at)| {
                let (build, task) = tasks[task];
                (build.clone(), task.clone(), names[at].clone())
            })
            .collect();
        for (build, task, worker) in granted {
            self.grant(build, task, &worker, now_ms);
        }
    }

    /// Who could get what, and the tasks by their index in it.
    fn problem<'a>(
        &self,
        ready: &'a [(BuildId, Vec<&'a Planned>)],
        names: &[&String],
        now_ms: u64,
    ) -> (Problem, Vec<(&'a BuildId, &'a Task)>) {
        let mut problem = Problem::default();
        let mut tasks = Vec::new();
        for (index, (build, of_build)) in ready.iter().enumerate() {
            let state = &self.state.builds()[build];
            problem.builds.push(Share {
                priority: state.priority,
                held: self.workers.held.count_of(build),
                served: self.workers.served(build),
            });
            let base: Arc<str> = state.build.base.as_str().into();
            for planned in of_build {
                for host in self.exclusions.failed_on(&planned.id) {
                    let there = |name: &&String| self.workers.known[*name].facts.host[..] == **host;
                    let places = names.iter().enumerate().filter(|(_, name)| there(name));
                    let task = problem.tasks.len();
                    problem.failed.extend(places.map(|(at, _)| (task, at)));
                }
                problem.tasks.push(Ready::of(planned, index, &base));
                tasks.push((build, &planned.task));
            }
        }
        let index: BTreeMap<&BuildId, usize> = ready.iter().map(|(id, _)| id).zip(0..).collect();
        problem.places = names
            .iter()
            .map(|name| self.place(name, &index, now_ms))
            .collect();
        (problem, tasks)
    }

    fn place(&self, name: &str, index: &BTreeMap<&BuildId, usize>, now_ms: u64) -> Place {
        let known = &self.workers.known[name];
        let busy = self.workers.held.of_worker(name).next();
        let busy = busy.map(|(_, held)| if held.profile { Busy::Profile } else { Busy::Work });
        // Of one that is at something nobody asks what it did before.
        let last = known.finished.as_ref().filter(|_| busy.is_none());
        let last = last.and_then(|finished| {
            Some(Last {
                task: finished.task,
                build: *index.get(&finished.build)?,
                family: finished.family,
            })
        });
        Place {
            host: known.facts.host.clone(),
            hardware: known.facts.hardware.clone(),
            base: known.facts.base.clone(),
            waiting: known.asking.is_some(),
            returning: known.returns(now_ms),
            closed: self.workers.is_draining(name) || self.exclusions.is_excluded(&known.facts.host, now_ms),
            busy,
            last,
        }
    }

    /// Gives a search as many slots as there are workers where some ask in vain and all its slots are taken; whether one
    /// got more.
    pub(super) fn widen(&mut self, now_ms: u64) -> bool {
        if !self.workers.anybody_asks() {
            return false;
        }
        let open = self
            .workers
            .known
            .keys()
            .filter(|name| !self.workers.is_draining(name));
        let workers = u16::try_from(open.count()).unwrap_or(u16::MAX).min(PARALLEL_MAX);
        let narrow = |id: &&BuildId| {
            let build = &self.state.builds()[*id].build;
            let widens = build.search_hyper.as_ref().is_some_and(|search| search.widens);
            let slots = build.search_slots().filter(|_| widens);
            // Fewer trials than slots run where the search waits for something else.
            slots.is_some_and(|slots| {
                slots.now() < workers.into() && self.agendas[*id].left(Stage::Trials) >= slots.now()
            })
        };
        let narrow: Vec<BuildId> = self.agendas.keys().filter(narrow).cloned().collect();
        for id in &narrow {
            let slots = Amendment::Slots {
                slots: workers,
                after: 0,
            };
            // Refused where the build ended meanwhile; then it needs none.
            let _ = self.amend(id.clone(), slots, now_ms);
        }
        !narrow.is_empty()
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
            host: host.to_string(),
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
        let Task::Train { start, .. } = task else {
            return None;
        };
        match (start, self.state.known().results.get(&start.parent()?)?) {
            (Start::State(_), Outcome::Train(trained)) => trained.state.clone(),
            (_, Outcome::Train(trained)) => Some(trained.weights.clone()),
            _ => None,
        }
    }
}
