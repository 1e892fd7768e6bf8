//! What must be true, looked at after every turn of every peer and at every answer.
//!
//! What it finds begins with one of these; a test that puts a fault into the code asks for the right one.

mod states;

use super::ask::{Answer, Ask};
use super::builds;
use super::world::Call;
use crate::leader::{Asked, LeaderError, Lease, Said};
use crate::ledger::{BuildPhase, Wanted};
use crate::view::{BuildView, Overview};
use imgcalc_shared::build::{Amendment, BuildId};
use imgcalc_shared::task::{FailureClass, Outcome, TaskId};
use std::collections::{BTreeMap, BTreeSet};

/// Somebody who leads does not know what was acknowledged.
pub(super) const LOST: &str = "lost what was acknowledged";
/// A peer cannot go on from what it had synced.
pub(super) const DAMAGED: &str = "does not start from its own log";
/// A look shows less than was acknowledged before it was asked for.
pub(super) const STALE: &str = "a look shows the past";
/// An attempt is taken from a worker too soon.
pub(super) const TAKEN: &str = "taken from a worker";
/// A token is given to two, or a task has two results.
pub(super) const TWICE: &str = "given or done twice";
/// Peers that applied the same entries have not the same state.
pub(super) const APART: &str = "states differ";

/// What was acknowledged and must never be lost.
#[derive(Clone, Debug)]
enum Fact {
    Build(BuildId),
    Amendment(BuildId, Amendment),
    /// A task, and the build for which it was leased.
    Result(TaskId, BuildId),
}

/// What was acknowledged at some time.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    facts: usize,
    phases: BTreeMap<BuildId, (Wanted, u64)>,
}

#[derive(Default)]
pub(super) struct Oracle {
    acknowledged: Vec<Fact>,
    /// What is wanted of a build, where nothing else was asked since; and how often something was asked.
    wanted: BTreeMap<BuildId, (Option<Wanted>, u64)>,
    /// Results by the attempts that handed them in.
    handed_in: BTreeMap<u64, Outcome>,
    /// Leases that were given, by token.
    leases: BTreeMap<u64, (TaskId, String, BuildId)>,
    /// Tasks of which a result was taken, as was said: it may be said once.
    said_committed: BTreeSet<TaskId>,
    /// Results seen in any peer's state.
    committed: BTreeMap<TaskId, (Option<u64>, Outcome)>,
    /// Digest of the state by the index it is of.
    digests: BTreeMap<u64, u64>,
    /// When a leader last heard an attempt that it did not end.
    heard: BTreeMap<u64, u64>,
    /// Attempts that a worker is at: it knows of them, works or hands over, and was not told to stop.
    at_it: BTreeSet<u64>,
    heard_of: BTreeSet<u64>,
    judged: BTreeSet<u64>,
    /// Whether a task was ever given up: then a plan may no longer name what it named before.
    given_up: bool,
    /// Attempts that a worker began.
    pub(super) begun: usize,
    /// Attempts that ended without any worker having known of them.
    pub(super) unheard: usize,
    /// Attempts that were taken from workers that were at it.
    pub(super) taken_alive: usize,
    /// Longest time between two reports of an attempt that reached a leader.
    pub(super) silence_ms_max: u64,
    /// How often a peer took the lead.
    pub(super) reigns: usize,
    /// Looks that were answered.
    pub(super) looks: usize,
}

impl Oracle {
    pub(super) fn known(&self) -> Known {
        let sure = |(id, (wanted, changes)): (&BuildId, &(Option<Wanted>, u64))| {
            wanted.map(|wanted| (id.clone(), (wanted, *changes)))
        };
        Known {
            facts: self.acknowledged.len(),
            phases: self.wanted.iter().filter_map(sure).collect(),
        }
    }

    /// Something is asked: what is wanted of its build is open from now on.
    pub(super) fn asked(&mut self, ask: &Ask) {
        if let Some(build) = ask.directs() {
            let (wanted, changes) = self.wanted.entry(build).or_default();
            (*wanted, *changes) = (None, *changes + 1);
        }
    }

    /// A worker hears of its attempt.
    pub(super) fn begins(&mut self, token: u64) {
        self.begun += 1;
        self.heard_of.insert(token);
        self.at_it.insert(token);
    }

    /// A worker is no longer at its attempt, by itself, or because it was told.
    pub(super) fn leaves(&mut self, token: u64) {
        self.at_it.remove(&token);
    }

    /// Results that were acknowledged.
    pub(super) fn results(&self) -> usize {
        let result = |fact: &Fact| match fact {
            Fact::Result(task, _) => Some(*task),
            Fact::Build(_) | Fact::Amendment(..) => None,
        };
        let results: BTreeSet<TaskId> = self.acknowledged.iter().filter_map(result).collect();
        results.len()
    }

    pub(super) fn hands_in(&mut self, token: u64, outcome: &Outcome) {
        self.handed_in.insert(token, outcome.clone());
    }

