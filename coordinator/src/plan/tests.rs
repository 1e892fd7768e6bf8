//! The plan under any order of results and under failures.

mod embedding;
mod nets;
mod refine;
mod supernet;
mod training;
mod trials;

use super::testing::{build, run};
use super::{Known, Planned, Stage, Standing, plan};
use imgcalc_shared::build::Build;
use imgcalc_shared::chain::{Strategy, links_in_sequence};
use imgcalc_shared::explore::TrainedLink;
use imgcalc_shared::task::{Input, Start, Task};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn a_build_runs_to_its_end_and_predicts_every_feasible_format() {
    let build = build();
    let (done, results) = run(&build, |_| 0, |_| false);
    assert!(done.complete && done.refused.is_none());
    assert_eq!(done.findings.chain.len(), 15);
    assert_eq!(done.chain_expected, 15);
    let answer = done.answer(&build);
    assert_eq!(answer.candidates.len(), 96);
    assert!(
        answer
            .candidates
            .iter()
            .all(|candidate| candidate.accuracy.is_some())
    );
    assert_eq!(
        answer
            .candidates
            .iter()
            .filter(|candidate| candidate.measured)
            .count(),
        15
    );
    assert_eq!(
        answer
            .buckets
            .iter()
            .filter(|bucket| bucket.round.is_some())
            .count(),
        5
    );
    // Access for 4 families; shapes 4k×4k, 2k×4k, 4k×2k, and those 2k×2k that are not among the first; 2 qualities.
    assert_eq!(done.progress(Stage::Profile), (4 + 28 + 2, 4 + 28 + 2));
    let scratch = |task: &Task| {
        matches!(
            task,
            Task::Train {
                start: Start::Scratch,
                input: Input::Format(_),
                ..
            }
        )
    };
    assert_eq!(
        done.tasks.iter().filter(|planned| scratch(&planned.task)).count(),
        1,
        "one root"
    );
    assert_eq!(results.len(), done.tasks.len());
}

#[test]
fn the_expected_number_of_trainings_is_known_from_the_start() {
    let nothing = plan(
        &build(),
        Known {
            results: &BTreeMap::new(),
            quarantined: &BTreeSet::new(),
            order: &BTreeMap::new(),
        },
    );
    assert_eq!(nothing.chain_expected, 15);
    assert!(!nothing.complete);
}

#[test]
fn every_link_waits_for_its_parents_weights() {
    let build = build();
    let (done, results) = run(&build, |_| 0, |_| false);
    for planned in &done.tasks {
        if let Task::Train {
            start: Start::Weights(parent),
            ..
        } = &planned.task
        {
            assert!(results.contains_key(parent));
        }
    }
    let doomed = |task: &Task| {
        matches!(
            task,
            Task::Train {
                start: Start::Scratch,
                input: Input::Format(_),
                ..
            }
        )
    };
    let (without_root, _) = run(&build, |_| 0, doomed);
    assert!(without_root.complete, "a build without its roots ends, saying so");
    assert!(!without_root.findings.missing.is_empty());
}

#[test]
fn from_scratch_every_format_is_a_root_and_waits_for_nothing() {
    let build = Build {
        strategy: Strategy::Scratch,
        buckets: 1,
        buckets_sampled: 1,
        formats_per_bucket: 96,
        ..build()
    };
    let (done, _) = run(&build, |_| 0, |_| false);
    assert_eq!(done.findings.chain.len(), 96);
    assert!(done.findings.chain.iter().all(|link| link.link.parent.is_none()));
}

#[test]
fn a_budget_that_nothing_fits_is_refused_before_any_training() {
    let build = Build {
        times_us: vec![0.5],
        ..build()
    };
    let (refused, results) = run(&build, |_| 0, |task| matches!(task, Task::Train { .. }));
    assert!(refused.complete && refused.refused.unwrap().contains("answer.times_us = 0.5"));
    assert_eq!(results.len(), 34);
}

