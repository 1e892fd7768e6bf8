//! Embeds formats: one self-supervised training over pixels of the dataset, a vector for each format.

use super::train::checkpoints::{self, Checkpoints};
use super::{Attempt, Context, Observer, Progress};
use crate::data::dataset;
use crate::failure::Failure;
use imgcalc_engine::{EngineError, Place, Wish};
use imgcalc_shared::codec::Picture;
use imgcalc_shared::dataset::{Manifest, Splits};
use imgcalc_shared::format::Format;
use imgcalc_shared::task::{AgreementPoint, Embedded, FormatVector, Outcome, Task};
use imgcalc_shared::training::Embedding;
use std::ops::Range;
use std::time::Instant;

/// Most bytes of pixels held in memory; of larger images fewer are taken. A change of it changes what comes out: raise the code
/// version of embeddings.
const PIXEL_BYTES_MAX: u64 = 1 << 30;

/// Of [`Task::Embed`].
pub(super) fn run(
    task: &Task,
    attempt: Attempt,
    context: &Context,
    observer: &mut dyn Observer,
) -> Result<Outcome, Failure> {
    let Task::Embed {
        dataset,
        images,
        formats,
        embedding,
        threads,
    } = task
    else {
        return Err(Failure::application(format!("{task} embeds no formats")));
    };
    let begin = Instant::now();
    // The task says how many: with another number the sums would differ.
    imgcalc_engine::set_threads((*threads).into());
    let base = &context.base;
    let before = base.bytes_read();
    let manifest = dataset::load_manifest(base, dataset)?;
    let [train, probes] = samples(&manifest, *images, embedding)?;
    tracing::info!(
        images = train.len(),
        probes = probes.len(),
        "embeds {} formats",
        formats.len()
    );
    let pictures = dataset::load_pictures(base, &manifest, train)?;
    let probes = dataset::load_pictures(base, &manifest, probes)?;
    let mut watch = Watch {
        observer,
        checkpoints: Checkpoints::new(base.clone(), task.id(), attempt.token, context.cadence),
        bytes_read: base.bytes_read() - before,
        rounds: None,
    };
    let embedded = embed(formats, embedding, &pictures, &probes, &mut watch)?;
    let rows = formats.iter().zip(&embedded.vectors);
    let curve = embedded.curve.iter().map(|point| AgreementPoint {
        step: point.step,
        loss: point.loss,
        found: point.found,
    });
    Ok(Outcome::Embed(Embedded {
        rows: rows
            .map(|(&format, vector)| FormatVector::new(format, vector))
            .collect(),
        curve: curve.collect(),
        images: pictures.len() as u32,
        bytes_read: watch.bytes_read,
        seconds: begin.elapsed().as_secs_f64(),
    }))
}

/// Images it learns from, and the probes: the first of their splits.
fn samples(manifest: &Manifest, images: Splits, embedding: &Embedding) -> Result<[Range<u32>; 2], Failure> {
    let [train, validation, _] = manifest.subset(images);
    let bytes =
        u64::from(manifest.size.height) * u64::from(manifest.size.width) * u64::from(manifest.channels);
    let most = u32::try_from(PIXEL_BYTES_MAX / bytes.max(1)).unwrap_or(u32::MAX);
    let first =
        |range: &Range<u32>, count: u32| range.start..range.end.min(range.start.saturating_add(count));
    let probes = match validation.len() {
        0 | 1 => &train,
        _ => &validation,
    };
    let samples = [
        first(&train, embedding.images.min(most)),
        first(probes, embedding.probes.min(most)),
    ];
    match samples.iter().all(|range| range.len() >= 2) {
        true => Ok(samples),
        false => Err(Failure::bad_data(
            "an embedding needs two training images at least",
        )),
    }
}

/// From the newest checkpoint that is intact, or from the start.
fn embed(
    formats: &[Format],
    embedding: &Embedding,
    pictures: &[Picture],
    probes: &[Picture],
    watch: &mut Watch,
) -> Result<imgcalc_engine::Embedded, Failure> {
    let mut keys = watch.checkpoints.newest_first()?.into_iter();
    while let Some((key, bytes)) = watch.checkpoints.next_read(&mut keys)? {
        match imgcalc_engine::embed(formats, embedding, pictures, probes, Some(&bytes), watch) {
            Err(EngineError::BadCheckpoint(reason)) => checkpoints::refused(&key, &reason),
            result => return Ok(result?),
        }
    }
    Ok(imgcalc_engine::embed(
        formats, embedding, pictures, probes, None, watch,
    )?)
}

/// Stands between the engine and whoever waits for the outcome.
struct Watch<'a> {
    observer: &'a mut dyn Observer,
    checkpoints: Checkpoints,
    bytes_read: u64,
    /// All stretches of the training, once one is done.
    rounds: Option<u32>,
}

impl imgcalc_engine::Observer for Watch<'_> {
    fn progress(&mut self, progress: &imgcalc_engine::Progress) {
        self.rounds = Some(progress.epochs);
        tracing::debug!(round = progress.epoch, loss = progress.loss, "embeds");
        self.observer.progress(&Progress {
            epoch: progress.epoch,
            epochs: progress.epochs,
            loss: progress.loss,
            accuracy: None,
            images_per_second: progress.images_per_second,
            bytes_read: self.bytes_read,
        });
    }

    fn note(&mut self, text: &str) {
        tracing::warn!("{text}");
    }

    fn wish(&self, place: Place) -> Wish {
        if self.observer.should_stop() {
            return match self.observer.wants_checkpoint() {
                true => Wish::Leave,
                false => Wish::Stop,
            };
        }
        // The last is always written: making the vectors takes a while too.
        match self.rounds == Some(place.epoch) || self.checkpoints.is_due(place) {
            true => Wish::Checkpoint,
            false => Wish::GoOn,
        }
    }

    fn checkpoint(&mut self, place: Place, bytes: &[u8]) -> Result<(), String> {
        let written = self.checkpoints.write(place, bytes);
        written.map_err(|failure| failure.message)
    }
}
