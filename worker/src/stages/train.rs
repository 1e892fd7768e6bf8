//! Trains a net on the coefficients of a format, or on pixels.

pub(super) mod checkpoints;
mod images;
mod keys;
mod retention;
mod stream;

use super::{Attempt, Context, Observer, Progress, definition};
use crate::data::{Base, dataset, nets};
use crate::failure::Failure;
use bytes::Bytes;
use imgcalc_engine::{Course, Definition, EngineError, Feeds, Init, Place, Wish};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::task::{EpochPoint, FailureClass, Outcome, Start, Task, Trained};
use imgcalc_shared::training::Hyper;
use std::sync::Arc;
use std::time::Instant;
use stream::Shared;

pub use checkpoints::Cadence;
use checkpoints::Checkpoints;
pub(super) use images::ImageCache;
pub use images::WINDOW_BYTES;
pub use retention::tidy;

/// Halving stops here: fewer images are too few to normalise over.
const BATCH_MIN: u32 = 4;

/// Of [`Task::Train`].
pub(super) fn run(
    task: &Task,
    attempt: Attempt,
    context: &mut Context,
    observer: &mut dyn Observer,
) -> Result<Outcome, Failure> {
    let Task::Train {
        dataset,
        images,
        input,
        net,
        hyper,
        start,
        threads,
        leg,
    } = task
    else {
        return Err(Failure::application(format!("{task} is no training")));
    };
    let begin = Instant::now();
    // The task says how many: with another number the sums would differ.
    imgcalc_engine::set_threads((*threads).into());
    let manifest = dataset::load_manifest(&context.base, dataset)?;
    let window_bytes = context.window_bytes;
    let (mut feeds, read) = context
        .images
        .feeds(&context.base, &manifest, *images, *input, window_bytes)?;
    let id = task.id();
    let checkpoints = Checkpoints::new(context.base.clone(), id, attempt.token, context.cadence);
    let until = leg.map_or(hyper.epochs, |leg| leg.until);
    let mut watch = Watch::new(observer, checkpoints, read.clone(), until);
    let net = definition::of(&context.base, net)?;
    let first = || first_weights(&context.base, start, attempt);
    let trained = with_its_batch(hyper, &mut watch, |hyper, watch| {
        let course = Course { hyper, leg: *leg };
        train_at(&net, course, &mut feeds, first, watch)
    });
    let (trained, batch_halved_to) = trained.map_err(|failure| read.failure().unwrap_or(failure))?;
    let key = keys::weights(id, attempt.token, &Digest::of(&trained.weights));
    // Its checkpoints stay: until its result is committed, they are what a lost one is got back from.
    let weights = context.base.put(&key, trained.weights)?;
    let state = trained.state.map(|state| {
        let key = keys::state(id, attempt.token, &Digest::of(&state));
        context.base.put(&key, state)
    });
    let curve = trained.curve.iter().map(point_of);
    Ok(Outcome::Train(Trained {
        weights,
        loss: trained.loss,
        accuracy: trained.accuracy,
        test_accuracy: trained.test_accuracy,
        curve: curve.collect(),
        bytes_read: read.bytes_read(),
        seconds: begin.elapsed().as_secs_f64(),
        batch_halved_to,
        state: state.transpose()?,
    }))
}

pub(super) fn point_of(point: &imgcalc_engine::EpochPoint) -> EpochPoint {
    EpochPoint {
        epoch: point.epoch,
        loss: point.loss,
        accuracy: point.accuracy,
    }
}

/// Trains; where memory does not suffice for a batch nobody chose, with half of it. Says the batch it trained with, if that is
/// another.
pub(super) fn with_its_batch<T>(
    hyper: &Hyper,
    watch: &mut Watch,
    mut train: impl FnMut(&Hyper, &mut Watch) -> Result<T, Failure>,
) -> Result<(T, Option<u32>), Failure> {
    let whole = hyper.batch_size;
    let mut hyper = hyper.clone();
    loop {
        match train(&hyper, watch) {
            Err(failure)
                if failure.class == FailureClass::OutOfMemory
                    && hyper.batch_auto
                    && hyper.batch_size >= 2 * BATCH_MIN =>
            {
                hyper.batch_size /= 2;
                tracing::warn!(
                    batch = hyper.batch_size,
                    "trains with half the batch: {}",
                    failure.message
                );
            }
            result => {
                let halved = (hyper.batch_size < whole).then_some(hyper.batch_size);
                return result.map(|trained| (trained, halved));
            }
        }
    }
}

