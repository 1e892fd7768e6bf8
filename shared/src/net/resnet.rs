//! ResNet-18 and ResNet-50 with torchvision's names.

use super::{Activation, Convolution, Layer, Window};

/// Blocks of two 3×3 convolutions.
pub(super) fn resnet18(channels: u32, classes: u32) -> Vec<Layer> {
    resnet([2, 2, 2, 2], 1, channels, classes, basic)
}

/// Blocks that narrow, convolve and widen.
pub(super) fn resnet50(channels: u32, classes: u32) -> Vec<Layer> {
    resnet([3, 4, 6, 3], 4, channels, classes, bottleneck)
}

fn resnet(
    blocks: [u32; 4],
    expansion: u32,
    channels: u32,
    classes: u32,
    body: fn(&str, u32, u32, u32) -> Vec<Layer>,
) -> Vec<Layer> {
    let mut layers = Vec::from(conv("", 1, (channels, 64), 7, 2));
    layers.extend([relu(), Layer::MaxPool(Window::centred(3, 2))]);
    let mut input = 64;
    for (stage, count) in (0..).zip(blocks) {
        let width = 64 << stage;
        let output = width * expansion;
        for block in 0..count {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let name = format!("layer{}.{block}.", stage + 1);
            let shortcut = if stride > 1 || input != output {
                let window = Window::centred(1, stride);
                vec![
                    Layer::Convolution(Convolution::he(
                        format!("{name}downsample.0"),
                        (input, output),
                        window,
                        1,
                    )),
                    Layer::norm(format!("{name}downsample.1"), output),
                ]
            } else {
                vec![]
            };
            layers.push(Layer::Sum {
                body: body(&name, input, width, stride),
                shortcut,
                drop: 0.0,
            });
            layers.push(relu());
            input = output;
        }
    }
    layers.extend([Layer::Mean, Layer::linear("fc", input, classes)]);
    layers
}

fn basic(name: &str, input: u32, width: u32, stride: u32) -> Vec<Layer> {
    let [conv1, bn1] = conv(name, 1, (input, width), 3, stride);
    let [conv2, bn2] = conv(name, 2, (width, width), 3, 1);
    vec![conv1, bn1, relu(), conv2, bn2]
}

fn bottleneck(name: &str, input: u32, width: u32, stride: u32) -> Vec<Layer> {
    let [conv1, bn1] = conv(name, 1, (input, width), 1, 1);
    let [conv2, bn2] = conv(name, 2, (width, width), 3, stride);
    let [conv3, bn3] = conv(name, 3, (width, 4 * width), 1, 1);
    vec![conv1, bn1, relu(), conv2, bn2, relu(), conv3, bn3]
}

/// The convolution of this number in a block and its norm.
fn conv(name: &str, number: u32, channels: (u32, u32), side: u32, stride: u32) -> [Layer; 2] {
    let window = Window::centred(side, stride);
    [
        Layer::Convolution(Convolution::he(
            format!("{name}conv{number}"),
            channels,
            window,
            1,
        )),
        Layer::norm(format!("{name}bn{number}"), channels.1),
    ]
}

fn relu() -> Layer {
    Layer::Activation(Activation::Relu)
}
