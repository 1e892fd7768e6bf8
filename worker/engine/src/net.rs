//! Nets: their variables by name, laid out so that an optimiser step is three calls, and their forward pass.

mod small_resnet;

use crate::EngineError;
use crate::random::Random;
use imgcalc_shared::training::{InputShape, Net};
use small_resnet::SmallResnet;
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

/// More parameters than any net for small images has, and few enough to be allocated twice over.
const PARAMETERS_MAX: u64 = 1 << 30;
/// Variables start at multiples of a cache line.
const ALIGNMENT_FLOATS: i64 = 16;

/// Values by variable name: shape and numbers.
pub(crate) type Values = BTreeMap<String, (Vec<i64>, Vec<f32>)>;

/// How a variable starts and whether it is fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role {
    /// Fitted; starts uniformly in ± this bound.
    Uniform(f64),
    /// Fitted; starts at this value everywhere.
    Constant(f32),
    /// A running statistic, not fitted; starts at this value everywhere.
    Buffer(f32),
}

/// One named array of a net.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) shape: Vec<i64>,
    pub(crate) role: Role,
}

impl Variable {
    pub(crate) fn is_buffer(&self) -> bool {
        matches!(self.role, Role::Buffer(_))
    }

    fn len(&self) -> i64 {
        self.shape.iter().product()
    }
}

/// Number of fitted numbers of a net for this input and number of classes.
pub fn parameters(net: &Net, shape: &InputShape, classes: u16) -> Result<u64, EngineError> {
    let variables = variables(net, shape.channels, classes)?;
    Ok(variables
        .iter()
        .filter(|variable| !variable.is_buffer())
        .map(|variable| variable.len() as u64)
        .sum())
}

/// The variables of a net, in the order of its layers; refuses a net that is empty or too large.
pub(crate) fn variables(net: &Net, channels: u16, classes: u16) -> Result<Vec<Variable>, EngineError> {
    if channels == 0 || classes == 0 {
        return Err(EngineError::BadData(
            "a net needs at least one channel and one class".into(),
        ));
    }
    let variables = match net {
        Net::SmallResnet { width, blocks } => small_resnet::variables(*width, blocks, channels, classes)?,
    };
    let size = |variable: &Variable| {
        variable
            .shape
            .iter()
            .map(|&side| u128::from(side.unsigned_abs()))
            .product::<u128>()
    };
    let total: u128 = variables.iter().map(size).sum();
    if total > u128::from(PARAMETERS_MAX) {
        return Err(EngineError::BadData(format!(
            "the net has {total} parameters, more than {PARAMETERS_MAX}; make it narrower"
        )));
    }
    Ok(variables)
}

/// The forward pass of a net over its views.
enum Graph {
    SmallResnet(SmallResnet),
}

/// A net on a device. All fitted variables are views of one flat tensor, and so are their gradients, their momenta and the running
/// statistics: what is done to all of them is one call.
pub(crate) struct Network {
    variables: Vec<Variable>,
    views: BTreeMap<String, Tensor>,
    /// Where each variable starts in the flat tensor of its kind.
    offsets: Vec<i64>,
    graph: Graph,
    /// All fitted variables.
    pub(crate) fitted: Tensor,
    /// All running statistics.
    pub(crate) statistics: Tensor,
}

impl Network {
    /// A net whose variables are all 0; fill it before use.
    pub(crate) fn new(net: &Net, channels: u16, classes: u16, device: Device) -> Result<Self, EngineError> {
        let variables = variables(net, channels, classes)?;
        let (mut offsets, mut sizes) = (Vec::with_capacity(variables.len()), [0, 0]);
        for variable in &variables {
            let size = &mut sizes[usize::from(variable.is_buffer())];
            offsets.push(*size);
            *size += (variable.len() + ALIGNMENT_FLOATS - 1) / ALIGNMENT_FLOATS * ALIGNMENT_FLOATS;
        }
        let fitted = Tensor::f_zeros([sizes[0]], (Kind::Float, device))?;
        let statistics = Tensor::f_zeros([sizes[1]], (Kind::Float, device))?;
        let mut views = BTreeMap::new();
        for (variable, offset) in variables.iter().zip(&offsets) {
            let flat = if variable.is_buffer() {
                &statistics
            } else {
                &fitted
            };
            views.insert(variable.name.clone(), view(flat, variable, *offset)?);
        }
        let graph = match net {
            Net::SmallResnet { blocks, .. } => Graph::SmallResnet(SmallResnet::new(blocks, &views)),
        };
        Ok(Network {
            variables,
            views,
            offsets,
            graph,
            fitted,
            statistics,
        })
    }

