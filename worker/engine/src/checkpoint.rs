//! The state of a training between two epochs as bytes. The order of images follows from (seed, epoch), so weights, running
//! statistics, momenta and the curve so far are all there is.

use crate::container;
use crate::data::{Samples, Standardisation};
use crate::net::{Network, Values};
use crate::optimizer::Sgd;
use crate::{EngineError, EpochPoint, TrainData, weights};
use imgcalc_shared::training::{Hyper, InputShape, Net};
use serde::{Deserialize, Serialize};

const MAGIC: &str = "imgcalc-checkpoint";
const MOMENTUM: &str = "momentum.";

/// What a training is: a checkpoint of one is refused by every other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    net: Net,
    hyper: Hyper,
    shape: InputShape,
    period: u16,
    classes: u16,
    /// Of the training images and labels.
    digest: String,
}

impl Identity {
    pub(crate) fn new(net: &Net, hyper: &Hyper, data: &TrainData) -> Self {
        let Samples { shape, period, .. } = data.train;
        let (net, hyper, classes) = (net.clone(), hyper.clone(), data.classes);
        Identity {
            net,
            hyper,
            shape,
            period,
            classes,
            digest: digest(&data.train),
        }
    }

    /// What differs, for the message.
    fn difference(&self, other: &Identity) -> Option<&'static str> {
        let pairs = [
            (self.net == other.net, "net"),
            (self.hyper == other.hyper, "hyper-parameters"),
            (
                (self.shape, self.period) == (other.shape, other.period),
                "shape of images",
            ),
            (self.classes == other.classes, "number of classes"),
            (self.digest == other.digest, "training images"),
        ];
        pairs.into_iter().find(|(same, _)| !same).map(|(_, what)| what)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    identity: Identity,
    epoch: u32,
    curve: Vec<EpochPoint>,
}

/// The state after `curve.len()` epochs.
pub(crate) fn write(
    identity: &Identity,
    curve: &[EpochPoint],
    network: &Network,
    sgd: &Sgd,
    input: &Standardisation,
) -> Result<Vec<u8>, EngineError> {
    let body = Body {
        identity: identity.clone(),
        epoch: curve.len() as u32,
        curve: curve.to_vec(),
    };
    let mut values = network.values()?;
    let momenta = network.values_like(&sgd.momenta)?;
    values.extend(
        momenta
            .into_iter()
            .map(|(name, array)| (format!("{MOMENTUM}{name}"), array)),
    );
    weights::put_input(&mut values, input);
    container::write(MAGIC, &body, &values).map_err(EngineError::BadCheckpoint)
}

/// Puts the state back and returns the curve so far.
pub(crate) fn restore(
    bytes: &[u8],
    identity: &Identity,
    network: &mut Network,
    sgd: &Sgd,
    input: &Standardisation,
) -> Result<Vec<EpochPoint>, EngineError> {
    let (curve, values, momenta) =
        read(bytes, identity, network, input).map_err(EngineError::BadCheckpoint)?;
    network.fill(&values)?;
    network.fill_like(&sgd.momenta, &momenta)?;
    Ok(curve)
}

fn read(
    bytes: &[u8],
    identity: &Identity,
    network: &Network,
    input: &Standardisation,
) -> Result<(Vec<EpochPoint>, Values, Values), String> {
    let (body, mut values) = container::read::<Body>(MAGIC, bytes)?;
    if let Some(what) = identity.difference(&body.identity) {
        return Err(format!("it belongs to another training: the {what} differs"));
    }
    let epochs = identity.hyper.epochs;
    if body.epoch == 0 || body.epoch > epochs || body.curve.len() != body.epoch as usize {
        return Err(format!(
            "epoch {} of {epochs} with a curve of {}",
            body.epoch,
            body.curve.len()
        ));
    }
    if weights::take_input(&mut values, identity.shape.channels, identity.period)? != *input {
        return Err("its input is standardised otherwise than these training images are".into());
    }
    let (momenta, values): (Values, Values) = values
        .into_iter()
        .partition(|(name, _)| name.starts_with(MOMENTUM));
    let momenta = momenta
        .into_iter()
        .map(|(name, array)| (name[MOMENTUM.len()..].to_string(), array))
        .collect();
    let all = network.variables();
    container::check(
        &values,
        all.iter()
            .map(|variable| (variable.name.clone(), variable.shape.as_slice())),
    )?;
    let fitted = all.iter().filter(|variable| !variable.is_buffer());
    container::check(
        &momenta,
        fitted.map(|variable| (variable.name.clone(), variable.shape.as_slice())),
    )
    .map_err(|error| format!("momentum: {error}"))?;
    Ok((body.curve, values, momenta))
}

fn digest(samples: &Samples) -> String {
    const CHUNK: usize = 1 << 15;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(samples.len() as u64).to_le_bytes());
    let mut bytes = Vec::with_capacity(2 * CHUNK);
    for chunk in samples.values.chunks(CHUNK) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|value| value.to_le_bytes()));
        hasher.update(&bytes);
    }
    for label in &samples.labels {
        hasher.update(&label.to_le_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
