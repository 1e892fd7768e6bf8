//! Trains a net: epochs of shuffled batches, a curve, checkpoints between epochs.

use crate::checkpoint::{self, Identity};
use crate::data::{Input, Resident, Standardisation};
use crate::device;
use crate::net::Network;
use crate::optimizer::Sgd;
use crate::random::Random;
use crate::{EngineError, TrainData, evaluate, schedule, weights};
use imgcalc_shared::training::{Hyper, Net};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use tch::Tensor;

/// Reports an epoch makes at least, if it has as many steps.
const REPORTS: u64 = 8;
/// Steps between two looks at the loss at most: each waits for the device.
const STEPS_UNSEEN_MAX: u64 = 16;

/// Where the first weights come from.
#[derive(Clone, Copy, Debug)]
pub enum Init<'a> {
    /// Drawn from the seed.
    Scratch,
    /// Those of a predecessor with the same net, channels and classes; its images may have another height, width and period.
    Weights(&'a [u8]),
}

/// How far a training is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The present epoch, from 1.
    pub epoch: u32,
    /// All epochs.
    pub epochs: u32,
    /// Steps done in this epoch.
    pub step: u64,
    /// Steps of an epoch.
    pub steps: u64,
    /// Mean training loss of this epoch so far.
    pub loss: f64,
    /// Accuracy on the validation images, in the last report of an epoch only.
    pub accuracy: Option<f64>,
    /// Images trained on so far, those before a resumption included.
    pub images_seen: u64,
    /// Training images a second of this run, validation not counted.
    pub images_per_second: f64,
}

/// Whoever started a training.
pub trait Observer {
    /// Told a few times each epoch, and at its end.
    fn progress(&mut self, progress: &Progress);
    /// Given the state after `epoch` epochs to store; an error ends the training.
    fn checkpoint(&mut self, epoch: u32, bytes: &[u8]) -> Result<(), String>;
    /// Asked before every step; true ends the training with [`EngineError::Stopped`].
    fn should_stop(&self) -> bool;
    /// Asked after every epoch whether to make a checkpoint.
    fn checkpoint_due(&self) -> bool;
}

/// One epoch of a learning curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochPoint {
    /// From 1.
    pub epoch: u32,
    /// Mean training loss over the epoch.
    pub loss: f64,
    /// Accuracy on the validation images after it.
    pub accuracy: f64,
}

/// What a training gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The weights and the standardisation of the input, as safetensors; equal weights give equal bytes.
    pub weights: Vec<u8>,
    /// Mean training loss of the last epoch.
    pub loss: f64,
    /// Accuracy on the validation images after the last epoch.
    pub accuracy: f64,
    /// Accuracy on the test images, if there are any.
    pub test_accuracy: Option<f64>,
    /// All epochs, those before a resumption included.
    pub curve: Vec<EpochPoint>,
    /// Number of fitted numbers.
    pub parameters: u64,
}

/// Trains `net`. With `resume`, goes on from a checkpoint of this very training; on a CPU with the same number of threads the result is then
/// that of an undisturbed run, bit for bit.
pub fn train(
    net: &Net,
    hyper: &Hyper,
    data: &TrainData,
    init: Init,
    resume: Option<&[u8]>,
    observer: &mut dyn Observer,
) -> Result<Trained, EngineError> {
    check(hyper, data)?;
    let mut run = Run::new(net, hyper, data)?;
    match (resume, init) {
        (Some(bytes), _) => {
            let Run {
                identity,
                network,
                sgd,
                standard,
                ..
            } = &mut run;
            run.curve = checkpoint::restore(bytes, identity, network, sgd, standard)?;
        }
        (None, Init::Scratch) => run.network.fill_from_seed(hyper.seed)?,
        (None, Init::Weights(bytes)) => {
            let channels = data.train.shape.channels;
            let (values, _) = weights::read(bytes, net, channels, data.classes, run.network.variables())?;
            run.network.fill(&values)?;
        }
    }
    for epoch in run.curve.len() as u32 + 1..=hyper.epochs {
        run.epoch(epoch, observer)?;
        if observer.checkpoint_due() {
            let bytes = checkpoint::write(&run.identity, &run.curve, &run.network, &run.sgd, &run.standard)?;
            observer
                .checkpoint(epoch, &bytes)
                .map_err(EngineError::Checkpoint)?;
        }
    }
    run.finish(net, data)
}

fn check(hyper: &Hyper, data: &TrainData) -> Result<(), EngineError> {
    data.check()?;
    let Hyper {
        learning_rate,
        momentum,
        weight_decay,
        batch_size,
        epochs,
        ..
    } = hyper;
    let finite = |value: &f64| value.is_finite() && *value >= 0.0;
    let wrong = if !finite(learning_rate) {
        format!("the learning rate {learning_rate} is not a finite number from 0")
    } else if !finite(weight_decay) {
        format!("the weight decay {weight_decay} is not a finite number from 0")
    } else if !(0.0..1.0).contains(momentum) {
        format!("the momentum {momentum} is not in [0, 1)")
    } else if *batch_size < 2 || data.train.len() < 2 {
        "batch normalisation needs two images in a batch".into()
    } else if *epochs == 0 {
        "there is no epoch".into()
    } else {
        return Ok(());
    };
    Err(EngineError::BadData(wrong))
}

