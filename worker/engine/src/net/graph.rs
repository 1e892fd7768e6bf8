//! The forward pass of a net: its layers over views of a network's variables.

use crate::EngineError;
use crate::random::Random;
use imgcalc_shared::net::{Activation, Layer, Window};
use std::collections::BTreeMap;
use tch::{TchError, Tensor};

/// Floats of an AVX-512 vector.
const CHANNELS_LAST_MIN: i64 = 16;

/// What a forward pass is for.
pub(crate) enum Pass<'a> {
    /// Training: norms take the statistics of the batch and update the running ones; what is dropped is drawn from here.
    Train(&'a mut Random),
    /// A look inside without dropping anything: norms take the statistics of the batch, and what each activation makes is shown.
    Look(&'a mut Look<'a>),
    /// Norms take the statistics of the batch, which go into the running ones with this share; nothing is dropped.
    Measure(f64),
    /// Everything else.
    Evaluate,
}

/// What an activation makes of a batch is shown to it.
pub(crate) type Look<'a> = dyn FnMut(Activation, &Tensor) -> Result<(), TchError> + 'a;

impl Pass<'_> {
    fn show(&mut self, activation: Activation, made: &Tensor) -> Result<(), TchError> {
        match self {
            Pass::Look(look) => look(activation, made),
            Pass::Train(_) | Pass::Measure(_) | Pass::Evaluate => Ok(()),
        }
    }
}

/// The layers of a net that know their variables.
#[derive(Default)]
pub(crate) struct Graph(Vec<Node>);

enum Node {
    Convolution {
        weight: Tensor,
        bias: Option<Tensor>,
        window: Window,
        groups: i64,
    },
    Norm {
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        epsilon: f64,
        momentum: f64,
    },
    Activation(Activation),
    MaxPool(Window),
    Mean,
    Linear {
        weight: Tensor,
        bias: Tensor,
    },
    Dropout(f64),
    Sum {
        body: Graph,
        shortcut: Option<Graph>,
        drop: f64,
    },
    Scale(Graph),
    Shuffle {
        left: Option<Graph>,
        right: Graph,
    },
}

impl Graph {
    /// Takes the views of all variables the layers name.
    pub(crate) fn new(layers: &[Layer], views: &BTreeMap<String, Tensor>) -> Self {
        Graph(layers.iter().map(|layer| Node::new(layer, views)).collect())
    }

    pub(crate) fn forward(&self, input: &Tensor, mut pass: Pass) -> Result<Tensor, EngineError> {
        let Some((first, rest)) = self.0.split_first() else {
            return Ok(input.shallow_clone());
        };
        let mut x = first.run(input, &mut pass)?;
        // From here on the channels of a place lie side by side: so convolutions, norms and sums of nearly all nets take less
        // time. Of one channel there would be nothing to say, so it is done after the first layer.
        if first.suits_channels_last() && rest.iter().all(Node::bears_channels_last) {
            x = x
                .f_permute([0, 2, 3, 1])?
                .f_contiguous()?
                .f_permute([0, 3, 1, 2])?;
        }
        Ok(run(rest, x, &mut pass)?)
    }

    fn run(&self, input: &Tensor, pass: &mut Pass) -> Result<Tensor, TchError> {
        let Some((first, rest)) = self.0.split_first() else {
            return Ok(input.shallow_clone());
        };
        run(rest, first.run(input, pass)?, pass)
    }
}

/// Layers after a value that nobody else sees.
fn run(nodes: &[Node], mut x: Tensor, pass: &mut Pass) -> Result<Tensor, TchError> {
    for node in nodes {
        x = match node {
            // No layer before needs its own result to go back.
            Node::Activation(Activation::Relu) => {
                let made = x.f_relu_()?;
                pass.show(Activation::Relu, &made)?;
                made
            }
            _ => node.run(&x, pass)?,
        };
    }
    Ok(x)
}

