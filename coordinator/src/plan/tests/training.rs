//! What a spec says of trainings, in the plan: strategies, the batch, where first weights come from.

use super::super::testing::{build, outcome, run};
use super::super::{Known, Over, Plan, Stage, Standing, plan};
use imgcalc_shared::build::Build;
use imgcalc_shared::chain::Strategy;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::explore::TrainedLink;
use imgcalc_shared::format::Format;
use imgcalc_shared::profile::Timing;
use imgcalc_shared::task::{BatchTiming, Input, Outcome, Start, Task, TaskId};
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
use proptest::test_runner::Config;
use std::collections::{BTreeMap, BTreeSet};

fn formats(links: &[TrainedLink]) -> BTreeSet<Format> {
    links.iter().map(|link| link.link.format).collect()
}

fn known(results: &BTreeMap<TaskId, Outcome>) -> Known<'_> {
    static NONE: BTreeSet<TaskId> = BTreeSet::new();
    static ORDER: BTreeMap<TaskId, Over> = BTreeMap::new();
    Known {
        results,
        quarantined: &NONE,
        order: &ORDER,
    }
}

fn trainings(plan: &Plan) -> impl Iterator<Item = (&Task, Stage)> {
    let all = plan.tasks.iter().map(|planned| (&planned.task, planned.stage));
    all.filter(|(task, _)| matches!(task, Task::Train { .. }))
}

#[test]
fn compared_strategies_train_the_same_formats_and_change_no_answer() {
    let plain = build();
    let compared = Build {
        compared: Strategy::ALL[1..].to_vec(),
        ..plain.clone()
    };
    let (alone, alone_results) = run(&plain, |_| 0, |_| false);
    let (done, results) = run(&compared, |_| 0, |_| false);
    assert!(done.complete);
    assert_eq!(done.findings.compared.len(), 4);
    for (strategy, links) in &done.findings.compared {
        assert_eq!(formats(links), formats(&done.findings.chain), "{strategy:?}");
        let roots = links.iter().filter(|link| link.link.parent.is_none()).count();
        assert_eq!(
            roots,
            if *strategy == Strategy::Scratch { 15 } else { 1 },
            "{strategy:?}"
        );
    }
    // The chain's root is that of "from densest" too, and both are trained from scratch: each is done once.
    let ids: BTreeSet<TaskId> = done.tasks.iter().map(|planned| planned.id).collect();
    assert_eq!(ids.len(), done.tasks.len());
    assert!(done.progress(Stage::Compared).1 <= 4 * 15 - 4);
    assert!(
        alone_results
            .iter()
            .all(|(id, outcome)| results.get(id) == Some(outcome))
    );

    let answer = done.answer(&compared);
    assert_eq!(answer.strategies.len(), 5);
    assert_eq!(answer.strategies[0].strategy, Strategy::DenseToSparse);
    assert_eq!(
        answer.strategies[0].in_sequence,
        done.critical_path(&compared).trainings
    );
    assert_eq!(answer.candidates, alone.answer(&plain).candidates);
    assert_eq!(answer.buckets, alone.answer(&plain).buckets);
    assert!(alone.answer(&plain).strategies.is_empty());
}

#[test]
fn every_strategy_can_be_the_builds_own() {
    for strategy in Strategy::ALL {
        let build = Build { strategy, ..build() };
        let (done, _) = run(&build, |_| 0, |_| false);
        assert!(done.complete, "{strategy:?}");
        assert_eq!(done.findings.chain.len(), 15, "{strategy:?}");
        // Four rounds of 6, 3, 3 and 3 formats.
        let most = strategy.in_sequence(6, 1, true) + 3 * strategy.in_sequence(3, 1, false);
        let found = done.critical_path(&build).trainings;
        assert!((4..=most).contains(&found), "{strategy:?}: {found}");
        let nothing = plan(&build, known(&BTreeMap::new()));
        assert!(
            nothing.tasks.iter().all(|planned| planned.path > 0.0),
            "{strategy:?}"
        );
    }
}

