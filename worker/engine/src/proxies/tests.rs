use super::*;
use crate::net::oracle::{filled, images};
use crate::{Blocks, Samples, TrainData};
use serde::Deserialize;

/// Written by `tests/oracle/proxies.py`.
const GOLDEN: &str = include_str!("../../tests/golden/proxies.json");
const SHAPE: InputShape = InputShape {
    channels: 3,
    height: 12,
    width: 10,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    net: Net,
    synflow: f64,
    grad_norm: f64,
    jacobian_covariance: f64,
    naswot: f64,
}

#[test]
fn proxies_are_those_that_pytorch_computes() {
    crate::set_threads(1);
    let golden: Vec<Golden> = serde_json::from_str(GOLDEN).unwrap();
    assert_eq!(golden.len(), 3);
    for golden in golden {
        let device = Device::Cpu;
        let mut network = Network::new(&(&golden.net).into(), SHAPE, 10, device).unwrap();
        let named = network.variables().iter().map(|variable| {
            let shape = variable.shape.clone();
            (variable.name.clone(), (shape, filled(variable)))
        });
        network.fill(&named.collect()).unwrap();
        let labels = Tensor::from_slice(&[0_i64, 1, 2, 3, 4, 0]);
        let images = images([6, 3, 12, 10]);
        let found = of_network(&golden.net, SHAPE, 10, &mut network, &images, &labels).unwrap();
        for (what, found, expected) in [
            ("synflow", found.synflow, golden.synflow),
            ("grad_norm", found.grad_norm, golden.grad_norm),
            (
                "jacobian_covariance",
                found.jacobian_covariance,
                golden.jacobian_covariance,
            ),
            ("naswot", found.naswot, golden.naswot),
        ] {
            let miss = (found - expected).abs() / expected.abs();
            assert!(miss < 1e-4, "{:?}: {what} {found} {expected}", golden.net);
        }
    }
}

#[test]
fn the_score_of_a_jacobian_is_as_by_hand() {
    let score = |rows: [f32; 8]| covariance(&Tensor::from_slice(&rows).view([2, 4])).unwrap();
    let of = |spread: f64| (spread + SPREAD_MIN).ln() + 1.0 / (spread + SPREAD_MIN);
    let close = |found: f64, expected: f64| (found - expected).abs() < 1e-6 * expected.abs();
    // What does not correlate has eigenvalues 1 and 1, what is alike up to a factor 2 and 0.
    let apart = score([1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 2.0, -2.0]);
    assert!(close(apart, -2.0 * of(1.0)), "{apart}");
    let alike = score([1.0, -1.0, 0.0, 0.0, 3.0, -3.0, 0.0, 0.0]);
    assert!(close(alike, -of(2.0) - of(0.0)), "{alike}");
    // An image without a reaction correlates with none, not even with itself.
    let without = score([1.0, -1.0, 0.0, 0.0, 5.0, 5.0, 5.0, 5.0]);
    assert!(close(without, -of(1.0) - of(0.0)), "{without}");
}

#[test]
fn codes_count_where_two_images_agree() {
    let mut codes = Codes::default();
    let made = |values: [f32; 6]| Tensor::from_slice(&values).view([2, 3, 1, 1]);
    codes
        .add(Activation::Relu, &made([1.0, 0.0, 2.0, 0.0, 0.0, 3.0]))
        .unwrap();
    // Gates tell nothing apart.
    codes.add(Activation::Sigmoid, &made([0.1; 6])).unwrap();
    // 3 with themselves, 2 with each other.
    assert!((codes.log_determinant().unwrap() - 5_f64.ln()).abs() < 1e-12);
    // Below 0 is what SiLU and hard swish make of what is below 0.
    codes
        .add(Activation::Silu, &made([-0.1, 1.0, 1.0, 2.0, -0.2, -0.1]))
        .unwrap();
    // 6 and 2.
    assert!((codes.log_determinant().unwrap() - 32_f64.ln()).abs() < 1e-12);
    let mut same = Codes::default();
    same.add(Activation::HardSwish, &made([1.0; 6])).unwrap();
    let expected = 6_f64.ln() + SPREAD_MIN.ln();
    assert!((same.log_determinant().unwrap() - expected).abs() < 1e-9);
}

fn data() -> TrainData {
    let part = |images: usize| Samples {
        shape: SHAPE,
        blocks: Blocks::PIXELS,
        values: (0..images * SHAPE.values())
            .map(|at| (at * 7919 % 251) as i16 - 125)
            .collect(),
        labels: (0..images).map(|image| (image % 4) as u16).collect(),
    };
    TrainData {
        train: part(12),
        validation: part(2),
        test: None,
        classes: 4,
    }
}

fn looked_at(net: &Net, batch: u32, seed: u64) -> Result<Proxies, EngineError> {
    crate::set_threads(1);
    proxies(net, &mut Feeds::try_from(&data()).unwrap(), batch, seed)
}

#[test]
fn every_built_in_net_can_be_looked_at_and_looks_the_same_again() {
    let small = Net::SmallResnet {
        width: 4,
        blocks: vec![1, 1],
    };
    for net in [small.clone(), Net::MobilenetV3Small {}, Net::ShufflenetV2X1_0 {}] {
        let found = looked_at(&net, 8, 1).unwrap();
        assert!(found.grad_norm > 0.0, "{net:?}: {found:?}");
        assert_eq!(looked_at(&net, 8, 1).unwrap(), found, "{net:?}");
    }
    assert_ne!(looked_at(&small, 8, 1).unwrap(), looked_at(&small, 8, 2).unwrap());
    let wide = Net::SmallResnet {
        width: 16,
        blocks: vec![1, 1],
    };
    let (narrow, wide) = (looked_at(&small, 8, 1).unwrap(), looked_at(&wide, 8, 1).unwrap());
    assert!(wide.synflow > narrow.synflow + 1.0, "{wide:?} {narrow:?}");
}

#[test]
fn what_cannot_be_looked_at_is_refused() {
    let net = Net::SmallResnet {
        width: 2,
        blocks: vec![1],
    };
    for batch in [0, 1, 13] {
        let error = looked_at(&net, batch, 1).unwrap_err().to_string();
        assert!(error.contains("2 at least, and there are 12 at most"), "{error}");
    }
    let script = Net::Torchscript { script: "s".into() };
    let error = looked_at(&script, 8, 1).unwrap_err().to_string();
    assert!(error.contains("take a built-in net"), "{error}");
}

#[test]
fn a_net_too_deep_for_its_flow_is_refused_and_not_called_infinite() {
    let net = Net::SmallResnet {
        width: 16,
        blocks: vec![400],
    };
    let error = looked_at(&net, 2, 1).unwrap_err().to_string();
    assert!(error.contains("too deep"), "{error}");
}
