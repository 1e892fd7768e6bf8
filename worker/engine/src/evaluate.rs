//! Runs a trained net over images without training it.

use crate::data::{Resident, Samples};
use crate::net::{Definition, Network, Pass};
use crate::{EngineError, data::Input, device, weights};

const BATCH_IMAGES: i64 = 512;

/// The class that weights give to each image. Labels are not looked at, beyond that there is one for each image.
pub fn predict(
    net: impl Into<Definition>,
    weights: &[u8],
    samples: &Samples,
    classes: u16,
) -> Result<Vec<u16>, EngineError> {
    let definition = net.into();
    samples.check("images", u16::MAX)?;
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
    let images = Resident::new(samples, device)?;
    let mut found = Vec::with_capacity(samples.len());
    for_each_batch(&network, &input, &images, |logits, _| {
        let classes = Vec::<i64>::try_from(logits.f_argmax(1, false)?)?;
        found.extend(classes.into_iter().map(|class| class as u16));
        Ok(())
    })?;
    Ok(found)
}

/// The share of images that the net classifies rightly.
pub(crate) fn accuracy(network: &Network, input: &Input, images: &Resident) -> Result<f64, EngineError> {
    let mut right = 0;
    for_each_batch(network, input, images, |logits, labels| {
        right += logits
            .f_argmax(1, false)?
            .f_eq_tensor(labels)?
            .f_sum(tch::Kind::Int64)?
            .f_int64_value(&[])?;
        Ok(())
    })?;
    Ok(right as f64 / images.len as f64)
}

fn for_each_batch(
    network: &Network,
    input: &Input,
    images: &Resident,
    mut take: impl FnMut(&tch::Tensor, &tch::Tensor) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    tch::no_grad(|| {
        for start in (0..images.len).step_by(BATCH_IMAGES as usize) {
            let (values, labels) = images.range(start, BATCH_IMAGES.min(images.len - start))?;
            take(
                &network.forward(&input.standardise(&values)?, Pass::Evaluate)?,
                &labels,
            )?;
        }
        Ok(())
    })
}
