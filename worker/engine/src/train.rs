//! Trains a net: epochs of shuffled batches, a curve, checkpoints between any two steps.

mod health;
mod run;

use crate::data::Feeds;
use crate::{Definition, EngineError, TrainData, checkpoint, weights};
use imgcalc_shared::training::Hyper;
pub(crate) use run::{Present, Run};
use serde::{Deserialize, Serialize};

/// Where the first weights come from.
#[derive(Clone, Copy, Debug)]
pub enum Init<'a> {
    /// Drawn from the seed.
    Scratch,
    /// Those of a predecessor with the same net, channels and classes; its images may have another height, width and period.
    Weights(&'a [u8]),
    /// Those of a file somebody gave: a safetensors file with the names of the net's variables, or weights of a training of the same
    /// net. Where another number of classes was told apart, the output layer of a built-in net is drawn from the seed.
    File(&'a [u8]),
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

/// A place between two steps of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Epochs done.
    pub epoch: u32,
    /// Steps done in the epoch after them; 0 between epochs.
    pub step: u64,
}

/// What a training is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The next step.
    GoOn,
    /// A checkpoint, then the next step.
    Checkpoint,
    /// A checkpoint, then end with [`EngineError::Stopped`].
    Leave,
    /// End at once with [`EngineError::Stopped`].
    Stop,
}

/// Whoever started a training.
pub trait Observer {
    /// Told a few times each epoch, and at its end.
    fn progress(&mut self, progress: &Progress);
    /// Told what somebody should know of the start.
    fn note(&mut self, _text: &str) {}
    /// Asked before every step, and after the last.
    fn wish(&self, place: Place) -> Wish;
    /// Given the state at `place` to store; an error ends the training. Not called before this run has done a step:
    /// there would be nothing new to store.
    fn checkpoint(&mut self, place: Place, bytes: &[u8]) -> Result<(), String>;
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

/// Trains `net` on images in the host's memory: see [`train_on`].
pub fn train(
    net: impl Into<Definition>,
    hyper: &Hyper,
    data: &TrainData,
    init: Init,
    resume: Option<&[u8]>,
    observer: &mut dyn Observer,
) -> Result<Trained, EngineError> {
    train_on(
        &net.into(),
        hyper,
        &mut Feeds::try_from(data)?,
        init,
        resume,
        observer,
    )
}

/// Trains a net. With `resume`, goes on from a checkpoint of this very training; on a CPU with the same number of threads the result is then
/// that of an undisturbed run, bit for bit.
pub fn train_on(
    definition: &Definition,
    hyper: &Hyper,
    feeds: &mut Feeds,
    init: Init,
    resume: Option<&[u8]>,
    observer: &mut dyn Observer,
) -> Result<Trained, EngineError> {
    check(hyper, feeds)?;
    let (net, classes) = (definition.net(), feeds.classes);
    let mut run = Run::new(definition, hyper, feeds)?;
    match (resume, init) {
        (Some(bytes), _) => {
            (run.curve, run.present) = checkpoint::restore(bytes, &mut run)?;
        }
        (None, Init::Scratch) => run.network.fill_from_seed(hyper.seed)?,
        (None, Init::Weights(bytes)) => {
            let channels = feeds.train.shape().channels;
            let (values, _) = weights::read(bytes, net, channels, classes, run.network.variables())?;
            run.network.fill(&values)?;
        }
        (None, Init::File(bytes)) => {
            let file = weights::read_file(bytes, net, run.network.variables(), hyper.seed)?;
            run.network.fill(&file.values)?;
            file.note().iter().for_each(|text| observer.note(text));
        }
    }
    while run.place().epoch < hyper.epochs {
        run.epoch(feeds, observer)?;
    }
    run.obey(observer)?;
    run.finish(net, feeds)
}

fn check(hyper: &Hyper, feeds: &Feeds) -> Result<(), EngineError> {
    feeds.check()?;
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
    } else if !(0.0..1.0).contains(&hyper.label_smoothing) {
        format!("the label smoothing {} is not in [0, 1)", hyper.label_smoothing)
    } else if hyper.warmup_epochs >= *epochs && hyper.warmup_epochs > 0 {
        format!(
            "a warm-up of {} epochs leaves none of {epochs}",
            hyper.warmup_epochs
        )
    } else if *batch_size < 2 || feeds.train.len() < 2 {
        "batch normalisation needs two images in a batch".into()
    } else if *epochs == 0 {
        "there is no epoch".into()
    } else {
        return Ok(());
    };
    Err(EngineError::BadData(wrong))
}
