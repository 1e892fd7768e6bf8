//! A training under way: what changes from step to step.

use super::{EpochPoint, Observer, Place, Progress, Trained, Wish};
use crate::checkpoint::{self, Identity};
use crate::data::{Input, Resident, Standardisation};
use crate::net::{Definition, Network, Pass};
use crate::optimizer::Sgd;
use crate::random::Random;
use crate::{EngineError, TrainData, device, evaluate, schedule, weights};
use imgcalc_shared::training::{Hyper, Net};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use tch::Tensor;

/// Reports an epoch makes at least, if it has as many steps.
const REPORTS: u64 = 8;
/// Steps between two looks at the loss at most: each waits for the device.
const STEPS_UNSEEN_MAX: u64 = 16;

/// How far the epoch under way is; all zero between two epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Present {
    /// Steps done.
    pub(crate) step: u64,
    /// Images in them.
    pub(crate) images: u64,
    /// Sum of their losses.
    pub(crate) loss_sum: f64,
}

/// Steps of an epoch. All images are seen, in batches that differ in size by one at most: a short last batch would have too few images to normalise over.
fn steps(images: u64, batch_size: u64) -> u64 {
    images.div_ceil(batch_size).min(images / 2).max(1)
}

/// Step, images and loss of a step; the loss is still on the device.
type Unseen = (u64, u64, Tensor);

/// See the module's description.
pub(crate) struct Run<'a> {
    hyper: &'a Hyper,
    pub(crate) identity: Identity,
    pub(crate) network: Network,
    pub(crate) sgd: Sgd,
    pub(crate) standard: Standardisation,
    input: Input,
    images: Resident,
    validation: Resident,
    pub(crate) steps: u64,
    pub(crate) curve: Vec<EpochPoint>,
    /// Of the epoch after them.
    pub(crate) present: Present,
    images_here: u64,
    time_here: Duration,
}

impl<'a> Run<'a> {
    pub(super) fn new(net: &Definition, hyper: &'a Hyper, data: &TrainData) -> Result<Self, EngineError> {
        let device = device::device();
        let shape = data.train.shape;
        let mut network = Network::new(net, shape, data.classes, device)?;
        let gradients = network.attach_gradients()?;
        let standard = Standardisation::of(&data.train);
        Ok(Run {
            hyper,
            identity: Identity::new(net.net(), hyper, data),
            sgd: Sgd::new(&network.fitted, &gradients, hyper.momentum, hyper.weight_decay)?,
            network,
            input: standard.on(shape, device)?,
            standard,
            images: Resident::new(&data.train, device)?,
            validation: Resident::new(&data.validation, device)?,
            steps: steps(data.train.len() as u64, hyper.batch_size.into()),
            curve: Vec::new(),
            present: Present::default(),
            images_here: 0,
            time_here: Duration::ZERO,
        })
    }

    pub(super) fn place(&self) -> Place {
        Place {
            epoch: self.curve.len() as u32,
            step: self.present.step,
        }
    }

    /// The number of training images.
    pub(crate) fn len(&self) -> u64 {
        self.images.len as u64
    }

    /// What is left of the present epoch.
    pub(super) fn epoch(&mut self, observer: &mut dyn Observer) -> Result<(), EngineError> {
        let (images, epoch) = (self.len(), self.place().epoch + 1);
        // The order follows from (seed, epoch), so a checkpoint needs to hold the place in it only.
        let order =
            Random::new(self.hyper.seed, &format!("order of epoch {epoch}")).permutation(images as usize);
        let order = Tensor::f_from_slice(&order)?.f_to_device(self.network.fitted.device())?;
        let every = (self.steps / REPORTS).clamp(1, STEPS_UNSEEN_MAX);
        let mut unseen = Vec::new();
        while self.present.step < self.steps {
            self.obey_between(&mut unseen, observer)?;
            let start = Instant::now();
            let step = self.present.step + 1;
            let (from, to) = (images * (step - 1) / self.steps, images * step / self.steps);
            let batch = order.f_narrow(0, from as i64, (to - from) as i64)?;
            let done = u64::from(epoch - 1) * self.steps + step - 1;
            let rate = schedule::cosine(
                self.hyper.learning_rate,
                done,
                u64::from(self.hyper.epochs) * self.steps,
            );
            // Follows from the number of the step, so a checkpoint holds nothing of it.
            let mut random = Random::new(self.hyper.seed, &format!("dropout of step {done}"));
            unseen.push((step, to - from, self.step(&batch, rate, &mut random)?));
            self.present.step = step;
            if step.is_multiple_of(every) || step == self.steps {
                self.look(&mut unseen)?;
            }
            self.images_here += to - from;
            self.time_here += start.elapsed();
            if step.is_multiple_of(every) && step < self.steps {
                observer.progress(&self.progress(epoch, step, self.mean_loss(), None));
            }
        }
        self.check_finite()?;
        let loss = self.mean_loss();
        let accuracy = evaluate::accuracy(&self.network, &self.input, &self.validation)?;
        self.curve.push(EpochPoint {
            epoch,
            loss,
            accuracy,
        });
        self.present = Present::default();
        observer.progress(&self.progress(epoch, self.steps, loss, Some(accuracy)));
        Ok(())
    }

