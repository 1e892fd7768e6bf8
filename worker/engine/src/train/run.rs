//! A training under way: what changes from step to step.

use super::health::{self, Guesser};
use super::sandwich::Sandwich;
use super::{Course, EpochPoint, Observer, Place, Progress, Trained, Wish};
use crate::augment::Augmenter;
use crate::checkpoint::{self, Identity};
use crate::data::{Feeds, Input, Standardisation};
use crate::device::Bfloat16;
use crate::net::{Definition, Network, Pass};
use crate::optimizer::Optimizer;
use crate::random::Random;
use crate::{EngineError, device, evaluate, schedule, weights};
use imgcalc_shared::net::Shares;
use imgcalc_shared::training::{Net, Precision};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use tch::{Device, Kind, Tensor};

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
pub(crate) fn steps(images: u64, batch_size: u64) -> u64 {
    images.div_ceil(batch_size).min(images / 2).max(1)
}

/// A step whose numbers are still on the device.
struct Unseen {
    step: u64,
    images: u64,
    loss: Tensor,
}

/// See the module's description.
pub(crate) struct Run<'a> {
    pub(crate) course: Course<'a>,
    pub(crate) identity: Identity,
    pub(crate) network: Network,
    pub(crate) optimizer: Optimizer,
    /// Since its state was zero.
    pub(crate) optimizer_steps: u64,
    pub(crate) standard: Standardisation,
    /// What else a step trains, where others share the network's weights.
    sandwich: Option<Sandwich>,
    pub(super) input: Input,
    augmenter: Option<Augmenter>,
    /// What the net must beat, where the images differ at all.
    guesser: Guesser,
    images_differ: bool,
    images: u64,
    pub(crate) steps: u64,
    /// Of all epochs done, in earlier legs too.
    pub(crate) curve: Vec<EpochPoint>,
    /// Of the epoch after them.
    pub(crate) present: Present,
    images_here: u64,
    time_here: Duration,
}

impl<'a> Run<'a> {
    pub(crate) fn new(net: &Definition, course: Course<'a>, feeds: &mut Feeds) -> Result<Self, EngineError> {
        device::set_deterministic(course.hyper.deterministic);
        let network = Network::new(net, feeds.train.shape(), feeds.classes, device::device())?;
        Run::of(network, Identity::new(net.net(), course, feeds), course, feeds)
    }

    /// The training of a net of which others are parts, and of these.
    pub(super) fn sharing(
        shares: Shares,
        course: Course<'a>,
        feeds: &mut Feeds,
    ) -> Result<Self, EngineError> {
        device::set_deterministic(course.hyper.deterministic);
        let network = Network::shared(&shares, feeds.train.shape(), feeds.classes, device::device())?;
        let identity = Identity::sharing(&shares, course, feeds);
        let run = Run::of(network, identity, course, feeds)?;
        Ok(Run {
            sandwich: Some(Sandwich::new(shares, feeds.train.shape().channels, feeds.classes)),
            ..run
        })
    }

