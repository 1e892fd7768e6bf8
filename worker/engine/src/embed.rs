//! Embeds formats: trains one net, without labels, to read the same images alike in whatever format they come, and makes a
//! vector of what it reads of a few fixed images in each.
//!
//! ```text
//!   a step    a batch of images ─┬─ in one format ───▶ net ─▶ codes ─┐  each image's two codes must be more alike than
//!                                └─ in another one ──▶ net ─▶ codes ─┘  its code and that of any other image
//!
//!   after it  the probes in a format ─▶ net ─▶ codes, one after the other: a long vector ─▶ principal directions ─▶ its vector
//! ```
//!
//! The two formats of a step are drawn from all that are seen, the family first, so that a large block with its many keeps is not
//! drawn more often than a small one. The net is fully convolutional, its input standardised by frequency and its norms take the
//! statistics of the batch, in training and after it: so it reads formats it never saw in training, and reads each by its own scale.

mod checkpoint;
mod codes;
mod run;
mod vectors;
mod views;

use crate::train::{Observer, Wish};
use crate::{EngineError, device};
use imgcalc_shared::codec::Picture;
use imgcalc_shared::format::Format;
use imgcalc_shared::training::Embedding;
use run::Run;
use serde::{Deserialize, Serialize};

/// What an embedding gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedded {
    /// A vector for each format, in their order: of any length, as long as what the net tells apart in it.
    pub vectors: Vec<Vec<f64>>,
    /// How the training went.
    pub curve: Vec<Agreement>,
}

/// A stretch of the training of an embedding.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// Steps done after it.
    pub step: u32,
    /// Mean loss over it, nats.
    pub loss: f64,
    /// Share of images found again in the other format among all of their batch.
    pub found: f64,
}

/// Embeds formats by what is seen in pictures; the vectors are made of the probes. With `resume`, goes on from a checkpoint of this
/// very embedding; on a CPU with the same number of threads the result is then that of an undisturbed run, bit for bit.
///
/// The stretches of the curve are told to the observer as epochs.
pub fn embed(
    formats: &[Format],
    embedding: &Embedding,
    pictures: &[Picture],
    probes: &[Picture],
    resume: Option<&[u8]>,
    observer: &mut dyn Observer,
) -> Result<Embedded, EngineError> {
    check(formats, embedding, pictures, probes)?;
    device::set_deterministic(true);
    let mut run = Run::new(formats, embedding, pictures)?;
    match resume {
        Some(bytes) => checkpoint::restore(bytes, &mut run)?,
        None => run.network.fill_from_seed(embedding.seed)?,
    }
    while run.place().epoch < run.rounds() {
        run.round(observer)?;
    }
    run.obey(observer)?;
    if run.tells_nothing_apart() {
        observer.note("the embedding finds no image again: give it more steps, or larger batches");
    }
    let place = run.place();
    let mut codes = Vec::with_capacity(formats.len());
    for &format in formats {
        observer.progress(&run.progress());
        if matches!(observer.wish(place), Wish::Leave | Wish::Stop) {
            return Err(EngineError::Stopped);
        }
        codes.push(run.codes(format, probes)?);
    }
    Ok(Embedded {
        vectors: vectors::of_codes(&codes, embedding.dimensions.into())?,
        curve: run.curve,
    })
}

fn check(
    formats: &[Format],
    embedding: &Embedding,
    pictures: &[Picture],
    probes: &[Picture],
) -> Result<(), EngineError> {
    embedding
        .check()
        .map_err(|error| EngineError::BadData(error.to_string()))?;
    let shape = |picture: &Picture| (picture.size, picture.channels);
    let first = pictures.first().map(shape);
    let same = |picture: &Picture| Some(shape(picture)) == first;
    let distinct: std::collections::BTreeSet<&Format> = formats.iter().collect();
    let numbers = formats.len() * probes.len() * usize::from(embedding.code);
    let wrong = if distinct.len() < 2 || distinct.len() < formats.len() {
        format!(
            "{} formats of which {} differ: two or more are needed, each once",
            formats.len(),
            distinct.len()
        )
    } else if pictures.len() < 2 || probes.len() < 2 {
        format!(
            "{} images and {} probes: of each two are needed",
            pictures.len(),
            probes.len()
        )
    } else if !pictures.iter().chain(probes).all(same) {
        "the images differ in size".into()
    } else if numbers > vectors::NUMBERS_MAX {
        format!(
            "{} formats x {} probes x {} numbers are more than {}; take fewer probes or a shorter code",
            formats.len(),
            probes.len(),
            embedding.code,
            vectors::NUMBERS_MAX
        )
    } else {
        return Ok(());
    };
    Err(EngineError::BadData(wrong))
}
