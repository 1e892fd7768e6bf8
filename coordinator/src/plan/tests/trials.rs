//! Trials in the plan: the same whatever happened on the way, and only where they can be.

use super::super::testing::{build, outcome, run};
use super::super::{Known, Plan, Stage, plan};
use imgcalc_shared::build::{Amendment, Build};
use imgcalc_shared::explore::{SearchFacts, SearchFound};
use imgcalc_shared::search::{
    Algorithm, Budget, Domain, Epochs, Halving, Hours, HyperSearch, Parameters, Search,
};
use imgcalc_shared::task::{Leg, Outcome, Start, Task, TaskId};
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
use proptest::test_runner::Config;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn searching(algorithm: Algorithm, format: Option<&str>) -> Build {
    let parameters = [
        ("learning_rate".to_string(), Domain::Log([1e-3, 1.0])),
        ("momentum".to_string(), Domain::Linear([0.5, 0.95])),
    ];
    let search = Search {
        parameters: Parameters(parameters.into()),
        algorithm,
        epochs: Epochs { min: 1, max: 9 },
        budget: Budget {
            trainings: Some(12),
            ..Budget::default()
        },
        seed: 3,
    };
    let search_hyper = Some(HyperSearch {
        format: format.map(|format| format.parse().unwrap()),
        time_us: None,
        parallel: 3,
        widens: false,
        search,
    });
    Build {
        search_hyper,
        ..build()
    }
}

const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::Random {},
    Algorithm::Grid { steps: 3 },
    Algorithm::Asha { eta: 3 },
    Algorithm::Hyperband { eta: 3 },
    Algorithm::Bohb {
        eta: 3,
        halving: Halving::Asha,
    },
    Algorithm::Pbt {
        population: 5,
        interval: 3,
    },
];

fn found(plan: &Plan) -> &SearchFound {
    plan.findings.hyper.as_ref().unwrap()
}

pub(super) fn trainings(plan: &Plan) -> impl Iterator<Item = (&Task, Option<Leg>, Start)> {
    let trials = plan.tasks.iter().filter(|planned| planned.stage == Stage::Trials);
    trials.map(|planned| match &planned.task {
        task @ Task::Train { leg, start, .. } => (task, *leg, *start),
        other => panic!("{other} is no training"),
    })
}

#[test]
fn every_search_ends_with_as_many_trials_as_its_budget_allows() {
    for algorithm in ALGORITHMS {
        let build = searching(algorithm, None);
        let (plan, _) = run(&build, |_| 0, |_| false);
        assert!(plan.complete, "{algorithm:?}");
        let found = found(&plan);
        assert!(found.facts.is_over);
        let expected = match algorithm {
            Algorithm::Grid { .. } => 9,
            Algorithm::Pbt { .. } => 5,
            _ => 12,
        };
        assert_eq!(found.facts.trials.len(), expected, "{algorithm:?}");
        let best = found.facts.best.as_ref().unwrap();
        let most = trainings(&plan).count();
        assert!(most >= expected, "{algorithm:?}");
        assert!(best.accuracy > 0.5);
    }
}

#[test]
fn a_stretch_goes_on_from_the_state_at_the_end_of_the_one_before() {
    let build = searching(Algorithm::Asha { eta: 3 }, None);
    let (plan, results) = run(&build, |_| 0, |_| false);
    let mut later = 0;
    for (task, leg, start) in trainings(&plan) {
        let leg = leg.expect("a trial that is halved is trained in stretches");
        match leg.after {
            0 => assert_eq!(start, Start::Scratch),
            _ => {
                later += 1;
                let Start::State(before) = start else {
                    panic!("{task} starts from {start:?}");
                };
                let before = plan.tasks.iter().find(|planned| planned.id == before).unwrap();
                assert!(
                    matches!(before.task, Task::Train { leg: Some(before), .. } if before.until == leg.after),
                    "{task}"
                );
                assert!(matches!(&results[&before.id], Outcome::Train(trained) if trained.state.is_some()));
            }
        }
    }
    assert!(later >= 2, "some were promoted");
}

