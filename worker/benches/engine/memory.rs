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
/// Sides the pictures are scaled to: planes grow with their square.
const SIDES: [u32; 3] = [64, 128, 256];
const SIDES_QUICK: [u32; 2] = [64, 128];
/// Of a training whose planes are nothing beside libtorch.
const FEW_IMAGES: u32 = 64;
/// Small, as the net is: activations are not what is measured.
const BATCH: u32 = 8;

#[derive(Debug, Serialize, Deserialize)]
struct Ask {
    base: String,
    training: Training,
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
    let sides = if bench.choice.quick {
        &SIDES_QUICK[..]
    } else {
        &SIDES[..]
    };
    let mut least = f64::NAN;
    for (nth, &side) in sides.iter().enumerate() {
        let imported = Imported::new(bench, side, &[FORMAT])?;
        let all = imported.manifest.splits.train;
        let few = (nth == 0).then_some(FEW_IMAGES);
        for images in few.into_iter().chain([all]) {
            bench.progress(&format!("memory: {images} images of {side}×{side}"));
            let answer = measure(bench, &imported, images)?;
            let values = f64::from(images + VALIDATION_IMAGES) * 3.0 * f64::from(side * side);
            let planes = 2.0 * values;
            if least.is_nan() {
                least = answer.host_bytes;
            }
            table.row(
                format!("{images} images of {side}×{side}"),
                [
                    mebibytes(planes),
                    mebibytes(answer.host_bytes),
                    ratio((answer.host_bytes - least) / planes),
                    answer.device_bytes.map_or("–".into(), mebibytes),
                    short(answer.images_per_second),
                ],
            );
        }
    }
    table.print();
    Ok(())
}

fn measure(bench: &Bench, imported: &Imported, images: u32) -> anyhow::Result<Answer> {
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
            seed: u64::from(images),
            threads: bench.choice.threads,
        },
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
