//! A search by embedding as a build has it, and what it found.

use super::Step;
use crate::format::Format;
use crate::training::Embedding;
use serde::{Deserialize, Serialize};

/// Find formats by one training without labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingSearch {
    /// How formats get their vectors.
    pub settings: Embedding,
    /// Whether the recommended formats are trained too.
    pub verify: bool,
}

/// What a search by embedding found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingFacts {
    /// The walk: the recommended formats, densest first.
    pub steps: Vec<Step>,
    /// Every format with its place on the map.
    pub map: Vec<(Format, [f64; 2])>,
    /// What it cost, in epochs on pixels.
    pub cost_epochs: f64,
    /// Share of images that were found again in the other format at the end, 0 to 1.
    pub found: Option<f64>,
    /// Seconds of the training.
    pub seconds: f64,
}
