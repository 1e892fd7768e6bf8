//! What waits for what, and how long that takes: the weight by which placement orders the tasks of a build.
//!
//! Everything is an estimate in epochs on pixels and derived from the plan alone. A round waits for all of the one
//! before it, so whatever is known of the chain is followed by what later rounds will take.

use super::{Plan, Planned, Stage};
use imgcalc_shared::build::Build;
use imgcalc_shared::chain::{Strategy, links_in_sequence};
use imgcalc_shared::format::{Family, Format};
use imgcalc_shared::task::{Input, Start, Task, TaskId};
use std::collections::BTreeMap;

/// The longest sequence of trainings of a chain: what no number of workers shortens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CriticalPath {
    /// Trainings that wait for one another.
    pub trainings: usize,
    /// Their cost in epochs on pixels.
    pub cost: f64,
}

impl Plan {
    /// The critical path of what the chain has trained so far, round after round.
    pub fn critical_path(&self) -> CriticalPath {
        let of_chain = self.tasks.iter().filter(|planned| planned.stage == Stage::Chain);
        let costs: BTreeMap<Format, f64> = of_chain
            .filter_map(|planned| Some((format(&planned.task)?, planned.cost)))
            .collect();
        let mut rounds: BTreeMap<usize, CriticalPath> = BTreeMap::new();
        // Links of the round at hand; a parent stands before its children.
        let mut paths: BTreeMap<Format, (usize, CriticalPath)> = BTreeMap::new();
        for link in &self.findings.chain {
            let parent = link.link.parent.and_then(|parent| paths.get(&parent));
            let before = parent.filter(|(round, _)| *round == link.round);
            let before = before.map_or(CriticalPath::default(), |(_, path)| *path);
            let path = CriticalPath {
                trainings: before.trainings + 1,
                cost: before.cost + costs.get(&link.link.format).unwrap_or(&0.0),
            };
            paths.insert(link.link.format, (link.round, path));
            let longest = rounds.entry(link.round).or_default();
            longest.trainings = longest.trainings.max(path.trainings);
            longest.cost = longest.cost.max(path.cost);
        }
        CriticalPath {
            trainings: rounds.values().map(|path| path.trainings).sum(),
            cost: rounds.values().map(|path| path.cost).sum(),
        }
    }
}

/// Estimated cost of so many rounds of one bucket each along their longest sequence.
pub(super) fn later_rounds(build: &Build, feasible: &[Format], rounds: usize) -> f64 {
    let per_bucket = usize::from(build.formats_per_bucket);
    let links = match build.strategy {
        Strategy::DenseToSparse => links_in_sequence(per_bucket, usize::from(build.segments), false),
        Strategy::Scratch => 1,
        // TODO
        _ => 1,
    };
    (rounds * links) as f64 * f64::from(link_epochs(build)) * mean_epoch(build, feasible)
}

/// Estimated cost of a chain of which nothing is known yet: its root, and a round for every bucket.
pub(super) fn whole_chain(build: &Build, feasible: &[Format]) -> f64 {
    let root = feasible.first().map_or(0.0, |&format| epoch(build, format));
    f64::from(build.scratch.epochs) * root + later_rounds(build, feasible, usize::from(build.buckets_sampled))
}

/// Fills in cost and path of every task. `ahead` follows after the last training known of the chain.
pub(super) fn weigh(build: &Build, tasks: &mut [Planned], ahead: f64) {
    // Of a task or of the columns of a family: the longest path of what waits for it.
    let mut after: BTreeMap<TaskId, f64> = BTreeMap::new();
    let mut readers: BTreeMap<Family, f64> = BTreeMap::new();
    // Parents stand before their children and columns before trainings: from behind, every child is known.
    for planned in tasks.iter_mut().rev() {
        planned.cost = match &planned.task {
            Task::Columns { .. } => 1.0,
            task => build.training_cost(task),
        };
        let cost = if planned.has_ended() { 0.0 } else { planned.cost };
        let follows = match (&planned.task, planned.stage) {
            (task @ Task::Columns { .. }, _) => {
                let waiting = task.family().and_then(|family| readers.get(&family));
                waiting.copied().unwrap_or(ahead)
            }
            (_, Stage::Chain) => after.get(&planned.id).copied().unwrap_or(ahead),
            (_, Stage::Profile) => ahead,
            _ => 0.0,
        };
        planned.path = cost + follows;
        if let (Some(format), Task::Train { start, .. }) = (format(&planned.task), &planned.task) {
            raise(&mut readers, format.family(), planned.path);
            if let Start::Weights(parent) = start {
                raise(&mut after, *parent, planned.path);
            }
        }
    }
}

fn raise<K: Ord>(longest: &mut BTreeMap<K, f64>, key: K, path: f64) {
    let known = longest.entry(key).or_insert(path);
    *known = known.max(path);
}

fn format(task: &Task) -> Option<Format> {
    match task {
        Task::Train {
            input: Input::Format(format),
            ..
        } => Some(*format),
        _ => None,
    }
}

fn link_epochs(build: &Build) -> u32 {
    match build.strategy {
        Strategy::DenseToSparse => build.transfer.epochs,
        Strategy::Scratch => build.scratch.epochs,
        _ => build.transfer.epochs,
    }
}

fn epoch(build: &Build, format: Format) -> f64 {
    build.epoch_cost(build.shape(format))
}

/// What an epoch costs on the formats of an average bucket.
fn mean_epoch(build: &Build, feasible: &[Format]) -> f64 {
    let sum: f64 = feasible.iter().map(|&format| epoch(build, format)).sum();
    sum / feasible.len().max(1) as f64
}
