//! The plan: what a build still needs, derived anew from its results each time and never stored.
//!
//! [`plan`] is pure and deterministic. A new leader, a resumed build and a replayed log therefore derive the same
//! tasks. The stages follow the data: profile → buckets → rounds of the chain (columns on demand) → answer; the
//! training on pixels for the JPEG baseline depends on nothing.

mod chain;
mod path;
mod profile;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use imgcalc_shared::build::Build;
use imgcalc_shared::explore::{Answer, Findings};
use imgcalc_shared::format::Format;
use imgcalc_shared::task::{Input, Outcome, Start, Task, TaskId};
pub use path::CriticalPath;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is known so far: results of any build, by task.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Committed results.
    pub results: &'a BTreeMap<TaskId, Outcome>,
    /// Tasks that failed for good.
    pub quarantined: &'a BTreeSet<TaskId>,
}

/// Part of a build, in order of priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Times and sizes.
    Profile,
    /// Columns of families whose formats are trained.
    Columns,
    /// Links of the chain.
    Chain,
    /// The training on pixels.
    Baseline,
}

/// A task the build wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Its name.
    pub id: TaskId,
    /// What it is.
    pub task: Task,
    /// Which part of the build it belongs to.
    pub stage: Stage,
    /// Where it stands.
    pub standing: Standing,
    /// Estimated work, in epochs on pixels: see [`Build::training_cost`]. Columns take one pass over the images and
    /// count as one; profiles, which are short and first anyway, as nothing.
    pub cost: f64,
    /// Estimated work from the start of this task to the end of the build along the longest path of what waits for
    /// it, in epochs on pixels: the time a delay of it costs if there are workers enough.
    pub path: f64,
}

/// Where a wanted task stands, as far as results tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Waits for another task.
    Blocked,
    /// Can be done now.
    Ready,
    /// Is committed.
    Done,
    /// Failed for good.
    Quarantined,
}

/// What a build wants and knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Every task known to be wanted so far, by stage and then in order of work.
    pub tasks: Vec<Planned>,
    /// Trainings of the chain there will be in all, as far as can be told.
    pub chain_expected: usize,
    /// What was found out.
    pub findings: Findings,
    /// Formats an image of the dataset can have, densest first.
    pub feasible: Vec<Format>,
    /// Why the build cannot go on, before any training was spent on it.
    pub refused: Option<String>,
    /// Whether nothing is left to do.
    pub complete: bool,
}

impl Known<'_> {
    pub(crate) fn standing(&self, id: TaskId, ready: bool) -> Standing {
        match (self.results.contains_key(&id), self.quarantined.contains(&id)) {
            (true, _) => Standing::Done,
            (false, true) => Standing::Quarantined,
            (false, false) if ready => Standing::Ready,
            (false, false) => Standing::Blocked,
        }
    }
}

impl Planned {
    /// A wanted task; what it is to the others is weighed when all are there.
    fn new(id: TaskId, task: Task, stage: Stage, standing: Standing) -> Planned {
        Planned {
            id,
            task,
            stage,
            standing,
            cost: 0.0,
            path: 0.0,
        }
    }

    /// Whether nobody will do it any more.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.standing, Standing::Done | Standing::Quarantined)
    }
}

impl Plan {
    /// The answer as far as it is known.
    pub fn answer(&self, build: &Build) -> Answer {
        self.findings.answer(build, &self.feasible)
    }

    /// Tasks of a stage: done (or given up) and known so far.
    pub fn progress(&self, stage: Stage) -> (usize, usize) {
        let of_stage = self.tasks.iter().filter(|planned| planned.stage == stage);
        let ended = of_stage.clone().filter(|planned| planned.has_ended());
        (ended.count(), of_stage.count())
    }
}

/// Derives what a build wants from what is known.
pub fn plan(build: &Build, known: Known) -> Plan {
    let (feasible, _) = build.space.split(build.size);
    let mut findings = Findings::default();
    let mut tasks = profile::tasks(build, &feasible, known, &mut findings);
    let profiled = tasks.iter().all(Planned::has_ended);

    let baseline = baseline(build);
    let baseline_id = baseline.id();
    let baseline_standing = known.standing(baseline_id, true);
    match known.results.get(&baseline_id) {
        Some(Outcome::Train(trained)) => findings.pixels = Some(trained.clone()),
        _ if baseline_standing == Standing::Quarantined => {
            findings.missing.push("the training on pixels".into())
        }
        _ => {}
    }

    let per_build = usize::from(build.buckets_sampled) * usize::from(build.formats_per_bucket);
    let mut chain_expected = per_build.min(feasible.len());
    let mut refused = None;
    let mut complete = false;
    let mut ahead = path::whole_chain(build, &feasible);
    if profiled {
        refused = profile::refuse(build, &feasible, &findings);
        if refused.is_none() {
            let chain = chain::tasks(build, &feasible, known, &mut findings);
            chain_expected = chain.expected;
            complete = chain.complete;
            ahead = path::later_rounds(build, &feasible, chain.rounds_left);
            tasks.extend(chain.tasks);
        }
    }
    // The baseline waits for nothing, but a refused build must not spend a training on it.
    if refused.is_none() {
        tasks.push(Planned::new(
            baseline_id,
            baseline,
            Stage::Baseline,
            baseline_standing,
        ));
    }
    tasks.sort_by_key(|planned| planned.stage);
    path::weigh(build, &mut tasks, ahead);
    let complete = refused.is_some() || (complete && tasks.iter().all(Planned::has_ended));
    Plan {
        tasks,
        chain_expected,
        findings,
        feasible,
        refused,
        complete,
    }
}

fn baseline(build: &Build) -> Task {
    Task::Train {
        dataset: build.dataset,
        images: build.images,
        input: Input::Pixels,
        net: build.net.clone(),
        hyper: build.scratch.clone(),
        start: Start::Scratch,
        threads: build.threads,
    }
}