#[test]
fn the_chain_goes_before_what_is_compared_with_it() {
    let build = Build {
        compared: vec![Strategy::Scratch],
        ..build()
    };
    let (_, mut results) = run(&build, |_| 0, |_| false);
    let nothing = plan(&build, known(&BTreeMap::new()));
    let of_profile = nothing
        .tasks
        .iter()
        .filter(|planned| planned.stage == Stage::Profile);
    let profiled: BTreeSet<TaskId> = of_profile.map(|planned| planned.id).collect();
    results.retain(|id, _| profiled.contains(id));
    let first = plan(&build, known(&results));
    let paths = |stage| {
        let of_stage = first.tasks.iter().filter(move |planned| planned.stage == stage);
        of_stage.map(|planned| planned.path)
    };
    let least = paths(Stage::Chain).fold(f64::INFINITY, f64::min);
    let most = paths(Stage::Compared).fold(0.0, f64::max);
    assert!(most > 0.0 && least > most, "{least} {most}");
}

/// A build that chooses its batch, run with a profile that likes 128.
fn with_batch() -> (Build, Plan) {
    let mut build = build();
    (build.scratch.batch_auto, build.transfer.batch_auto) = (true, true);
    let mut results = BTreeMap::new();
    loop {
        let made = plan(&build, known(&results));
        let ready = made
            .tasks
            .iter()
            .filter(|planned| planned.standing == Standing::Ready);
        let ready: Vec<(TaskId, Outcome)> = ready
            .map(|planned| match &planned.task {
                Task::ProfileTraining { batches, .. } => {
                    let row = |&batch: &u32| BatchTiming {
                        batch,
                        step: Timing {
                            median_us: if batch >= 64 {
                                1.0 + f64::from(batch) / 5e3
                            } else {
                                9.0
                            },
                            p95_us: 9.0,
                            repeats: 3,
                        },
                    };
                    let rows = batches.iter().map(row).collect();
                    (planned.id, Outcome::ProfileTraining { rows })
                }
                task => (planned.id, outcome(task)),
            })
            .collect();
        if ready.is_empty() {
            return (build, made);
        }
        let baseline = made.progress(Stage::Baseline).1;
        assert_eq!(
            baseline == 0,
            made.findings.buckets.is_none(),
            "it waits for its batch"
        );
        results.extend(ready);
    }
}

#[test]
fn trainings_use_the_batch_that_was_measured_to_be_fast() {
    let (_, done) = with_batch();
    assert!(done.complete);
    let asked = done.tasks.iter().find_map(|planned| match &planned.task {
        Task::ProfileTraining { shape, batches, .. } => Some((shape.to_string(), batches.clone())),
        _ => None,
    });
    // There are 800 training images, and the largest plane is that of all coefficients.
    assert_eq!(asked, Some(("1x32x32".into(), vec![16, 32, 64, 128, 256, 512])));
    assert_eq!(done.findings.batch, Some(128));
    for (task, _) in trainings(&done) {
        let Task::Train { hyper, .. } = task else {
            unreachable!()
        };
        assert_eq!((hyper.batch_size, hyper.batch_auto), (128, true));
    }
}

#[test]
fn a_batch_that_could_not_be_measured_is_the_usual_one_and_told_of() {
    let mut build = build();
    (build.scratch.batch_auto, build.transfer.batch_auto) = (true, true);
    let (done, _) = run(&build, |_| 0, |task| matches!(task, Task::ProfileTraining { .. }));
    assert!(done.complete && done.findings.batch.is_none());
    assert!(
        done.findings
            .missing
            .iter()
            .any(|what| what.starts_with("profile training"))
    );
    assert_eq!(trainings(&done).count(), 16);
    for (task, _) in trainings(&done) {
        let Task::Train { hyper, .. } = task else {
            unreachable!()
        };
        assert_eq!(hyper.batch_size, 64);
    }
}

#[test]
fn what_has_no_parent_starts_where_the_build_starts() {
    let file = Start::File(Digest::of(b"weights"));
    for (strategy, starters) in [(Strategy::DenseToSparse, 2), (Strategy::Scratch, 16)] {
        let build = Build {
            start: file,
            strategy,
            ..build()
        };
        let (done, _) = run(&build, |_| 0, |_| false);
        assert!(done.complete);
        let mut found = 0;
        for (task, _) in trainings(&done) {
            let Task::Train {
                start, hyper, input, ..
            } = task
            else {
                unreachable!()
            };
            match start {
                Start::File(_) => {
                    assert_eq!(hyper.epochs, build.scratch.epochs);
                    found += 1;
                }
                Start::Weights(_) => assert_eq!(hyper.epochs, build.transfer.epochs),
                Start::Scratch | Start::State(_) => panic!("{input} starts from {start:?}"),
            }
        }
        assert_eq!(found, starters, "the roots and the baseline by {strategy:?}");
    }
}

