//! The state of a training between two steps as bytes. The order of images, what is dropped out and the learning rate follow from (seed, epoch, step),
//! and nothing else is drawn at random, so weights, running statistics, momenta, the curve so far and the sums of the
//! epoch under way are all there is.

use crate::container;
use crate::data::{Blocks, Samples};
use crate::net::Values;
use crate::train::{Present, Run};
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
    blocks: Blocks,
    classes: u16,
    /// Of the training images and labels.
    digest: String,
}

impl Identity {
    pub(crate) fn new(net: &Net, hyper: &Hyper, data: &TrainData) -> Self {
        let Samples { shape, blocks, .. } = data.train;
        let (net, hyper, classes) = (net.clone(), hyper.clone(), data.classes);
        Identity {
            net,
            hyper,
            shape,
            blocks,
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
                (self.shape, self.blocks) == (other.shape, other.blocks),
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
    /// In the middle of an epoch only: between two the bytes are those that were written before there were others, and
    /// either program reads them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    present: Option<Present>,
}

/// The present state of a run.
pub(crate) fn write(run: &Run) -> Result<Vec<u8>, EngineError> {
    let (network, sgd) = (&run.network, &run.sgd);
    let body = Body {
        identity: run.identity.clone(),
        epoch: run.curve.len() as u32,
        curve: run.curve.clone(),
        present: (run.present.step > 0).then_some(run.present),
    };
    let mut values = network.values()?;
    let momenta = network.values_like(&sgd.momenta)?;
    values.extend(
        momenta
            .into_iter()
            .map(|(name, array)| (format!("{MOMENTUM}{name}"), array)),
    );
    weights::put_input(&mut values, &run.standard);
    container::write(MAGIC, &body, &values).map_err(EngineError::BadCheckpoint)
}

/// Puts weights and momenta back; returns the curve so far and how far the epoch after it is.
pub(crate) fn restore(bytes: &[u8], run: &mut Run) -> Result<(Vec<EpochPoint>, Present), EngineError> {
    let State {
        curve,
        present,
        values,
        momenta,
    } = read(bytes, run).map_err(EngineError::BadCheckpoint)?;
    run.network.fill(&values)?;
    run.network.fill_like(&run.sgd.momenta, &momenta)?;
    Ok((curve, present))
}

struct State {
    curve: Vec<EpochPoint>,
    present: Present,
    values: Values,
    momenta: Values,
}

fn read(bytes: &[u8], run: &Run) -> Result<State, String> {
    let Run {
        identity,
        network,
        standard,
        ..
    } = run;
    let (body, mut values) = container::read::<Body>(MAGIC, bytes)?;
    if let Some(what) = identity.difference(&body.identity) {
        return Err(format!("it belongs to another training: the {what} differs"));
    }
    let present = check_place(&body, identity.hyper.epochs, run)?;
    if weights::take_input(&mut values, identity.shape.channels, identity.blocks.period())? != *standard {
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
    Ok(State {
        curve: body.curve,
        present,
        values,
        momenta,
    })
}

/// How far the epoch under way is, if the numbers can be those of this training.
fn check_place(body: &Body, epochs: u32, run: &Run) -> Result<Present, String> {
    let steps = run.steps;
    let possible = match body.present {
        None => body.epoch > 0 && body.epoch <= epochs,
        Some(Present {
            step,
            images,
            loss_sum,
        }) => {
            let in_epoch = body.epoch < epochs && (1..steps).contains(&step);
            in_epoch && images == run.len() * step / steps && loss_sum.is_finite()
        }
    };
    if !possible || body.curve.len() != body.epoch as usize {
        return Err(format!(
            "epoch {} of {epochs} with a curve of {} and {:?} of {steps} steps",
            body.epoch,
            body.curve.len(),
            body.present
        ));
    }
    Ok(body.present.unwrap_or_default())
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
