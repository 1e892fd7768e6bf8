//! Adam with decoupled weight decay (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", algorithm 2).

use super::scalar;
use crate::EngineError;
use imgcalc_shared::training::Hyper;
use tch::Tensor;

/// Decay of the second moment, β₂.
const SECOND_DECAY: f64 = 0.999;
/// Added to the root of the second moment, ε.
const EPSILON: f64 = 1e-8;

pub(super) struct AdamW {
    pub(super) first: Tensor,
    pub(super) second: Tensor,
    fitted: Tensor,
    /// Of the first moment, β₁.
    first_decay: f64,
    weight_decay: f64,
    first_keep: Tensor,
    first_gain: Tensor,
    second_keep: Tensor,
    second_gain: Tensor,
    /// What a step leaves of the weights before it moves them.
    shrink: Tensor,
    /// One over the root of the second moment's bias.
    spread: Tensor,
    epsilon: Tensor,
    /// Minus the learning rate, the first moment's bias made good for.
    descent: Tensor,
}

impl AdamW {
    pub(super) fn new(fitted: &Tensor, hyper: &Hyper) -> Result<Self, EngineError> {
        Ok(AdamW {
            first: fitted.f_zeros_like()?,
            second: fitted.f_zeros_like()?,
            fitted: fitted.shallow_clone(),
            first_decay: hyper.momentum,
            weight_decay: hyper.weight_decay,
            first_keep: scalar(hyper.momentum, fitted)?,
            first_gain: scalar(1.0 - hyper.momentum, fitted)?,
            second_keep: scalar(SECOND_DECAY, fitted)?,
            second_gain: scalar(1.0 - SECOND_DECAY, fitted)?,
            shrink: scalar(1.0, fitted)?,
            spread: scalar(1.0, fitted)?,
            epsilon: scalar(EPSILON, fitted)?,
            descent: scalar(0.0, fitted)?,
        })
    }

    pub(super) fn step(
        &mut self,
        gradients: &Tensor,
        learning_rate: f64,
        number: u64,
    ) -> Result<(), EngineError> {
        let power = i32::try_from(number).unwrap_or(i32::MAX);
        let first_bias = 1.0 - self.first_decay.powi(power);
        let second_bias = 1.0 - SECOND_DECAY.powi(power);
        let _ = self.shrink.f_fill_(1.0 - learning_rate * self.weight_decay)?;
        let _ = self.descent.f_fill_(-learning_rate / first_bias)?;
        let _ = self.spread.f_fill_(1.0 / second_bias.sqrt())?;
        let _ = self.fitted.f_mul_(&self.shrink)?;
        let _ = self
            .first
            .f_mul_(&self.first_keep)?
            .f_addcmul_(gradients, &self.first_gain)?;
        let squares = gradients.f_mul(gradients)?;
        let _ = self
            .second
            .f_mul_(&self.second_keep)?
            .f_addcmul_(&squares, &self.second_gain)?;
        let size = self
            .second
            .f_sqrt()?
            .f_mul_(&self.spread)?
            .f_add_(&self.epsilon)?;
        let _ = self.fitted.f_addcmul_(&self.first.f_div(&size)?, &self.descent)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::nn::{self, OptimizerConfig};
    use tch::{Device, Kind};

    #[test]
    fn its_steps_are_those_of_libtorch_but_for_rounding() {
        let store = nn::VarStore::new(Device::Cpu);
        let start = nn::Init::Randn {
            mean: 0.0,
            stdev: 1.0,
        };
        let theirs = store.root().var("x", &[1003], start);
        let ours = theirs.detach().copy();
        let config = nn::AdamW {
            beta1: 0.9,
            beta2: SECOND_DECAY,
            wd: 3e-2,
            eps: EPSILON,
            amsgrad: false,
        };
        let mut oracle = config.build(&store, 0.1).unwrap();
        let hyper = Hyper {
            weight_decay: 3e-2,
            ..Hyper::default()
        };
        let mut adamw = AdamW::new(&ours, &hyper).unwrap();
        for number in 1..=50 {
            let rate = 0.1 / f64::from(number);
            oracle.set_lr(rate);
            oracle.backward_step(&(&theirs * &theirs).sin().sum(Kind::Float));
            adamw
                .step(&theirs.grad().copy(), rate, u64::from(number as u32))
                .unwrap();
            let difference = (&ours - theirs.detach()).abs().max().double_value(&[]);
            // Of weights around 1.
            assert!(difference < 2e-5, "step {number}: {difference}");
        }
        let moved = (&ours - theirs.detach()).abs().sum(Kind::Float).double_value(&[]);
        assert!(moved < 1e-2, "{moved}");
    }
}