    /// A peer answers; `open`: another question about the same build is under way.
    pub(super) fn said(&mut self, call: &Call, said: &Result<Answer, LeaderError>, open: bool, now: u64) {
        let Ok(answer) = said else {
            return;
        };
        match (&call.ask, answer) {
            (Ask::Submit(build), _) => {
                self.acknowledged.push(Fact::Build(build.id()));
                self.sure(build.id(), Wanted::Run, open);
            }
            (Ask::Amend(build, amendment), _) => {
                self.acknowledged
                    .push(Fact::Amendment(build.clone(), amendment.clone()));
            }
            (Ask::Direct(build, wanted), _) => self.sure(build.clone(), *wanted, open),
            (Ask::Complete(task, token, _), Answer::Said(said)) => match said {
                Said::Committed | Said::AlreadyCommitted => {
                    let again = *said == Said::Committed && !self.said_committed.insert(*task);
                    assert!(!again, "{TWICE}: {task}");
                    let build = self.leases[token].2.clone();
                    self.acknowledged.push(Fact::Result(*task, build));
                }
                Said::Refused(why) => panic!("{LOST}: the result of token {token} is refused: {why}"),
            },
            (Ask::Lease(worker, ..), Answer::Asked(Asked::Lease(lease))) => {
                let whose = (lease.task.id(), worker.clone(), lease.build.clone());
                let before = self.leases.insert(lease.token, whose);
                assert!(before.is_none(), "{TWICE}: token {}", lease.token);
                self.heard.insert(lease.token, call.taken_at);
            }
            (Ask::Progress(progress), Answer::Directive(directive)) if directive.stop.is_none() => {
                let (task, worker, _) = &self.leases[&progress.token];
                assert!(
                    (*task, worker) == (progress.task, &progress.worker),
                    "an attempt goes on that was not given"
                );
                let heard = self.heard.entry(progress.token).or_default();
                self.silence_ms_max = self.silence_ms_max.max(call.taken_at.saturating_sub(*heard));
                *heard = call.taken_at.max(*heard);
            }
            (Ask::Overview, Answer::Overview(overview)) => self.shown(overview, &call.known, now),
            (Ask::View(_), Answer::View(view)) => self.shown_of(view, &call.known, now),
            _ => {}
        }
    }

    /// An overview is at least as new as what was acknowledged when it was asked for.
    fn shown(&mut self, overview: &Overview, known: &Known, now: u64) {
        self.looks += 1;
        let shown = |id: &BuildId| overview.builds.iter().find(|build| build.id == *id);
        let mut done: BTreeMap<&BuildId, BTreeSet<TaskId>> = BTreeMap::new();
        for fact in &self.acknowledged[..known.facts] {
            match fact {
                Fact::Build(id) => assert!(shown(id).is_some(), "{STALE}: at {now} without build {id}"),
                Fact::Result(task, id) if !self.given_up => drop(done.entry(id).or_default().insert(*task)),
                Fact::Result(..) | Fact::Amendment(..) => {}
            }
        }
        for (id, tasks) in done {
            let (acknowledged, shown) = (tasks.len(), shown(id).map_or(0, |build| build.done));
            assert!(
                shown >= acknowledged,
                "{STALE}: at {now} with {shown} tasks of {id} done where {acknowledged} were acknowledged"
            );
        }
        for (id, (wanted, changes)) in &known.phases {
            if self.wanted[id].1 == *changes {
                let phase = shown(id).map(|build| &build.phase);
                assert!(
                    phase.is_some_and(|phase| fits(phase, *wanted)),
                    "{STALE}: at {now} with {phase:?} of {id} where {wanted:?} was acknowledged"
                );
            }
        }
    }

    /// The same of all about one build.
    fn shown_of(&mut self, view: &BuildView, known: &Known, now: u64) {
        self.looks += 1;
        for fact in &self.acknowledged[..known.facts] {
            if let Fact::Amendment(build, amendment) = fact {
                assert!(
                    *build != view.id || !view.build.clone().amend(amendment),
                    "{STALE}: at {now} {build} without {amendment}"
                );
            }
            if let Fact::Result(task, build) = fact
                && (*build == view.id && !self.given_up
                    || view.attempts.iter().any(|shown| shown.task == *task))
            {
                assert!(
                    view.results.contains_key(task),
                    "{STALE}: at {now} without the result of {task}"
                );
            }
        }
    }

    fn sure(&mut self, build: BuildId, wanted: Wanted, open: bool) {
        let entry = self.wanted.entry(build).or_default();
        entry.0 = (!open).then_some(wanted);
    }

    /// What an attempt finds out: the same as any other at its task, but for its own mark.
    pub(super) fn outcome_of(&self, lease: &Lease) -> Result<Outcome, FailureClass> {
        Ok(builds::marked(builds::outcome(&lease.task), lease.token))
    }
}

fn fits(phase: &BuildPhase, wanted: Wanted) -> bool {
    match wanted {
        Wanted::Run => matches!(phase, BuildPhase::Running | BuildPhase::Ended { .. }),
        Wanted::Pause => *phase == BuildPhase::Paused,
        Wanted::Cancel => *phase == BuildPhase::Cancelled,
    }
}