#[test]
fn trials_that_are_never_given_up_are_plain_trainings_that_others_may_share() {
    let build = searching(Algorithm::Random {}, None);
    let (plan, _) = run(&build, |_| 0, |_| false);
    assert!(trainings(&plan).all(|(_, leg, _)| leg.is_none()));
}

#[test]
fn a_search_on_a_format_that_is_named_waits_for_no_chain() {
    let first_training = |build: &Build| {
        let mut results = BTreeMap::new();
        let mut order = BTreeMap::new();
        loop {
            let known = Known {
                results: &results,
                quarantined: &BTreeSet::new(),
                order: &order,
            };
            let derived = plan(build, known);
            if derived.progress(Stage::Chain).1 > 0 {
                return trainings(&derived).count();
            }
            let (id, outcome) = derived
                .tasks
                .iter()
                .find(|planned| !planned.has_ended())
                .map(|planned| (planned.id, outcome(&planned.task)))
                .unwrap();
            order.insert(id, (order.len() as u64).into());
            results.insert(id, outcome);
        }
    };
    let asha = Algorithm::Asha { eta: 3 };
    assert_eq!(first_training(&searching(asha, Some("1x1-b8-k4-q50"))), 3);
    assert_eq!(first_training(&searching(asha, None)), 0);
}

#[test]
fn the_format_is_the_most_accurate_that_was_trained_and_is_fast_enough() {
    let mut build = searching(Algorithm::Random {}, None);
    let (plan, _) = run(&build, |_| 0, |_| false);
    let answer = plan.answer(&build);
    let measured = || answer.candidates.iter().filter(|candidate| candidate.measured);
    let best = measured()
        .max_by(|a, b| a.accuracy.unwrap().total_cmp(&b.accuracy.unwrap()))
        .unwrap();
    assert_eq!(found(&plan).facts.format, best.format);
    // A budget that rules it out.
    let times = measured().map(|candidate| candidate.time_us);
    let fastest = times.min_by(f64::total_cmp).unwrap();
    build.search_hyper.as_mut().unwrap().time_us = Some(fastest);
    let (plan, _) = run(&build, |_| 0, |_| false);
    let chosen = found(&plan).facts.format;
    let chosen = answer
        .candidates
        .iter()
        .find(|candidate| candidate.format == chosen)
        .unwrap();
    assert!(chosen.measured && chosen.time_us <= fastest);
    // One that nothing keeps is refused before any training.
    build.search_hyper.as_mut().unwrap().time_us = Some(0.001);
    let (plan, results) = run(&build, |_| 0, |_| false);
    let refused = plan.refused.unwrap();
    assert!(
        refused.contains("search.hyper.time_us = 0.001: no format is so fast; the fastest takes"),
        "{refused}"
    );
    assert!(
        !results
            .values()
            .any(|outcome| matches!(outcome, Outcome::Train(_)))
    );
}

#[test]
fn a_refinement_asked_for_later_leaves_the_search_as_it_was() {
    let mut build = searching(Algorithm::Asha { eta: 3 }, None);
    let (before, _) = run(&build, |_| 0, |_| false);
    assert!(build.amend(&Amendment::Refine {
        bucket: 5,
        formats: None
    }));
    let (after, _) = run(&build, |_| 0, |_| false);
    assert!(after.findings.chain.len() > before.findings.chain.len());
    let formats = [&before, &after].map(|plan| found(plan).facts.format);
    assert_eq!(formats[0], formats[1]);
}

#[test]
fn trials_that_fail_end_the_search_all_the_same() {
    let is_trial = |task: &Task| matches!(task, Task::Train { leg: Some(_), .. });
    for algorithm in [Algorithm::Asha { eta: 3 }, ALGORITHMS[5]] {
        let mut build = searching(algorithm, None);
        let (plan, _) = run(&build, |_| 0, is_trial);
        assert!(plan.complete && found(&plan).facts.best.is_none());
        // A budget of epochs is used up by them, too.
        build.search_hyper.as_mut().unwrap().search.budget = Budget {
            epochs: Some(30),
            ..Budget::default()
        };
        let (plan, _) = run(&build, |_| 0, is_trial);
        assert!(plan.complete && found(&plan).facts.trials.len() <= 30);
    }
}