    pub(crate) fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Logits of a batch: images × classes.
    pub(crate) fn forward(&self, input: &Tensor, train: bool) -> Result<Tensor, EngineError> {
        match &self.graph {
            Graph::SmallResnet(net) => Ok(net.forward(input, train)?),
        }
    }

    /// First weights that depend on the seed and each variable's name only.
    pub(crate) fn fill_from_seed(&mut self, seed: u64) -> Result<(), EngineError> {
        let mut values = Values::new();
        for variable in &self.variables {
            let len = variable.len() as usize;
            let start = match variable.role {
                Role::Constant(value) | Role::Buffer(value) => vec![value; len],
                Role::Uniform(bound) => {
                    let mut random = Random::new(seed, &format!("weights of {}", variable.name));
                    (0..len).map(|_| random.symmetric(bound) as f32).collect()
                }
            };
            values.insert(variable.name.clone(), (variable.shape.clone(), start));
        }
        self.fill(&values)
    }

    /// Takes values of the very names and shapes of this net's variables; others must have been refused before.
    pub(crate) fn fill(&mut self, values: &Values) -> Result<(), EngineError> {
        tch::no_grad(|| {
            for (name, view) in &mut self.views {
                let (shape, numbers) = &values[name];
                view.f_copy_(&Tensor::f_from_slice(numbers)?.f_view(shape.as_slice())?)?;
            }
            Ok(())
        })
    }

    /// The present values of all variables.
    pub(crate) fn values(&self) -> Result<Values, EngineError> {
        let named = |variable: &Variable| {
            Ok((
                variable.name.clone(),
                numbers(variable, &self.views[&variable.name])?,
            ))
        };
        self.variables.iter().map(named).collect()
    }

    /// Values of a flat tensor that lies like the fitted variables, such as their momenta, by their names.
    pub(crate) fn values_like(&self, flat: &Tensor) -> Result<Values, EngineError> {
        self.fitted_variables()
            .map(|(variable, offset)| {
                Ok((
                    variable.name.clone(),
                    numbers(variable, &view(flat, variable, offset)?)?,
                ))
            })
            .collect()
    }

    /// The inverse of [`Network::values_like`].
    pub(crate) fn fill_like(&self, flat: &Tensor, values: &Values) -> Result<(), EngineError> {
        for (variable, offset) in self.fitted_variables() {
            let (shape, numbers) = &values[&variable.name];
            view(flat, variable, offset)?
                .f_copy_(&Tensor::f_from_slice(numbers)?.f_view(shape.as_slice())?)?;
        }
        Ok(())
    }

    /// Makes every fitted variable a leaf whose gradient is a view of the returned flat tensor.
    pub(crate) fn attach_gradients(&mut self) -> Result<Tensor, EngineError> {
        let gradients = self.fitted.f_zeros_like()?;
        let mut leaves = Vec::new();
        for (variable, offset) in self.fitted_variables() {
            leaves.push((
                self.views[&variable.name].shallow_clone(),
                view(&gradients, variable, offset)?,
            ));
        }
        // A gradient exists only after a backward pass; this one is the cheapest that reaches every leaf.
        let mut sums = Vec::with_capacity(leaves.len());
        for (leaf, _) in &mut leaves {
            sums.push(leaf.f_requires_grad_(true)?.f_sum(Kind::Float)?);
        }
        Tensor::f_stack(&sums, 0)?.f_sum(Kind::Float)?.f_backward()?;
        for (leaf, gradient) in &leaves {
            leaf.f_grad()?.f_set_data(gradient)?;
        }
        Ok(gradients)
    }

