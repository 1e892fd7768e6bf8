//! Trains nets at once with shared weights and scores each with its share.

use super::train::checkpoints::{self, Checkpoints};
use super::train::{Watch, point_of, with_its_batch};
use super::{Attempt, Context, Observer};
use crate::data::dataset;
use crate::failure::Failure;
use imgcalc_engine::{EngineError, Feeds};
use imgcalc_shared::task::{Outcome, Supernet, Task};
use imgcalc_shared::training::{Hyper, Net};
use std::time::Instant;

/// Of [`Task::Supernet`]. The weights go with the attempt: whatever is worth it is trained by itself.
pub(super) fn run(
    task: &Task,
    attempt: Attempt,
    context: &mut Context,
    observer: &mut dyn Observer,
) -> Result<Outcome, Failure> {
    let Task::Supernet {
        dataset,
        images,
        input,
        nets,
        hyper,
        threads,
    } = task
    else {
        return Err(Failure::application(format!("{task} shares no weights")));
    };
    let begin = Instant::now();
    // The task says how many: with another number the sums would differ.
    imgcalc_engine::set_threads((*threads).into());
    let manifest = dataset::load_manifest(&context.base, dataset)?;
    let window_bytes = context.window_bytes;
    let (mut feeds, read) = context
        .images
        .feeds(&context.base, &manifest, *images, *input, window_bytes)?;
    let checkpoints = Checkpoints::new(context.base.clone(), task.id(), attempt.token, context.cadence);
    let mut watch = Watch::new(observer, checkpoints, read.clone(), hyper.epochs);
    let found = with_its_batch(hyper, &mut watch, |hyper, watch| {
        train_at(nets, hyper, &mut feeds, watch)
    });
    let (found, batch_halved_to) = found.map_err(|failure| read.failure().unwrap_or(failure))?;
    Ok(Outcome::Supernet(Supernet {
        accuracies: found.accuracies,
        curve: found.curve.iter().map(point_of).collect(),
        bytes_read: read.bytes_read(),
        seconds: begin.elapsed().as_secs_f64(),
        batch_halved_to,
    }))
}

/// From the newest checkpoint that is intact, or from the start.
fn train_at(
    nets: &[Net],
    hyper: &Hyper,
    feeds: &mut Feeds,
    watch: &mut Watch,
) -> Result<imgcalc_engine::Supernet, Failure> {
    let mut keys = watch.checkpoints.newest_first()?.into_iter();
    while let Some((key, bytes)) = watch.checkpoints.next_read(&mut keys)? {
        match imgcalc_engine::supernet(nets, hyper, feeds, Some(&bytes), watch) {
            Err(EngineError::BadCheckpoint(reason)) => checkpoints::refused(&key, &reason),
            result => return Ok(result?),
        }
    }
    Ok(imgcalc_engine::supernet(nets, hyper, feeds, None, watch)?)
}