/// Trains from the newest checkpoint that is intact, or from the start, for which `first` gives the weights.
fn train_at(
    net: &Definition,
    course: Course,
    feeds: &mut Feeds,
    first: impl Fn() -> Result<First, Failure>,
    watch: &mut Watch,
) -> Result<imgcalc_engine::Trained, Failure> {
    let mut keys = watch.checkpoints.newest_first()?.into_iter();
    while let Some((key, bytes)) = watch.checkpoints.next_read(&mut keys)? {
        match imgcalc_engine::train_on(net, course, feeds, Init::Scratch, Some(&bytes), watch) {
            Err(EngineError::BadCheckpoint(reason)) => checkpoints::refused(&key, &reason),
            result => return Ok(result?),
        }
    }
    let first = first()?;
    let init = match &first {
        First::Scratch => Init::Scratch,
        First::Weights(bytes) => Init::Weights(bytes),
        First::File(bytes) => Init::File(bytes),
        First::State(bytes) => Init::State(bytes),
    };
    Ok(imgcalc_engine::train_on(net, course, feeds, init, None, watch)?)
}

/// Where a training starts, with the bytes that takes.
enum First {
    Scratch,
    Weights(Bytes),
    File(Bytes),
    State(Bytes),
}

fn first_weights(base: &Base, start: &Start, attempt: Attempt) -> Result<First, Failure> {
    match (start, attempt.weights) {
        (Start::Scratch, _) => Ok(First::Scratch),
        (Start::File(digest), _) => nets::load_weights(base, digest).map(First::File),
        (Start::Weights(_), Some(object)) => base.get_verified(object).map(First::Weights),
        (Start::State(_), Some(object)) => base.get_verified(object).map(First::State),
        (Start::State(from), None) => Err(Failure::application(format!(
            "the training goes on from the state of task {from}, but the assignment does not say where that is"
        ))),
        (Start::Weights(from), None) => Err(Failure::application(format!(
            "the training starts from the weights of task {from}, but the assignment does not say where they are"
        ))),
    }
}

/// Stands between the engine and whoever waits for the outcome.
pub(super) struct Watch<'a> {
    observer: &'a mut dyn Observer,
    pub(super) checkpoints: Checkpoints,
    read: Arc<Shared>,
    /// Epochs of the whole training that are done when the task is.
    until: u32,
    /// Epochs done and the accuracy after the last of them.
    epoch: (u32, Option<f64>),
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        observer: &'a mut dyn Observer,
        checkpoints: Checkpoints,
        read: Arc<Shared>,
        until: u32,
    ) -> Self {
        Watch {
            observer,
            checkpoints,
            read,
            until,
            epoch: (0, None),
        }
    }
}

impl imgcalc_engine::Observer for Watch<'_> {
    fn progress(&mut self, progress: &imgcalc_engine::Progress) {
        tracing::debug!(
            epoch = progress.epoch,
            step = progress.step,
            steps = progress.steps,
            images_per_second = progress.images_per_second,
            device_free_bytes = imgcalc_engine::device_memory().map(|memory| memory.free_bytes),
            "trains"
        );
        if progress.accuracy.is_some() {
            self.epoch = (progress.epoch, progress.accuracy);
        }
        self.observer.progress(&Progress {
            epoch: self.epoch.0.max(progress.epoch.saturating_sub(1)),
            epochs: progress.epochs,
            loss: progress.loss,
            accuracy: self.epoch.1,
            images_per_second: progress.images_per_second,
            bytes_read: self.read.bytes_read(),
        });
    }

    fn note(&mut self, text: &str) {
        tracing::info!("{text}");
    }

    fn wish(&self, place: Place) -> Wish {
        if self.observer.should_stop() {
            return match self.observer.wants_checkpoint() {
                true => Wish::Leave,
                false => Wish::Stop,
            };
        }
        // The last is always written: a training that ended is not redone when its result is lost with its worker.
        match place.epoch == self.until || self.checkpoints.is_due(place) {
            true => Wish::Checkpoint,
            false => Wish::GoOn,
        }
    }

    fn checkpoint(&mut self, place: Place, bytes: &[u8]) -> Result<(), String> {
        self.checkpoints
            .write(place, bytes)
            .map_err(|failure| failure.message)
    }
}