    fn fitted_variables(&self) -> impl Iterator<Item = (&Variable, i64)> {
        let all = self.variables.iter().zip(self.offsets.iter().copied());
        all.filter(|(variable, _)| !variable.is_buffer())
    }
}

fn view(flat: &Tensor, variable: &Variable, offset: i64) -> Result<Tensor, EngineError> {
    // Detached: a leaf of its own that shares the flat tensor's storage.
    Ok(flat
        .f_narrow(0, offset, variable.len())?
        .f_view(variable.shape.as_slice())?
        .f_detach()?)
}

fn numbers(variable: &Variable, tensor: &Tensor) -> Result<(Vec<i64>, Vec<f32>), EngineError> {
    let flat = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_reshape([-1])?;
    let mut numbers = vec![0.0; variable.len() as usize];
    flat.f_copy_data(&mut numbers, variable.len() as usize)?;
    Ok((variable.shape.clone(), numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resnet(width: u16, blocks: &[u16]) -> Net {
        Net::SmallResnet {
            width,
            blocks: blocks.to_vec(),
        }
    }

    #[test]
    fn parameters_are_counted_as_by_hand() {
        let shape = InputShape {
            channels: 1,
            height: 8,
            width: 8,
        };
        // Stem 9·2 + 4; a block 2·(9·2·2 + 4); head 2·3 + 3.
        assert_eq!(parameters(&resnet(2, &[1]), &shape, 3).unwrap(), 22 + 80 + 9);
        // The second stage: 9·2·4 + 8 + 9·4·4 + 8, its shortcut 2·4 + 8; head 4·3 + 3.
        assert_eq!(
            parameters(&resnet(2, &[1, 1]), &shape, 3).unwrap(),
            22 + 80 + 232 + 16 + 15
        );
    }

    #[test]
    fn absurd_nets_are_refused_before_anything_is_allocated() {
        for net in [
            resnet(0, &[1]),
            resnet(8, &[]),
            resnet(8, &[0]),
            resnet(8, &[1; 99]),
            resnet(u16::MAX, &[u16::MAX]),
        ] {
            assert!(
                matches!(variables(&net, 1, 10), Err(EngineError::BadData(_))),
                "{net:?}"
            );
        }
        assert!(matches!(
            variables(&resnet(30_000, &[1]), 1, 10),
            Err(EngineError::BadData(_))
        ));
    }

    #[test]
    fn gradients_are_those_of_separate_tensors() {
        let mut network = Network::new(&resnet(3, &[1, 1]), 2, 4, Device::Cpu).unwrap();
        network.fill_from_seed(1).unwrap();
        let gradients = network.attach_gradients().unwrap();
        let mut flat = gradients.shallow_clone();
        let input = Tensor::arange(2 * 2 * 4 * 4, (Kind::Float, Device::Cpu))
            .view([2, 2, 4, 4])
            .sin();
        let target = Tensor::from_slice(&[1_i64, 3]);
        let loss = |network: &Network| {
            network
                .forward(&input, true)
                .unwrap()
                .cross_entropy_for_logits(&target)
        };
        let leaves: Vec<Tensor> = network
            .fitted_variables()
            .map(|(variable, _)| network.views[&variable.name].shallow_clone())
            .collect();
        let separate = Tensor::run_backward(&[loss(&network)], &leaves, false, false);
        let _ = flat.zero_();
        loss(&network).backward();
        for ((variable, offset), expected) in network.fitted_variables().zip(separate) {
            assert_eq!(
                view(&gradients, variable, offset).unwrap(),
                expected,
                "{}",
                variable.name
            );
        }
        assert!(gradients.abs().sum(Kind::Float).double_value(&[]) > 0.0);
    }
}
