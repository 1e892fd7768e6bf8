//! The plan: what a build still needs, derived anew from its results each time and never stored.
//!
//! [`plan`] is pure and deterministic. A new leader, a resumed build and a replayed log therefore derive the same
//! tasks. The stages follow the data: profile → buckets → rounds of the chain (columns on demand) → nets and trials of
//! searches → answer. Strategies compared with the chain follow its rounds; a search on a format that the spec names waits for no
//! chain; the training on pixels for the JPEG baseline depends on nothing, unless the batch of trainings is chosen by
//! the profile.

mod chain;
mod embedding;
mod ground;
mod nets;
mod over;
mod path;
mod profile;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod trials;

use imgcalc_shared::build::Build;
use imgcalc_shared::explore::{Answer, Findings};
use imgcalc_shared::format::{Family, Format};
use imgcalc_shared::task::{Input, Outcome, Start, Task, TaskId};
pub use over::Over;
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
    /// How each of both ended: searches look at the order of their results and at what they took.
    pub order: &'a BTreeMap<TaskId, Over>,
}

/// Part of a build, in order of priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Times and sizes.
    Profile,
    /// Vectors of formats.
    Embedding,
    /// Columns of families whose formats are trained.
    Columns,
    /// Links of the chain.
    Chain,
    /// Candidates of a search over nets.
    Nets,
    /// Trials of a search over hyper-parameters.
    Trials,
    /// Trainings of the same formats by other strategies.
    Compared,
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
    /// Trials that may still follow, as far as a budget of trainings tells.
    pub trials_unknown: usize,
    /// Tasks of a search over nets that may still follow, as far as can be told.
    pub nets_unknown: usize,
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
    let mut findings = Findings {
        compared: build
            .compared
            .iter()
            .map(|&strategy| (strategy, Vec::new()))
            .collect(),
        ..Findings::default()
    };
    let per_build = usize::from(build.buckets_sampled) * usize::from(build.formats_per_bucket);
    let mut chain_expected = per_build.min(feasible.len());
    let mut refused = unknown_start(build, known);
    let mut tasks = Vec::new();
    if refused.is_none() {
        tasks = profile::tasks(build, &feasible, known, &mut findings);
    }
    let profiled = tasks.iter().all(Planned::has_ended);
    let mut complete = false;
    let mut searched = false;
    let mut ahead = path::whole_chain(build, &feasible);
    if profiled && refused.is_none() {
        refused = profile::refuse(build, &feasible, &findings);
        if refused.is_none() {
            let chain = chain::tasks(build, &feasible, known, &mut findings);
            chain_expected = chain.expected;
            complete = chain.complete;
            ahead = path::later_rounds(build, &feasible, chain.rounds_left);
            let nets = nets::tasks(build, &feasible, &chain, known, &mut findings);
            let trials = trials::tasks(build, &feasible, &chain, nets.complete, known, &mut findings);
            searched = nets.complete && trials.complete;
            tasks.extend(nets.tasks);
            tasks.extend(trials.tasks);
            tasks.extend(chain.tasks);
        }
    }
    // The baseline waits for nothing but its batch, but a refused build must not spend a training on it.
    if refused.is_none() && (profiled || !build.scratch.batch_auto) {
        tasks.push(baseline(build, known, &mut findings));
    }
    tasks.sort_by_key(|planned| planned.stage);
    path::weigh(build, &mut tasks, ahead);
    let trials_unknown = trials::unknown(build, &findings);
    let complete = refused.is_some() || (complete && searched && tasks.iter().all(Planned::has_ended));
    let nets_unknown = if complete {
        0
    } else {
        nets::unknown(build, &findings)
    };
    Plan {
        tasks,
        chain_expected,
        trials_unknown,
        nets_unknown,
        findings,
        feasible,
        refused,
        complete,
    }
}

/// Why a build cannot begin: the training whose weights it is to start from is not known here.
fn unknown_start(build: &Build, known: Known) -> Option<String> {
    let Start::Weights(task) = build.start else {
        return None;
    };
    match known.results.get(&task) {
        Some(Outcome::Train(_)) => None,
        Some(_) => Some(format!(
            "training.start.task = {task}: that task is no training and has no weights"
        )),
        None => Some(format!(
            "training.start.task = {task}: no training of that name has a result here; `imgcalc status BUILD --json` \
             names those of a build, and `imgcalc weights add` brings weights from elsewhere"
        )),
    }
}

fn baseline(build: &Build, known: Known, findings: &mut Findings) -> Planned {
    let task = training(build, Input::Pixels, None, findings.batch);
    let id = task.id();
    let standing = known.standing(id, true);
    match known.results.get(&id) {
        Some(Outcome::Train(trained)) => findings.pixels = Some(trained.clone()),
        _ if standing == Standing::Quarantined => findings.missing.push("the training on pixels".into()),
        _ => {}
    }
    Planned::new(id, task, Stage::Baseline, standing)
}

/// The columns of a family. All factors are made at once, each with the largest keep of the space: reading and
/// transforming the images is most of the work, and they are few.
fn columns(build: &Build, feasible: &[Format], family: Family) -> Task {
    let mut stored: BTreeMap<u16, Format> = BTreeMap::new();
    for &format in feasible.iter().filter(|format| format.family() == family) {
        let largest = stored.entry(format.quant()).or_insert(format);
        if largest.keep() < format.keep() {
            *largest = format;
        }
    }
    Task::Columns {
        dataset: build.dataset,
        formats: stored.into_values().collect(),
        images: build.images,
    }
}

/// A training that starts from another's weights, or from where the build starts. `batch` is what was measured for it.
fn training(build: &Build, input: Input, parent: Option<TaskId>, batch: Option<u32>) -> Task {
    Task::Train {
        dataset: build.dataset,
        images: build.images,
        input,
        net: build.net.clone(),
        hyper: build.hyper(parent.is_some(), batch),
        start: parent.map_or(build.start, Start::Weights),
        threads: build.threads,
        leg: None,
    }
}
