//! Trials of a search over hyper-parameters: one training for every stretch that the search decides on.
//!
//! The search is unfolded anew from its results each time, in the order in which the ledger has them; so a new leader and
//! a replayed log want the same trials.

use super::chain::Chain;
use super::ground::{Ground, ground};
use super::{Known, Planned, Stage, Standing};
use imgcalc_shared::build::{Build, BuildId};
use imgcalc_shared::explore::{Findings, SearchFound};
use imgcalc_shared::format::Format;
use imgcalc_shared::search::{Decision, Ended, Point, Report, Slots, TrialId, at_point};
use imgcalc_shared::task::{Input, Leg, Outcome, Start, Task, TaskId, Trained};
use imgcalc_shared::training::{Hyper, Net};
use std::collections::{BTreeMap, BTreeSet};

/// What the stage wants.
pub(super) struct Trials {
    pub(super) tasks: Vec<Planned>,
    /// Whether nothing will follow.
    pub(super) complete: bool,
}

/// Trainings that were decided on, by trial and the epoch at which they pause.
type Trainings<'a> = BTreeMap<(TrialId, u32), (TaskId, Option<&'a Trained>)>;

struct Walk<'a> {
    build: &'a Build,
    id: BuildId,
    known: Known<'a>,
    format: Format,
    net: Net,
    base: Hyper,
    columns: Standing,
    /// Of each trial that was started: what it is trained with, and its stretch.
    points: BTreeMap<TrialId, (Point, Leg)>,
    trainings: Trainings<'a>,
    tasks: Vec<Planned>,
    /// Names of those.
    planned: BTreeSet<TaskId>,
}

/// The trials decided on so far. Where the spec names no format they wait for the chain; where nets are searched too, for
/// the best of them.
pub(super) fn tasks(
    build: &Build,
    feasible: &[Format],
    chain: &Chain,
    nets_done: bool,
    known: Known,
    findings: &mut Findings,
) -> Trials {
    let mut wanted = Trials {
        tasks: Vec::new(),
        complete: true,
    };
    let Some(search) = &build.hyper_search() else {
        return wanted;
    };
    // The net it is for must be known first.
    if !nets_done {
        wanted.complete = false;
        return wanted;
    }
    let stands = ("hyper-parameters", search.format, search.time_us);
    let (format, columns) = match ground(build, stands, feasible, chain, known, findings) {
        Ground::Waits => {
            wanted.complete = false;
            return wanted;
        }
        Ground::None => return wanted,
        Ground::On {
            format,
            columns,
            planned,
        } => {
            wanted.tasks.extend(planned.map(|planned| *planned));
            (format, columns)
        }
    };
    let best = findings.nets.as_ref().and_then(|nets| nets.best());
    let net = best.map_or(build.net.clone(), |best| best.net.clone());
    let mut base = search.base(&build.scratch);
    base.batch_size = findings.batch.unwrap_or(base.batch_size);
    let mut walk = Walk {
        build,
        id: build.id(),
        known,
        format,
        net,
        base,
        columns,
        points: BTreeMap::new(),
        trainings: BTreeMap::new(),
        planned: wanted.tasks.iter().map(|planned| planned.id).collect(),
        tasks: wanted.tasks,
    };
    let slots = build.search_slots().unwrap_or(Slots::new(1));
    let unfolded = search.search.unfold(&slots, |decision| walk.stretch(decision));
    let complete = unfolded.is_over;
    findings.hyper = Some(SearchFound::of(search, format, unfolded, &walk.trainings));
    Trials {
        tasks: walk.tasks,
        complete,
    }
}

impl Walk<'_> {
    /// Plans the stretch that follows from a decision; how it ended, if it has.
    fn stretch(&mut self, decision: &Decision) -> Option<Ended> {
        let until = decision.until()?;
        let trial = decision.trial();
        let before = self.points.get(&trial).map(|(_, leg)| *leg);
        let after = before.map_or(0, |leg| leg.until);
        let (point, from) = match decision {
            Decision::Start { point, .. } => (point.clone(), None),
            Decision::Copy { point, from, at, .. } => (point.clone(), Some((*from, *at))),
            Decision::Promote { .. } | Decision::Stop { .. } => {
                let (point, _) = self.points.get(&trial)?;
                (point.clone(), Some((trial, after)))
            }
        };
        let start = match from {
            None => self.build.start,
            Some(from) => Start::State(self.trainings.get(&from)?.0),
        };
        let leg = Leg { after, until };
        // A point that no training can follow was refused with the spec.
        let hyper = at_point(&self.base, &point).ok()?;
        let is_whole = leg.after == 0 && leg.until == hyper.epochs;
        let task = Task::Train {
            dataset: self.build.dataset,
            images: self.build.images,
            input: Input::Format(self.format),
            net: self.net.clone(),
            hyper,
            start,
            threads: self.build.threads,
            leg: (!is_whole).then_some(leg),
        };
        self.points.insert(trial, (point, leg));
        let id = task.id();
        let trained = match self.known.results.get(&id) {
            Some(Outcome::Train(trained)) => Some(trained),
            _ => None,
        };
        self.trainings.insert((trial, until), (id, trained));
        let standing = self.known.standing(id, self.columns == Standing::Done);
        // Two trials at one point are one training.
        if self.planned.insert(id) {
            self.tasks.push(Planned::new(id, task, Stage::Trials, standing));
        }
        let over = self.known.order.get(&id);
        let order = over.map_or(0, |over| over.place);
        let took = over.and_then(|over| over.took_for(&self.id));
        match standing {
            Standing::Done => {
                let reports = trained.map(|trained| reports(trained, after));
                Some(Ended { order, took, reports })
            }
            Standing::Quarantined => Some(Ended {
                order,
                took,
                reports: None,
            }),
            Standing::Blocked | Standing::Ready => None,
        }
    }
}

/// The scores of a stretch: its curve.
fn reports(trained: &Trained, after: u32) -> Vec<Report> {
    let points = trained.curve.iter().filter(|point| point.epoch > after);
    points
        .map(|point| Report {
            at: point.epoch,
            score: point.accuracy,
        })
        .collect()
}

/// Trials that were not started yet of those the budget allows.
pub(super) fn unknown(build: &Build, findings: &Findings) -> usize {
    let Some(search) = build.hyper_search() else {
        return 0;
    };
    let (started, is_over) = match &findings.hyper {
        Some(found) => (found.facts.trials.len(), found.facts.is_over),
        None => (0, false),
    };
    let wanted = search.search.budget.trainings.unwrap_or(0) as usize;
    if is_over {
        0
    } else {
        wanted.saturating_sub(started)
    }
}
