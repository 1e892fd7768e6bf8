//! What people are shown of builds and workers: plain values that travel as JSON.

use crate::ledger::{Attempt, BuildPhase, Phase, State};
use crate::plan::{Known, Over, Plan, Planned, Stage, Standing, plan};
use crate::replica::PeerId;
use imgcalc_shared::build::{Build, BuildId};
use imgcalc_shared::task::{Outcome, Start, TaskId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// All that is known of one build; enough to derive its plan and answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BuildView {
    /// Its name.
    pub id: BuildId,
    /// What it is.
    pub build: Build,
    /// Where it stands.
    pub phase: BuildPhase,
    /// When it was first submitted, milliseconds since 1970.
    pub submitted_at_ms: u64,
    /// Results its plan wants, and the one it starts from.
    pub results: BTreeMap<TaskId, Outcome>,
    /// Tasks of its plan that failed for good.
    pub quarantined: BTreeSet<TaskId>,
    /// How the trials of its plan that ended did so.
    #[serde(default)]
    pub order: BTreeMap<TaskId, Over>,
    /// Tasks of its plan that somebody tried.
    pub attempts: Vec<TaskAttempts>,
    /// What is running now.
    pub running: Vec<Running>,
}

/// A task with the attempts at it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskAttempts {
    /// The task's name.
    pub task: TaskId,
    /// What it is, in words.
    pub what: String,
    /// `done`, `leased`, `waiting` or `quarantined`.
    pub standing: String,
    /// Its attempts.
    pub attempts: Vec<Attempt>,
}

/// An attempt that runs now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// What it is, in words.
    pub what: String,
    /// Who does it.
    pub worker: String,
    /// Epochs done.
    pub epoch: u32,
    /// Epochs in all; 0 for what is no training.
    pub epochs: u32,
    /// Last training loss.
    pub loss: Option<f64>,
    /// Validation accuracy after the last epoch.
    pub accuracy: Option<f64>,
    /// Images trained on per second.
    pub images_per_second: f64,
    /// Bytes of columns read.
    pub bytes_read: u64,
    /// What reading from the base has cost.
    #[serde(default)]
    pub account: Account,
}

/// What reading from bases costs: soft, as a worker told it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// What tasks wanted.
    pub bytes_asked: u64,
    /// What came from the base, over a network or from its disk.
    pub bytes_moved: u64,
    /// Requests that read.
    pub requests: u64,
    /// What the cache on the worker's disk gave instead.
    pub bytes_cached: u64,
}

/// All builds and workers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// Builds, oldest first.
    pub builds: Vec<BuildSummary>,
    /// Workers that were heard of lately.
    pub workers: Vec<WorkerView>,
}

/// One line about a build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BuildSummary {
    /// Its name.
    pub id: BuildId,
    /// Its dataset, by name.
    pub dataset: String,
    /// Where it stands.
    pub phase: BuildPhase,
    /// When it was first submitted, milliseconds since 1970.
    pub submitted_at_ms: u64,
    /// Builds of higher priority get workers first.
    pub priority: i32,
    /// Tasks ended.
    pub done: usize,
    /// Tasks in all, as far as can be told.
    pub expected: usize,
}

/// Who holds the log together, as one of them sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    /// The group.
    pub group: String,
    /// Whose view it is.
    pub answered_by: PeerId,
    /// Whether members are changing right now.
    pub changing: bool,
    /// They.
    pub members: Vec<MemberView>,
}

/// One of the coordinators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    /// Its id.
    pub id: PeerId,
    /// Where it listens.
    pub address: String,
    /// Whether it decides with the others, or still learns.
    pub votes: bool,
    /// Whether it leads.
    pub leads: bool,
    /// The last entry of the log it is known to have; only the leader knows.
    pub entry: Option<u64>,
    /// Whether it was heard lately; only the leader knows.
    pub heard: Option<bool>,
}

/// One worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerView {
    /// Its name.
    pub name: String,
    /// Its host.
    pub host: String,
    /// Its hardware class.
    pub hardware: String,
    /// What it is at.
    pub task: Option<String>,
    /// Whether it is to end.
    pub draining: bool,
    /// What its attempts have read since it introduced itself to this leader.
    #[serde(default)]
    pub account: Account,
}

impl std::ops::AddAssign for Account {
    fn add_assign(&mut self, other: Account) {
        let sums = [
            (&mut self.bytes_asked, other.bytes_asked),
            (&mut self.bytes_moved, other.bytes_moved),
            (&mut self.requests, other.requests),
            (&mut self.bytes_cached, other.bytes_cached),
        ];
        for (sum, more) in sums {
            // Told by a worker: any number is possible.
            *sum = sum.saturating_add(more);
        }
    }
}

