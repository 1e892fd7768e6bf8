//! SGD with momentum over one flat tensor, with its state in the open: an optimiser that hides its momentum loses it at every restart.

use crate::EngineError;
use tch::Tensor;

/// The optimiser and its state.
pub(crate) struct Sgd {
    /// One number for each of `fitted`, lying like them.
    pub(crate) momenta: Tensor,
    fitted: Tensor,
    gradients: Tensor,
    momentum: Tensor,
    weight_decay: Tensor,
    /// Minus the learning rate.
    descent: Tensor,
}

impl Sgd {
    /// An optimiser of `fitted`, whose gradients arrive in `gradients`.
    pub(crate) fn new(
        fitted: &Tensor,
        gradients: &Tensor,
        momentum: f64,
        weight_decay: f64,
    ) -> Result<Self, EngineError> {
        let scalar = |value: f64| Tensor::from(value as f32).f_to_device(fitted.device());
        Ok(Sgd {
            momenta: fitted.f_zeros_like()?,
            fitted: fitted.shallow_clone(),
            gradients: gradients.shallow_clone(),
            momentum: scalar(momentum)?,
            weight_decay: scalar(weight_decay)?,
            descent: scalar(0.0)?,
        })
    }

    /// Forgets the gradients; they add up otherwise.
    pub(crate) fn clear(&mut self) -> Result<(), EngineError> {
        let _ = self.gradients.f_zero_()?;
        Ok(())
    }

    /// One step with this learning rate.
    pub(crate) fn step(&mut self, learning_rate: f64) -> Result<(), EngineError> {
        tch::no_grad(|| {
            let _ = self.descent.f_fill_(-learning_rate)?;
            let _ = self.gradients.f_addcmul_(&self.fitted, &self.weight_decay)?;
            let _ = self.momenta.f_mul_(&self.momentum)?.f_add_(&self.gradients)?;
            let _ = self.fitted.f_addcmul_(&self.momenta, &self.descent)?;
            Ok(())
        })
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
        let gradients = ours.zeros_like();
        let mut sgd = Sgd::new(&ours, &gradients, 0.9, 3e-4).unwrap();
        let mut flat = gradients.shallow_clone();
        for step in 0..20 {
            let rate = crate::schedule::cosine(0.1, step, 20);
            oracle.set_lr(rate);
            oracle.backward_step(&(&theirs * &theirs).sin().sum(Kind::Float));
            flat.copy_(&theirs.grad());
            // libtorch's optimiser adds the decay to a copy, so the gradient is still the plain one.
            sgd.step(rate).unwrap();
            assert_eq!(ours, theirs.detach(), "step {step}");
        }
    }
}
