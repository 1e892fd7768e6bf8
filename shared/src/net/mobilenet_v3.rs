//! MobileNetV3-Small with torchvision's names.

use super::layer::{divisible, squeeze};
use super::{Activation, Convolution, Layer, Role, Window};
use Activation::{HardSigmoid, HardSwish, Relu};

/// Side of the window, channels after widening, channels out, whether it squeezes, activation, stride.
type Block = (u32, u32, u32, bool, Activation, u32);

/// Table 2 of the paper.
const BLOCKS: [Block; 11] = [
    (3, 16, 16, true, Relu, 2),
    (3, 72, 24, false, Relu, 2),
    (3, 88, 24, false, Relu, 1),
    (5, 96, 40, true, HardSwish, 2),
    (5, 240, 40, true, HardSwish, 1),
    (5, 240, 40, true, HardSwish, 1),
    (5, 120, 48, true, HardSwish, 1),
    (5, 144, 48, true, HardSwish, 1),
    (5, 288, 96, true, HardSwish, 2),
    (5, 576, 96, true, HardSwish, 1),
    (5, 576, 96, true, HardSwish, 1),
];

pub(super) fn small(channels: u32, classes: u32) -> Vec<Layer> {
    let mut input = 16;
    let mut layers = conv("features.0", (channels, input), Window::centred(3, 2), 1);
    layers.push(Layer::Activation(HardSwish));
    for (number, block) in (1..).zip(BLOCKS) {
        let body = body(&format!("features.{number}.block"), input, block);
        let (_, _, output, _, _, stride) = block;
        if stride == 1 && input == output {
            layers.push(Layer::Sum {
                body,
                shortcut: vec![],
                drop: 0.0,
            });
        } else {
            layers.extend(body);
        }
        input = output;
    }
    layers.extend(conv("features.12", (input, 6 * input), Window::centred(1, 1), 1));
    layers.extend([
        Layer::Activation(HardSwish),
        Layer::Mean,
        linear("classifier.0", 6 * input, 1024),
        Layer::Activation(HardSwish),
        Layer::Dropout(0.2),
        linear("classifier.3", 1024, classes),
    ]);
    layers
}

/// Widen, convolve each channel by itself, squeeze, narrow.
fn body(name: &str, input: u32, (side, wide, output, squeezes, activation, stride): Block) -> Vec<Layer> {
    let mut layers = Vec::new();
    let mut number = 0;
    let mut next = || {
        number += 1;
        format!("{name}.{}", number - 1)
    };
    if wide != input {
        layers.extend(conv(&next(), (input, wide), Window::centred(1, 1), 1));
        layers.push(Layer::Activation(activation));
    }
    layers.extend(conv(&next(), (wide, wide), Window::centred(side, stride), wide));
    layers.push(Layer::Activation(activation));
    if squeezes {
        let narrow = divisible(f64::from(wide / 4));
        layers.push(squeeze(&next(), wide, narrow, Relu, HardSigmoid));
    }
    layers.extend(conv(&next(), (wide, output), Window::centred(1, 1), 1));
    layers
}

fn conv(name: &str, channels: (u32, u32), window: Window, groups: u32) -> Vec<Layer> {
    let norm = Layer::Norm {
        name: format!("{name}.1"),
        channels: channels.1,
        epsilon: 1e-3,
        momentum: 0.01,
    };
    let conv = Convolution::he(format!("{name}.0"), channels, window, groups);
    vec![Layer::Convolution(conv), norm]
}

fn linear(name: &str, input: u32, output: u32) -> Layer {
    Layer::Linear {
        name: name.into(),
        input,
        output,
        weight: Role::Normal(0.01),
        bias: Role::Constant(0.0),
    }
}
