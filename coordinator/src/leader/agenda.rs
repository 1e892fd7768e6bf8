//! What a leader keeps of a running build: its plan, as far as work is handed out from it.
//!
//! A plan follows from results alone, and deriving it takes time in proportion to its tasks. Most results leave its
//! tasks as they are: one is done, and what waited for it may start. An agenda is patched by these in the time of a
//! look-up. Where a result may change which tasks there are (the last profile, the end of a round, a task that is
//! given up) it says so, and the plan is derived anew.

#[cfg(test)]
mod tests;

use crate::plan::{Plan, Planned, Stage, Standing};
use crate::view::counts;
use imgcalc_shared::format::Family;
use imgcalc_shared::task::{Task, TaskId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// See the module's description.
#[derive(Debug)]
pub(super) struct Agenda {
    /// Of the plan, in its order.
    tasks: Vec<Planned>,
    at: BTreeMap<TaskId, usize>,
    /// By a task that has not ended: those that wait for it.
    dependants: BTreeMap<TaskId, Vec<usize>>,
    /// Of each task, how many of those it waits for have not ended.
    awaits: Vec<usize>,
    /// Profiles that nobody is at. They are kept apart, since few workers may take one.
    profiles: BTreeSet<Urgency>,
    /// Everything else that can be done now and that nobody is at.
    work: BTreeSet<Urgency>,
    /// Tasks that have not ended, by stage.
    left: BTreeMap<Stage, usize>,
    /// Tasks ended, and tasks in all, as far as can be told.
    counts: (usize, usize),
}

/// Orders the longest path first, then by the order of the plan. The bits of numbers that are not negative rise as
/// the numbers do.
type Urgency = (Reverse<u64>, usize);

impl Agenda {
    /// Of a plan; `free` says of a task whether nobody is at it.
    pub(super) fn of(plan: Plan, free: impl Fn(&TaskId) -> bool) -> Agenda {
        let counts = counts(&plan);
        let tasks = plan.tasks;
        let mut agenda = Agenda {
            at: (0..).zip(&tasks).map(|(at, planned)| (planned.id, at)).collect(),
            dependants: BTreeMap::new(),
            awaits: vec![0; tasks.len()],
            profiles: BTreeSet::new(),
            work: BTreeSet::new(),
            left: BTreeMap::new(),
            counts,
            tasks,
        };
        agenda.connect();
        for at in 0..agenda.tasks.len() {
            let planned = &agenda.tasks[at];
            if !planned.has_ended() {
                *agenda.left.entry(planned.stage).or_default() += 1;
            }
            if planned.standing == Standing::Ready && free(&planned.id) {
                agenda.queue(at);
            }
        }
        agenda
    }

    /// Tasks ended, and tasks in all, as far as can be told.
    pub(super) fn counts(&self) -> (usize, usize) {
        self.counts
    }

    /// Tasks of a stage that have not ended.
    pub(super) fn left(&self, stage: Stage) -> usize {
        self.left.get(&stage).copied().unwrap_or(0)
    }

    /// Whether a task is among those of the plan.
    pub(super) fn wants(&self, task: &TaskId) -> bool {
        self.at.contains_key(task)
    }

    /// Tasks that can be done now and that nobody is at, most urgent first: profiles, and all others.
    pub(super) fn ready(&self) -> [impl Iterator<Item = &Planned>; 2] {
        [&self.profiles, &self.work].map(|queue| queue.iter().map(|(_, at)| &self.tasks[*at]))
    }

    /// Somebody is at a task now.
    pub(super) fn take(&mut self, task: &TaskId) {
        if let Some(&at) = self.at.get(task) {
            self.leave(at);
        }
    }

    /// Nobody is at a task any more, and it has no result.
    pub(super) fn give_back(&mut self, task: &TaskId) {
        if let Some(&at) = self.at.get(task)
            && self.tasks[at].standing == Standing::Ready
        {
            self.queue(at);
        }
    }

    /// A task has a result; whether the plan must be derived anew.
    #[must_use]
    pub(super) fn commit(&mut self, task: &TaskId) -> bool {
        let Some(&at) = self.at.get(task) else {
            return false;
        };
        match self.tasks[at].standing {
            Standing::Done => return false,
            // What was left out for want of it is wanted again.
            Standing::Quarantined => return true,
            Standing::Blocked | Standing::Ready => {}
        }
        self.leave(at);
        self.tasks[at].standing = Standing::Done;
        self.counts.0 += 1;
        for dependant in self.dependants.remove(task).unwrap_or_default() {
            self.awaits[dependant] -= 1;
            let planned = &mut self.tasks[dependant];
            if self.awaits[dependant] == 0 && planned.standing == Standing::Blocked {
                planned.standing = Standing::Ready;
                self.queue(dependant);
            }
        }
        let stage = self.tasks[at].stage;
        let left = self.left.entry(stage).or_default();
        *left -= 1;
        // The last of the profiles or of a round decides what comes next, the last of all ends the build.
        // Every result of a trial decides which comes next.
        let last_of_stage = matches!(stage, Stage::Nets | Stage::Trials)
            || (*left == 0 && matches!(stage, Stage::Profile | Stage::Embedding | Stage::Chain));
        last_of_stage || self.left.values().all(|left| *left == 0)
    }

    /// Finds out what waits for what: what trains or looks at a net for the columns it reads, a training for the weights it starts
    /// from.
    fn connect(&mut self) {
        let mut columns: BTreeMap<Family, TaskId> = BTreeMap::new();
        for planned in &self.tasks {
            if let (Task::Columns { .. }, Some(family)) = (&planned.task, planned.task.family()) {
                columns.insert(family, planned.id);
            }
        }
        for (at, planned) in self.tasks.iter().enumerate() {
            let parent = match &planned.task {
                Task::Train { start, .. } => start.parent(),
                Task::Proxies { .. } | Task::Supernet { .. } => None,
                _ => continue,
            };
            let family = planned.task.family();
            let columns = family.and_then(|family| columns.get(&family));
            for awaited in columns.into_iter().chain(&parent) {
                let open = self.at.get(awaited).map(|at| &self.tasks[*at]);
                if open.is_some_and(|open| !open.has_ended()) {
                    self.dependants.entry(*awaited).or_default().push(at);
                    self.awaits[at] += 1;
                }
            }
        }
    }

    fn queue(&mut self, at: usize) {
        let urgency = self.urgency(at);
        self.queue_of(at).insert(urgency);
    }

    fn leave(&mut self, at: usize) {
        let urgency = self.urgency(at);
        self.queue_of(at).remove(&urgency);
    }

    fn queue_of(&mut self, at: usize) -> &mut BTreeSet<Urgency> {
        match self.tasks[at].task.is_profile() {
            true => &mut self.profiles,
            false => &mut self.work,
        }
    }

    fn urgency(&self, at: usize) -> Urgency {
        (Reverse(self.tasks[at].path.to_bits()), at)
    }

    /// Where each task stands.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn standings(&self) -> impl Iterator<Item = (TaskId, Standing)> {
        self.tasks.iter().map(|planned| (planned.id, planned.standing))
    }
}
