//! Trains a net: epochs of shuffled batches, a curve, checkpoints between any two steps.

mod course;
mod health;
mod run;
mod sandwich;
mod supernet;

use crate::data::Feeds;
use crate::{Definition, EngineError, TrainData, checkpoint, device, weights};
pub use course::Course;
pub(crate) use run::{Present, Run, steps};
use serde::{Deserialize, Serialize};
pub use supernet::{Supernet, supernet};

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
    /// Where the leg of a training ended, of the same net on the same training images: weights, running statistics and the optimiser's
    /// state, which starts from zero where that was another optimiser. Other hyper-parameters hold from here on.
    State(&'a [u8]),
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
    /// Of a leg: what [`Init::State`] takes.
    pub state: Option<Vec<u8>>,
    /// Mean training loss of the last epoch.
    pub loss: f64,
    /// Accuracy on the validation images after the last epoch.
    pub accuracy: f64,
    /// Accuracy on the test images, if there are any and the training is over.
    pub test_accuracy: Option<f64>,
    /// All epochs of it or of its leg, those before a resumption included.
    pub curve: Vec<EpochPoint>,
    /// Number of fitted numbers.
    pub parameters: u64,
}

/// Trains `net` on images in the host's memory: see [`train_on`].
pub fn train<'a>(
    net: impl Into<Definition>,
    course: impl Into<Course<'a>>,
    data: &TrainData,
    init: Init,
    resume: Option<&[u8]>,
    observer: &mut dyn Observer,
) -> Result<Trained, EngineError> {
    train_on(
        &net.into(),
        course,
        &mut Feeds::try_from(data)?,
        init,
        resume,
        observer,
    )
}

/// Trains a net, or does a leg of that. With `resume`, goes on from a checkpoint of this very training or leg; on a CPU with the same number of
/// threads the result is then that of an undisturbed run, bit for bit. So is what legs come to, each from the state of the one before, whether
/// they are cut or not.
pub fn train_on<'a>(
    definition: &Definition,
    course: impl Into<Course<'a>>,
    feeds: &mut Feeds,
    init: Init,
    resume: Option<&[u8]>,
    observer: &mut dyn Observer,
) -> Result<Trained, EngineError> {
    let course = course.into();
    course.check(feeds)?;
    let _frees = device::FreesMemory;
    let (net, classes, seed) = (definition.net(), feeds.classes, course.hyper.seed);
    let mut run = Run::new(definition, course, feeds)?;
    match (resume, init) {
        (Some(bytes), _) => checkpoint::restore(bytes, &mut run)?,
        (None, Init::State(bytes)) => checkpoint::go_on(bytes, &mut run)?,
        (None, _) if course.after() > 0 => {
            let after = course.after();
            let why = format!("a leg that begins after epoch {after} goes on from the state there");
            return Err(EngineError::BadData(why));
        }
        (None, Init::Scratch) => run.network.fill_from_seed(seed)?,
        (None, Init::Weights(bytes)) => {
            let channels = feeds.train.shape().channels;
            let (values, _) = weights::read(bytes, net, channels, classes, run.network.variables())?;
            run.network.fill(&values)?;
        }
        (None, Init::File(bytes)) => {
            let file = weights::read_file(bytes, net, run.network.variables(), seed)?;
            run.network.fill(&file.values)?;
            file.note().iter().for_each(|text| observer.note(text));
        }
    }
    while run.place().epoch < course.until() {
        run.epoch(feeds, observer)?;
    }
    run.obey(observer)?;
    run.finish(net, feeds)
}
