//! Placement: which ready task goes to which waiting worker. Problem → Solution in plain values, without time.
//!
//! What a user can expect:
//!
//! 1. **No worker idles while a task fits it.** Only rules 3 and 6 hold one back, and each says for how long.
//! 2. **Priority first, then fair shares.** Builds of higher priority take what they can use, lower ones what is left.
//!    Within a priority the build that holds the fewest tasks is next, of equals the one that was served longest ago:
//!    a build submitted later gets its share with the next workers that are free, and none waits for ever.
//! 3. **A profile is alone on its host,** on the hardware class it is valid for; as many hosts of the class as are
//!    silent may each measure one. While profiles of a priority wait, one host of their class is kept for them: no
//!    other work of this or a lower priority starts there. It is the one with the least to finish, and it measures
//!    them one after another, for silencing a host anew for each would cost more than all of them.
//! 4. **What most other work waits for goes first.** Within a build the task with the longest path of dependants is
//!    next; whatever nothing waits for fills the workers that are left.
//! 5. **A worker goes on with what it has.** Of the workers that are free a training goes to the one that just ran
//!    its parent (the weights are still in the runner), else to one that last read the same columns, else to one that
//!    last worked for the build; and a worker that another ready task would rather have is taken last.
//! 6. **A preference is not worth waiting for,** except for a worker that this moment finished the parent and will
//!    ask within [`Place::returning`]'s while.
//! 7. **A closed worker gets nothing,** an excluded pair is never assigned, and a task that failed on a host goes to
//!    another one, if any other could ever take it.
//! 8. **A worker of one base** gets only tasks whose data lies there.
//!
//! The same problem always has the same solution.

mod board;
#[cfg(test)]
mod tests;

use crate::plan::Planned;
use board::Board;
use imgcalc_shared::format::Family;
use imgcalc_shared::task::{Task, TaskId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is to be placed where. Pairs are (index of a task, index of a place).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Problem {
    /// Builds that have ready tasks, in the order in which they were submitted.
    pub builds: Vec<Share>,
    /// Tasks that can be done now.
    pub tasks: Vec<Ready>,
    /// The workers, busy ones too.
    pub places: Vec<Place>,
    /// Pairs that must not be assigned.
    pub excluded: BTreeSet<(usize, usize)>,
    /// Tasks that failed on the host of a place: assigned there only if no other place could ever take them.
    pub failed: BTreeSet<(usize, usize)>,
}

/// What a build has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Higher goes first.
    pub priority: i32,
    /// Tasks of it that run now.
    pub held: usize,
    /// When it was last given one, as a number that rises with every lease; 0: never.
    pub served: u64,
}

/// A task that can be done now.
#[derive(Clone, Debug, PartialEq)]
pub struct Ready {
    /// Index of the build it is done for.
    pub build: usize,
    /// Longest path of what waits for it, itself included: [`Planned::path`].
    pub path: f64,
    /// Whether it must run alone on its host.
    pub exclusive: bool,
    /// Hardware class it must run on, if any.
    pub hardware: Option<String>,
    /// Where its data lies.
    pub base: Arc<str>,
    /// The task whose weights it starts from.
    pub parent: Option<TaskId>,
    /// The family whose columns it reads or makes.
    pub family: Option<Family>,
}

/// A worker that asks for work or is at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Profiles run alone on a host.
    pub host: Arc<str>,
    /// Hardware class.
    pub hardware: Arc<str>,
    /// The only base it works on; none: any.
    pub base: Option<Arc<str>>,
    /// Whether it asks for work.
    pub waiting: bool,
    /// Whether it finished something a moment ago and is about to ask.
    pub returning: bool,
    /// Whether it gets nothing: it is to end, or its host fails what others finish.
    pub closed: bool,
    /// What it is at.
    pub busy: Option<Busy>,
    /// What it did last and may still hold.
    pub last: Option<Last>,
}

/// What a worker is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// A profile: nothing else may start on its host.
    Profile,
    /// Anything else.
    Work,
}

/// What a worker finished last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Last {
    /// The task.
    pub task: TaskId,
    /// Index of the build it was done for: a runner stays warm only within one.
    pub build: usize,
    /// The family whose columns it read or made.
    pub family: Option<Family>,
}

impl Ready {
    /// What placement looks at in a task of a plan.
    pub fn of(planned: &Planned, build: usize, base: &Arc<str>) -> Ready {
        let parent = match &planned.task {
            Task::Train { start, .. } => start.parent(),
            _ => None,
        };
        Ready {
            build,
            path: planned.path,
            exclusive: planned.task.is_profile(),
            hardware: planned.task.hardware().map(str::to_string),
            base: base.clone(),
            parent,
            family: planned.task.family(),
        }
    }
}

/// Assigns tasks to waiting workers: pairs of indices (task, place), each task and place at most once.
pub fn place(problem: &Problem) -> Vec<(usize, usize)> {
    let mut board = Board::of(problem);
    // By priority, highest first; then by build; a build's tasks in order of work.
    let mut levels: BTreeMap<i32, BTreeMap<usize, Vec<usize>>> = BTreeMap::new();
    for (index, task) in problem.tasks.iter().enumerate() {
        let level = levels.entry(problem.builds[task.build].priority).or_default();
        level.entry(task.build).or_default().push(index);
    }
    for level in levels.values_mut().rev() {
        for queue in level.values_mut() {
            // Tasks of equal weight stay in the order of their plan.
            queue.sort_by(|a, b| problem.tasks[*b].path.total_cmp(&problem.tasks[*a].path));
        }
        for queue in level.values() {
            board.keep_hosts(queue);
        }
        while board.has_free() {
            let left = level.iter_mut().filter(|(_, queue)| !queue.is_empty());
            let Some((_, queue)) = left.min_by_key(|(build, _)| board.turn(**build)) else {
                break;
            };
            // A task no place takes now is taken by none later in this round: the board only fills.
            match queue.iter().position(|task| board.assign(*task)) {
                Some(at) => drop(queue.drain(..=at)),
                None => queue.clear(),
            }
        }
    }
    board.assignments
}
