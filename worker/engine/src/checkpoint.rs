//! The state of a training between two steps as bytes. The order of images, what is dropped out and the learning rate follow from (seed, epoch, step),
//! and nothing else is drawn at random, so weights, running statistics, momenta, the curve so far and the sums of the
//! epoch under way are all there is.

use crate::container;
use crate::data::{Blocks, Feeds};
use crate::net::Values;
use crate::train::{Present, Run};
use crate::{EngineError, EpochPoint, weights};
use imgcalc_shared::training::{Hyper, InputShape, Net};
use serde::{Deserialize, Serialize};

const MAGIC: &str = "imgcalc-checkpoint";

/// What a training is: a checkpoint of one is refused by every other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    net: Net,
    hyper: Hyper,
    shape: InputShape,
    blocks: Blocks,
    classes: u16,
    /// Of the labels of the training images, in their order. What differs in the images themselves shows in their standardisation.
    labels: String,
}

impl Identity {
    pub(crate) fn new(net: &Net, hyper: &Hyper, feeds: &Feeds) -> Self {
        Identity {
            net: net.clone(),
            hyper: hyper.clone(),
            shape: feeds.train.shape(),
            blocks: feeds.train.blocks(),
            classes: feeds.classes,
            labels: digest(feeds.train.labels()),
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
            (self.labels == other.labels, "training images"),
        ];
        pairs.into_iter().find(|(same, _)| !same).map(|(_, what)| what)
    }
}

/// [`Identity`] as the first release wrote it: it knew less of the values, and told images apart by their digest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstIdentity {
    net: Net,
    hyper: Hyper,
    shape: InputShape,
    period: u16,
    classes: u16,
    /// Of the training images and labels. What differs in them shows in their standardisation too.
    digest: String,
}

/// Whose a checkpoint is, by what any release wrote.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Owner {
    Now(Identity),
    First(FirstIdentity),
}

impl Owner {
    /// The same in today's words, as far as `own`, whose checkpoint it should be, tells what it did not say.
    fn identity(self, own: &Identity) -> Identity {
        match self {
            Owner::Now(identity) => identity,
            Owner::First(first) => {
                let mut blocks = own.blocks;
                if blocks.period() != first.period {
                    blocks.keep = 0;
                }
                Identity {
                    net: first.net,
                    hyper: first.hyper,
                    shape: first.shape,
                    blocks,
                    classes: first.classes,
                    labels: own.labels.clone(),
                }
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    identity: Owner,
    epoch: u32,
    curve: Vec<EpochPoint>,
    /// In the middle of an epoch only: between two the bytes are those that were written before there were others, and
    /// either program reads them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    present: Option<Present>,
}

/// The present state of a run.
pub(crate) fn write(run: &Run) -> Result<Vec<u8>, EngineError> {
    let network = &run.network;
    let body = Body {
        identity: Owner::Now(run.identity.clone()),
        epoch: run.curve.len() as u32,
        curve: run.curve.clone(),
        present: (run.present.step > 0).then_some(run.present),
    };
    let mut values = network.values()?;
    for (state, flat) in run.optimizer.states() {
        let arrays = network.values_like(flat)?.into_iter();
        values.extend(arrays.map(|(name, array)| (format!("{state}.{name}"), array)));
    }
    weights::put_input(&mut values, &run.standard);
    container::write(MAGIC, &body, &values).map_err(EngineError::BadCheckpoint)
}

/// Puts weights and the optimiser's state back; returns the curve so far and how far the epoch after it is.
pub(crate) fn restore(bytes: &[u8], run: &mut Run) -> Result<(Vec<EpochPoint>, Present), EngineError> {
    let State {
        curve,
        present,
        values,
        states,
    } = read(bytes, run).map_err(EngineError::BadCheckpoint)?;
    run.network.fill(&values)?;
    for ((_, flat), values) in run.optimizer.states().into_iter().zip(&states) {
        run.network.fill_like(flat, values)?;
    }
    Ok((curve, present))
}

struct State {
    curve: Vec<EpochPoint>,
    present: Present,
    values: Values,
    /// Of the optimiser, in its order.
    states: Vec<Values>,
}

fn read(bytes: &[u8], run: &Run) -> Result<State, String> {
    let Run {
        identity,
        network,
        standard,
        ..
    } = run;
    let (body, mut values) = container::read::<Body>(MAGIC, bytes)?;
    let present = check_place(&body, identity.hyper.epochs, run);
    if let Some(what) = identity.difference(&body.identity.identity(identity)) {
        return Err(format!("it belongs to another training: the {what} differs"));
    }
    let present = present?;
    if weights::take_input(&mut values, identity.shape.channels, identity.blocks.period())? != *standard {
        return Err("its input is standardised otherwise than these training images are".into());
    }
    let all = network.variables();
    let fitted: Vec<_> = all.iter().filter(|variable| !variable.is_buffer()).collect();
    let mut states = Vec::new();
    for (state, _) in run.optimizer.states() {
        let of_state = |name: &str| name.strip_prefix(state)?.strip_prefix('.').map(str::to_string);
        let (mine, rest): (Values, Values) =
            values.into_iter().partition(|(name, _)| of_state(name).is_some());
        values = rest;
        let named = mine
            .into_iter()
            .filter_map(|(name, array)| Some((of_state(&name)?, array)));
        let mine: Values = named.collect();
        let expected = fitted.iter();
        let expected = expected.map(|variable| (variable.name.clone(), variable.shape.as_slice()));
        container::check(&mine, expected).map_err(|error| format!("{state}: {error}"))?;
        states.push(mine);
    }
    let expected = all.iter();
    container::check(
        &values,
        expected.map(|variable| (variable.name.clone(), variable.shape.as_slice())),
    )?;
    Ok(State {
        curve: body.curve,
        present,
        values,
        states,
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

fn digest(labels: &[u16]) -> String {
    let bytes: Vec<u8> = labels.iter().flat_map(|label| label.to_le_bytes()).collect();
    blake3::hash(&bytes).to_hex().to_string()
}
