//! Finds out what a script takes and gives by trying it.

use super::graph::Pass;
use super::{Definition, Network, script};
use crate::random::Random;
use crate::{EngineError, device};
use imgcalc_shared::training::InputShape;
use tch::{Kind, Reduction, Tensor};

const IMAGES: i64 = 2;

/// A script that is loaded once and tried on images of many shapes.
pub struct Trial(Network);

impl Trial {
    /// Refuses what can be told to be no net without an image.
    pub fn open(definition: &Definition) -> Result<Self, EngineError> {
        Network::of_script(definition, device::device()).map(Trial)
    }

    /// Fitted numbers.
    pub fn parameters(&self) -> u64 {
        self.0.parameters()
    }

    /// The number of classes it tells apart in images of this shape.
    pub fn classes(&self, shape: InputShape) -> Result<u16, EngineError> {
        let logits = tch::no_grad(|| self.0.run(&images(shape)?, Pass::Evaluate))?;
        let classes = script::classes(&logits, IMAGES)?;
        u16::try_from(classes).map_err(|_| script::bad(format!("{classes} classes are more than 65535")))
    }

    /// Whether it can be trained on images of this shape. Changes its running statistics.
    pub fn trains(&mut self, shape: InputShape) -> Result<(), EngineError> {
        let leaves = self.0.leaves()?;
        let mut random = Random::new(0, "trial");
        let logits = self.0.run(&images(shape)?, Pass::Train(&mut random))?;
        script::classes(&logits, IMAGES)?;
        let labels = Tensor::f_from_slice(&[0_i64; IMAGES as usize])?.f_to_device(logits.device())?;
        let loss = logits.f_cross_entropy_loss::<&Tensor>(&labels, None, Reduction::Mean, -100, 0.0)?;
        loss.f_backward()
            .map_err(|error| script::bad(format!("no gradient goes back through it: {error}")))?;
        let mut reached = false;
        for leaf in &leaves {
            let gradient = leaf.f_grad()?;
            reached |=
                gradient.defined() && gradient.f_abs()?.f_sum(Kind::Double)?.f_double_value(&[])? != 0.0;
        }
        if !reached {
            return Err(script::bad("no gradient reaches its parameters"));
        }
        self.0.check_places()
    }
}

/// Made up, and different from each other.
fn images(shape: InputShape) -> Result<Tensor, EngineError> {
    let size = [
        IMAGES,
        shape.channels.into(),
        shape.height.into(),
        shape.width.into(),
    ];
    let count = IMAGES * shape.values() as i64;
    let device = device::device();
    Ok(Tensor::f_arange(count, (Kind::Float, device))?
        .f_sin()?
        .f_view(size)?)
}
