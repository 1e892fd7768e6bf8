//! The sandwich rule: a step trains the largest of nets that share weights, the smallest, and some between that are drawn, so that
//! all of them come to something (Yu and Huang, "Universally Slimmable Networks and Improved Training Techniques", sections 3.1
//! and 3.2). The gradients of all are summed. The largest learns from the labels, all others from what the largest says; that
//! needs neither another net nor another pass.
//!
//! A weight that none of a step's nets has is left alone by that step: it neither decays nor moves on by its momentum. Only
//! what follows the stages can be such a weight, for the largest net has all others.

use crate::EngineError;
use crate::net::{Network, Pass};
use crate::random::Random;
use imgcalc_shared::net::{NETS_OF_A_STEP, Shares};
use tch::{Kind, Tensor};

/// What a step trains beside the largest net.
pub(super) struct Sandwich {
    shares: Shares,
    channels: u16,
    classes: u16,
}

impl Sandwich {
    pub(super) fn new(shares: Shares, channels: u16, classes: u16) -> Self {
        Sandwich {
            shares,
            channels,
            classes,
        }
    }

    /// Adds to the gradients of the largest net, of which the logits are, those of the others.
    pub(super) fn backward(
        &self,
        network: &Network,
        input: &Tensor,
        logits: &Tensor,
        random: &mut Random,
    ) -> Result<(), EngineError> {
        let said = logits.f_detach()?.f_softmax(-1, Kind::Float)?;
        let nets = self.shares.nets();
        let mut others = vec![self.shares.smallest()];
        others.extend((2..NETS_OF_A_STEP).map(|_| &nets[random.below(nets.len() as u64) as usize]));
        for net in others {
            let part = network.part(net, self.channels, self.classes)?;
            let logits = part.forward(input, Pass::Train(random))?;
            let logits = logits.f_to_kind(Kind::Float)?;
            let loss =
                logits.f_cross_entropy_loss::<&Tensor>(&said, None, tch::Reduction::Mean, -100, 0.0)?;
            loss.f_backward()?;
        }
        Ok(())
    }
}
