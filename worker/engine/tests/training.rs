//! Trainings of tiny nets on toy problems: they learn, repeat and resume bit for bit, and refuse what does not belong.

mod support;

use imgcalc_engine::{EngineError, Init, TrainData, Wish, predict, train};
use imgcalc_shared::training::Hyper;
use support::*;

#[test]
fn a_separable_problem_is_learnt() {
    setup();
    let data = data(9, 1);
    let (trained, keeper) = run(&hyper(6), &data, Init::Scratch, None).unwrap();
    assert!(
        trained.accuracy > 0.9 && trained.test_accuracy.unwrap() > 0.9,
        "{:?}",
        trained.curve
    );
    assert!(trained.loss < trained.curve[0].loss);
    assert_eq!(
        (trained.curve.len(), trained.curve[5].accuracy),
        (6, trained.accuracy)
    );

    let found = predict(&net(), &trained.weights, data.test.as_ref().unwrap(), CLASSES).unwrap();
    let right = found
        .iter()
        .zip(&data.test.unwrap().labels)
        .filter(|(a, b)| a == b)
        .count();
    assert_eq!(right as f64 / 30.0, trained.test_accuracy.unwrap());

    let last = keeper.reports.last().unwrap();
    assert_eq!(
        (last.epoch, last.step, last.steps, last.images_seen),
        (6, 6, 6, 540)
    );
    assert_eq!((last.loss, last.accuracy), (trained.loss, Some(trained.accuracy)));
    assert!(keeper.reports.len() == 36 && keeper.reports.iter().all(|report| report.images_per_second > 0.0));
}

#[test]
fn equal_seeds_give_equal_weights_and_others_do_not() {
    setup();
    let data = data(6, 1);
    let weights = |seed| {
        run(&Hyper { seed, ..hyper(2) }, &data, Init::Scratch, None)
            .unwrap()
            .0
            .weights
    };
    assert!(weights(1) == weights(1));
    assert!(weights(1) != weights(2));
}

#[test]
fn a_predecessor_of_another_size_and_period_hands_its_weights_on() {
    setup();
    let before = run(&hyper(6), &data(12, 2), Init::Scratch, None).unwrap().0;
    let start = Hyper {
        learning_rate: 0.0,
        weight_decay: 0.0,
        ..hyper(1)
    };
    for (side, period) in [(9, 1), (9, 3), (1, 1)] {
        let after = run(&start, &data(side, period), Init::Weights(&before.weights), None)
            .unwrap()
            .0;
        assert_eq!(after.parameters, before.parameters);
        assert!(side == 1 || after.accuracy > 0.5, "{side}: {}", after.accuracy);
        // The standardisation is the successor's own.
        let own = predict(&net(), &after.weights, &data(side, period).validation, CLASSES);
        assert!(own.is_ok(), "{own:?}");
        assert!(
            period == 2 || predict(&net(), &before.weights, &data(side, period).validation, CLASSES).is_err()
        );
    }
}

#[test]
fn a_diverging_training_is_a_numeric_failure_with_its_place() {
    setup();
    let wild = Hyper {
        learning_rate: 1e38,
        momentum: 0.99,
        ..hyper(3)
    };
    let error = run(&wild, &data(6, 1), Init::Scratch, None)
        .map(|_| ())
        .unwrap_err();
    assert!(
        matches!(
            error,
            EngineError::Numeric {
                epoch: 1,
                step: 2..=6,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn impossible_demands_are_refused() {
    setup();
    let refused = |hyper: Hyper, data: &TrainData, reason: &str| {
        let error = run(&hyper, data, Init::Scratch, None).map(|_| ()).unwrap_err();
        assert!(
            matches!(&error, EngineError::BadData(text) if text.contains(reason)),
            "{error}"
        );
    };
    let good = data(6, 1);
    refused(hyper(0), &good, "no epoch");
    refused(
        Hyper {
            batch_size: 1,
            ..hyper(1)
        },
        &good,
        "two images",
    );
    refused(
        Hyper {
            learning_rate: f64::NAN,
            ..hyper(1)
        },
        &good,
        "learning rate",
    );
    refused(
        Hyper {
            momentum: 1.0,
            ..hyper(1)
        },
        &good,
        "momentum",
    );
    refused(
        hyper(1),
        &TrainData {
            classes: 2,
            ..good.clone()
        },
        "has label 2",
    );
    refused(
        hyper(1),
        &TrainData {
            validation: samples(3, 9, 1, 1),
            ..good.clone()
        },
        "validation: images of 1x9x9",
    );
    refused(
        hyper(1),
        &TrainData {
            test: Some(samples(0, 6, 1, 1)),
            ..good
        },
        "test: there is no image",
    );
}

#[test]
fn the_observer_stops_a_training_by_request_and_by_failing_to_store() {
    setup();
    let mut keeper = Keeper {
        at: vec![(place(0, 0), Wish::Stop)],
        ..Keeper::default()
    };
    let stopped = train(&net(), &hyper(1), &data(3, 1), Init::Scratch, None, &mut keeper);
    assert!(matches!(stopped, Err(EngineError::Stopped)) && keeper.reports.is_empty());
    let mut keeper = Keeper {
        refuse: true,
        ..Keeper::default()
    };
    let failed = train(&net(), &hyper(1), &data(3, 1), Init::Scratch, None, &mut keeper);
    assert!(matches!(failed, Err(EngineError::Checkpoint(reason)) if reason == "the disk is full"));
}
