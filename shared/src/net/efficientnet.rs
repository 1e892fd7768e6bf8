//! EfficientNet-B3 with torchvision's names.

use super::layer::{divisible, squeeze};
use super::{Activation, Convolution, Layer, Role, Window};
use Activation::{Sigmoid, Silu};

/// Factor by which a block widens, side of its window, stride of the stage's first block, channels out, blocks.
type Stage = (u32, u32, u32, u32, u32);

/// Table 1 of the paper: B0, of which the others are scaled copies.
const STAGES: [Stage; 7] = [
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
];
const WIDTH: f64 = 1.2;
const DEPTH: f64 = 1.4;
const DROPOUT: f64 = 0.3;
/// Probability to drop a block; it grows from 0 towards this with the block's depth.
const DROP: f64 = 0.2;

pub(super) fn b3(channels: u32, classes: u32) -> Vec<Layer> {
    let wide = |channels: u32| divisible(f64::from(channels) * WIDTH);
    let deep = |blocks: u32| (f64::from(blocks) * DEPTH).ceil() as u32;
    let all: u32 = STAGES.iter().map(|stage| deep(stage.4)).sum();
    let mut input = wide(32);
    let mut layers = conv("features.0", (channels, input), Window::centred(3, 2), 1);
    layers.push(Layer::Activation(Silu));
    let mut done = 0;
    for (stage, (factor, side, stride, output, blocks)) in (1..).zip(STAGES) {
        let output = wide(output);
        for block in 0..deep(blocks) {
            let stride = if block == 0 { stride } else { 1 };
            let name = format!("features.{stage}.{block}.block");
            let body = body(
                &name,
                (input, factor * input, output),
                Window::centred(side, stride),
            );
            if stride == 1 && input == output {
                layers.push(Layer::Sum {
                    body,
                    shortcut: vec![],
                    drop: DROP * f64::from(done) / f64::from(all),
                });
            } else {
                layers.extend(body);
            }
            input = output;
            done += 1;
        }
    }
    layers.extend(conv("features.8", (input, 4 * input), Window::centred(1, 1), 1));
    layers.extend([
        Layer::Activation(Silu),
        Layer::Mean,
        Layer::Dropout(DROPOUT),
        Layer::Linear {
            name: "classifier.1".into(),
            input: 4 * input,
            output: classes,
            weight: Role::Uniform(1.0 / f64::from(classes).sqrt()),
            bias: Role::Constant(0.0),
        },
    ]);
    layers
}

/// Widen, convolve each channel by itself, squeeze, narrow.
fn body(name: &str, (input, wide, output): (u32, u32, u32), window: Window) -> Vec<Layer> {
    let mut layers = Vec::new();
    let mut number = 0;
    let mut next = || {
        number += 1;
        format!("{name}.{}", number - 1)
    };
    if wide != input {
        layers.extend(conv(&next(), (input, wide), Window::centred(1, 1), 1));
        layers.push(Layer::Activation(Silu));
    }
    layers.extend(conv(&next(), (wide, wide), window, wide));
    layers.push(Layer::Activation(Silu));
    layers.push(squeeze(&next(), wide, (input / 4).max(1), Silu, Sigmoid));
    layers.extend(conv(&next(), (wide, output), Window::centred(1, 1), 1));
    layers
}

fn conv(name: &str, channels: (u32, u32), window: Window, groups: u32) -> Vec<Layer> {
    let conv = Convolution::he(format!("{name}.0"), channels, window, groups);
    vec![
        Layer::Convolution(conv),
        Layer::norm(format!("{name}.1"), channels.1),
    ]
}
