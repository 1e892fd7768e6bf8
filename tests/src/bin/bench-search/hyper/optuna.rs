//! Optuna's searches on the same grid, by a process of their own.

use super::regret::{Score, Trace};
use super::surrogate::{Surrogate, path};
use super::{ETA, SLOTS};
use anyhow::{Context, ensure};
use imgcalc_shared::search::Point;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

const PROGRAM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/bin/bench-search/python/searches.py"
);
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.deps/optuna");

/// Its searches: what they are called, who chooses points, who gives trials up.
const ARMS: [(&str, &str, &str); 4] = [
    ("TPE with Hyperband", "tpe", "hyperband"),
    (
        "TPE, multivariate, with Hyperband",
        "tpe-multivariate",
        "hyperband",
    ),
    ("TPE", "tpe", "none"),
    ("random", "random", "none"),
];
/// Points at which both sides say the same.
const PROBES: u64 = 200;
const ALIKE: f64 = 1e-9;

/// Its processes, one for each of its searches.
pub(super) struct Peer<'a> {
    surrogate: &'a Surrogate,
    processes: Vec<Process>,
    probes: Vec<Point>,
    seeds: u64,
}

/// Dropping kills it.
struct Process {
    child: Child,
    /// Reads along, so that it never waits for whoever wants its answers.
    answers: Option<JoinHandle<std::io::Result<Vec<String>>>>,
}

/// What it found.
pub(super) struct Found {
    /// Of Optuna.
    pub(super) version: String,
    /// By name, for each number of slots, the searches of all seeds.
    pub(super) arms: Vec<(&'static str, Vec<Vec<Trace>>)>,
}

#[derive(Deserialize)]
struct First {
    version: String,
    curves: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Searched {
    points: Vec<Point>,
    /// Epochs spent, the trial's number and epoch, and its score.
    reports: Vec<(u32, usize, u32, f64)>,
}

impl Peer<'_> {
    /// Starts them, so that they search while we do.
    pub(super) fn start(surrogate: &Surrogate, seeds: u64, trainings: u32) -> anyhow::Result<Peer<'_>> {
        ensure!(
            Path::new(PACKAGES).join("stamp").is_file(),
            "Optuna is not set up: run `tests/setup/python.sh optuna`, which `make bench-search` does by itself"
        );
        let probes: Vec<Point> = (0..PROBES).map(|number| probe(surrogate, number)).collect();
        let process = |&(_, sampler, pruner): &(_, _, _)| {
            Process::start(&json!({
                "table": path(),
                "parameters": surrogate.parameters,
                "probes": probes,
                "sampler": sampler,
                "pruner": pruner,
                "slots": SLOTS,
                "seeds": (0..seeds).collect::<Vec<u64>>(),
                "epochs": trainings * surrogate.epochs.max,
                "min": surrogate.epochs.min,
                "max": surrogate.epochs.max,
                "eta": ETA,
            }))
        };
        Ok(Peer {
            surrogate,
            processes: ARMS.iter().map(process).collect::<anyhow::Result<_>>()?,
            probes,
            seeds,
        })
    }

    /// Waits for all it searches.
    pub(super) fn finish(mut self) -> anyhow::Result<Found> {
        let (mut arms, mut versions) = (Vec::new(), Vec::new());
        for (mut process, (name, _, _)) in self.processes.drain(..).zip(ARMS) {
            let mut lines = process.lines()?.into_iter();
            let mut line = || {
                lines
                    .next()
                    .context("the process of the peer has ended; see above")
            };
            let First { version, curves } = serde_json::from_str(&line()?)?;
            versions.push(version);
            same(self.surrogate, &self.probes, &curves)?;
            let mut of_slots = Vec::new();
            for _ in SLOTS {
                let traces = (0..self.seeds).map(|_| trace(self.surrogate, &line()?));
                of_slots.push(traces.collect::<anyhow::Result<Vec<Trace>>>()?);
            }
            eprintln!("hyper: Optuna's {name} is done");
            arms.push((name, of_slots));
        }
        let version = versions.pop().context("there is a process")?;
        Ok(Found { version, arms })
    }
}

/// Both sides must say the same of every point.
fn same(surrogate: &Surrogate, probes: &[Point], curves: &[Vec<f64>]) -> anyhow::Result<()> {
    ensure!(curves.len() == probes.len(), "not every point was answered");
    for (point, theirs) in probes.iter().zip(curves) {
        let ours = surrogate.curve(point);
        let mut pairs = ours.iter().zip(theirs);
        let alike = ours.len() == theirs.len() && pairs.all(|(a, b)| (a - b).abs() < ALIKE);
        ensure!(alike, "the two sides differ at {point}: {ours:?} and {theirs:?}");
    }
    Ok(())
}

fn trace(surrogate: &Surrogate, line: &str) -> anyhow::Result<Trace> {
    let Searched { points, reports } = serde_json::from_str(line)?;
    let values: Vec<f64> = points.iter().map(|point| surrogate.value(point)).collect();
    let score = |(spent, trial, at, score): (u32, usize, u32, f64)| {
        let value = *values.get(trial).context("a trial has a point")?;
        Ok(Score {
            spent,
            at,
            score,
            value,
        })
    };
    Ok(Trace(
        reports.into_iter().map(score).collect::<anyhow::Result<_>>()?,
    ))
}

impl Process {
    fn start(ask: &Value) -> anyhow::Result<Process> {
        let mut child = Command::new("python3")
            .arg(PROGRAM)
            .env("PYTHONPATH", PACKAGES)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start python3")?;
        let mut stdin = child.stdin.take().context("a piped stdin is there")?;
        writeln!(stdin, "{ask}").context("python3 has ended; see above")?;
        let answers = BufReader::new(child.stdout.take().context("a piped stdout is there")?);
        let answers = Some(std::thread::spawn(move || answers.lines().collect()));
        Ok(Process { child, answers })
    }

    /// All it answers, at its end.
    fn lines(&mut self) -> anyhow::Result<Vec<String>> {
        let answers = self.answers.take().context("it was asked once")?;
        Ok(answers.join().expect("reading does not panic")?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Points that fall everywhere: the bits of each number, turned (van der Corput), begin another side.
fn probe(surrogate: &Surrogate, number: u64) -> Point {
    let place = |side: usize| {
        let turned = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ (side as u64) << 33 | 1);
        (turned >> 11) as f64 / (1_u64 << 53) as f64
    };
    let places: Vec<f64> = (0..surrogate.parameters.0.len()).map(place).collect();
    surrogate.parameters.decode(&places)
}
