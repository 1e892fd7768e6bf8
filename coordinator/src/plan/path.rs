//! What waits for what, and how long that takes: the weight by which placement orders the tasks of a build.
//!
//! Everything is an estimate in epochs on pixels and derived from the plan alone. A round waits for all of the one
//! before it, so whatever is known of the chain is followed by what later rounds will take.

use super::{Plan, Planned, Stage};
use imgcalc_shared::build::Build;
use imgcalc_shared::chain::{Link, Strategy};
pub use imgcalc_shared::explore::CriticalPath;
use imgcalc_shared::explore::critical_path;
use imgcalc_shared::format::{Family, Format};
use imgcalc_shared::task::{Input, Task, TaskId};
use std::collections::BTreeMap;

impl Plan {
    /// The critical path of what the chain has trained so far, round after round.
    pub fn critical_path(&self, build: &Build) -> CriticalPath {
        critical_path(build, &self.findings.chain)
    }
}

/// Estimated cost of so many rounds of one bucket each along their longest sequence.
pub(super) fn later_rounds(build: &Build, feasible: &[Format], rounds: usize) -> f64 {
    let per_bucket = usize::from(build.formats_per_bucket);
    let in_sequence = |strategy: Strategy| {
        let links = strategy.in_sequence(per_bucket, usize::from(build.segments), false);
        let epochs = build.hyper(strategy != Strategy::Scratch, None).epochs;
        links as f64 * f64::from(epochs) * mean_epoch(build, feasible)
    };
    // What is compared of a round waits for the round to be known and nothing for it: it lengthens the last alone.
    let own = in_sequence(build.strategy);
    let compared = build.compared.iter().copied().map(in_sequence);
    let last = compared.fold(own, f64::max);
    match rounds {
        0 => 0.0,
        rounds => (rounds - 1) as f64 * own + last,
    }
}

/// Estimated cost of a chain of which nothing is known yet: its root, and a round for every bucket.
pub(super) fn whole_chain(build: &Build, feasible: &[Format]) -> f64 {
    let root = feasible
        .iter()
        .copied()
        .min_by(|a, b| build.strategy.order(*a, *b));
    let root = root.map_or(0.0, |format| build.link_cost(&Link { format, parent: None }));
    root + later_rounds(build, feasible, usize::from(build.buckets_sampled))
}

/// Fills in cost and path of every task. `ahead` follows after the last training known of the chain. What is compared
/// counts as following after it too, though it waits for none of it: the answer of a build does not depend on it, so no
/// worker is at it that the chain could have.
pub(super) fn weigh(build: &Build, tasks: &mut [Planned], ahead: f64) {
    // Of a task or of the columns of a family: the longest path of what waits for it.
    let mut after: BTreeMap<TaskId, f64> = BTreeMap::new();
    let mut readers: BTreeMap<Family, f64> = BTreeMap::new();
    let mut compared: f64 = 0.0;
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
            (_, Stage::Chain) => {
                let waiting = after.get(&planned.id).copied();
                waiting.unwrap_or(ahead).max(ahead + compared)
            }
            (_, Stage::Compared) => after.get(&planned.id).copied().unwrap_or(0.0),
            (_, Stage::Profile | Stage::Embedding) => ahead,
            _ => 0.0,
        };
        planned.path = cost + follows;
        if planned.stage == Stage::Compared {
            compared = compared.max(planned.path);
        }
        if let (Some(format), Task::Train { start, .. }) = (format(&planned.task), &planned.task) {
            raise(&mut readers, format.family(), planned.path);
            if let Some(parent) = start.parent() {
                raise(&mut after, parent, planned.path);
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

fn epoch(build: &Build, format: Format) -> f64 {
    build.epoch_cost(build.shape(format))
}

/// What an epoch costs on the formats of an average bucket.
fn mean_epoch(build: &Build, feasible: &[Format]) -> f64 {
    let sum: f64 = feasible.iter().map(|&format| epoch(build, format)).sum();
    sum / feasible.len().max(1) as f64
}
