//! A residual network for small images: a 3×3 stem, stages of basic blocks, global average pooling, one linear layer. Fully
//! convolutional, so its weights fit images of any height and width.

use super::{Activation, Convolution, Layer, NetError, Role, Window};

const STAGES_MAX: usize = 8;
const BLOCKS_MAX: u32 = 512;

pub(super) fn layers(
    width: u32,
    blocks: &[u16],
    channels: u32,
    classes: u32,
) -> Result<Vec<Layer>, NetError> {
    let count: u32 = blocks.iter().map(|&count| u32::from(count)).sum();
    if width == 0
        || blocks.is_empty()
        || blocks.len() > STAGES_MAX
        || blocks.contains(&0)
        || count > BLOCKS_MAX
    {
        return Err(NetError(format!(
            "a small_resnet has a width, 1 to {STAGES_MAX} stages, a block or more in each and at most {BLOCKS_MAX} in all; \
             this one has width {width} and {count} blocks in {} stages",
            blocks.len()
        )));
    }
    let relu = || Layer::Activation(Activation::Relu);
    let mut layers = Vec::from(conv("stem", channels, width, 3, 1));
    layers.push(relu());
    for (stage, &count) in blocks.iter().enumerate() {
        for block in 0..count {
            let output = width << stage;
            let first = stage > 0 && block == 0;
            let (input, stride) = if first { (output / 2, 2) } else { (output, 1) };
            let part = |part: &str, input, side, stride| {
                conv(
                    &format!("stages.{stage}.{block}.{part}"),
                    input,
                    output,
                    side,
                    stride,
                )
            };
            let mut body = Vec::from(part("first", input, 3, stride));
            body.push(relu());
            body.extend(part("second", output, 3, 1));
            let shortcut = first.then(|| Vec::from(part("shortcut", input, 1, stride)));
            layers.push(Layer::Sum {
                body,
                shortcut: shortcut.unwrap_or_default(),
                drop: 0.0,
            });
            layers.push(relu());
        }
    }
    let features = width << (blocks.len() - 1);
    layers.push(Layer::Mean);
    layers.push(Layer::Linear {
        name: "head".into(),
        input: features,
        output: classes,
        weight: Role::Uniform(1.0 / f64::from(features).sqrt()),
        bias: Role::Constant(0.0),
    });
    Ok(layers)
}

/// A convolution without bias, started as He et al. (2015) derive it for ReLU, and the batch normalisation that follows it.
fn conv(name: &str, input: u32, output: u32, side: u32, stride: u32) -> [Layer; 2] {
    let mut conv = Convolution::he(
        format!("{name}.conv"),
        (input, output),
        Window::centred(side, stride),
        1,
    );
    conv.weight = Role::Uniform((6.0 / f64::from(conv.fan_in())).sqrt());
    [
        Layer::Convolution(conv),
        Layer::norm(format!("{name}.norm"), output),
    ]
}
