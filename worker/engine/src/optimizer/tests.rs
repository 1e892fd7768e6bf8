//! Steps beside those of libtorch's own optimisers, which are written tensor by tensor.

use super::*;
use crate::net::{Definition, Pass};
use crate::random::Random;
use imgcalc_shared::training::{InputShape, Net};
use tch::nn::{self, OptimizerConfig};
use tch::{Device, Kind};

fn network() -> Network {
    let net = Net::SmallResnet {
        width: 4,
        blocks: vec![1, 1],
    };
    let shape = InputShape {
        channels: 2,
        height: 6,
        width: 6,
    };
    let mut network = Network::new(&Definition::from(&net), shape, 3, Device::Cpu).unwrap();
    network.fill_from_seed(1).unwrap();
    network
}

/// Steps of ours and of `theirs`, from the same weights with the same gradients; the largest difference of any weight.
fn differ(hyper: &Hyper, theirs: impl OptimizerConfig, rate: fn(u64) -> f64) -> f64 {
    crate::set_threads(1);
    let mut network = network();
    let mut ours = Optimizer::new(&mut network, hyper).unwrap();
    let leaves = network.leaves().unwrap();
    let store = nn::VarStore::new(Device::Cpu);
    let copies: Vec<Tensor> = leaves
        .iter()
        .enumerate()
        .map(|(at, leaf)| store.root().var_copy(&format!("leaf{at}"), leaf))
        .collect();
    let mut theirs = theirs.build(&store, 0.1).unwrap();
    let input = Tensor::arange(5 * 72, (Kind::Float, Device::Cpu))
        .sin()
        .view([5, 2, 6, 6]);
    let labels = Tensor::from_slice(&[0_i64, 1, 2, 0, 1]);
    let mut largest = 0.0_f64;
    for number in 1..=20 {
        let pass = Pass::Train(&mut Random::new(0, "test"));
        let loss = network
            .forward(&input, pass)
            .unwrap()
            .cross_entropy_for_logits(&labels);
        ours.clear().unwrap();
        loss.backward();
        // The same gradients for both: a loss whose derivative they are.
        let mut sum = Tensor::zeros([], (Kind::Float, Device::Cpu));
        for (copy, leaf) in copies.iter().zip(&leaves) {
            sum += (copy * leaf.grad().detach()).sum(Kind::Float);
        }
        theirs.set_lr(rate(number));
        theirs.backward_step(&sum);
        ours.step(rate(number), number).unwrap();
        for (copy, leaf) in copies.iter().zip(&leaves) {
            let difference = (copy.detach() - leaf.detach()).abs().max().double_value(&[]);
            largest = largest.max(difference);
        }
    }
    assert!(largest.is_finite());
    let moved = (network.fitted.detach() - self::network().fitted.detach())
        .abs()
        .max();
    assert!(moved.double_value(&[]) > 0.01, "the weights move");
    largest
}

#[test]
fn sgd_steps_as_libtorch_does() {
    let hyper = Hyper {
        weight_decay: 3e-4,
        ..Hyper::default()
    };
    let theirs = nn::Sgd {
        momentum: 0.9,
        dampening: 0.0,
        wd: 3e-4,
        nesterov: false,
    };
    let difference = differ(&hyper, theirs, |number| 0.1 / number as f64);
    assert!(difference < 1e-6, "{difference}");
}

#[test]
fn adamw_steps_as_libtorch_does() {
    let hyper = Hyper {
        optimizer: training::Optimizer::AdamW,
        weight_decay: 3e-2,
        ..Hyper::default()
    };
    let theirs = nn::AdamW {
        beta1: 0.9,
        beta2: SECOND_DECAY,
        wd: 3e-2,
        eps: EPSILON,
        amsgrad: false,
    };
    let difference = differ(&hyper, theirs, |number| 0.03 / number as f64);
    assert!(difference < 1e-5, "{difference}");
}

#[test]
fn a_backward_pass_after_clearing_hands_its_own_gradients_over() {
    let mut network = network();
    let mut optimizer = Optimizer::new(&mut network, &Hyper::default()).unwrap();
    assert_eq!(optimizer.gradient_norm().unwrap().double_value(&[]), 0.0);
    let leaves = network.leaves().unwrap();
    let mut norms = Vec::new();
    for _ in 0..2 {
        optimizer.clear().unwrap();
        let sums: Vec<Tensor> = leaves.iter().map(|leaf| leaf.sum(Kind::Float)).collect();
        Tensor::stack(&sums, 0).sum(Kind::Float).backward();
        norms.push(optimizer.gradient_norm().unwrap().double_value(&[]));
    }
    // All derivatives are 1.
    let numbers: i64 = leaves.iter().map(|leaf| leaf.numel() as i64).sum();
    assert!((norms[0] - (numbers as f64).sqrt()).abs() < 1e-3, "{norms:?}");
    assert_eq!(norms[0], norms[1]);
}
