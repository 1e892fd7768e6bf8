//! Walks over the layers of a net: what variables there are, how shapes change, what it costs.

use super::{Convolution, Layer, NetError, Role, Variable};
use crate::training::InputShape;

/// Channels × rows × columns between two layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    channels: u32,
    height: u32,
    width: u32,
}

impl Extent {
    pub(super) fn of(shape: InputShape) -> Self {
        Extent {
            channels: shape.channels.into(),
            height: shape.height.into(),
            width: shape.width.into(),
        }
    }

    fn places(self) -> u64 {
        u64::from(self.height) * u64::from(self.width)
    }
}

/// All variables, in the order of the layers.
pub(super) fn variables(layers: &[Layer]) -> Vec<Variable> {
    let mut found = Vec::new();
    collect(layers, &mut found);
    found
}

fn collect(layers: &[Layer], found: &mut Vec<Variable>) {
    for layer in layers {
        let mut add = |name: &str, part: &str, shape: &[u32], role| {
            found.push(Variable {
                name: format!("{name}.{part}"),
                shape: shape.iter().map(|&side| side.into()).collect(),
                role,
            });
        };
        match layer {
            Layer::Convolution(conv) => {
                let Convolution { name, window, .. } = conv;
                let shape = [conv.output, conv.input / conv.groups, window.side, window.side];
                add(name, "weight", &shape, conv.weight);
                if let Some(bias) = conv.bias {
                    add(name, "bias", &[conv.output], bias);
                }
            }
            Layer::Norm { name, channels, .. } => {
                add(name, "weight", &[*channels], Role::Constant(1.0));
                add(name, "bias", &[*channels], Role::Constant(0.0));
                add(name, "running_mean", &[*channels], Role::Buffer(0.0));
                add(name, "running_var", &[*channels], Role::Buffer(1.0));
            }
            Layer::Linear {
                name,
                input,
                output,
                weight,
                bias,
            } => {
                add(name, "weight", &[*output, *input], *weight);
                add(name, "bias", &[*output], *bias);
            }
            Layer::Sum { body, shortcut, .. } => {
                collect(body, found);
                collect(shortcut, found);
            }
            Layer::Scale(inner) => collect(inner, found),
            Layer::Shuffle { left, right } => {
                collect(left.as_deref().unwrap_or_default(), found);
                collect(right, found);
            }
            Layer::Activation(_) | Layer::MaxPool(_) | Layer::Mean | Layer::Dropout(_) => {}
        }
    }
}

/// Operations of one image; an error if an image of this extent does not pass.
pub(super) fn flops(layers: &[Layer], input: Extent) -> Result<u64, NetError> {
    let mut flops = 0;
    pass(layers, input, &mut flops)?;
    Ok(flops)
}

/// The least side from 1 of a square image that passes. Rows and columns do not depend on each other, so it is that of any image.
pub(super) fn side_min(layers: &[Layer], max: u16) -> Option<u16> {
    (1..=max).find(|&side| {
        let (channels, side) = (1, side.into());
        let input = Extent {
            channels,
            height: side,
            width: side,
        };
        flops(layers, input).is_ok()
    })
}

fn pass(layers: &[Layer], input: Extent, flops: &mut u64) -> Result<Extent, NetError> {
    layers
        .iter()
        .try_fold(input, |input, layer| one(layer, input, flops))
}

