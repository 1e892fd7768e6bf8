//! The state of an embedding's training between two steps as bytes. What is drawn follows from (seed, step), so weights, running
//! statistics, moments, the curve and the sums of the round under way are all there is.

use super::Agreement;
use super::run::Run;
use crate::net::Values;
use crate::{EngineError, container};
use imgcalc_shared::codec::Picture;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::Format;
use imgcalc_shared::training::Embedding;
use serde::{Deserialize, Serialize};

const MAGIC: &str = "imgcalc-embedding";

/// What an embedding is: a checkpoint of one is refused by every other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    embedding: Embedding,
    /// Of the formats, in their order.
    formats: Digest,
    /// Of the images it learns from.
    pictures: String,
}

/// How far the round under way is; all zero between two rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Present {
    /// Steps done.
    pub(super) step: u32,
    /// Sum of their losses.
    pub(super) loss_sum: f64,
    /// Sum of their shares of images found again.
    pub(super) found_sum: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    identity: Identity,
    curve: Vec<Agreement>,
    present: Present,
}

impl Identity {
    pub(super) fn new(formats: &[Format], embedding: &Embedding, pictures: &[Picture]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for picture in pictures {
            hasher.update(&picture.samples);
        }
        Identity {
            embedding: embedding.clone(),
            formats: Digest::of_value(&formats),
            pictures: hasher.finalize().to_hex().to_string(),
        }
    }
}

/// The present state of a run.
pub(super) fn write(run: &Run) -> Result<Vec<u8>, EngineError> {
    let body = Body {
        identity: run.identity.clone(),
        curve: run.curve.clone(),
        present: run.present,
    };
    let mut values = run.network.values()?;
    for (state, flat) in run.optimizer.states() {
        let arrays = run.network.values_like(flat)?.into_iter();
        values.extend(arrays.map(|(name, array)| (format!("{state}.{name}"), array)));
    }
    container::write(MAGIC, &body, &values).map_err(EngineError::BadCheckpoint)
}

/// Puts everything back.
pub(super) fn restore(bytes: &[u8], run: &mut Run) -> Result<(), EngineError> {
    let (body, values, states) = read(bytes, run).map_err(EngineError::BadCheckpoint)?;
    run.network.fill(&values)?;
    for ((_, flat), values) in run.optimizer.states().into_iter().zip(&states) {
        run.network.fill_like(flat, values)?;
    }
    run.curve = body.curve;
    run.present = body.present;
    Ok(())
}

fn read(bytes: &[u8], run: &Run) -> Result<(Body, Values, Vec<Values>), String> {
    let (body, mut values) = container::read::<Body>(MAGIC, bytes)?;
    if body.identity != run.identity {
        return Err("it belongs to another embedding: its settings, formats or images differ".into());
    }
    check_place(&body, run)?;
    let all = run.network.variables();
    let mut states = Vec::new();
    for (state, _) in run.optimizer.states() {
        let prefix = format!("{state}.");
        let names: Vec<String> = values
            .keys()
            .filter(|name| name.starts_with(&prefix))
            .cloned()
            .collect();
        let taken = names
            .into_iter()
            .filter_map(|name| Some((name.strip_prefix(&prefix)?.to_string(), values.remove(&name)?)));
        let mine: Values = taken.collect();
        let fitted = all.iter().filter(|variable| !variable.is_buffer());
        let expected = fitted.map(|variable| (variable.name.clone(), variable.shape.as_slice()));
        container::check(&mine, expected).map_err(|error| format!("{state}: {error}"))?;
        states.push(mine);
    }
    let expected = all
        .iter()
        .map(|variable| (variable.name.clone(), variable.shape.as_slice()));
    container::check(&values, expected)?;
    Ok((body, values, states))
}

/// Whether the numbers can be those of this embedding.
fn check_place(body: &Body, run: &Run) -> Result<(), String> {
    let (rounds, present) = (body.curve.len() as u32, body.present);
    let told = format!("a curve of {rounds} of {} and {present:?}", run.rounds());
    if body.curve.len() > run.rounds() as usize {
        return Err(told);
    }
    let in_round = match rounds < run.rounds() {
        true => run.end_of(rounds + 1) - run.end_of(rounds),
        false => 1,
    };
    let ends = body
        .curve
        .iter()
        .zip(1..)
        .all(|(point, round)| point.step == run.end_of(round));
    let finite = [present.loss_sum, present.found_sum]
        .iter()
        .all(|sum| sum.is_finite());
    match ends && finite && present.step < in_round {
        true => Ok(()),
        false => Err(told),
    }
}
