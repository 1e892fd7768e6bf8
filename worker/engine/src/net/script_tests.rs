//! Scripts beside what Python says of the same nets; `tests/oracle/scripts.py` wrote both.

use super::{Definition, Network, Pass, Trial, Values};
use crate::EngineError;
use crate::random::Random;
use imgcalc_shared::training::InputShape;
use serde::Deserialize;
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

const CLASSES: u16 = 3;
const RATE: f64 = 0.1;
/// Relative.
const TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
struct Golden {
    /// Logits of two images by their side.
    evaluated: BTreeMap<i64, Vec<f64>>,
    /// Of steps with plain SGD on four images of the last side.
    losses: Vec<f64>,
    /// Sums of sizes, at the first step.
    gradients: BTreeMap<String, f64>,
    /// The same of all floats after the last.
    values: BTreeMap<String, f64>,
}

fn script(name: &str) -> Definition {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/scripts");
    Definition::of_script(std::fs::read(format!("{folder}/{name}.pt")).unwrap())
}

fn shape(side: u16) -> InputShape {
    InputShape {
        channels: 1,
        height: side,
        width: side,
    }
}

fn network(name: &str, side: u16) -> Network {
    crate::set_threads(1);
    Network::new(&script(name), shape(side), CLASSES, Device::Cpu).unwrap()
}

fn images(count: i64, side: i64) -> Tensor {
    let numbers = Tensor::arange(count * side * side, (Kind::Float, Device::Cpu));
    numbers.sin().view([count, 1, side, side])
}

fn evaluate(network: &Network, images: &Tensor) -> Vec<f64> {
    let logits = tch::no_grad(|| network.forward(images, Pass::Evaluate)).unwrap();
    Vec::try_from(logits.flatten(0, -1).to_kind(Kind::Double)).unwrap()
}

fn train(network: &Network, images: &Tensor, seed: u64) -> Tensor {
    let mut random = Random::new(seed, "test");
    network.forward(images, Pass::Train(&mut random)).unwrap()
}

fn sums(values: &Values) -> BTreeMap<String, f64> {
    let sum = |numbers: &[f32]| numbers.iter().map(|&x| f64::from(x.abs())).sum();
    values
        .iter()
        .map(|(name, (_, numbers))| (name.clone(), sum(numbers)))
        .collect()
}

fn assert_close(found: f64, expected: f64, what: &str) {
    let scale = expected.abs().max(1e-3);
    assert!(
        (found - expected).abs() <= TOLERANCE * scale,
        "{what}: {found} for {expected}"
    );
}

fn assert_all_close(found: &BTreeMap<String, f64>, expected: &BTreeMap<String, f64>) {
    assert!(found.keys().eq(expected.keys()), "{found:?}");
    for (name, expected) in expected {
        assert_close(found[name], *expected, name);
    }
}

fn equals_pythons(file: &str, golden: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/scripts");
    let text = std::fs::read_to_string(format!("{folder}/{golden}.json")).unwrap();
    let golden: Golden = serde_json::from_str(&text).unwrap();
    let mut side = 0;
    for (&one, logits) in &golden.evaluated {
        side = one;
        let found = evaluate(&network(file, side as u16), &images(2, side));
        assert_eq!(found.len(), logits.len());
        for (found, expected) in found.iter().zip(logits) {
            assert_close(*found, *expected, "a logit");
        }
    }
    let mut network = network(file, side as u16);
    let leaves = network.leaves().unwrap();
    let labels = Tensor::from_slice(&[0_i64, 1, 2, 0]);
    for (step, expected) in golden.losses.iter().enumerate() {
        leaves.iter().for_each(|leaf| leaf.shallow_clone().zero_grad());
        let loss = train(&network, &images(4, side), 0).cross_entropy_for_logits(&labels);
        loss.backward();
        assert_close(loss.double_value(&[]), *expected, "a loss");
        let gradients = network.fitted.zeros_like();
        for (mut part, leaf) in network.views_like(&gradients).unwrap().into_iter().zip(&leaves) {
            part.copy_(&leaf.grad());
        }
        if step == 0 {
            assert_all_close(
                &sums(&network.values_like(&gradients).unwrap()),
                &golden.gradients,
            );
        }
        // The module sees the step: its parameters are views of the flat tensor.
        let _ = tch::no_grad(|| network.fitted.shallow_clone().g_sub_(&(&gradients * RATE)));
    }
    assert_all_close(&sums(&network.values().unwrap()), &golden.values);
}