fn one(layer: &Layer, input: Extent, flops: &mut u64) -> Result<Extent, NetError> {
    let slide = |window: super::Window, name: &str| {
        let (height, width) = (window.over(input.height), window.over(input.width));
        let pairs = height.zip(width).filter(|_| input.places() > 0);
        pairs.ok_or_else(|| {
            let Extent { height, width, .. } = input;
            NetError(format!(
                "{name}: a window of {0}x{0} does not fit {height}x{width}",
                window.side
            ))
        })
    };
    Ok(match layer {
        Layer::Convolution(conv) => {
            expect(&conv.name, conv.input, input.channels)?;
            let (height, width) = slide(conv.window, &conv.name)?;
            let output = Extent {
                channels: conv.output,
                height,
                width,
            };
            *flops += 2 * output.places() * u64::from(conv.output) * u64::from(conv.fan_in());
            output
        }
        Layer::Norm { name, channels, .. } => {
            expect(name, *channels, input.channels)?;
            input
        }
        Layer::Activation(_) | Layer::Dropout(_) => input,
        Layer::MaxPool(window) => {
            let (height, width) = slide(*window, "pooling")?;
            Extent {
                height,
                width,
                ..input
            }
        }
        Layer::Mean => Extent {
            height: 1,
            width: 1,
            ..input
        },
        Layer::Linear {
            name,
            input: values,
            output,
            ..
        } => {
            expect(name, *values, input.channels)?;
            expect(name, 1, input.places() as u32)?;
            *flops += 2 * u64::from(*values) * u64::from(*output);
            Extent {
                channels: *output,
                ..input
            }
        }
        Layer::Sum { body, shortcut, .. } => {
            let (long, short) = (pass(body, input, flops)?, pass(shortcut, input, flops)?);
            same("a sum", long, short)?
        }
        Layer::Scale(inner) => {
            expect("a scale", input.channels, pass(inner, input, flops)?.channels)?;
            input
        }
        Layer::Shuffle { left, right } => {
            let half = Extent {
                channels: input.channels / 2,
                ..input
            };
            let (left, right) = match left {
                Some(left) => (pass(left, input, flops)?, pass(right, input, flops)?),
                None => (half, pass(right, half, flops)?),
            };
            let one = same("a shuffle", left, right)?;
            Extent {
                channels: 2 * one.channels,
                ..one
            }
        }
    })
}

fn expect(name: &str, wanted: u32, found: u32) -> Result<(), NetError> {
    if wanted == found {
        return Ok(());
    }
    Err(NetError(format!("{name}: takes {wanted}, but gets {found}")))
}

fn same(name: &str, one: Extent, other: Extent) -> Result<Extent, NetError> {
    if one == other {
        return Ok(one);
    }
    Err(NetError(format!("{name} of {one:?} and {other:?}")))
}

#[cfg(test)]
mod tests {
    use super::super::Window;
    use super::*;

    #[test]
    fn the_smallest_input_is_the_first_that_every_window_fits() {
        let window = |side, stride, padding| Window {
            side,
            stride,
            padding,
        };
        let net = |windows: &[Window]| windows.iter().copied().map(Layer::MaxPool).collect::<Vec<_>>();
        assert_eq!(side_min(&net(&[window(7, 2, 3)]), 9), Some(1));
        assert_eq!(side_min(&net(&[window(3, 1, 0)]), 9), Some(3));
        // Of 7 the first leaves 3.
        assert_eq!(side_min(&net(&[window(3, 2, 0), window(3, 2, 0)]), 9), Some(7));
        assert_eq!(side_min(&net(&[window(11, 1, 0)]), 9), None);
    }

    #[test]
    fn layers_that_do_not_fit_together_are_named() {
        let norm = |channels| Layer::norm(format!("norm{channels}"), channels);
        let extent = Extent {
            channels: 2,
            height: 3,
            width: 4,
        };
        let error = |layers: &[Layer]| flops(layers, extent).unwrap_err().to_string();
        assert_eq!(error(&[norm(2), norm(3)]), "norm3: takes 3, but gets 2");
        assert_eq!(
            error(&[Layer::linear("head", 2, 5)]),
            "head: takes 1, but gets 12"
        );
        let sum = Layer::Sum {
            body: vec![Layer::Mean],
            shortcut: vec![],
            drop: 0.0,
        };
        assert!(error(&[sum]).starts_with("a sum of"));
    }
}