impl Node {
    fn new(layer: &Layer, views: &BTreeMap<String, Tensor>) -> Self {
        let view = |name: &str, part: &str| views[&format!("{name}.{part}")].shallow_clone();
        let graph = |layers: &[Layer]| Graph::new(layers, views);
        match layer {
            Layer::Convolution(conv) => Node::Convolution {
                weight: view(&conv.name, "weight"),
                bias: conv.bias.map(|_| view(&conv.name, "bias")),
                window: conv.window,
                groups: conv.groups.into(),
            },
            Layer::Norm {
                name,
                epsilon,
                momentum,
                ..
            } => Node::Norm {
                weight: view(name, "weight"),
                bias: view(name, "bias"),
                mean: view(name, "running_mean"),
                variance: view(name, "running_var"),
                epsilon: *epsilon,
                momentum: *momentum,
            },
            Layer::Activation(activation) => Node::Activation(*activation),
            Layer::MaxPool(window) => Node::MaxPool(*window),
            Layer::Mean => Node::Mean,
            Layer::Linear { name, .. } => Node::Linear {
                weight: view(name, "weight"),
                bias: view(name, "bias"),
            },
            Layer::Dropout(probability) => Node::Dropout(*probability),
            Layer::Sum { body, shortcut, drop } => Node::Sum {
                body: graph(body),
                shortcut: (!shortcut.is_empty()).then(|| graph(shortcut)),
                drop: *drop,
            },
            Layer::Scale(inner) => Node::Scale(graph(inner)),
            Layer::Shuffle { left, right } => Node::Shuffle {
                left: left.as_deref().map(graph),
                right: graph(right),
            },
        }
    }

    /// Whether a net that begins with this layer may have its channels side by side. Seen with libtorch 2.11.0 on a CPU with AVX-512 and two
    /// threads: of small batches (3 images) the backward pass of oneDNN's 1×1 convolutions with stride 2 and 4 to 14 channels of
    /// input writes where it must not. With 16 channels or more, with stride 1 (squeezes to 6 or 8 channels, too) and in the plain
    /// layout nothing was seen. Along a net channels grow, and no other layer of the built-in nets strides so.
    fn suits_channels_last(&self) -> bool {
        match self {
            Node::Convolution { weight, .. } => {
                let channels = weight.size()[0];
                channels >= CHANNELS_LAST_MIN && channels % 8 == 0
            }
            _ => false,
        }
    }

    /// Whether no window of it slides over fewer channels than that; what scales channels has one place only.
    fn bears_channels_last(&self) -> bool {
        let all = |graph: &Graph| graph.0.iter().all(Node::bears_channels_last);
        match self {
            Node::Convolution { weight, groups, .. } => {
                let size = weight.size();
                size[0].min(size[1] * groups) >= CHANNELS_LAST_MIN
            }
            Node::Sum { body, shortcut, .. } => all(body) && shortcut.as_ref().is_none_or(all),
            Node::Shuffle { left, right } => left.as_ref().is_none_or(all) && all(right),
            _ => true,
        }
    }

