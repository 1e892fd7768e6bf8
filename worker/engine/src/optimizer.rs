//! Optimisers over one flat tensor, with their state in the open: one that hides its moments loses them at every restart.

mod adamw;
mod sgd;

use crate::EngineError;
use adamw::AdamW;
use imgcalc_shared::training::{self, Hyper};
use sgd::Sgd;
use tch::Tensor;

/// An optimiser and its state.
pub(crate) struct Optimizer {
    rule: Rule,
    gradients: Tensor,
}

enum Rule {
    Sgd(Sgd),
    AdamW(AdamW),
}

impl Optimizer {
    /// An optimiser of `fitted`, whose gradients arrive in `gradients`.
    pub(crate) fn new(fitted: &Tensor, gradients: &Tensor, hyper: &Hyper) -> Result<Self, EngineError> {
        let rule = match hyper.optimizer {
            training::Optimizer::Sgd => Rule::Sgd(Sgd::new(fitted, hyper)?),
            training::Optimizer::AdamW => Rule::AdamW(AdamW::new(fitted, hyper)?),
        };
        Ok(Optimizer {
            rule,
            gradients: gradients.shallow_clone(),
        })
    }

    /// Forgets the gradients; they add up otherwise.
    pub(crate) fn clear(&mut self) -> Result<(), EngineError> {
        let _ = self.gradients.f_zero_()?;
        Ok(())
    }

    /// One step with this learning rate. `number` counts the steps of the whole training from 1.
    pub(crate) fn step(&mut self, learning_rate: f64, number: u64) -> Result<(), EngineError> {
        tch::no_grad(|| match &mut self.rule {
            Rule::Sgd(sgd) => sgd.step(&mut self.gradients, learning_rate),
            Rule::AdamW(adamw) => adamw.step(&self.gradients, learning_rate, number),
        })
    }

    /// Euclidean norm of all gradients: one number on the device.
    pub(crate) fn gradient_norm(&self) -> Result<Tensor, EngineError> {
        Ok(tch::no_grad(|| self.gradients.f_norm())?)
    }

    /// All it remembers from step to step, by name. Each has one number for each fitted one, lying like them.
    pub(crate) fn states(&self) -> Vec<(&'static str, &Tensor)> {
        match &self.rule {
            Rule::Sgd(sgd) => vec![("momentum", &sgd.momenta)],
            Rule::AdamW(adamw) => vec![("first_moment", &adamw.first), ("second_moment", &adamw.second)],
        }
    }
}

/// A number on the device of `like`: a factor that a step changes without waiting for the device.
fn scalar(value: f64, like: &Tensor) -> Result<Tensor, EngineError> {
    Ok(Tensor::from(value as f32).f_to_device(like.device())?)
}
