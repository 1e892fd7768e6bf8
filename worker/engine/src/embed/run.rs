//! The training of an embedding under way.

use super::checkpoint::{self, Identity, Present};
use super::{Agreement, codes, views};
use crate::device;
use crate::net::{Network, Pass};
use crate::optimizer::Optimizer;
use crate::random::Random;
use crate::train::{Observer, Place, Progress, Wish};
use crate::{Definition, EngineError};
use imgcalc_shared::codec::Picture;
use imgcalc_shared::format::Format;
use imgcalc_shared::training::{self, Embedding, Hyper, Net};
use std::time::{Duration, Instant};
use tch::{Device, Kind, Tensor};

/// Stretches of the curve, if there are as many steps.
const ROUNDS: u32 = 20;
/// Steps between two looks at the loss at most: each waits for the device.
const STEPS_UNSEEN_MAX: usize = 8;
/// Share of the steps in which the learning rate rises.
const WARM_UP: f64 = 1.0 / 15.0;
/// Decay of the first moment, and of weights.
const MOMENTUM: f64 = 0.9;
const WEIGHT_DECAY: f64 = 1e-4;

/// See the module's description.
pub(super) struct Run<'a> {
    embedding: &'a Embedding,
    pictures: &'a [Picture],
    /// What is seen, by family.
    seen: Vec<Vec<Format>>,
    device: Device,
    pub(super) identity: Identity,
    pub(super) network: Network,
    pub(super) optimizer: Optimizer,
    pub(super) curve: Vec<Agreement>,
    /// Of the round after them.
    pub(super) present: Present,
    /// Loss and share found of steps nobody has looked at yet.
    unseen: Vec<[Tensor; 2]>,
    steps_here: u64,
    time_here: Duration,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        formats: &[Format],
        embedding: &'a Embedding,
        pictures: &'a [Picture],
    ) -> Result<Self, EngineError> {
        let device = device::device();
        let (size, channels) = (pictures[0].size, pictures[0].channels);
        for &format in formats {
            views::shape(format, size, channels)?;
        }
        let net = Net::SmallResnet {
            width: embedding.width,
            blocks: vec![1, 1, 1],
        };
        let shape = views::shape(formats[0], size, channels)?;
        let mut network = Network::new(&Definition::from(&net), shape, embedding.code, device)?;
        let hyper = Hyper {
            learning_rate: embedding.learning_rate,
            momentum: MOMENTUM,
            weight_decay: WEIGHT_DECAY,
            optimizer: training::Optimizer::AdamW,
            ..Hyper::default()
        };
        Ok(Run {
            embedding,
            pictures,
            seen: embedding.seen_of(formats),
            device,
            identity: Identity::new(formats, embedding, pictures),
            optimizer: Optimizer::new(&mut network, &hyper)?,
            network,
            curve: Vec::new(),
            present: Present::default(),
            unseen: Vec::new(),
            steps_here: 0,
            time_here: Duration::ZERO,
        })
    }

    /// Stretches of the curve.
    pub(super) fn rounds(&self) -> u32 {
        ROUNDS.min(self.embedding.steps)
    }

    /// Steps done after so many rounds.
    pub(super) fn end_of(&self, round: u32) -> u32 {
        let steps = u64::from(self.embedding.steps) * u64::from(round) / u64::from(self.rounds());
        steps as u32
    }

    pub(super) fn place(&self) -> Place {
        Place {
            epoch: self.curve.len() as u32,
            step: self.present.step.into(),
        }
    }

    /// What is left of the present round.
    pub(super) fn round(&mut self, observer: &mut dyn Observer) -> Result<(), EngineError> {
        let round = self.place().epoch;
        let (first, end) = (self.end_of(round), self.end_of(round + 1));
        while first + self.present.step < end {
            self.obey(observer)?;
            let begin = Instant::now();
            let numbers = self.step(first + self.present.step)?;
            self.unseen.push(numbers);
            self.present.step += 1;
            self.steps_here += 1;
            if self.unseen.len() == STEPS_UNSEEN_MAX {
                self.look()?;
            }
            self.time_here += begin.elapsed();
        }
        self.look()?;
        self.check_finite()?;
        self.curve.push(Agreement {
            step: end,
            loss: self.present.loss_sum / f64::from(end - first),
            found: self.present.found_sum / f64::from(end - first),
        });
        self.present = Present::default();
        observer.progress(&self.progress());
        Ok(())
    }

    /// Does what the observer wishes before the next step.
    pub(super) fn obey(&mut self, observer: &mut dyn Observer) -> Result<(), EngineError> {
        let place = self.place();
        let wish = observer.wish(place);
        match wish {
            Wish::GoOn => return Ok(()),
            Wish::Stop => return Err(EngineError::Stopped),
            Wish::Checkpoint | Wish::Leave => {}
        }
        if self.steps_here > 0 {
            self.look()?;
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

    /// The step after `done` others: its loss, and the share of images found again. What is random follows from its number, so a
    /// checkpoint holds nothing of it.
    fn step(&mut self, done: u32) -> Result<[Tensor; 2], EngineError> {
        let mut random = Random::new(self.embedding.seed, &format!("embedding step {done}"));
        let formats = self.draw(&mut random);
        let batch = (self.embedding.batch_size as usize).min(self.pictures.len());
        let order = random.permutation(self.pictures.len());
        let pictures: Vec<&Picture> = order[..batch]
            .iter()
            .map(|&at| &self.pictures[at as usize])
            .collect();
        let mut codes = Vec::with_capacity(2);
        for format in formats {
            let view = views::view(&pictures, format, self.device)?;
            codes.push(codes::compared(
                &self.network.forward(&view, Pass::Train(&mut random))?,
            )?);
        }
        let (loss, found) = codes::compare(&codes[0], &codes[1], self.embedding.temperature)?;
        self.optimizer.clear()?;
        loss.f_backward()?;
        self.optimizer.step(self.rate(done), u64::from(done) + 1)?;
        Ok([loss.f_detach()?, found])
    }

    /// Two formats: of any two families, or of one twice.
    fn draw(&self, random: &mut Random) -> [Format; 2] {
        let mut one = || {
            let family = &self.seen[random.below(self.seen.len() as u64) as usize];
            family[random.below(family.len() as u64) as usize]
        };
        let first = one();
        loop {
            let second = one();
            if second != first {
                return [first, second];
            }
        }
    }

    /// A linear rise, then half a cosine to 0.
    fn rate(&self, done: u32) -> f64 {
        let (done, steps) = (f64::from(done), f64::from(self.embedding.steps));
        let risen = ((done + 1.0) / (WARM_UP * steps).max(1.0)).min(1.0);
        self.embedding.learning_rate * risen * 0.5 * (1.0 + (std::f64::consts::PI * done / steps).cos())
    }

    /// Adds up what nobody has looked at yet, in one wait for the device and always in the same order.
    fn look(&mut self) -> Result<(), EngineError> {
        let Some(last) = self.unseen.len().checked_sub(1) else {
            return Ok(());
        };
        let numbers: Vec<Tensor> = self.unseen.drain(..).flatten().collect();
        let numbers = Tensor::f_stack(&numbers, 0)?.f_to_kind(Kind::Double)?;
        let numbers = Vec::<f64>::try_from(numbers.f_to_device(Device::Cpu)?)?;
        let (pairs, _) = numbers.as_chunks::<2>();
        for (at, [loss, found]) in pairs.iter().enumerate() {
            if !loss.is_finite() {
                let step = u64::from(self.present.step) - (last - at) as u64;
                return Err(self.numeric(step, format!("the loss is {loss}; try a lower learning rate")));
            }
            self.present.loss_sum += loss;
            self.present.found_sum += found;
        }
        Ok(())
    }

    fn check_finite(&self) -> Result<(), EngineError> {
        let states = self.optimizer.states().into_iter().map(|(_, state)| state);
        for tensor in states.chain([&self.network.fitted, &self.network.statistics]) {
            if tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
                let evidence = "a weight is no longer finite; try a lower learning rate";
                return Err(self.numeric(self.present.step.into(), evidence.into()));
            }
        }
        Ok(())
    }

    fn numeric(&self, step: u64, evidence: String) -> EngineError {
        EngineError::Numeric {
            epoch: self.place().epoch + 1,
            step,
            evidence,
        }
    }

    /// Whether it is no better at the end than one who guesses.
    pub(super) fn tells_nothing_apart(&self) -> bool {
        let batch = (self.embedding.batch_size as usize).min(self.pictures.len());
        self.curve
            .last()
            .is_some_and(|point| point.found <= 2.0 / batch as f64)
    }

    pub(super) fn progress(&self) -> Progress {
        let place = self.place();
        let batch = (self.embedding.batch_size as usize).min(self.pictures.len()) as u64;
        let images = 2 * batch;
        let (first, end) = (
            self.end_of(place.epoch),
            self.end_of((place.epoch + 1).min(self.rounds())),
        );
        Progress {
            epoch: place.epoch.max(1),
            epochs: self.rounds(),
            step: place.step,
            steps: (end - first).into(),
            loss: self.curve.last().map_or(0.0, |point| point.loss),
            accuracy: None,
            images_seen: images * (u64::from(first) + place.step),
            images_per_second: (images * self.steps_here) as f64 / self.time_here.as_secs_f64().max(1e-9),
        }
    }

    /// What the net makes of the probes in a format, one code after the other.
    pub(super) fn codes(&self, format: Format, probes: &[Picture]) -> Result<Vec<f32>, EngineError> {
        let count = probes.len().div_ceil(self.embedding.batch_size as usize);
        // Batches that differ in size by one at most: norms take their statistics.
        let bound = |nth: usize| nth * probes.len() / count;
        let codes = tch::no_grad(|| -> Result<Tensor, EngineError> {
            let mut codes = Vec::with_capacity(count);
            for nth in 0..count {
                let some: Vec<&Picture> = probes[bound(nth)..bound(nth + 1)].iter().collect();
                let view = views::view(&some, format, self.device)?;
                let mut nothing_drawn = Random::new(0, "probes");
                codes.push(self.network.forward(&view, Pass::Train(&mut nothing_drawn))?);
            }
            codes::compared(&Tensor::f_cat(&codes, 0)?)
        })?;
        Ok(Vec::<f32>::try_from(
            codes.f_reshape([-1])?.f_to_device(Device::Cpu)?,
        )?)
    }
}
