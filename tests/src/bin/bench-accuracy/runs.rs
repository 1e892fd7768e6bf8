//! Runs builds through the command line and reads back what they found.

use anyhow::{Context, ensure};
use imgcalc_shared::format::Format;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A space of 72 formats: two block sizes, all keeps, three factors.
const SPACE: &str = "[space]\nsamplings = [\"1x1\"]\nblocks = [8, 16]\nquants = [20, 50, 100]\n";
const TRAINING: &str = "epochs = 8\nlearning_rate = 0.1\nlearning_rate_transfer = 0.05\n\
    batch_size = 64\ntrain_images = 3000\nvalidation_images = 1000\ntest_images = 5000\n";

/// What one build found.
pub struct Found {
    /// Trainings, in order.
    pub trained: Vec<Training>,
    /// Every format with its cost and accuracy.
    pub candidates: Vec<Candidate>,
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
    /// Measured or predicted.
    pub accuracy: f64,
    /// Its bucket.
    pub bucket: usize,
}

/// Builds in one data directory, on one dataset.
pub struct Runs {
    root: PathBuf,
}

impl Runs {
    /// Imports the dataset.
    pub fn prepare(root: &Path) -> anyhow::Result<Runs> {
        std::fs::create_dir_all(root)?;
        let root = root.canonicalize()?;
        let base = format!("file://{}/base", root.display());
        let import = [
            "data",
            "import",
            ".deps/fashion-mnist",
            "--base",
            &base,
            "--name",
            "fashion-mnist",
            "--size",
            "32",
        ];
        imgcalc(&import)?;
        Ok(Runs { root })
    }

    /// Every format from scratch.
    pub fn brute_force(&self, seed: u64) -> anyhow::Result<Found> {
        let buckets = "count = 1\nsampled = 1\nformats_per_bucket = 1000";
        self.build(
            &format!("brute-{seed}"),
            &format!("strategy = \"scratch\"\nseed = {seed}"),
            buckets,
        )
    }

    /// A chain that samples 5 of 12 buckets, chosen this way, with this many epochs a link and segments a round.
    pub fn chain(&self, seed: u64, choice: &str, epochs: u32, segments: u16) -> anyhow::Result<Found> {
        let buckets = format!(
            "count = 12\nsampled = 5\nformats_per_bucket = 2\nseed = {seed}\nchoice = \"{choice}\"\n\
            [chain]\nsegments = {segments}"
        );
        self.build(
            &format!("chain-{seed}"),
            &format!("epochs_transfer = {epochs}\nseed = {seed}"),
            &buckets,
        )
    }

    fn build(&self, name: &str, training: &str, buckets: &str) -> anyhow::Result<Found> {
        let text = format!(
            "name = \"{name}\"\nbase = \"base\"\ndataset = \"fashion-mnist\"\n{SPACE}[training]\npreset = \"small-images\"\n{TRAINING}{training}\n\
             [buckets]\n{buckets}\n[workers]\ncount = 2\nthreads = 1\n"
        );
        let spec = self.root.join(format!("{name}.toml"));
        std::fs::write(&spec, text)?;
        let data_dir = self.root.display().to_string();
        let done = imgcalc(&[
            "--data-dir",
            &data_dir,
            "build",
            &spec.display().to_string(),
            "--json",
        ])?;
        let id: Built = serde_json::from_str(&done).context("the build's answer is not JSON")?;
        let status = imgcalc(&["--data-dir", &data_dir, "status", &id.build, "--json"])?;
        let candidates = imgcalc(&["--data-dir", &data_dir, "explore", &id.build, "--all", "--json"])?;
        let status: Status = serde_json::from_str(&status)?;
        Ok(Found {
            trained: status.chain,
            candidates: serde_json::from_str(&candidates)?,
        })
    }
}

#[derive(Deserialize)]
struct Built {
    build: String,
}

#[derive(Deserialize)]
struct Status {
    chain: Vec<Training>,
}

/// Runs `imgcalc` from beside this program and gives back its stdout.
fn imgcalc(arguments: &[&str]) -> anyhow::Result<String> {
    let program = std::env::current_exe()?.with_file_name("imgcalc");
    let output = Command::new(&program)
        .args(arguments)
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("{} cannot be run; `make build` makes it", program.display()))?;
    ensure!(output.status.success(), "imgcalc {} failed", arguments.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}
