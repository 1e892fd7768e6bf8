//! Runs a trained net over images without training it.

use crate::data::{Feed, Input, Planes, Samples};
use crate::net::{Definition, Network, Pass};
use crate::{EngineError, device, weights};
use std::ops::Range;
use tch::Tensor;

const BATCH_IMAGES: usize = 512;

/// The class that weights give to each image. Labels are not looked at, beyond that there is one for each image.
pub fn predict(
    net: impl Into<Definition>,
    weights: &[u8],
    samples: &Samples,
    classes: u16,
) -> Result<Vec<u16>, EngineError> {
    let definition = net.into();
    let planes = Planes::new(&samples.values, samples.shape, samples.blocks)?;
    if planes.len() != samples.len() {
        let (images, labels) = (planes.len(), samples.len());
        return Err(EngineError::BadData(format!(
            "{images} images and {labels} labels"
        )));
    }
    let device = device::device();
    let channels = samples.shape.channels;
    let mut network = Network::new(&definition, samples.shape, classes, device)?;
    let (values, standard) =
        weights::read(weights, definition.net(), channels, classes, network.variables())?;
    if standard.period != samples.blocks.period() {
        return Err(EngineError::BadWeights(format!(
            "they were trained on images of period {}, but these have {}",
            standard.period,
            samples.blocks.period()
        )));
    }
    network.fill(&values)?;
    let input = standard.on(samples.shape, device)?;
    let mut found = Vec::with_capacity(samples.len());
    for_each_batch(&network, &input, &planes, |logits, _| {
        let classes = Vec::<i64>::try_from(logits.f_argmax(1, false)?)?;
        found.extend(classes.into_iter().map(|class| class as u16));
        Ok(())
    })?;
    Ok(found)
}

/// The share of images that the net classifies rightly.
pub(crate) fn accuracy(
    network: &Network,
    input: &Input,
    feed: &mut Feed,
    window_bytes: u64,
) -> Result<f64, EngineError> {
    let labels: Vec<i64> = feed.labels().iter().map(|&label| label.into()).collect();
    let labels = Tensor::f_from_slice(&labels)?.f_to_device(device::device())?;
    let mut right = Vec::new();
    feed.each_window(window_bytes, |planes, places| {
        let labels = labels.f_narrow(0, places.start as i64, places.len() as i64)?;
        for_each_batch(network, input, planes, |logits, batch| {
            let labels = labels.f_narrow(0, batch.start as i64, batch.len() as i64)?;
            let hits = logits.f_argmax(1, false)?.f_eq_tensor(&labels)?;
            right.push(hits.f_sum(tch::Kind::Int64)?);
            Ok(())
        })
    })?;
    let right = Tensor::f_stack(&right, 0)?.f_sum(tch::Kind::Int64)?;
    Ok(right.f_int64_value(&[])? as f64 / feed.len() as f64)
}

fn for_each_batch(
    network: &Network,
    input: &Input,
    planes: &Planes,
    mut take: impl FnMut(&Tensor, Range<usize>) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    tch::no_grad(|| {
        for start in (0..planes.len()).step_by(BATCH_IMAGES) {
            let batch = start..planes.len().min(start + BATCH_IMAGES);
            let values = planes.range(start, batch.len())?.f_to_kind(tch::Kind::Float)?;
            take(
                &network.forward(&input.standardise(values)?, Pass::Evaluate)?,
                batch,
            )?;
        }
        Ok(())
    })
}
