//! The builds that are submitted: small, and with work in common.

use crate::ledger::{BuildPhase, State};
use crate::plan::{Known, Plan, plan, testing};
use imgcalc_shared::build::Build;
use imgcalc_shared::chain::Strategy;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::task::{Outcome, Task, TaskId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// What an undisturbed run of a build gives.
pub(super) type Undisturbed = (Plan, BTreeMap<TaskId, Outcome>);

/// The builds there are.
pub(super) fn all() -> &'static [(Build, Undisturbed)] {
    static ALL: OnceLock<Vec<(Build, Undisturbed)>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut small = testing::build();
        small.space.samplings.truncate(1);
        small.space.quants.truncate(1);
        (small.buckets, small.buckets_sampled, small.formats_per_bucket) = (4, 2, 2);
        let mut wider = small.clone();
        wider.buckets_sampled = 3;
        let mut other = small.clone();
        (other.formats_per_bucket, other.name) = (1, "other".into());
        // One compares, and one chooses its batch.
        wider.compared = vec![Strategy::FromDensest];
        (other.scratch.batch_auto, other.transfer.batch_auto) = (true, true);
        let with_end = |build: Build| {
            let end = testing::run(&build, |_| 0, |_| false);
            (build, end)
        };
        [small, wider, other].map(with_end).into()
    })
}

/// Ones with many trainings and nothing in common, for a day.
pub(super) fn of_a_day(number: usize) -> Build {
    let mut build = testing::build();
    build.space.samplings.truncate(1);
    build.dataset = Digest::of(format!("day {number}").as_bytes());
    build
}

/// What a task finds out.
pub(super) fn outcome(task: &Task) -> Outcome {
    testing::outcome(task)
}

/// An outcome that says whose it is, in a place no plan looks at.
pub(super) fn marked(mut outcome: Outcome, token: u64) -> Outcome {
    if let Outcome::Train(trained) = &mut outcome {
        trained.seconds = token as f64;
    }
    outcome
}

/// Whether the ledger has of a build exactly what an undisturbed run gives.
pub(super) fn check_end(state: &State, build: &Build, (expected_plan, expected): &Undisturbed) {
    let known = state.known();
    let unmarked = |(id, outcome): (&TaskId, &Outcome)| {
        let mut outcome = outcome.clone();
        if let Outcome::Train(trained) = &mut outcome {
            trained.seconds = 1.0;
        }
        (*id, outcome)
    };
    let results: BTreeMap<TaskId, Outcome> = known.results.iter().map(unmarked).collect();
    for (task, outcome) in expected {
        assert_eq!(
            results.get(task),
            Some(outcome),
            "the result of {task} is that of an undisturbed run"
        );
    }
    let quarantined = BTreeSet::new();
    let results = &results;
    let quarantined = &quarantined;
    let known = Known {
        results,
        quarantined,
        order: known.order,
    };
    let derived = plan(build, known);
    assert!(
        derived == *expected_plan,
        "the plan is that of an undisturbed run"
    );
    // Refinements change nothing of that, and end like those of a build that nobody disturbed.
    let ended = &state.builds()[&build.id()];
    if !ended.build.amendments.is_empty() && matches!(ended.phase, BuildPhase::Ended { .. }) {
        let (expected_plan, expected) = testing::run(&ended.build, |_| 0, |_| false);
        for (task, outcome) in &expected {
            assert_eq!(
                results.get(task),
                Some(outcome),
                "the result of the refinement {task} is that of an undisturbed run"
            );
        }
        let derived = plan(&ended.build, known);
        assert!(
            derived == expected_plan,
            "the plan of refinements is that of an undisturbed run"
        );
    }
}