    /// Does what the observer wishes before the next step.
    pub(super) fn obey(&mut self, observer: &mut dyn Observer) -> Result<(), EngineError> {
        self.obey_between(&mut Vec::new(), observer)
    }

    fn obey_between(
        &mut self,
        unseen: &mut Vec<Unseen>,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        let place = self.place();
        let wish = observer.wish(place);
        match wish {
            Wish::GoOn => return Ok(()),
            Wish::Stop => return Err(EngineError::Stopped),
            Wish::Checkpoint | Wish::Leave => {}
        }
        if self.images_here > 0 {
            // Sooner than without a checkpoint, but added up in the same order: the sums stay equal bit for bit.
            self.look(unseen)?;
            self.check_finite()?;
            let bytes = checkpoint::write(self)?;
            observer
                .checkpoint(place, &bytes)
                .map_err(EngineError::Checkpoint)?;
        }
        match wish {
            Wish::Leave => Err(EngineError::Stopped),
            _ => Ok(()),
        }
    }

    /// Adds up the losses of steps nobody has looked at yet.
    fn look(&mut self, unseen: &mut Vec<Unseen>) -> Result<(), EngineError> {
        for (step, size, loss) in unseen.drain(..) {
            let loss = loss.f_double_value(&[])?;
            if !loss.is_finite() {
                return Err(self.numeric(step));
            }
            self.present.loss_sum += loss * size as f64;
            self.present.images += size;
        }
        Ok(())
    }

    fn check_finite(&self) -> Result<(), EngineError> {
        let all = [&self.network.fitted, &self.network.statistics, &self.sgd.momenta];
        for tensor in all {
            if tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
                return Err(self.numeric(self.present.step));
            }
        }
        Ok(())
    }

    fn numeric(&self, step: u64) -> EngineError {
        let epoch = self.place().epoch + 1;
        EngineError::Numeric { epoch, step }
    }

    fn mean_loss(&self) -> f64 {
        self.present.loss_sum / self.present.images as f64
    }

    /// One step; its loss stays on the device until someone looks.
    fn step(&mut self, batch: &Tensor, rate: f64, random: &mut Random) -> Result<Tensor, EngineError> {
        let (values, labels) = self.images.select(batch)?;
        let logits = self
            .network
            .forward(&self.input.standardise(&values)?, Pass::Train(random))?;
        let loss = logits.f_cross_entropy_loss::<&Tensor>(&labels, None, tch::Reduction::Mean, -100, 0.0)?;
        self.sgd.clear()?;
        loss.f_backward()?;
        self.sgd.step(rate)?;
        Ok(loss.f_detach()?)
    }

    fn progress(&self, epoch: u32, step: u64, loss: f64, accuracy: Option<f64>) -> Progress {
        let images = self.len();
        Progress {
            epoch,
            epochs: self.hyper.epochs,
            step,
            steps: self.steps,
            loss,
            accuracy,
            images_seen: u64::from(epoch - 1) * images + images * step / self.steps,
            images_per_second: self.images_here as f64 / self.time_here.as_secs_f64().max(1e-9),
        }
    }

    pub(super) fn finish(self, net: &Net, data: &TrainData) -> Result<Trained, EngineError> {
        let last = self
            .curve
            .last()
            .copied()
            .ok_or_else(|| EngineError::BadData("there is no epoch".into()))?;
        let test = data.test.as_ref().map(|samples| {
            let images = Resident::new(samples, self.network.fitted.device())?;
            evaluate::accuracy(&self.network, &self.input, &images)
        });
        Ok(Trained {
            weights: weights::write(net, data.classes, &self.network, &self.standard)?,
            loss: last.loss,
            accuracy: last.accuracy,
            test_accuracy: test.transpose()?,
            parameters: self.network.parameters(),
            curve: self.curve,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_every_image_once_and_two_images_at_least() {
        for (images, batch_size) in [
            (2, 64),
            (3, 2),
            (5, 4),
            (9, 4),
            (64, 64),
            (65, 64),
            (129, 64),
            (5000, 64),
        ] {
            let steps = steps(images, batch_size);
            let sizes: Vec<u64> = (1..=steps)
                .map(|s| images * s / steps - images * (s - 1) / steps)
                .collect();
            assert_eq!(sizes.iter().sum::<u64>(), images);
            assert!(
                sizes.iter().all(|&size| (2..=batch_size.max(3)).contains(&size)),
                "{images} {batch_size}: {sizes:?}"
            );
        }
    }
}
