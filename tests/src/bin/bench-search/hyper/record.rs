//! Trains the grid anew: one real build.

use super::surrogate::path;
use anyhow::{Context, ensure};
use imgcalc_shared::search::Point;
use imgcalc_tests::programs::imgcalc;
use serde::Deserialize;
use std::fmt::Write;
use std::path::Path;

const SPEC: &str = include_str!("record.toml");
/// What a training that fails is taken for: it has learnt nothing of ten classes.
const CHANCE: f64 = 0.1;

#[derive(Deserialize)]
struct Status {
    search: Searched,
}

#[derive(Deserialize)]
struct Searched {
    is_over: bool,
    epochs: EpochsOf,
    /// Of all trials together.
    seconds: f64,
    trials: Vec<Trial>,
}

#[derive(Deserialize)]
struct EpochsOf {
    max: u32,
}

#[derive(Deserialize)]
struct Trial {
    point: Point,
    curve: Vec<OfEpoch>,
}

#[derive(Deserialize)]
struct OfEpoch {
    epoch: u32,
    accuracy: f64,
}

/// Runs the build, or goes on with it, and writes the table.
pub(super) fn record(root: &Path) -> anyhow::Result<()> {
    let base = format!("file://{}/base", root.display());
    let import = ["data", "import", ".deps/fashion-mnist", "--base", &base];
    run(&[&import[..], &["--name", "fashion-mnist", "--size", "32"]].concat())?;
    let spec = root.join("record.toml");
    std::fs::write(&spec, SPEC)?;
    let (data_dir, spec) = (
        root.join("record").display().to_string(),
        spec.display().to_string(),
    );
    run(&["--data-dir", &data_dir, "build", &spec])?;
    let said = run(&["--data-dir", &data_dir, "status", "--json"])?;
    let status: Status = serde_json::from_str(&said).context("the status of the build")?;
    let search = status.search;
    ensure!(
        search.is_over && !search.trials.is_empty(),
        "the grid is not trained to its end"
    );
    std::fs::write(path(), table(&search))?;
    eprintln!("hyper: {} trainings recorded", search.trials.len());
    Ok(())
}

fn table(search: &Searched) -> String {
    let mut text = String::from(
        "# Validation accuracy after each epoch of real trainings on Fashion-MNIST, which `RECORD=1 make bench-search\n\
         # SECTIONS=hyper` wrote: `imgcalc build` of record.toml, which lies beside, and `imgcalc status --json`.\n",
    );
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "# seconds of a training: {:.1}",
        search.seconds / search.trials.len() as f64
    );
    let names = search.trials[0].point.0.keys().cloned();
    let epochs = (1..=search.epochs.max).map(|epoch| format!("epoch_{epoch}"));
    text += &(names.chain(epochs).collect::<Vec<_>>().join(",") + "\n");
    for trial in &search.trials {
        let at = |epoch| {
            trial
                .curve
                .iter()
                .find(|of| of.epoch == epoch)
                .map_or(CHANCE, |of| of.accuracy)
        };
        let values = trial.point.0.values().map(ToString::to_string);
        let scores = (1..=search.epochs.max).map(|epoch| format!("{:.4}", at(epoch)));
        text += &(values.chain(scores).collect::<Vec<_>>().join(",") + "\n");
    }
    text
}

/// Runs `imgcalc`, which tells of its progress on stderr; its stdout.
fn run(arguments: &[&str]) -> anyhow::Result<String> {
    let output = imgcalc()
        .args(arguments)
        .stderr(std::process::Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "imgcalc {} failed", arguments.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}
