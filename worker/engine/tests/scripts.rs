//! Trainings of nets that came as TorchScript files, and of nets that start from a file of weights.

mod support;

use imgcalc_engine::{
    Definition, EngineError, Init, TrainData, Wish, execute_times, predict, train, weights_file_of,
};
use imgcalc_shared::training::{Hyper, InputShape, Net};
use std::time::Duration;
use support::*;

fn script(name: &str) -> Definition {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/scripts");
    Definition::of_script(std::fs::read(format!("{folder}/{name}.pt")).unwrap())
}

fn gentle(epochs: u32) -> Hyper {
    Hyper {
        learning_rate: 0.02,
        ..hyper(epochs)
    }
}

fn small(side: u16, period: u16) -> TrainData {
    let whole = data(side, period);
    TrainData { test: None, ..whole }
}

#[test]
fn scripts_that_drop_and_normalise_resume_bit_for_bit() {
    setup();
    for name in ["normed", "swin"] {
        let (net, data) = (script(name), small(8, 1));
        let keeper = |at| Keeper {
            at,
            ..Keeper::default()
        };
        let mut kept = keeper(vec![(place(1, 2), Wish::Checkpoint)]);
        let whole = train(&net, &gentle(3), &data, Init::Scratch, None, &mut kept).unwrap();
        let at = |epoch, step| {
            &kept
                .checkpoints
                .iter()
                .find(|(at, _)| *at == place(epoch, step))
                .unwrap()
                .1
        };
        for checkpoint in [at(1, 0), at(1, 2), at(2, 0)] {
            let mut again = keeper(vec![]);
            let resumed = train(
                &net,
                &gentle(3),
                &data,
                Init::Scratch,
                Some(checkpoint),
                &mut again,
            );
            assert!(resumed.unwrap() == whole, "{name}");
        }
        let other = Hyper { seed: 8, ..gentle(3) };
        let other = train(&net, &other, &data, Init::Scratch, None, &mut keeper(vec![])).unwrap();
        assert!(other.weights != whole.weights, "{name}");
    }
}

#[test]
fn weights_of_a_script_are_handed_to_images_of_another_size_and_predict() {
    setup();
    let net = script("swin");
    let (large, little) = (small(12, 1), small(6, 1));
    let mut keeper = Keeper::default();
    let first = train(&net, &gentle(4), &large, Init::Scratch, None, &mut keeper).unwrap();
    let init = Init::Weights(&first.weights);
    let mut keeper = Keeper::default();
    let second = train(&net, &gentle(2), &little, init, None, &mut keeper).unwrap();
    assert!(second.weights != first.weights && second.parameters == first.parameters);
    for (trained, data) in [(&first, &large), (&second, &little)] {
        let found = predict(&net, &trained.weights, &data.validation, CLASSES).unwrap();
        let pairs = found.iter().zip(&data.validation.labels);
        let right = pairs.filter(|(found, label)| found == label).count();
        assert_eq!(right as f64 / found.len() as f64, trained.accuracy);
    }
    let other = predict(script("normed"), &first.weights, &large.validation, CLASSES);
    assert!(matches!(other, Err(EngineError::BadWeights(_))));
}

#[test]
fn a_script_bound_to_one_size_is_measured_and_trained_at_that_only() {
    setup();
    let net = script("flat");
    let shape = |side| InputShape {
        channels: 1,
        height: side,
        width: side,
    };
    let times = |side| execute_times(&net, shape(side), CLASSES, 2, 1, 3, Duration::from_secs(60));
    assert_eq!(times(8).unwrap().len(), 3);
    assert!(matches!(times(9), Err(EngineError::BadData(_))));
    let mut keeper = Keeper::default();
    assert!(train(&net, &gentle(1), &small(8, 1), Init::Scratch, None, &mut keeper).is_ok());
    let error = train(&net, &gentle(1), &small(6, 1), Init::Scratch, None, &mut keeper).unwrap_err();
    assert!(error.to_string().contains("[2, 1, 6, 6]"), "{error}");
}

#[test]
fn weights_of_a_training_are_a_file_to_start_from_whatever_the_number_of_classes() {
    setup();
    let (trained, _) = run(&hyper(2), &small(6, 1), Init::Scratch, None).unwrap();
    assert_eq!(
        weights_file_of(&net(), None, &trained.weights).unwrap(),
        (1, CLASSES)
    );
    let frozen = Hyper {
        learning_rate: 0.0,
        ..hyper(1)
    };
    // With as many classes they are the very weights; nothing is drawn.
    let (same, _) = run(&frozen, &small(6, 1), Init::File(&trained.weights), None).unwrap();
    let (handed, _) = run(&frozen, &small(6, 1), Init::Weights(&trained.weights), None).unwrap();
    assert!(same == handed);
    let more = TrainData {
        classes: 7,
        ..small(6, 1)
    };
    let (other, _) = run(&hyper(1), &more, Init::File(&trained.weights), None).unwrap();
    assert_eq!(weights_file_of(&net(), None, &other.weights).unwrap(), (1, 7));
    let wider = Net::SmallResnet {
        width: 5,
        blocks: vec![1, 1],
    };
    let init = Init::File(&trained.weights);
    let error = train(&wider, &hyper(1), &more, init, None, &mut Keeper::default()).unwrap_err();
    assert!(error.to_string().contains("they belong to"), "{error}");
}

#[test]
fn weights_of_a_script_are_a_file_for_that_script_alone() {
    setup();
    let net = script("normed");
    let mut keeper = Keeper::default();
    let trained = train(&net, &gentle(1), &small(8, 1), Init::Scratch, None, &mut keeper).unwrap();
    let known = Some((1, CLASSES));
    assert_eq!(
        weights_file_of(&net, known, &trained.weights).unwrap(),
        (1, CLASSES)
    );
    let init = Init::File(&trained.weights);
    assert!(train(&net, &gentle(1), &small(5, 1), init, None, &mut Keeper::default()).is_ok());
    assert!(weights_file_of(script("swin"), known, &trained.weights).is_err());
}