    fn run(&self, x: &Tensor, pass: &mut Pass) -> Result<Tensor, TchError> {
        match self {
            Node::Convolution {
                weight,
                bias,
                window,
                groups,
            } => {
                let (stride, padding) = ([window.stride.into(); 2], [window.padding.into(); 2]);
                x.f_conv2d(weight, bias.as_ref(), stride, padding, [1; 2], *groups)
            }
            Node::Norm {
                weight,
                bias,
                mean,
                variance,
                epsilon,
                momentum,
            } => {
                let (weight, bias, mean, variance) = (Some(weight), Some(bias), Some(mean), Some(variance));
                let train = !matches!(pass, Pass::Evaluate);
                let momentum = match pass {
                    Pass::Measure(share) => *share,
                    _ => *momentum,
                };
                x.f_batch_norm(weight, bias, mean, variance, train, momentum, *epsilon, true)
            }
            Node::Activation(activation) => {
                let made = match activation {
                    Activation::Relu => x.f_relu(),
                    Activation::HardSwish => x.f_hardswish(),
                    Activation::Silu => x.f_silu(),
                    Activation::Sigmoid => x.f_sigmoid(),
                    Activation::HardSigmoid => x.f_hardsigmoid(),
                }?;
                pass.show(*activation, &made)?;
                Ok(made)
            }
            Node::MaxPool(window) => {
                let (side, stride) = ([window.side.into(); 2], [window.stride.into(); 2]);
                x.f_max_pool2d(side, stride, [window.padding.into(); 2], [1; 2], false)
            }
            Node::Mean => x.f_mean_dim([2, 3].as_slice(), true, None),
            Node::Linear { weight, bias } => x.f_flatten(1, -1)?.f_linear(weight, Some(bias)),
            Node::Dropout(probability) => dropped(x, &x.size(), *probability, pass),
            Node::Sum { body, shortcut, drop } => {
                let long = body.run(x, pass)?;
                // Added to in place: a long way ends with a value of its own, never with `x` itself.
                let mut sum = dropped(&long, &[x.size()[0], 1, 1, 1], *drop, pass)?;
                match shortcut {
                    Some(shortcut) => sum.f_add_(&shortcut.run(x, pass)?),
                    None => sum.f_add_(x),
                }
            }
            Node::Scale(inner) => inner.run(x, pass)?.f_mul(x),
            Node::Shuffle { left, right } => {
                let (left, right) = match left {
                    Some(left) => (left.run(x, pass)?, right.run(x, pass)?),
                    None => {
                        let half = x.size()[1] / 2;
                        let first = x.f_narrow(1, 0, half)?;
                        (first, right.run(&x.f_narrow(1, half, half)?, pass)?)
                    }
                };
                // Images × channels × 2 × rows × columns: two neighbours of the one and the other way.
                Tensor::f_stack(&[left, right], 2)?.f_flatten(1, 2)
            }
        }
    }
}

/// In training, the values times a mask of this shape that drops with this probability.
fn dropped(x: &Tensor, mask: &[i64], probability: f64, pass: &mut Pass) -> Result<Tensor, TchError> {
    match pass {
        Pass::Train(random) if probability > 0.0 => {
            let kept = random.kept(mask.iter().product::<i64>() as usize, probability);
            let kept = Tensor::f_from_slice(&kept)?.f_view(mask)?;
            x.f_mul(&kept.f_to_device(x.device())?)
        }
        _ => Ok(x.shallow_clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    fn run(layer: Layer, x: &Tensor, pass: Pass) -> Tensor {
        Graph::new(&[layer], &BTreeMap::new()).forward(x, pass).unwrap()
    }

    #[test]
    fn stochastic_depth_drops_the_long_way_of_whole_images_in_training_only() {
        let sum = || Layer::Sum {
            body: vec![Layer::Activation(Activation::Silu)],
            shortcut: vec![],
            drop: 0.5,
        };
        let x = Tensor::arange(64 * 6, (Kind::Float, Device::Cpu)).view([64, 2, 3, 1]) + 1.0;
        assert_eq!(run(sum(), &x, Pass::Evaluate), &x + x.silu());
        let train = |seed| run(sum(), &x, Pass::Train(&mut Random::new(seed, "test")));
        let (dropped, kept) = (&x, &x + x.silu() * 2.0);
        let mut count = 0;
        for image in 0..64 {
            let found = train(1).get(image);
            count += usize::from(found == dropped.get(image));
            assert!(
                found == dropped.get(image) || found == kept.get(image),
                "image {image}"
            );
        }
        assert!((16..48).contains(&count), "{count} of 64");
        assert_eq!(train(1), train(1));
        assert_ne!(train(1), train(2));
    }

    #[test]
    fn dropout_drops_values_in_training_only() {
        let x = Tensor::ones([4, 5, 10, 10], (Kind::Float, Device::Cpu));
        assert_eq!(run(Layer::Dropout(0.2), &x, Pass::Evaluate), x);
        let mut random = Random::new(1, "test");
        let found = run(Layer::Dropout(0.2), &x, Pass::Train(&mut random));
        let zeros = found.eq(0.0).sum(Kind::Int64).int64_value(&[]);
        assert!((300..500).contains(&zeros), "{zeros} of 2000");
        assert_eq!(found.eq(1.25).sum(Kind::Int64).int64_value(&[]), 2000 - zeros);
    }
}
