//! Nets: their variables by name, laid out in one tensor, and their forward pass.

mod definition;
mod graph;
#[cfg(test)]
pub(crate) mod oracle;
mod script;
#[cfg(test)]
mod script_tests;
mod shares;
#[cfg(test)]
mod shares_tests;
mod trial;

use crate::EngineError;
use crate::random::Random;
pub use definition::Definition;
pub(crate) use graph::{Graph, Pass};
use imgcalc_shared::net::{self, Layer, Role, Variable};
use imgcalc_shared::training::{InputShape, Net};
use script::Script;
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};
pub use trial::Trial;

/// Variables start at multiples of a cache line.
const ALIGNMENT_FLOATS: i64 = 16;

/// Values by variable name: shape and numbers.
pub(crate) type Values = BTreeMap<String, (Vec<i64>, Vec<f32>)>;

/// Number of fitted numbers of a net for this input and number of classes.
pub fn parameters(net: impl Into<Definition>, shape: &InputShape, classes: u16) -> Result<u64, EngineError> {
    let definition = net.into();
    match definition.net() {
        Net::Torchscript { .. } => Ok(Network::of_script(&definition, Device::Cpu)?.parameters()),
        net => Ok(net::parameters(net, shape.channels, classes)?),
    }
}

/// A net on a device. All fitted variables are views of one flat tensor, and so are the running statistics: what is done to all of
/// them is one call.
pub(crate) struct Network {
    variables: Vec<Variable>,
    views: BTreeMap<String, Tensor>,
    /// Where each variable starts in the flat tensor of its kind.
    offsets: Vec<i64>,
    body: Body,
    /// Outputs; of a script that is only tried none.
    classes: Option<i64>,
    /// All fitted variables.
    pub(crate) fitted: Tensor,
    /// All running statistics.
    pub(crate) statistics: Tensor,
}

/// What runs.
enum Body {
    Graph(Graph),
    Script(Script),
}

impl Network {
    /// A net for images of this shape whose variables are all 0, or those of its script; fill it before use.
    pub(crate) fn new(
        definition: &Definition,
        shape: InputShape,
        classes: u16,
        device: Device,
    ) -> Result<Self, EngineError> {
        let net = definition.net();
        if let Net::Torchscript { .. } = net {
            return Network::of_script(definition, device)?.tried(shape, classes);
        }
        net::check_shape(net, shape)?;
        let variables = net::variables(net, shape.channels, classes)?;
        let mut network = Network::of(variables, &net::layers(net, shape.channels, classes)?, device)?;
        network.classes = Some(classes.into());
        Ok(network)
    }

    fn of(variables: Vec<Variable>, layers: &[Layer], device: Device) -> Result<Self, EngineError> {
        let mut network = Network::flat(variables, Body::Graph(Graph::default()), device)?;
        network.body = Body::Graph(Graph::new(layers, &network.views));
        Ok(network)
    }

    /// A script for whatever images it takes, filled with its first weights.
    pub(crate) fn of_script(definition: &Definition, device: Device) -> Result<Self, EngineError> {
        let missing = || script::bad(format!("the bytes of {:?} are not given", definition.net()));
        let bytes = definition.script().ok_or_else(missing)?;
        let (script, variables) = Script::load(bytes, device)?;
        let (variables, tensors): (_, Vec<Tensor>) = variables.into_iter().unzip();
        let mut network = Network::flat(variables, Body::Script(script), device)?;
        // The module's own tensors get the flat tensor's storage.
        for (variable, mut tensor) in network.variables.iter().zip(tensors) {
            let view = network.views.get_mut(&variable.name).expect("each has a view");
            tch::no_grad(|| view.f_copy_(&tensor))?;
            tensor.f_set_data(view)?;
            *view = tensor;
        }
        Ok(network)
    }

    /// The script, if it makes so many classes of images of this shape.
    fn tried(mut self, shape: InputShape, classes: u16) -> Result<Self, EngineError> {
        let (height, width) = (shape.height.into(), shape.width.into());
        let size = [2, shape.channels.into(), height, width];
        let images = Tensor::f_zeros(size, (Kind::Float, self.fitted.device()))?;
        self.classes = Some(classes.into());
        let _ = tch::no_grad(|| self.forward(&images, Pass::Evaluate))?;
        Ok(self)
    }

