//! ShuffleNet V2 of width 1.0 with torchvision's names. Its convolutions start as PyTorch's do.

use super::{Activation, Convolution, Layer, Role, Window};

/// Blocks and channels of each stage.
const STAGES: [(u32, u32); 3] = [(4, 116), (8, 232), (4, 464)];

pub(super) fn x1_0(channels: u32, classes: u32) -> Vec<Layer> {
    let mut input = 24;
    let mut layers = conv("conv1.", 0, (channels, input), Window::centred(3, 2), 1);
    layers.extend([relu(), Layer::MaxPool(Window::centred(3, 2))]);
    for (stage, (blocks, output)) in (2..).zip(STAGES) {
        for block in 0..blocks {
            let name = format!("stage{stage}.{block}.");
            layers.push(if block == 0 {
                halving(&name, input, output / 2)
            } else {
                Layer::Shuffle {
                    left: None,
                    right: way(&name, output / 2, output / 2, 1),
                }
            });
        }
        input = output;
    }
    layers.extend(conv("conv5.", 0, (input, 1024), Window::centred(1, 1), 1));
    layers.extend([relu(), Layer::Mean, Layer::linear("fc", 1024, classes)]);
    layers
}

/// The first block of a stage: both ways see all channels and halve rows and columns.
fn halving(name: &str, input: u32, half: u32) -> Layer {
    let branch = format!("{name}branch1.");
    let mut left = conv(&branch, 0, (input, input), Window::centred(3, 2), input);
    left.extend(conv(&branch, 2, (input, half), Window::centred(1, 1), 1));
    left.push(relu());
    Layer::Shuffle {
        left: Some(left),
        right: way(name, input, half, 2),
    }
}

fn way(name: &str, input: u32, half: u32, stride: u32) -> Vec<Layer> {
    let branch = format!("{name}branch2.");
    let mut layers = conv(&branch, 0, (input, half), Window::centred(1, 1), 1);
    layers.push(relu());
    layers.extend(conv(&branch, 3, (half, half), Window::centred(3, stride), half));
    layers.extend(conv(&branch, 5, (half, half), Window::centred(1, 1), 1));
    layers.push(relu());
    layers
}

/// A convolution of this number in its branch, and the norm that follows.
fn conv(branch: &str, number: u32, channels: (u32, u32), window: Window, groups: u32) -> Vec<Layer> {
    let mut conv = Convolution::he(format!("{branch}{number}"), channels, window, groups);
    conv.weight = Role::Uniform(1.0 / f64::from(conv.fan_in()).sqrt());
    vec![
        Layer::Convolution(conv),
        Layer::norm(format!("{branch}{}", number + 1), channels.1),
    ]
}

fn relu() -> Layer {
    Layer::Activation(Activation::Relu)
}
