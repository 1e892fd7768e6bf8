//! Searches over nets in the plan: only what is fast enough is trained, and as much as the budget says.

use super::super::testing::{build, run};
use super::trials::{searching, trainings};
use imgcalc_shared::build::{Amendment, Build};
use imgcalc_shared::search::{Algorithm, Budget, Hours, NetAlgorithm, NetName, NetSearch, NetSpace, Promise};
use imgcalc_shared::task::{Outcome, Task};

#[test]
fn a_search_over_nets_stops_when_its_hours_are_used_up_and_goes_on_with_more() {
    let minutes = |minutes: f64| Some(Hours::new(minutes / 60.0).unwrap());
    for algorithm in [NetAlgorithm::Random {}, NetAlgorithm::Predictor {}] {
        let mut build = over_nets(algorithm);
        let search = build.search_nets.as_mut().unwrap();
        search.parallel = 2;
        search.budget.gpu_hours = minutes(5.0);
        let trained = |build: &Build| {
            let (plan, _) = run(build, |_| 0, |_| false);
            assert!(plan.complete);
            let facts = plan.findings.nets.unwrap();
            assert!(facts.is_over);
            facts
                .candidates
                .iter()
                .filter(|candidate| candidate.accuracy.is_some())
                .count()
        };
        // One more waits beside the last that fits.
        let before = trained(&build);
        assert_eq!(before, 6, "{algorithm:?}");
        let more = |trainings| {
            Amendment::Budget(Budget {
                trainings,
                gpu_hours: minutes(60.0),
                ..Budget::default()
            })
        };
        let why = build.unfit(&more(Some(21))).unwrap();
        assert!(why.contains("more than the 20 nets"), "{why}");
        assert!(build.amend(&more(Some(14))));
        assert_eq!(trained(&build), 14, "{algorithm:?}");
    }
}

pub(super) fn over_nets(algorithm: NetAlgorithm) -> Build {
    let space = NetSpace {
        names: vec![NetName::ResnetLike],
        stem: 8,
        stages: vec![1, 2],
        widths: vec![8, 16],
        depths: vec![1, 2],
        kernels: vec![3, 5],
        expansions: Vec::new(),
    };
    let search = NetSearch {
        space,
        algorithm,
        format: None,
        time_us: None,
        epochs: 3,
        budget: Budget {
            trainings: Some(12),
            ..Budget::default()
        },
        candidates: 20,
        parallel: 4,
        seed: 1,
    };
    Build {
        search_nets: Some(search),
        ..build()
    }
}

#[test]
fn of_nets_that_are_fast_enough_as_many_are_trained_as_the_budget_says() {
    let algorithms = [
        NetAlgorithm::Random {},
        NetAlgorithm::Proxies { by: Promise::Naswot },
        NetAlgorithm::Proxies { by: Promise::Flops },
        NetAlgorithm::Predictor {},
        NetAlgorithm::Supernet { epochs: Some(2) },
    ];
    for algorithm in algorithms {
        let mut build = over_nets(algorithm);
        let (plan, results) = run(&build, |_| 0, |_| false);
        assert!(plan.complete && plan.findings.missing.is_empty(), "{algorithm:?}");
        let facts = plan.findings.nets.clone().unwrap();
        assert_eq!((facts.measured, facts.fit, facts.candidates.len()), (20, 20, 20));
        let trained = facts
            .candidates
            .iter()
            .filter(|candidate| candidate.accuracy.is_some());
        assert_eq!(trained.count(), 12, "{algorithm:?}");
        assert!(facts.best().is_some() && facts.is_over);
        let looks = results
            .values()
            .filter(|outcome| matches!(outcome, Outcome::Proxies(_)));
        assert_eq!(looks.count(), if algorithm.needs_proxies() { 20 } else { 0 });
        // The median of what was measured: half of them are out, and no training is spent on them.
        let mut times: Vec<f64> = facts
            .candidates
            .iter()
            .filter_map(|candidate| candidate.time_us)
            .collect();
        times.sort_by(f64::total_cmp);
        build.search_nets.as_mut().unwrap().time_us = Some(times[9]);
        let (plan, _) = run(&build, |_| 1, |_| false);
        let within = plan.findings.nets.unwrap();
        assert_eq!(
            within.fit,
            within
                .candidates
                .iter()
                .filter(|candidate| candidate.time_us.unwrap() <= times[9])
                .count()
        );
        assert!(
            within
                .candidates
                .iter()
                .all(|candidate| candidate.accuracy.is_none() || candidate.time_us.unwrap() <= times[9])
        );
    }
}

#[test]
fn where_no_net_is_fast_enough_the_nearest_is_named_and_none_is_trained() {
    let mut build = over_nets(NetAlgorithm::Random {});
    build.search_nets.as_mut().unwrap().format = Some("1x1-b8-k4-q50".parse().unwrap());
    build.search_nets.as_mut().unwrap().time_us = Some(0.5);
    let (plan, _) = run(&build, |_| 0, |_| false);
    assert!(plan.complete);
    let missing = plan.findings.missing.join("\n");
    assert!(
        missing.contains("no net is so fast on 1x1-b8-k4-q50; the nearest, "),
        "{missing}"
    );
    assert!(
        plan.findings
            .nets
            .unwrap()
            .candidates
            .iter()
            .all(|candidate| candidate.task.is_none())
    );
}

#[test]
fn hyper_parameters_are_searched_for_the_best_net() {
    let build = Build {
        search_nets: over_nets(NetAlgorithm::Random {}).search_nets,
        ..searching(Algorithm::Asha { eta: 3 }, None)
    };
    let (plan, _) = run(&build, |_| 0, |_| false);
    assert!(plan.complete);
    let best = plan.findings.nets.as_ref().unwrap().best().unwrap().net.clone();
    assert!(trainings(&plan).all(|(task, ..)| matches!(task, Task::Train { net, .. } if *net == best)));
}