    fn flat(variables: Vec<Variable>, body: Body, device: Device) -> Result<Self, EngineError> {
        let (mut offsets, mut sizes) = (Vec::with_capacity(variables.len()), [0, 0]);
        for variable in &variables {
            let size = &mut sizes[usize::from(variable.is_buffer())];
            offsets.push(*size);
            *size += (len(variable) + ALIGNMENT_FLOATS - 1) / ALIGNMENT_FLOATS * ALIGNMENT_FLOATS;
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
        Ok(Network {
            variables,
            views,
            offsets,
            body,
            classes: None,
            fitted,
            statistics,
        })
    }

    pub(crate) fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Fitted numbers.
    pub(crate) fn parameters(&self) -> u64 {
        self.fitted_variables().map(|(variable, _)| variable.len()).sum()
    }

    /// Logits of a batch: images × classes.
    pub(crate) fn forward(&self, input: &Tensor, pass: Pass) -> Result<Tensor, EngineError> {
        let logits = self.run(input, pass)?;
        if let (Body::Script(_), Some(expected)) = (&self.body, self.classes) {
            let found = script::classes(&logits, input.size()[0])?;
            if found != expected {
                return Err(script::bad(format!(
                    "it tells {found} classes apart, but there are {expected}: export it with --classes {expected}"
                )));
            }
        }
        Ok(logits)
    }

    fn run(&self, input: &Tensor, pass: Pass) -> Result<Tensor, EngineError> {
        match &self.body {
            Body::Graph(graph) => graph.forward(input, pass),
            Body::Script(script) => script.forward(input, pass),
        }
    }

    fn check_places(&self) -> Result<(), EngineError> {
        match &self.body {
            Body::Graph(_) => Ok(()),
            Body::Script(script) => script.check_places(&self.views),
        }
    }

    /// First weights: those of a script, or such as depend on the seed and each variable's name only.
    pub(crate) fn fill_from_seed(&mut self, seed: u64) -> Result<(), EngineError> {
        if let Body::Script(_) = self.body {
            return Ok(());
        }
        let named = |variable: &Variable| {
            let start = seeded(variable, seed);
            (variable.name.clone(), (variable.shape.clone(), start))
        };
        let values = self.variables.iter().map(named).collect();
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

    /// All fitted variables, which from now on ask for gradients.
    pub(crate) fn leaves(&mut self) -> Result<Vec<Tensor>, EngineError> {
        let leaves = self.fitted_variables();
        let leaves = leaves.map(|(variable, _)| self.views[&variable.name].shallow_clone());
        leaves.map(|mut leaf| Ok(leaf.f_requires_grad_(true)?)).collect()
    }

    /// The parts of a flat tensor that lies like the fitted variables.
    pub(crate) fn views_like(&self, flat: &Tensor) -> Result<Vec<Tensor>, EngineError> {
        let fitted = self.fitted_variables();
        fitted
            .map(|(variable, offset)| view(flat, variable, offset))
            .collect()
    }

    fn fitted_variables(&self) -> impl Iterator<Item = (&Variable, i64)> {
        let all = self.variables.iter().zip(self.offsets.iter().copied());
        all.filter(|(variable, _)| !variable.is_buffer())
    }
}

/// First values of a variable of a built-in net.
pub(crate) fn seeded(variable: &Variable, seed: u64) -> Vec<f32> {
    let len = variable.len() as usize;
    let mut random = Random::new(seed, &format!("weights of {}", variable.name));
    match variable.role {
        Role::Constant(value) | Role::Buffer(value) => vec![value; len],
        Role::Uniform(bound) => (0..len).map(|_| random.symmetric(bound) as f32).collect(),
        Role::Normal(deviation) => (0..len).map(|_| (random.normal() * deviation) as f32).collect(),
    }
}

fn view(flat: &Tensor, variable: &Variable, offset: i64) -> Result<Tensor, EngineError> {
    // Detached: a leaf of its own that shares the flat tensor's storage.
    Ok(flat
        .f_narrow(0, offset, len(variable))?
        .f_view(variable.shape.as_slice())?
        .f_detach()?)
}

fn len(variable: &Variable) -> i64 {
    variable.len() as i64
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

    fn gradients_reach_every_variable(net: Net) {
        crate::set_threads(1);
        let shape = InputShape {
            channels: 3,
            height: 24,
            width: 16,
        };
        let mut network = Network::new(&(&net).into(), shape, 4, Device::Cpu).unwrap();
        network.fill_from_seed(1).unwrap();
        let leaves = network.leaves().unwrap();
        let count = 4 * shape.values() as i64;
        let input = Tensor::arange(count, (Kind::Float, Device::Cpu)).sin();
        let mut random = Random::new(1, "test");
        let logits = network
            .forward(&input.view([4, 3, 24, 16]), Pass::Train(&mut random))
            .unwrap();
        let loss = logits.cross_entropy_for_logits(&Tensor::from_slice(&[0_i64, 1, 2, 3]));
        assert!(loss.double_value(&[]).is_finite());
        loss.backward();
        for ((variable, _), leaf) in network.fitted_variables().zip(leaves) {
            let sum = leaf.grad().abs().sum(Kind::Double).double_value(&[]);
            assert!(sum > 0.0 && sum.is_finite(), "{}: {sum}", variable.name);
        }
    }

    #[test]
    fn gradients_reach_every_variable_of_resnet18() {
        gradients_reach_every_variable(Net::Resnet18 {});
    }

    #[test]
    fn gradients_reach_every_variable_of_mobilenet_v3_small() {
        gradients_reach_every_variable(Net::MobilenetV3Small {});
    }

    #[test]
    fn gradients_reach_every_variable_of_shufflenet_v2_x1_0() {
        gradients_reach_every_variable(Net::ShufflenetV2X1_0 {});
    }

    #[test]
    fn gradients_reach_every_variable_of_resnet50() {
        gradients_reach_every_variable(Net::Resnet50 {});
    }

    #[test]
    fn gradients_reach_every_variable_of_efficientnet_b3() {
        gradients_reach_every_variable(Net::EfficientnetB3 {});
    }
}
