//! Nets beside torchvision's, with the same made-up weights and images; `tests/oracle/nets.py` wrote what torchvision says.

use super::{Network, Values, len, numbers};
use crate::net::Pass;
use crate::random::Random;
use imgcalc_shared::net::{self, Layer, Role, Variable};
use imgcalc_shared::training::Net;
use serde::Deserialize;
use std::collections::BTreeMap;
use tch::{Device, Tensor};

/// Part of the largest logit by which another may differ.
const TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
struct Golden {
    parameters_of_1000_classes: u64,
    classes: u16,
    variables: BTreeMap<String, Vec<i64>>,
    /// Mean, deviation and largest size of first values from some seed.
    starts: BTreeMap<String, [f64; 3]>,
    evaluated: Vec<Batch>,
    trained: Batch,
    running: BTreeMap<String, [f64; 2]>,
}

/// Images × channels × height × width, and what the net makes of them.
#[derive(Deserialize)]
struct Batch {
    shape: [i64; 4],
    logits: Vec<f64>,
}

fn golden(name: &str) -> (Net, Golden) {
    let net = serde_json::from_str(&format!(r#"{{"name":"{name}"}}"#)).unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/nets");
    let text = std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap();
    (net, serde_json::from_str(&text).unwrap())
}

/// Uniform in [-1, 1): FNV-1a of the name plus the index, through SplitMix64's finaliser.
fn made_up(name: &str, count: i64) -> impl Iterator<Item = f64> + use<> {
    let fnv = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
    let start = name.bytes().fold(0xCBF2_9CE4_8422_2325, fnv);
    (0..count as u64).map(move |index| {
        let mut z = start.wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 11) as f64 / (1_u64 << 53) as f64 * 2.0 - 1.0
    })
}

pub(crate) fn filled(variable: &Variable) -> Vec<f32> {
    let Variable { name, shape, .. } = variable;
    let values = made_up(name, len(variable));
    let around_one = name.ends_with("running_var") || name.ends_with("weight");
    let value = |x: f64| match shape.as_slice() {
        [_, inner @ ..] if !inner.is_empty() => x * (3.0 / inner.iter().product::<i64>() as f64).sqrt(),
        _ if around_one => 1.0 + x / 2.0,
        _ => x / 2.0,
    };
    values.map(|x| value(x) as f32).collect()
}

pub(crate) fn images(shape: [i64; 4]) -> Tensor {
    let values = made_up("images", shape.iter().product()).map(|x| (x * 3_f64.sqrt()) as f32);
    Tensor::from_slice(&values.collect::<Vec<f32>>()).view(shape)
}

/// Without what is drawn by each side from its own generator.
fn undropped(layers: &mut [Layer]) {
    for layer in layers {
        match layer {
            Layer::Dropout(probability) => *probability = 0.0,
            Layer::Sum { body, shortcut, drop } => {
                *drop = 0.0;
                undropped(body);
                undropped(shortcut);
            }
            Layer::Scale(inner) => undropped(inner),
            Layer::Shuffle { left, right } => {
                undropped(left.as_deref_mut().unwrap_or_default());
                undropped(right);
            }
            _ => {}
        }
    }
}

fn network(net: &Net, channels: i64, classes: u16) -> Network {
    let variables = net::variables(net, channels as u16, classes).unwrap();
    let mut layers = net::layers(net, channels as u16, classes).unwrap();
    undropped(&mut layers);
    let values: Values = variables
        .iter()
        .map(|variable| (variable.name.clone(), (variable.shape.clone(), filled(variable))))
        .collect();
    let mut network = Network::of(variables, &layers, Device::Cpu).unwrap();
    network.fill(&values).unwrap();
    network
}

fn assert_close(found: &Tensor, expected: &[f64], what: &str) {
    let found = Vec::<f64>::try_from(found.flatten(0, -1).to_kind(tch::Kind::Double)).unwrap();
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0, |scale: f64, x| scale.max(x.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() <= TOLERANCE * scale,
            "{what}: {found} for {expected} of {scale}"
        );
    }
}

/// Whether a variable is drawn from the distribution theirs was drawn from, as far as few numbers can tell.
fn starts_like(variable: &Variable, [mean, deviation, largest]: [f64; 3]) {
    let many = variable.len() >= 2000;
    let near = |expected: f64| (deviation / expected - 1.0).abs() < 0.1;
    let alike = match variable.role {
        Role::Constant(value) | Role::Buffer(value) => mean == f64::from(value) && deviation == 0.0,
        Role::Uniform(bound) => {
            largest > 0.5 * bound && largest <= bound && (!many || near(bound / 3_f64.sqrt()))
        }
        Role::Normal(expected) => deviation > 0.0 && (!many || near(expected) && largest > 2.5 * expected),
    };
    assert!(alike, "{variable:?}: {mean} ± {deviation}, up to {largest}");
}

fn equals_torchvision(name: &str) {
    crate::set_threads(1);
    let (net, golden) = golden(name);
    assert_eq!(
        net::parameters(&net, 3, 1000).unwrap(),
        golden.parameters_of_1000_classes
    );
    let variables = net::variables(&net, 3, golden.classes).unwrap();
    let named: BTreeMap<String, Vec<i64>> = variables
        .iter()
        .map(|variable| (variable.name.clone(), variable.shape.clone()))
        .collect();
    assert_eq!(named.len(), variables.len(), "a name is there twice");
    assert_eq!(named, golden.variables);
    for variable in &variables {
        starts_like(variable, golden.starts[&variable.name]);
    }
    tch::no_grad(|| {
        for Batch { shape, logits } in &golden.evaluated {
            let network = network(&net, shape[1], golden.classes);
            let found = network.forward(&images(*shape), Pass::Evaluate).unwrap();
            assert_close(&found, logits, &format!("{name} of {shape:?}"));
        }
        let Batch { shape, logits } = &golden.trained;
        let network = network(&net, shape[1], golden.classes);
        let mut random = Random::new(0, "test");
        let found = network
            .forward(&images(*shape), Pass::Train(&mut random))
            .unwrap();
        assert_close(&found, logits, &format!("{name} in training"));
        let buffers = network.variables().iter().filter(|variable| variable.is_buffer());
        for variable in buffers {
            let name = &variable.name;
            let (_, values) = numbers(variable, &network.views[name]).unwrap();
            let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / len(variable) as f64;
            let values = || values.iter().map(|&x| f64::from(x));
            let factors = made_up(&format!("gist of {name}"), len(variable));
            let found = [
                mean(&mut values()),
                mean(&mut values().zip(factors).map(|(x, factor)| x * factor)),
            ];
            let scale = values().fold(0.0, |scale: f64, x| scale.max(x.abs()));
            for (found, expected) in found.iter().zip(golden.running[name]) {
                assert!(
                    (found - expected).abs() <= TOLERANCE * scale,
                    "{name}: {found} for {expected}"
                );
            }
        }
        assert_eq!(
            golden.running.len(),
            network.variables().iter().filter(|v| v.is_buffer()).count()
        );
    });
}

#[test]
fn resnet18_equals_torchvisions() {
    equals_torchvision("resnet18");
}

#[test]
fn mobilenet_v3_small_equals_torchvisions() {
    equals_torchvision("mobilenet_v3_small");
}

#[test]
fn shufflenet_v2_x1_0_equals_torchvisions() {
    equals_torchvision("shufflenet_v2_x1_0");
}

#[test]
fn resnet50_equals_torchvisions() {
    equals_torchvision("resnet50");
}

#[test]
fn efficientnet_b3_equals_torchvisions() {
    equals_torchvision("efficientnet_b3");
}
