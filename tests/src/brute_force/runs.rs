//! Builds over a small space of formats.

use super::builds::Builds;
use imgcalc_shared::embedding::EmbeddingFacts;
use imgcalc_shared::format::Format;
use serde::Deserialize;
use std::path::Path;

/// A space of 72 formats: two block sizes, all keeps, three factors.
const SPACE: &str = "[space]\nsamplings = [\"1x1\"]\nblocks = [8, 16]\nquants = [20, 50, 100]\n";
const TRAINING: &str = "[training]\npreset = \"small-images\"\nepochs = 8\nlearning_rate = 0.1\n\
    learning_rate_transfer = 0.05\nbatch_size = 64\ntrain_images = 3000\nvalidation_images = 1000\ntest_images = 5000\n";

/// What one build found.
pub struct Found {
    /// Trainings, in order.
    pub trained: Vec<Training>,
    /// Every format with its cost and accuracy.
    pub candidates: Vec<Candidate>,
    /// The walk, of a build by embedding.
    pub embedding: Option<EmbeddingFacts>,
}

/// One training.
#[derive(Clone, Debug, Deserialize)]
pub struct Training {
    /// What was trained.
    pub format: Format,
    /// On validation images.
    pub accuracy: f64,
    /// On test images.
    pub test_accuracy: Option<f64>,
    /// One point per epoch.
    pub curve: Vec<Point>,
    /// How long it took.
    pub seconds: f64,
}

/// One epoch.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Point {
    /// On validation images.
    pub accuracy: f64,
}

/// One format.
#[derive(Clone, Debug, Deserialize)]
pub struct Candidate {
    /// The format.
    pub format: Format,
    /// µs per image.
    pub time_us: f64,
    /// Measured or predicted, where anything was trained.
    pub accuracy: Option<f64>,
    /// Its bucket.
    pub bucket: usize,
}

/// The builds, in one data directory.
pub struct Runs {
    builds: Builds,
}

impl Runs {
    /// Imports the dataset.
    pub fn prepare(root: &Path) -> anyhow::Result<Runs> {
        let builds = Builds::prepare(root)?;
        Ok(Runs { builds })
    }

    /// Every format from scratch.
    pub fn brute_force(&self, seed: u64) -> anyhow::Result<Found> {
        let training = format!("strategy = \"scratch\"\nseed = {seed}");
        let buckets = "count = 1\nsampled = 1\nformats_per_bucket = 1000";
        self.build(&format!("brute-{seed}"), "", &training, buckets)
    }

    /// A chain that samples 5 of 12 buckets, chosen this way, with this many epochs a link and segments a round.
    pub fn chain(&self, seed: u64, choice: &str, epochs: u32, segments: u16) -> anyhow::Result<Found> {
        let training = format!("epochs_transfer = {epochs}\nseed = {seed}");
        let buckets = format!(
            "count = 12\nsampled = 5\nformats_per_bucket = 2\nseed = {seed}\nchoice = \"{choice}\"\n\
            [chain]\nsegments = {segments}"
        );
        self.build(&format!("chain-{seed}"), "", &training, &buckets)
    }

    /// A walk over an embedding through 12 buckets; its formats are trained, with this many epochs a link, or are not.
    pub fn embedding(&self, seed: u64, epochs: u32, verify: bool) -> anyhow::Result<Found> {
        let training = format!("epochs_transfer = {epochs}\nseed = {seed}");
        let buckets = format!("count = 12\n[embedding]\nverify = {verify}");
        let name = format!("{}-{seed}", if verify { "embedding" } else { "walk" });
        self.build(&name, "method = \"embedding\"\n", &training, &buckets)
    }

    fn build(&self, name: &str, method: &str, training: &str, buckets: &str) -> anyhow::Result<Found> {
        let text = format!("{method}{SPACE}{TRAINING}{training}\n[buckets]\n{buckets}");
        let build = self.builds.build(name, &text)?;
        let status: Status = build.status()?;
        Ok(Found {
            trained: status.chain,
            candidates: build.candidates()?,
            embedding: status.embedding,
        })
    }
}

#[derive(Deserialize)]
struct Status {
    chain: Vec<Training>,
    embedding: Option<EmbeddingFacts>,
}
