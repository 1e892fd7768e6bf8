//! A residual network for small images: a 3×3 stem, stages of basic blocks, global average pooling, one linear layer. Fully
//! convolutional, so its weights fit images of any height and width.

use super::{Role, Variable};
use crate::EngineError;
use std::collections::BTreeMap;
use tch::{TchError, Tensor};

const STAGES_MAX: usize = 8;
const BLOCKS_MAX: u32 = 512;
const NORM_MOMENTUM: f64 = 0.1;
const NORM_EPSILON: f64 = 1e-5;

/// Where a block sits: its name's stem and its channels and stride.
struct Place {
    name: String,
    input: i64,
    output: i64,
    stride: i64,
}

fn places(width: i64, blocks: &[u16]) -> impl Iterator<Item = Place> {
    let stages = blocks.iter().enumerate();
    stages.flat_map(move |(stage, &count)| {
        (0..count).map(move |block| {
            let output = width << stage;
            let first = stage > 0 && block == 0;
            let (input, stride) = if first { (output / 2, 2) } else { (output, 1) };
            Place {
                name: format!("stages.{stage}.{block}"),
                input,
                output,
                stride,
            }
        })
    })
}

pub(super) fn variables(
    width: u16,
    blocks: &[u16],
    channels: u16,
    classes: u16,
) -> Result<Vec<Variable>, EngineError> {
    let count: u32 = blocks.iter().map(|&count| u32::from(count)).sum();
    if width == 0
        || blocks.is_empty()
        || blocks.len() > STAGES_MAX
        || blocks.contains(&0)
        || count > BLOCKS_MAX
    {
        return Err(EngineError::BadData(format!(
            "a small_resnet has a width, 1 to {STAGES_MAX} stages, a block or more in each and at most {BLOCKS_MAX} in all; \
             this one has width {width} and {count} blocks in {} stages",
            blocks.len()
        )));
    }
    let mut variables = Vec::new();
    conv(&mut variables, "stem", channels.into(), width.into(), 3);
    for place in places(width.into(), blocks) {
        conv(
            &mut variables,
            &format!("{}.first", place.name),
            place.input,
            place.output,
            3,
        );
        conv(
            &mut variables,
            &format!("{}.second", place.name),
            place.output,
            place.output,
            3,
        );
        if place.stride > 1 {
            conv(
                &mut variables,
                &format!("{}.shortcut", place.name),
                place.input,
                place.output,
                1,
            );
        }
    }
    let features = i64::from(width) << (blocks.len() - 1);
    let bound = 1.0 / (features as f64).sqrt();
    let mut add = |name: &str, shape: &[i64], role| {
        variables.push(Variable {
            name: name.into(),
            shape: shape.to_vec(),
            role,
        });
    };
    add("head.weight", &[classes.into(), features], Role::Uniform(bound));
    add("head.bias", &[classes.into()], Role::Constant(0.0));
    Ok(variables)
}

/// A convolution without bias, started as He et al. (2015) derive it for ReLU, and the batch normalisation that follows it.
fn conv(variables: &mut Vec<Variable>, name: &str, input: i64, output: i64, side: i64) {
    let bound = (6.0 / (input * side * side) as f64).sqrt();
    let mut add = |part: &str, shape: &[i64], role| {
        variables.push(Variable {
            name: format!("{name}.{part}"),
            shape: shape.to_vec(),
            role,
        });
    };
    add("conv.weight", &[output, input, side, side], Role::Uniform(bound));
    add("norm.weight", &[output], Role::Constant(1.0));
    add("norm.bias", &[output], Role::Constant(0.0));
    add("norm.running_mean", &[output], Role::Buffer(0.0));
    add("norm.running_var", &[output], Role::Buffer(1.0));
}

/// The forward pass over views of a network's variables.
pub(super) struct SmallResnet {
    stem: ConvNorm,
    blocks: Vec<Block>,
    head_weight: Tensor,
    head_bias: Tensor,
}

struct Block {
    first: ConvNorm,
    second: ConvNorm,
    shortcut: Option<ConvNorm>,
}

struct ConvNorm {
    kernel: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
    stride: i64,
}

impl SmallResnet {
    /// Takes the views that [`variables`] describes.
    pub(super) fn new(blocks: &[u16], views: &BTreeMap<String, Tensor>) -> Self {
        let stem = ConvNorm::new(views, "stem", 1);
        let width = stem.bias.size()[0];
        let block = |place: Place| Block {
            first: ConvNorm::new(views, &format!("{}.first", place.name), place.stride),
            second: ConvNorm::new(views, &format!("{}.second", place.name), 1),
            shortcut: (place.stride > 1)
                .then(|| ConvNorm::new(views, &format!("{}.shortcut", place.name), place.stride)),
        };
        SmallResnet {
            blocks: places(width, blocks).map(block).collect(),
            stem,
            head_weight: views["head.weight"].shallow_clone(),
            head_bias: views["head.bias"].shallow_clone(),
        }
    }

    pub(super) fn forward(&self, input: &Tensor, train: bool) -> Result<Tensor, TchError> {
        let mut x = self.stem.forward(input, train)?.f_relu_()?;
        for block in &self.blocks {
            x = block.forward(&x, train)?;
        }
        let pooled = x.f_mean_dim([2, 3].as_slice(), false, None)?;
        pooled.f_linear(&self.head_weight, Some(&self.head_bias))
    }
}

impl Block {
    fn forward(&self, x: &Tensor, train: bool) -> Result<Tensor, TchError> {
        let inner = self.first.forward(x, train)?.f_relu_()?;
        let mut sum = self.second.forward(&inner, train)?;
        match &self.shortcut {
            Some(shortcut) => sum.f_add_(&shortcut.forward(x, train)?)?.f_relu_(),
            None => sum.f_add_(x)?.f_relu_(),
        }
    }
}

impl ConvNorm {
    fn new(views: &BTreeMap<String, Tensor>, name: &str, stride: i64) -> Self {
        let part = |part: &str| views[&format!("{name}.{part}")].shallow_clone();
        ConvNorm {
            kernel: part("conv.weight"),
            weight: part("norm.weight"),
            bias: part("norm.bias"),
            mean: part("norm.running_mean"),
            variance: part("norm.running_var"),
            stride,
        }
    }

    fn forward(&self, x: &Tensor, train: bool) -> Result<Tensor, TchError> {
        let (stride, padding) = ([self.stride; 2], [self.kernel.size()[2] / 2; 2]);
        let x = x.f_conv2d::<&Tensor>(&self.kernel, None, stride, padding, [1; 2], 1)?;
        let (weight, bias) = (Some(&self.weight), Some(&self.bias));
        let (mean, variance) = (Some(&self.mean), Some(&self.variance));
        x.f_batch_norm(
            weight,
            bias,
            mean,
            variance,
            train,
            NORM_MOMENTUM,
            NORM_EPSILON,
            true,
        )
    }
}