    fn of(
        mut network: Network,
        identity: Identity,
        course: Course<'a>,
        feeds: &mut Feeds,
    ) -> Result<Self, EngineError> {
        let (hyper, device, shape) = (course.hyper, device::device(), feeds.train.shape());
        let optimizer = Optimizer::new(&mut network, hyper)?;
        let moments = feeds.train.moments(feeds.window_bytes)?;
        let standard = moments.standardisation();
        let (train, validation) = (feeds.train.labels(), feeds.validation.labels());
        let images = train.len() as u64;
        let steps = steps(images, hyper.batch_size.into());
        let guesser = Guesser::new(train, validation, feeds.classes, hyper, steps);
        Ok(Run {
            course,
            identity,
            optimizer,
            optimizer_steps: 0,
            network,
            sandwich: None,
            input: standard.on(shape, device)?,
            augmenter: Augmenter::new(&hyper.augment, shape, feeds.train.blocks(), device)?,
            standard,
            guesser,
            images_differ: !moments.are_constant(),
            images,
            steps,
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
        self.images
    }

    /// What is left of the present epoch.
    pub(super) fn epoch(
        &mut self,
        feeds: &mut Feeds,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        let (images, epoch) = (self.images, self.place().epoch + 1);
        let first = images * self.present.step / self.steps;
        // The order follows from (seed, epoch), so a checkpoint needs to hold the place in it only.
        let mut batches = feeds
            .train
            .epoch(self.course.hyper.seed, epoch, feeds.window_bytes, first)?;
        let every = (self.steps / REPORTS).clamp(1, STEPS_UNSEEN_MAX);
        let mut unseen = Vec::new();
        while self.present.step < self.steps {
            self.obey_between(&mut unseen, observer)?;
            let start = Instant::now();
            let step = self.present.step + 1;
            let (from, to) = (images * (step - 1) / self.steps, images * step / self.steps);
            let (values, labels) = batches.batch(from..to)?;
            let done = u64::from(epoch - 1) * self.steps + step - 1;
            let loss = self.step(&values, &labels, done)?;
            let images = to - from;
            unseen.push(Unseen { step, images, loss });
            self.present.step = step;
            let is_due = step.is_multiple_of(every) || step == self.steps;
            if is_due {
                self.look(&mut unseen)?;
            }
            self.images_here += images;
            self.time_here += start.elapsed();
            if is_due && step < self.steps {
                observer.progress(&self.progress(epoch, step, self.mean_loss(), None));
            }
        }
        drop(batches);
        self.check_finite()?;
        let loss = self.mean_loss();
        let accuracy = evaluate::accuracy(
            &self.network,
            &self.input,
            &mut feeds.validation,
            feeds.window_bytes,
        )?;
        self.curve.push(EpochPoint {
            epoch,
            loss,
            accuracy,
        });
        self.present = Present::default();
        observer.progress(&self.progress(epoch, self.steps, loss, Some(accuracy)));
        let health = match self.images_differ {
            true => self.guesser.check(&self.curve),
            false => Ok(()),
        };
        health.map_err(|evidence| EngineError::Numeric {
            epoch,
            step: self.steps,
            evidence,
        })
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

    /// Adds up the losses of steps nobody has looked at yet, in one wait for the device, and looks at the last gradient.
    fn look(&mut self, unseen: &mut Vec<Unseen>) -> Result<(), EngineError> {
        if unseen.is_empty() {
            return Ok(());
        }
        let mut numbers: Vec<Tensor> = unseen.iter().map(|one| one.loss.shallow_clone()).collect();
        numbers.push(self.optimizer.gradient_norm()?);
        let numbers = Tensor::f_stack(&numbers, 0)?.f_to_kind(Kind::Double)?;
        let mut numbers = Vec::<f64>::try_from(numbers.f_to_device(Device::Cpu)?)?;
        let norm = numbers.pop();
        let last = unseen.len() - 1;
        for (at, (one, loss)) in unseen.drain(..).zip(numbers).enumerate() {
            let norm = norm.filter(|_| at == last);
            health::of_step(loss, norm, self.guesser.loss)
                .map_err(|evidence| self.numeric(one.step, evidence))?;
            self.present.loss_sum += loss * one.images as f64;
            self.present.images += one.images;
        }
        Ok(())
    }

    fn check_finite(&self) -> Result<(), EngineError> {
        let states = self.optimizer.states().into_iter().map(|(_, state)| state);
        let all = [&self.network.fitted, &self.network.statistics];
        for tensor in all.into_iter().chain(states) {
            if tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
                let evidence = "a weight is no longer finite; try a lower learning rate or a warm-up";
                return Err(self.numeric(self.present.step, evidence.into()));
            }
        }
        Ok(())
    }

    fn numeric(&self, step: u64, evidence: String) -> EngineError {
        let epoch = self.place().epoch + 1;
        EngineError::Numeric {
            epoch,
            step,
            evidence,
        }
    }

    fn mean_loss(&self) -> f64 {
        self.present.loss_sum / self.present.images as f64
    }

    /// One step, the one after `done` others of all epochs; its loss stays on the device until someone looks.
    pub(crate) fn step(
        &mut self,
        values: &Tensor,
        labels: &Tensor,
        done: u64,
    ) -> Result<Tensor, EngineError> {
        // What is random follows from the number of the step, so a checkpoint holds nothing of it.
        let random =
            |purpose: &str| Random::new(self.course.hyper.seed, &format!("{purpose} of step {done}"));
        let mut values = values.f_to_kind(Kind::Float)?;
        if let Some(augmenter) = &self.augmenter {
            values = augmenter.apply(values, &mut random("augmentation"))?;
        }
        let input = self.input.standardise(values)?;
        let logits = {
            let _narrow = (self.course.hyper.precision == Precision::Bf16).then(Bfloat16::enter);
            self.network
                .forward(&input, Pass::Train(&mut random("dropout")))?
        };
        let logits = logits.f_to_kind(Kind::Float)?;
        let smoothing = self.course.hyper.label_smoothing;
        let loss =
            logits.f_cross_entropy_loss::<&Tensor>(labels, None, tch::Reduction::Mean, -100, smoothing)?;
        self.optimizer.clear()?;
        loss.f_backward()?;
        if let Some(sandwich) = &self.sandwich {
            let _narrow = (self.course.hyper.precision == Precision::Bf16).then(Bfloat16::enter);
            sandwich.backward(&self.network, &input, &logits, &mut random("shares"))?;
        }
        let rate = schedule::rate(self.course.hyper, done, self.steps);
        self.optimizer_steps += 1;
        self.optimizer.step(rate, self.optimizer_steps)?;
        Ok(loss.f_detach()?)
    }

    pub(super) fn progress(&self, epoch: u32, step: u64, loss: f64, accuracy: Option<f64>) -> Progress {
        let images = self.images;
        Progress {
            epoch,
            epochs: self.course.hyper.epochs,
            step,
            steps: self.steps,
            loss,
            accuracy,
            images_seen: u64::from(epoch - 1) * images + images * step / self.steps,
            images_per_second: self.images_here as f64 / self.time_here.as_secs_f64().max(1e-9),
        }
    }

    pub(super) fn finish(mut self, net: &Net, feeds: &mut Feeds) -> Result<Trained, EngineError> {
        let last = self
            .curve
            .last()
            .copied()
            .ok_or_else(|| EngineError::BadData("there is no epoch".into()))?;
        let window_bytes = feeds.window_bytes;
        // Whoever chooses how to go on must not have seen the test images.
        let test = feeds.test.as_mut().filter(|_| self.course.ends_training());
        let test = test.map(|feed| evaluate::accuracy(&self.network, &self.input, feed, window_bytes));
        let state = self.course.leg.map(|_| checkpoint::write(&self));
        Ok(Trained {
            weights: weights::write(net, feeds.classes, &self.network, &self.standard)?,
            state: state.transpose()?,
            loss: last.loss,
            accuracy: last.accuracy,
            test_accuracy: test.transpose()?,
            parameters: self.network.parameters(),
            curve: self.curve.split_off(self.course.after() as usize),
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