#[test]
fn more_budget_goes_on_where_less_ended() {
    for algorithm in [Algorithm::Random {}, Algorithm::Hyperband { eta: 3 }] {
        let small = searching(algorithm, None);
        let (before, results) = run(&small, |_| 0, |_| false);
        let mut large = small.clone();
        let more = Amendment::Budget(Budget {
            trainings: Some(20),
            ..Budget::default()
        });
        assert_eq!(large.unfit(&more), None);
        assert!(large.amend(&more) && !large.amend(&more));
        assert_eq!(large.id(), small.id());
        let (after, all) = run(&large, |_| 0, |_| false);
        assert!(results.keys().all(|task| all.contains_key(task)), "{algorithm:?}");
        assert_eq!(found(&after).facts.trials.len(), 20);
        assert!(found(&before).facts.trials.len() < 20);
    }
}

#[test]
fn a_search_stops_when_its_hours_are_used_up_and_goes_on_with_more() {
    let minutes = |minutes: f64| Some(Hours::new(minutes / 60.0).unwrap());
    let build = |budget: Budget| {
        let mut build = searching(Algorithm::Asha { eta: 3 }, None);
        build.search_hyper.as_mut().unwrap().search.budget = budget;
        build
    };
    let none = Budget::default();
    let limits = [("on the wall", minutes(20.0), None), ("GPU", None, minutes(20.0))];
    for (what, wall_hours, gpu_hours) in limits {
        let mut build = build(Budget {
            wall_hours,
            gpu_hours,
            ..none
        });
        let (plan, _) = run(&build, |_| 0, |_| false);
        assert!(plan.complete);
        let before = found(&plan).facts.clone();
        // Each takes a minute, and the two that wait beside the last that fits are done too.
        let stretches =
            |facts: &SearchFacts| facts.trials.iter().map(|trial| trial.tasks.len()).sum::<usize>();
        assert_eq!(stretches(&before), 22, "{what}");
        assert_eq!(
            (before.wall_seconds, before.device_seconds),
            (22.0 * 60.0, 22.0 * 60.0)
        );
        let more = Amendment::Budget(Budget {
            wall_hours: wall_hours.and(minutes(30.0)),
            gpu_hours: gpu_hours.and(minutes(30.0)),
            ..none
        });
        assert!(build.amend(&more));
        let (plan, _) = run(&build, |_| 0, |_| false);
        assert_eq!(stretches(&found(&plan).facts), 32, "{what}");
    }
}

proptest! {
    #![proptest_config(Config::with_cases(12))]

    #[test]
    fn whoever_derives_the_plan_from_any_prefix_of_results_goes_on_with_the_same_trials(
        picks in prop::collection::vec(any::<u16>(), 200),
        doomed in any::<u8>(),
    ) {
        for algorithm in ALGORITHMS {
            let build = searching(algorithm, Some("1x1-b8-k4-q50"));
            let fails = |task: &Task| matches!(task, Task::Train { leg: Some(_), .. })
                && task.id().0.to_string().as_bytes()[0] == b"0123456789abcdef"[usize::from(doomed % 16)];
            // As it went, with every plan on the way.
            let mut at = 0;
            let (plan, results) = run(&build, |_| { at += 1; picks[at % picks.len()].into() }, fails);
            prop_assert!(plan.complete);
            let known: BTreeSet<TaskId> = results.keys().copied().collect();
            for (task, _, start) in trainings(&plan) {
                prop_assert!(known.contains(&task.id()) || fails(task), "{} is done", task);
                if let Some(parent) = start.parent() {
                    prop_assert!(known.contains(&parent));
                }
            }
            // Nothing was trained that the last plan does not want.
            let wanted: BTreeSet<TaskId> = plan.tasks.iter().map(|planned| planned.id).collect();
            prop_assert_eq!(known.difference(&wanted).count(), 0);
        }
    }
}