#[test]
fn a_start_from_a_training_nobody_knows_is_refused_before_anything_is_done() {
    let (_, mut results) = run(&build(), |_| 0, |_| false);
    let (&training, _) = results
        .iter()
        .find(|(_, outcome)| matches!(outcome, Outcome::Train(_)))
        .unwrap();
    let build = Build {
        start: Start::Weights(training),
        ..build()
    };
    let unknown = plan(&build, known(&BTreeMap::new()));
    assert!(unknown.complete && unknown.tasks.is_empty());
    let words = unknown.refused.unwrap();
    assert!(
        words.starts_with(&format!("training.start.task = {training}"))
            && words.contains("imgcalc weights add"),
        "{words}"
    );
    let profile = results
        .iter()
        .find(|(_, outcome)| matches!(outcome, Outcome::ProfileExecute(_)));
    let other = Build {
        start: Start::Weights(*profile.unwrap().0),
        ..build.clone()
    };
    assert!(
        plan(&other, known(&results))
            .refused
            .unwrap()
            .contains("is no training")
    );

    // Where it is known, the root and the baseline start from it, and wait for nothing.
    let made = plan(&build, known(&results));
    assert_eq!(made.refused, None);
    let from_it = trainings(&made).filter(|(task, _)| {
        matches!(task, Task::Train { start: Start::Weights(task), hyper, .. }
            if *task == training && hyper.epochs == build.scratch.epochs)
    });
    let inputs: Vec<bool> = from_it
        .map(|(task, _)| {
            matches!(
                task,
                Task::Train {
                    input: Input::Pixels,
                    ..
                }
            )
        })
        .collect();
    assert_eq!(inputs, [false, true]);
    results.retain(|id, outcome| *id == training || !matches!(outcome, Outcome::Train(_)));
    let made = plan(&build, known(&results));
    let baseline = made.tasks.last().unwrap();
    assert_eq!(
        (baseline.stage, baseline.standing),
        (Stage::Baseline, Standing::Ready)
    );
}

proptest! {
    #![proptest_config(Config::with_cases(12))]

    #[test]
    fn no_strategy_depends_on_the_order_of_results(
        order in prop::collection::vec(0..64usize, 64),
        segments in 1..4u16,
        own in 0..5usize,
        auto in any::<bool>(),
    ) {
        let mut build = Build { segments, strategy: Strategy::ALL[own], ..build() };
        build.compared = (1..5).map(|more| Strategy::ALL[(own + more) % 5]).collect();
        (build.scratch.batch_auto, build.transfer.batch_auto) = (auto, auto);
        let (expected, expected_results) = run(&build, |_| 0, |_| false);
        let mut next = order.iter().cycle();
        let (found, results) = run(&build, |_| *next.next().unwrap(), |_| false);
        prop_assert_eq!(expected_results, results);
        prop_assert_eq!(expected, found);
    }

    #[test]
    fn whatever_fails_every_strategy_ends_and_says_what_is_missing(doomed in any::<u64>(), own in 0..5usize) {
        let mut build = Build { strategy: Strategy::ALL[own], ..build() };
        build.compared = (1..5).map(|more| Strategy::ALL[(own + more) % 5]).collect();
        let fails = |task: &Task| {
            // Profiles that fail leave no formats to train: only a few do.
            let digit = task.id().to_string().as_bytes()[5];
            matches!(task, Task::Train { .. } | Task::Columns { .. }) && (doomed >> (u64::from(digit) % 64)) & 1 == 1
        };
        let (found, _) = run(&build, |_| 0, fails);
        prop_assert!(found.complete);
        let given_up = found.tasks.iter().filter(|planned| planned.standing == Standing::Quarantined).count();
        prop_assert_eq!(given_up == 0, found.findings.missing.is_empty());
        for (strategy, links) in &found.findings.compared {
            for link in links {
                let Some(parent) = link.link.parent else { continue };
                prop_assert!(links.iter().any(|other| other.link.format == parent), "{:?}", strategy);
            }
        }
    }
}