#[test]
fn a_net_with_batch_normalisation_equals_pythons() {
    equals_pythons("normed_undropped", "normed");
}

#[test]
fn a_swin_transformer_equals_pythons() {
    equals_pythons("swin_undropped", "swin");
}

#[test]
fn a_net_bound_to_one_size_equals_pythons() {
    equals_pythons("flat", "flat");
}

#[test]
fn what_is_dropped_follows_from_the_seed_and_only_training_drops_or_keeps_statistics() {
    for name in ["normed", "swin"] {
        let network = network(name, 8);
        let images = images(8, 8);
        let before = evaluate(&network, &images);
        let statistics = network.statistics.copy();
        assert_eq!(evaluate(&network, &images), before);
        assert_eq!(network.statistics, statistics, "{name}");
        let first = train(&network, &images, 1);
        // Whatever else draws in between.
        let _ = Tensor::rand([7], (Kind::Float, Device::Cpu));
        assert_eq!(train(&network, &images, 1), first, "{name}");
        assert_ne!(train(&network, &images, 2), first, "{name}");
        let moved = network.statistics != statistics;
        assert_eq!(moved, name == "normed", "{name}");
        assert_eq!(evaluate(&network, &images) != before, moved, "{name}");
    }
}

#[test]
fn whole_numbers_stay_in_the_script() {
    for (variable, expected) in [("bn.num_batches_tracked", false), ("bn.running_mean", true)] {
        let network = network("normed", 5);
        let found = network.variables().iter().any(|found| found.name == variable);
        assert_eq!(found, expected, "{variable}");
    }
    assert!(
        network("swin", 8)
            .variables()
            .iter()
            .all(|variable| !variable.is_buffer() && !variable.name.contains("index"))
    );
}

fn refused(name: &str, side: u16, classes: u16) -> String {
    match Network::new(&script(name), shape(side), classes, Device::Cpu) {
        Err(EngineError::BadData(reason)) => reason,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("{name} is taken"),
    }
}

#[test]
fn a_script_that_cannot_be_trained_is_refused_with_what_to_do() {
    for (name, reason) in [
        ("bad_traced", "export the net with worker/export/export_net.py"),
        ("bad_buffers", "export the net with worker/export/export_net.py"),
        ("bad_half", "`fc.bias` is Half"),
        ("bad_shared", "shares its numbers"),
        ("bad_none", "no parameter to train"),
    ] {
        let found = refused(name, 8, CLASSES);
        assert!(found.contains(reason), "{name}: {found}");
    }
    let nothing = Definition::of_script(b"PK nothing".to_vec());
    let error = Network::new(&nothing, shape(8), CLASSES, Device::Cpu)
        .err()
        .unwrap();
    assert!(error.to_string().contains("cannot be read"), "{error}");
    let missing = Definition::from(nothing.net());
    let error = Network::new(&missing, shape(8), CLASSES, Device::Cpu)
        .err()
        .unwrap();
    assert!(error.to_string().contains("are not given"), "{error}");
}

#[test]
fn images_and_classes_a_script_is_not_made_for_are_refused_before_a_training() {
    let found = refused("flat", 9, CLASSES);
    assert!(
        found.contains("does not take images of [2, 1, 9, 9]")
            && found.contains("shapes cannot be multiplied"),
        "{found}"
    );
    let found = refused("flat", 8, 5);
    assert!(
        found.contains("tells 3 classes apart, but there are 5"),
        "{found}"
    );
}

#[test]
fn a_trial_finds_what_a_script_takes() {
    crate::set_threads(1);
    let mut trial = Trial::open(&script("swin")).unwrap();
    assert_eq!(trial.classes(shape(8)).unwrap(), CLASSES);
    let colour = InputShape {
        channels: 3,
        ..shape(8)
    };
    assert!(trial.classes(colour).is_err());
    trial.trains(shape(8)).unwrap();
    assert!(trial.parameters() > 1000);
    let mut replaces = Trial::open(&script("replaces")).unwrap();
    let error = replaces.trains(shape(8)).unwrap_err().to_string();
    assert!(error.contains("replaces `mean`"), "{error}");
}