impl BuildView {
    /// The view of a build in the ledger; `running` is known only to a live coordinator.
    pub fn of(state: &State, id: &BuildId, running: Vec<Running>) -> Option<BuildView> {
        let build = state.builds().get(id)?;
        let known = state.known();
        let plan = plan(&build.build, known);
        let mut view = BuildView {
            id: id.clone(),
            build: build.build.clone(),
            phase: build.phase.clone(),
            submitted_at_ms: build.submitted_at_ms,
            results: BTreeMap::new(),
            quarantined: BTreeSet::new(),
            order: BTreeMap::new(),
            attempts: Vec::new(),
            running,
        };
        if let Start::Weights(task) = build.build.start
            && let Some(outcome) = known.results.get(&task)
        {
            view.results.insert(task, outcome.clone());
        }
        for planned in &plan.tasks {
            let (standing, attempts) =
                match (state.committed().get(&planned.id), state.open().get(&planned.id)) {
                    (Some(committed), _) => ("done", &committed.attempts),
                    (None, Some(open)) => match open.phase {
                        Phase::Waiting => ("waiting", &open.attempts),
                        Phase::Leased(_) => ("leased", &open.attempts),
                        Phase::Quarantined => ("quarantined", &open.attempts),
                    },
                    (None, None) => continue,
                };
            if let Some(outcome) = known.results.get(&planned.id) {
                view.results.insert(planned.id, outcome.clone());
            }
            if planned.standing == Standing::Quarantined {
                view.quarantined.insert(planned.id);
            }
            let (what, standing) = (planned.task.to_string(), standing.to_string());
            view.attempts.push(TaskAttempts {
                task: planned.id,
                what,
                standing,
                attempts: attempts.clone(),
            });
        }
        let of_search = |planned: &&Planned| matches!(planned.stage, Stage::Nets | Stage::Trials);
        let searched = plan.tasks.iter().filter(of_search);
        let over = searched.filter_map(|planned| Some((planned.id, known.order.get(&planned.id)?.clone())));
        view.order = over.collect();
        Some(view)
    }

    /// The plan this view allows to derive.
    pub fn plan(&self) -> Plan {
        plan(
            &self.build,
            Known {
                results: &self.results,
                quarantined: &self.quarantined,
                order: &self.order,
            },
        )
    }
}

impl Overview {
    /// The builds of the ledger; workers are known only to a live coordinator.
    /// The builds of a state; `known` says how far one is, if that need not be derived from its plan, which takes a
    /// while where a build has a thousand trainings.
    pub fn of(
        state: &State,
        workers: Vec<WorkerView>,
        known: impl Fn(&BuildId) -> Option<(usize, usize)>,
    ) -> Overview {
        let mut builds: Vec<BuildSummary> = state
            .builds()
            .iter()
            .map(|(id, build)| {
                let (done, expected) = match (&build.phase, known(id)) {
                    (BuildPhase::Ended { tasks, .. }, _) => (*tasks, *tasks),
                    (_, Some(counts)) => counts,
                    (_, None) => counts(&plan(&build.build, state.known())),
                };
                BuildSummary {
                    id: id.clone(),
                    dataset: build.build.dataset_name.clone(),
                    phase: build.phase.clone(),
                    submitted_at_ms: build.submitted_at_ms,
                    priority: build.priority,
                    done,
                    expected,
                }
            })
            .collect();
        builds.sort_by_key(|build| build.submitted_at_ms);
        Overview { builds, workers }
    }
}

/// Tasks ended and tasks in all, as far as a plan can tell.
pub fn counts(plan: &Plan) -> (usize, usize) {
    use crate::plan::Stage::{Baseline, Chain, Columns, Compared, Embedding, Nets, Profile, Trials};
    let stages = [
        Profile, Columns, Chain, Compared, Baseline, Trials, Embedding, Nets,
    ]
    .map(|stage| plan.progress(stage));
    let done = stages.iter().map(|(done, _)| done).sum();
    let known: usize = stages.iter().map(|(_, known)| known).sum();
    // Every strategy trains what is still to be chosen; the baseline may wait for its batch.
    let chain_unknown = plan.chain_expected.saturating_sub(stages[2].1);
    let unknown = chain_unknown * (1 + plan.findings.compared.len()) + usize::from(stages[4].1 == 0);
    let unknown = unknown + plan.trials_unknown + plan.nets_unknown;
    (done, known + if plan.refused.is_some() { 0 } else { unknown })
}

impl std::fmt::Display for BuildPhase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use crate::ledger::Ending;
        f.pad(match self {
            BuildPhase::Running => "running",
            BuildPhase::Paused => "paused",
            BuildPhase::Cancelled => "cancelled",
            BuildPhase::Ended {
                ending: Ending::Done, ..
            } => "done",
            BuildPhase::Ended {
                ending: Ending::Refused(_),
                ..
            } => "refused",
        })
    }
}
