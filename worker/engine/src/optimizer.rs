//! Optimisers with their state in the open: one that hides its moments loses them at every restart. The steps are libtorch's
//! fused ones, a pass over all weights each.

mod fused;
#[cfg(test)]
mod tests;

use crate::EngineError;
use crate::net::Network;
use fused::Factors;
use imgcalc_shared::training::{self, Hyper};
use tch::{Kind, Tensor};

/// AdamW's decay of the second moment, β₂.
const SECOND_DECAY: f64 = 0.999;
/// Added to the root of AdamW's second moment, ε.
const EPSILON: f64 = 1e-8;

/// An optimiser and its state.
pub(crate) struct Optimizer {
    rule: training::Optimizer,
    factors: Factors,
    leaves: Vec<Tensor>,
    states: Vec<State>,
}

/// What is remembered of each weight from step to step.
struct State {
    name: &'static str,
    /// Lies like the network's fitted variables.
    flat: Tensor,
    /// Of each leaf: a part of the flat tensor.
    views: Vec<Tensor>,
}

/// What an optimiser of this kind remembers, in its order. A checkpoint holds these names.
pub(crate) fn state_names(rule: training::Optimizer) -> &'static [&'static str] {
    match rule {
        training::Optimizer::Sgd => &["momentum"],
        training::Optimizer::AdamW => &["momentum.first", "momentum.second"],
    }
}

impl Optimizer {
    /// An optimiser of all fitted variables of a network, which from now on ask for gradients.
    pub(crate) fn new(network: &mut Network, hyper: &Hyper) -> Result<Self, EngineError> {
        let leaves = network.leaves()?;
        let state = |&name: &&'static str| {
            let flat = network.fitted.f_zeros_like()?;
            let views = network.views_like(&flat)?;
            Ok::<_, EngineError>(State { name, flat, views })
        };
        Ok(Optimizer {
            rule: hyper.optimizer,
            factors: Factors {
                learning_rate: hyper.learning_rate,
                weight_decay: hyper.weight_decay,
                momentum: hyper.momentum,
            },
            states: state_names(hyper.optimizer)
                .iter()
                .map(state)
                .collect::<Result<_, _>>()?,
            leaves,
        })
    }

    /// Forgets the gradients, so that a backward pass hands its own over instead of adding them.
    pub(crate) fn clear(&mut self) -> Result<(), EngineError> {
        fused::forget_gradients(&self.leaves)
    }

    /// One step with this learning rate. `number` counts the steps since its state was zero, from 1.
    pub(crate) fn step(&mut self, learning_rate: f64, number: u64) -> Result<(), EngineError> {
        let factors = Factors {
            learning_rate,
            ..self.factors
        };
        tch::no_grad(|| match (self.rule, self.states.as_slice()) {
            (training::Optimizer::AdamW, [first, second]) => {
                let moments = [first.views.as_slice(), second.views.as_slice()];
                fused::adamw(&self.leaves, moments, factors, (SECOND_DECAY, EPSILON), number)
            }
            (_, [momentum, ..]) => fused::sgd(&self.leaves, &momentum.views, factors),
            (_, []) => Err(EngineError::Torch("the optimiser has no state".into())),
        })
    }

    /// Euclidean norm of all gradients: one number on the device.
    pub(crate) fn gradient_norm(&self) -> Result<Tensor, EngineError> {
        tch::no_grad(|| {
            let mut norms = Vec::with_capacity(self.leaves.len());
            for leaf in &self.leaves {
                let gradient = leaf.f_grad()?;
                if gradient.defined() {
                    norms.push(gradient.f_norm()?.f_to_kind(Kind::Float)?);
                }
            }
            match norms.is_empty() {
                true => Ok(Tensor::f_zeros([], (Kind::Float, self.states[0].flat.device()))?),
                false => Ok(Tensor::f_stack(&norms, 0)?.f_norm()?),
            }
        })
    }

    /// All it remembers, by name. Each has one number for each fitted one, lying like them.
    pub(crate) fn states(&self) -> Vec<(&'static str, &Tensor)> {
        self.states
            .iter()
            .map(|state| (state.name, &state.flat))
            .collect()
    }
}