/// Steps of an epoch. All images are seen, in batches that differ in size by one at most: a short last batch would have too few images to normalise over.
fn steps(images: u64, batch_size: u64) -> u64 {
    images.div_ceil(batch_size).min(images / 2).max(1)
}

/// A training under way.
struct Run<'a> {
    hyper: &'a Hyper,
    identity: Identity,
    network: Network,
    sgd: Sgd,
    standard: Standardisation,
    input: Input,
    images: Resident,
    validation: Resident,
    steps: u64,
    curve: Vec<EpochPoint>,
    images_here: u64,
    time_here: Duration,
}

impl<'a> Run<'a> {
    fn new(net: &Net, hyper: &'a Hyper, data: &TrainData) -> Result<Self, EngineError> {
        let device = device::device();
        let shape = data.train.shape;
        let mut network = Network::new(net, shape.channels, data.classes, device)?;
        let gradients = network.attach_gradients()?;
        let standard = Standardisation::of(&data.train);
        Ok(Run {
            hyper,
            identity: Identity::new(net, hyper, data),
            sgd: Sgd::new(&network.fitted, &gradients, hyper.momentum, hyper.weight_decay)?,
            network,
            input: standard.on(shape, device)?,
            standard,
            images: Resident::new(&data.train, device)?,
            validation: Resident::new(&data.validation, device)?,
            steps: steps(data.train.len() as u64, hyper.batch_size.into()),
            curve: Vec::new(),
            images_here: 0,
            time_here: Duration::ZERO,
        })
    }

    fn epoch(&mut self, epoch: u32, observer: &mut dyn Observer) -> Result<(), EngineError> {
        let images = self.images.len as u64;
        let order =
            Random::new(self.hyper.seed, &format!("order of epoch {epoch}")).permutation(images as usize);
        let order = Tensor::f_from_slice(&order)?.f_to_device(self.network.fitted.device())?;
        let every = (self.steps / REPORTS).clamp(1, STEPS_UNSEEN_MAX);
        let (mut unseen, mut loss_sum, mut seen) = (Vec::new(), 0.0, 0);
        for step in 1..=self.steps {
            if observer.should_stop() {
                return Err(EngineError::Stopped);
            }
            let start = Instant::now();
            let (from, to) = (images * (step - 1) / self.steps, images * step / self.steps);
            let batch = order.f_narrow(0, from as i64, (to - from) as i64)?;
            let done = u64::from(epoch - 1) * self.steps + step - 1;
            let rate = schedule::cosine(
                self.hyper.learning_rate,
                done,
                u64::from(self.hyper.epochs) * self.steps,
            );
            unseen.push((step, to - from, self.step(&batch, rate)?));
            if step % every == 0 || step == self.steps {
                for (step, size, loss) in unseen.drain(..) {
                    let loss = loss.f_double_value(&[])?;
                    if !loss.is_finite() {
                        return Err(EngineError::Numeric { epoch, step });
                    }
                    loss_sum += loss * size as f64;
                    seen += size;
                }
            }
            self.images_here += to - from;
            self.time_here += start.elapsed();
            if step % every == 0 && step < self.steps {
                observer.progress(&self.progress(epoch, step, loss_sum / seen as f64, None));
            }
        }
        if !(finite(&self.network.fitted)? && finite(&self.network.statistics)? && finite(&self.sgd.momenta)?)
        {
            return Err(EngineError::Numeric {
                epoch,
                step: self.steps,
            });
        }
        let loss = loss_sum / seen as f64;
        let accuracy = evaluate::accuracy(&self.network, &self.input, &self.validation)?;
        self.curve.push(EpochPoint {
            epoch,
            loss,
            accuracy,
        });
        observer.progress(&self.progress(epoch, self.steps, loss, Some(accuracy)));
        Ok(())
    }

    /// One step; its loss stays on the device until someone looks.
    fn step(&mut self, batch: &Tensor, rate: f64) -> Result<Tensor, EngineError> {
        let (values, labels) = self.images.select(batch)?;
        let logits = self.network.forward(&self.input.standardise(&values)?, true)?;
        let loss = logits.f_cross_entropy_loss::<&Tensor>(&labels, None, tch::Reduction::Mean, -100, 0.0)?;
        self.sgd.clear()?;
        loss.f_backward()?;
        self.sgd.step(rate)?;
        Ok(loss.f_detach()?)
    }

    fn progress(&self, epoch: u32, step: u64, loss: f64, accuracy: Option<f64>) -> Progress {
        let images = self.images.len as u64;
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

    fn finish(self, net: &Net, data: &TrainData) -> Result<Trained, EngineError> {
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
            parameters: crate::parameters(net, &data.train.shape, data.classes)?,
            curve: self.curve,
        })
    }
}

fn finite(tensor: &Tensor) -> Result<bool, EngineError> {
    Ok(tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? != 0)
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