#[test]
fn segments_shorten_the_sequence_and_change_no_number_of_trainings() {
    let cut = |segments| {
        let build = Build { segments, ..build() };
        let (done, _) = run(&build, |_| 0, |_| false);
        assert!(done.complete);
        assert_eq!(done.findings.chain.len(), 15);
        let scratch = |link: &&TrainedLink| link.link.parent.is_none();
        assert_eq!(done.findings.chain.iter().filter(scratch).count(), 1, "one root");
        done.critical_path(&build)
    };
    // Five buckets of three: a first round of two buckets, then one by one.
    let most = |segments| links_in_sequence(6, segments, true) + 3 * links_in_sequence(3, segments, false);
    let found = [1, 2, 3].map(cut);
    for (path, segments) in found.iter().zip(1..) {
        assert!(
            path.trainings <= most(segments),
            "{path:?} with {segments} segments"
        );
        assert!(path.trainings >= 4, "four rounds wait for one another");
    }
    assert_eq!(most(1), 15);
    assert_eq!(found[2].trainings, most(3));
    assert!(found[0].trainings > found[1].trainings && found[1].trainings > found[2].trainings);
    assert!(found[0].cost > found[2].cost);
}

#[test]
fn a_path_holds_whatever_waits_for_the_task() {
    let build = Build {
        segments: 2,
        ..build()
    };
    let (results, quarantined) = (BTreeMap::new(), BTreeSet::new());
    let known = Known {
        results: &results,
        quarantined: &quarantined,
        order: &BTreeMap::new(),
    };
    let nothing = plan(&build, known);
    let profiles = nothing
        .tasks
        .iter()
        .filter(|planned| planned.stage == Stage::Profile);
    let least = profiles.map(|planned| planned.path).fold(f64::INFINITY, f64::min);
    assert!(
        least > nothing.tasks.last().unwrap().cost,
        "the chain is longer than the baseline"
    );

    // Profiled and nothing more: the first round is known.
    let (_, mut results) = run(&build, |_| 0, |_| false);
    let ids = nothing
        .tasks
        .iter()
        .filter(|planned| planned.stage == Stage::Profile);
    let profiled: BTreeSet<_> = ids.map(|planned| planned.id).collect();
    results.retain(|id, _| profiled.contains(id));
    let first = plan(
        &build,
        Known {
            results: &results,
            ..known
        },
    );
    let path = |id| first.tasks.iter().find(|planned| planned.id == id).unwrap().path;
    let mut links = 0;
    for planned in &first.tasks {
        let Task::Train { start, input, .. } = &planned.task else {
            continue;
        };
        assert_eq!(planned.cost, build.training_cost(&planned.task));
        let Input::Format(format) = input else {
            assert_eq!(planned.path, planned.cost, "nothing waits for the baseline");
            continue;
        };
        assert!(
            planned.path > planned.cost,
            "later rounds wait for all of this one"
        );
        if let Start::Weights(parent) = start {
            links += 1;
            assert!(path(*parent) > planned.path);
        }
        let of_family = |other: &&Planned| match &other.task {
            columns @ Task::Columns { .. } => columns.family() == Some(format.family()),
            _ => false,
        };
        let columns = first.tasks.iter().find(of_family).unwrap();
        assert!(columns.path >= columns.cost + planned.path);
    }
    assert_eq!(links, 5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_trainings_of_a_build_do_not_depend_on_the_order_of_results(
        order in prop::collection::vec(0..64usize, 64),
        segments in 1..5u16,
    ) {
        let build = Build { segments, ..build() };
        let (expected, expected_results) = run(&build, |_| 0, |_| false);
        let mut next = order.iter().cycle();
        let (found, results) = run(&build, |_| *next.next().unwrap(), |_| false);
        prop_assert_eq!(expected_results, results);
        prop_assert_eq!(expected, found);
    }

    #[test]
    fn whatever_fails_the_build_ends_and_says_what_is_missing(doomed in any::<u64>(), segments in 1..5u16) {
        let build = Build { segments, ..build() };
        let fails = |task: &Task| (doomed >> (u64::from(task.id().to_string().as_bytes()[5]) % 64)) & 1 == 1;
        let (found, _) = run(&build, |_| 0, fails);
        prop_assert!(found.complete);
        let given_up = found.tasks.iter().filter(|planned| planned.standing == Standing::Quarantined).count();
        prop_assert!(given_up == 0 || found.refused.is_some() || !found.findings.missing.is_empty());
    }
}
