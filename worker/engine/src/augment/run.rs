//! Augmentation by itself, to be looked at and timed.

use super::Augmenter;
use crate::data::{Resident, Samples};
use crate::random::Random;
use crate::{EngineError, device};
use imgcalc_shared::training::Augment;
use std::time::{Duration, Instant};
use tch::{Kind, Tensor};

/// Images augmented at once.
const BATCH_IMAGES: i64 = 256;

/// All images, augmented once: images × channels × rows × columns.
pub fn augmented(samples: &Samples, augment: &Augment, seed: u64) -> Result<Vec<f32>, EngineError> {
    samples.check("images", u16::MAX)?;
    let device = device::device();
    let augmenter = Augmenter::new(augment, samples.shape, samples.blocks, device)?;
    let resident = Resident::new(samples, device)?;
    let mut random = Random::new(seed, "augmentation");
    let mut all = Vec::with_capacity(samples.values.len());
    for start in (0..resident.len).step_by(BATCH_IMAGES as usize) {
        let (values, _) = resident.range(start, BATCH_IMAGES.min(resident.len - start))?;
        let mut values = values.f_to_kind(Kind::Float)?;
        if let Some(augmenter) = &augmenter {
            values = augmenter.apply(values, &mut random)?;
        }
        let values = values.f_to_device(tch::Device::Cpu)?.f_reshape([-1])?;
        all.extend(Vec::<f32>::try_from(values)?);
    }
    Ok(all)
}

/// Wall times of gathering all images from the device's memory as one batch of floats and augmenting them. Without any
/// augmentation it is the gathering alone.
pub fn augment_times(
    samples: &Samples,
    augment: &Augment,
    warmup: usize,
    repeats: usize,
) -> Result<Vec<Duration>, EngineError> {
    samples.check("images", u16::MAX)?;
    let device = device::device();
    let augmenter = Augmenter::new(augment, samples.shape, samples.blocks, device)?;
    let resident = Resident::new(samples, device)?;
    let order = Random::new(0, "order of a measurement").permutation(samples.len());
    let order = Tensor::f_from_slice(&order)?.f_to_device(device)?;
    let mut random = Random::new(0, "augmentation of a measurement");
    let mut work = || -> Result<Duration, EngineError> {
        let start = Instant::now();
        let values = resident.select(&order)?.0.f_to_kind(Kind::Float)?;
        let values = match &augmenter {
            Some(augmenter) => augmenter.apply(values, &mut random)?,
            None => values,
        };
        device::synchronize(values.device());
        Ok(start.elapsed())
    };
    for _ in 0..warmup {
        work()?;
    }
    (0..repeats.max(1)).map(|_| work()).collect()
}
