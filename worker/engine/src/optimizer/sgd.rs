//! Stochastic gradient descent with momentum (Sutskever et al., "On the importance of initialization and momentum in deep
//! learning", as PyTorch has it: the learning rate is no part of the momentum).

use super::scalar;
use crate::EngineError;
use imgcalc_shared::training::Hyper;
use tch::Tensor;

pub(super) struct Sgd {
    pub(super) momenta: Tensor,
    fitted: Tensor,
    momentum: Tensor,
    weight_decay: Tensor,
    /// Minus the learning rate.
    descent: Tensor,
}

impl Sgd {
    pub(super) fn new(fitted: &Tensor, hyper: &Hyper) -> Result<Self, EngineError> {
        Ok(Sgd {
            momenta: fitted.f_zeros_like()?,
            fitted: fitted.shallow_clone(),
            momentum: scalar(hyper.momentum, fitted)?,
            weight_decay: scalar(hyper.weight_decay, fitted)?,
            descent: scalar(0.0, fitted)?,
        })
    }

    /// Adds the decay to the gradients in their place.
    pub(super) fn step(&mut self, gradients: &mut Tensor, learning_rate: f64) -> Result<(), EngineError> {
        let _ = self.descent.f_fill_(-learning_rate)?;
        let _ = gradients.f_addcmul_(&self.fitted, &self.weight_decay)?;
        let _ = self.momenta.f_mul_(&self.momentum)?.f_add_(gradients)?;
        let _ = self.fitted.f_addcmul_(&self.momenta, &self.descent)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::nn::{self, OptimizerConfig};
    use tch::{Device, Kind};

    #[test]
    fn its_steps_are_those_of_libtorch_bit_for_bit() {
        let store = nn::VarStore::new(Device::Cpu);
        let theirs = store.root().var(
            "x",
            &[1003],
            nn::Init::Randn {
                mean: 0.0,
                stdev: 1.0,
            },
        );
        let ours = theirs.detach().copy();
        let mut oracle = nn::Sgd {
            momentum: 0.9,
            dampening: 0.0,
            wd: 3e-4,
            nesterov: false,
        }
        .build(&store, 0.1)
        .unwrap();
        let mut gradients = ours.zeros_like();
        let hyper = Hyper {
            weight_decay: 3e-4,
            ..Hyper::default()
        };
        let mut sgd = Sgd::new(&ours, &hyper).unwrap();
        for step in 0..20 {
            let rate = 0.1 / f64::from(step + 1);
            oracle.set_lr(rate);
            oracle.backward_step(&(&theirs * &theirs).sin().sum(Kind::Float));
            gradients.copy_(&theirs.grad());
            // libtorch's optimiser adds the decay to a copy, so the gradient is still the plain one.
            sgd.step(&mut gradients, rate).unwrap();
            assert_eq!(ours, theirs.detach(), "step {step}");
        }
    }
}
