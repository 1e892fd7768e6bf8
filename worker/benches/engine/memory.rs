//! The largest memory of a training, in a process of its own: what was measured before would count too.

use crate::images::Imported;
use crate::ours::{self, Training, VALIDATION_IMAGES};
use crate::table::{Table, mebibytes, ratio, short};
use crate::{Bench, device};
use anyhow::Context;
use imgcalc_shared::task::Input;
use imgcalc_shared::training::Net;
use serde::{Deserialize, Serialize};
use std::process::{Command, Stdio};

/// The argument that makes this program the process that is measured.
pub const CHILD: &str = "--train-and-tell-memory";

const FORMAT: &str = "1x1-b8-k8-q20";
/// Side the pictures are scaled to.
const SIDE: u32 = 64;
/// How often each picture comes in the training that is larger than its window.
const TIMES: u32 = 6;
const TIMES_QUICK: u32 = 2;
/// Of a training whose planes are nothing beside libtorch.
const FEW_IMAGES: u32 = 64;
/// Small, as the net is: activations are not what is measured.
const BATCH: u32 = 8;

#[derive(Debug, Serialize, Deserialize)]
struct Ask {
    base: String,
    training: Training,
    /// Bytes of images at hand; those there usually are unless given.
    window_bytes: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    host_bytes: f64,
    device_bytes: Option<f64>,
    images_per_second: f64,
}

/// Prints the table.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let mut table = Table::new(
        format!(
            "Largest memory of a training on {FORMAT} in a process of its own (VmHWM), by the size of its planes. What libtorch \
             and a net take is in all rows; the first has next to nothing else",
        ),
        &[
            "planes",
            "host memory",
            "more than the first ÷ planes",
            "device memory",
            "images/s",
        ],
    );
    let times = if bench.choice.quick { TIMES_QUICK } else { TIMES };
    let few = Imported::new(bench, SIDE, &[FORMAT])?;
    let many = Imported::repeated(bench, SIDE, &[FORMAT], times)?;
    let all = |imported: &Imported| imported.manifest.splits.train;
    let rows = [
        (&few, FEW_IMAGES, false),
        (&few, all(&few), false),
        (&many, all(&many), false),
        (&many, all(&many), true),
    ];
    let mut least = f64::NAN;
    for (imported, images, windowed) in rows {
        bench.progress(&format!("memory: {images} images of {SIDE}×{SIDE}"));
        // Less than a row group is a row group.
        let answer = measure(bench, imported, images, windowed.then_some(1))?;
        let planes = 2.0 * f64::from(images + VALIDATION_IMAGES) * 3.0 * f64::from(SIDE * SIDE);
        if least.is_nan() {
            least = answer.host_bytes;
        }
        let row_group = imported.manifest.row_group;
        let seen = match windowed {
            true => format!("in windows of {row_group}"),
            false => "at hand".to_string(),
        };
        table.row(
            format!("{images} images, {seen}"),
            [
                mebibytes(planes),
                mebibytes(answer.host_bytes),
                ratio((answer.host_bytes - least) / planes),
                answer.device_bytes.map_or("–".into(), mebibytes),
                short(answer.images_per_second),
            ],
        );
    }
    table.print();
    Ok(())
}

fn measure(
    bench: &Bench,
    imported: &Imported,
    images: u32,
    window_bytes: Option<u64>,
) -> anyhow::Result<Answer> {
    let ask = Ask {
        base: imported.url.clone(),
        training: Training {
            dataset: imported.manifest.digest,
            images,
            input: Input::Format(FORMAT.parse()?),
            net: Net::SmallResnet {
                width: 2,
                blocks: vec![1],
            },
            epochs: 1,
            batch: BATCH,
            // Another one for each window: else the second would be found done.
            seed: u64::from(images) + window_bytes.unwrap_or(0),
            threads: bench.choice.threads,
        },
        window_bytes,
    };
    let output = Command::new(std::env::current_exe()?)
        .args([CHILD, &serde_json::to_string(&ask)?])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start this program again")?;
    anyhow::ensure!(
        output.status.success(),
        "the training ended with {}; see above",
        output.status
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// What the child does: the training it is told, and one line on stdout.
pub fn child(ask: &str) -> anyhow::Result<()> {
    let ask: Ask = serde_json::from_str(ask)?;
    let gpu = imgcalc_engine::load_cuda();
    let before = device::memory_used().filter(|_| gpu);
    let mut context = ours::context(&ask.base, ask.training.threads)?;
    if let Some(window_bytes) = ask.window_bytes {
        context = context.with_window_bytes(window_bytes);
    }
    let trained = ask.training.run(&mut context)?;
    let answer = Answer {
        host_bytes: largest_memory()?,
        // libtorch keeps what it once took, so the end shows the most.
        device_bytes: before.and_then(|before| Some(device::memory_used()? - before)),
        images_per_second: trained.images_per_second,
    };
    println!("{}", serde_json::to_string(&answer)?);
    Ok(())
}

/// Bytes of memory this process had at most.
fn largest_memory() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    Ok(kibibytes.context("/proc/self/status says no VmHWM")? * 1024.0)
}
