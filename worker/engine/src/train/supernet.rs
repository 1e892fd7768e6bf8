//! Trains nets at once that share their weights, and scores each with its share.
//!
//! The training is that of the net that holds them all, with more nets in every step (see [`super::sandwich`]); its curve is that
//! net's. Afterwards every net gets running statistics of its own, from a few training images as they are, and is scored on the
//! validation images. Scoring leaves nothing behind: whoever goes on from the checkpoint at the end of the training scores anew.

use super::{Course, EpochPoint, Observer, Run, Wish, steps};
use crate::data::Feeds;
use crate::{EngineError, checkpoint, device, evaluate};
use imgcalc_shared::net::Shares;
use imgcalc_shared::training::{Hyper, Net};
use tch::{Kind, Tensor};

/// Training images that running statistics are measured on: as many as the paper found to suffice (section 3.3).
const MEASURED_IMAGES: u64 = 1024;

/// What a training of shared weights gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Supernet {
    /// The accuracy of each net on the validation images, with its share.
    pub accuracies: Vec<f64>,
    /// All epochs, of the net that holds them all.
    pub curve: Vec<EpochPoint>,
}

/// Trains nets of one name with shared weights and scores each. With `resume`, goes on from a checkpoint of this very training; on
/// a CPU with the same number of threads the result is then that of an undisturbed run, bit for bit.
pub fn supernet(
    nets: &[Net],
    hyper: &Hyper,
    feeds: &mut Feeds,
    resume: Option<&[u8]>,
    observer: &mut dyn Observer,
) -> Result<Supernet, EngineError> {
    let shares = Shares::of(nets)?;
    let course = Course::from(hyper);
    course.check(feeds)?;
    let _frees = device::FreesMemory;
    let mut run = Run::sharing(shares, course, feeds)?;
    match resume {
        Some(bytes) => checkpoint::restore(bytes, &mut run)?,
        None => run.network.fill_from_seed(hyper.seed)?,
    }
    while run.place().epoch < course.until() {
        run.epoch(feeds, observer)?;
    }
    run.obey(observer)?;
    let accuracies = score(nets, &run, feeds, observer)?;
    Ok(Supernet {
        accuracies,
        curve: run.curve,
    })
}

fn score(
    nets: &[Net],
    run: &Run,
    feeds: &mut Feeds,
    observer: &mut dyn Observer,
) -> Result<Vec<f64>, EngineError> {
    let (place, shape) = (run.place(), feeds.train.shape());
    let measured = measured(run, feeds)?;
    let last = run.curve.last().map(|point| (point.loss, point.accuracy));
    let mut accuracies = Vec::with_capacity(nets.len());
    for net in nets {
        if let Some((loss, accuracy)) = last {
            observer.progress(&run.progress(place.epoch, run.steps, loss, Some(accuracy)));
        }
        if matches!(observer.wish(place), Wish::Leave | Wish::Stop) {
            return Err(EngineError::Stopped);
        }
        let mut network = run.network.cut(net, shape, feeds.classes)?;
        let standardised = |values: &Tensor| run.input.standardise(values.f_to_kind(Kind::Float)?);
        network.measure_statistics(measured.iter().map(standardised))?;
        let window_bytes = feeds.window_bytes;
        accuracies.push(evaluate::accuracy(
            &network,
            &run.input,
            &mut feeds.validation,
            window_bytes,
        )?);
    }
    Ok(accuracies)
}

/// The first images of an epoch that no training has, in batches.
fn measured(run: &Run, feeds: &mut Feeds) -> Result<Vec<Tensor>, EngineError> {
    let hyper = run.course.hyper;
    let images = run.len().min(MEASURED_IMAGES);
    let count = steps(images, hyper.batch_size.into());
    let mut epoch = feeds
        .train
        .epoch(hyper.seed, hyper.epochs.saturating_add(1), feeds.window_bytes, 0)?;
    let batch = |nth: u64| Ok(epoch.batch(images * nth / count..images * (nth + 1) / count)?.0);
    (0..count).map(batch).collect()
}
