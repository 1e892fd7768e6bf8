//! Trains a net on the coefficients of a format, or on pixels.

mod checkpoints;
mod keys;
mod planes;
mod retention;

use super::{Attempt, Context, Observer, Progress, definition};
use crate::data::{Base, dataset, nets};
use crate::failure::Failure;
use bytes::Bytes;
use checkpoints::Checkpoints;
use imgcalc_engine::{Blocks, Definition, EngineError, Init, Place, Samples, TrainData, Wish};
use imgcalc_shared::dataset::{Manifest, Splits};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::task::{FailureClass, Input, Outcome, Start, Task, Trained};
use imgcalc_shared::training::{Hyper, InputShape};
use std::time::Instant;

pub use checkpoints::Cadence;
pub(super) use planes::PlanesCache;
pub use retention::tidy;

/// Level shift of pixels, so that the net sees values around zero as it does with coefficients.
const PIXEL_SHIFT: i16 = 128;

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
    } = task
    else {
        return Err(Failure::application(format!("{task} is no training")));
    };
    let begin = Instant::now();
    // The task says how many: with another number the sums would differ.
    imgcalc_engine::set_threads((*threads).into());
    let (data, bytes_read) = load(context, dataset, *images, *input)?;
    let id = task.id();
    let checkpoints = Checkpoints::new(context.base.clone(), id, attempt.token, context.cadence);
    let mut watch = Watch {
        observer,
        checkpoints,
        bytes_read,
        epochs: hyper.epochs,
        epoch: (0, None),
    };
    let net = definition::of(&context.base, net)?;
    let first = || first_weights(&context.base, start, attempt);
    let trained = train(&net, hyper, &data, first, &mut watch)?;
    let key = keys::weights(id, attempt.token, &Digest::of(&trained.weights));
    // Its checkpoints stay: until its result is committed, they are what a lost one is got back from.
    let weights = context.base.put(&key, trained.weights)?;
    let curve = trained
        .curve
        .iter()
        .map(|point| imgcalc_shared::task::EpochPoint {
            epoch: point.epoch,
            loss: point.loss,
            accuracy: point.accuracy,
        });
    Ok(Outcome::Train(Trained {
        weights,
        loss: trained.loss,
        accuracy: trained.accuracy,
        test_accuracy: trained.test_accuracy,
        curve: curve.collect(),
        bytes_read,
        seconds: begin.elapsed().as_secs_f64(),
        batch_halved_to: None,
    }))
}

/// Trains from the newest checkpoint that is intact, or from the start, for which `first` gives the weights.
fn train(
    net: &Definition,
    hyper: &Hyper,
    data: &TrainData,
    first: impl FnOnce() -> Result<First, Failure>,
    watch: &mut Watch,
) -> Result<imgcalc_engine::Trained, Failure> {
    for key in watch.checkpoints.newest_first()? {
        let base = watch.checkpoints.base();
        let bytes = match base.get(&key) {
            Ok(bytes) => bytes,
            // A base that does not answer now is no reason to begin anew.
            Err(failure) if failure.class == FailureClass::Storage => return Err(failure),
            Err(failure) => {
                tracing::warn!(
                    object = key,
                    "cannot go on from a checkpoint: {}",
                    failure.message
                );
                continue;
            }
        };
        tracing::info!(object = key, "goes on from a checkpoint");
        match imgcalc_engine::train(net, hyper, data, Init::Scratch, Some(&bytes), watch) {
            Err(EngineError::BadCheckpoint(reason)) => {
                tracing::warn!(object = key, "cannot go on from a checkpoint: {reason}");
            }
            result => return Ok(result?),
        }
    }
    let first = first()?;
    let init = match &first {
        First::Scratch => Init::Scratch,
        First::Weights(bytes) => Init::Weights(bytes),
        First::File(bytes) => Init::File(bytes),
    };
    Ok(imgcalc_engine::train(net, hyper, data, init, None, watch)?)
}

/// Where a training starts, with the bytes that takes.
enum First {
    Scratch,
    Weights(Bytes),
    File(Bytes),
}

fn first_weights(base: &Base, start: &Start, attempt: Attempt) -> Result<First, Failure> {
    match (start, attempt.weights) {
        (Start::Scratch, _) => Ok(First::Scratch),
        (Start::File(digest), _) => nets::load_weights(base, digest).map(First::File),
        (Start::Weights(_), Some(object)) => base.get_verified(object).map(First::Weights),
        (Start::Weights(from), None) => Err(Failure::application(format!(
            "the training starts from the weights of task {from}, but the assignment does not say where they are"
        ))),
    }
}

/// All images of the training, and how many bytes were read for them.
fn load(
    context: &mut Context,
    digest: &Digest,
    images: Splits,
    input: Input,
) -> Result<(TrainData, u64), Failure> {
    let base = &context.base;
    let manifest = dataset::load_manifest(base, digest)?;
    let labels = dataset::load_labels(base, &manifest)?;
    let before = base.bytes_read();
    let (plane, blocks, parts) = match input {
        Input::Format(format) => {
            let parts = context.planes.load(base, &manifest, images, format)?;
            (format.plane(manifest.size), Blocks::from(format), parts)
        }
        Input::Pixels => (manifest.size, Blocks::PIXELS, pixels(base, &manifest, images)?),
    };
    let bytes_read = base.bytes_read() - before;
    let side = |pixels: u32| {
        u16::try_from(pixels)
            .map_err(|_| Failure::bad_data(format!("an image side of {pixels} is too large")))
    };
    let shape = InputShape {
        channels: manifest.channels,
        height: side(plane.height)?,
        width: side(plane.width)?,
    };
    let ranges = manifest.subset(images);
    let mut samples = ranges.into_iter().zip(parts).map(|(range, values)| Samples {
        shape,
        blocks,
        values,
        labels: labels[range.start as usize..range.end as usize].to_vec(),
    });
    let mut next = || {
        samples
            .next()
            .ok_or_else(|| Failure::application("a split is missing"))
    };
    let (train, validation, test) = (next()?, next()?, next()?);
    let classes = manifest.classes.len() as u16;
    let test = (!test.is_empty()).then_some(test);
    Ok((
        TrainData {
            train,
            validation,
            test,
            classes,
        },
        bytes_read,
    ))
}

fn pixels(base: &Base, manifest: &Manifest, images: Splits) -> Result<[Vec<i16>; 3], Failure> {
    let part = |range| -> Result<Vec<i16>, Failure> {
        let mut values = dataset::load_pixel_planes(base, manifest, range)?;
        for value in &mut values {
            *value -= PIXEL_SHIFT;
        }
        Ok(values)
    };
    let [train, validation, test] = manifest.subset(images);
    Ok([part(train)?, part(validation)?, part(test)?])
}

/// Stands between the engine and whoever waits for the outcome.
struct Watch<'a> {
    observer: &'a mut dyn Observer,
    checkpoints: Checkpoints,
    bytes_read: u64,
    epochs: u32,
    /// Epochs done and the accuracy after the last of them.
    epoch: (u32, Option<f64>),
}

impl imgcalc_engine::Observer for Watch<'_> {
    fn progress(&mut self, progress: &imgcalc_engine::Progress) {
        tracing::debug!(
            epoch = progress.epoch,
            step = progress.step,
            steps = progress.steps,
            images_per_second = progress.images_per_second,
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
            bytes_read: self.bytes_read,
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
        match place.epoch == self.epochs || self.checkpoints.is_due(place) {
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
