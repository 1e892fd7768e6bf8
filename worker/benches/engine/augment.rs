//! Images a second of each augmentation on coefficients, beside torchvision's on pixels and a block DCT.

use crate::Bench;
use crate::figures::{median, median_ratio};
use crate::peer::Peer;
use crate::table::{Table, short};
use imgcalc_engine::{Blocks, Samples};
use imgcalc_shared::training::{Augment, InputShape};
use serde_json::json;
use std::time::Duration;

const BATCH: u32 = 64;
const SIDE: u16 = 64;
const REPEATS_MIN: usize = 5;
const REPEATS_MAX: usize = 10_000;
/// Seconds each way takes in each round.
const SECONDS: f64 = 0.5;
const SECONDS_QUICK: f64 = 0.1;
/// The ways of the peer.
const WAYS: [&str; 3] = ["each", "batch", "plain"];

/// A name, its strength, and ours with only it.
type Augmentation = (&'static str, f64, fn(f64) -> Augment);

/// Flips and turns happen to every image: otherwise half the work would be none.
const AUGMENTATIONS: [Augmentation; 9] = [
    ("horizontal_flip", 1.0, |s| Augment {
        horizontal_flip: s,
        ..Augment::default()
    }),
    ("vertical_flip", 1.0, |s| Augment {
        vertical_flip: s,
        ..Augment::default()
    }),
    ("rotation", 1.0, |s| Augment {
        rotation: s,
        ..Augment::default()
    }),
    ("crop", 0.25, |s| Augment {
        crop: s,
        ..Augment::default()
    }),
    ("translation", 0.25, |s| Augment {
        translation: s,
        ..Augment::default()
    }),
    ("cutout", 0.5, |s| Augment {
        cutout: s,
        ..Augment::default()
    }),
    ("brightness", 0.3, |s| Augment {
        brightness: s,
        ..Augment::default()
    }),
    ("contrast", 0.3, |s| Augment {
        contrast: s,
        ..Augment::default()
    }),
    ("chroma", 0.3, |s| Augment {
        chroma: s,
        ..Augment::default()
    }),
];

/// Images a second of one augmentation on a batch of coefficients in the device's memory.
fn ours(samples: &Samples, augment: &Augment, seconds: f64) -> anyhow::Result<f64> {
    let probe = median_seconds(imgcalc_engine::augment_times(samples, augment, 3, REPEATS_MIN)?);
    let repeats = ((seconds / probe) as usize).clamp(REPEATS_MIN, REPEATS_MAX);
    let seconds = median_seconds(imgcalc_engine::augment_times(samples, augment, 3, repeats)?);
    Ok(samples.len() as f64 / seconds)
}

fn median_seconds(times: Vec<Duration>) -> f64 {
    median(&times.iter().map(Duration::as_secs_f64).collect::<Vec<_>>())
}

/// A batch of coefficients of 8×8 blocks, made up: no operation takes longer over other numbers.
fn samples() -> Samples {
    let shape = InputShape {
        channels: 3,
        height: SIDE,
        width: SIDE,
    };
    let values = 0..BATCH as usize * shape.values();
    Samples {
        shape,
        blocks: Blocks {
            side: 8,
            keep: 8,
            quant: 20,
        },
        values: values.map(|at| (at * 7919 % 101) as i16 - 50).collect(),
        labels: vec![0; BATCH as usize],
    }
}

/// Prints the table.
pub fn run(bench: &Bench, peer: &mut Peer) -> anyhow::Result<()> {
    let seconds = if bench.choice.quick {
        SECONDS_QUICK
    } else {
        SECONDS
    };
    let samples = samples();
    let mut table = Table::new(
        format!(
            "Augmentations, images a second on batches of {BATCH} of 3×64×64, medians of {} rounds, each from gathering the batch: ours on coefficients of 8×8 \
             blocks, a draw for each image; torchvision's on pixels and the block DCT that makes coefficients of them, a draw for \
             each image or one for the batch, and the latter without the DCT",
            bench.choice.rounds()
        ),
        &[
            "ours",
            "torchvision + DCT",
            "ours ÷ it",
            "one draw a batch + DCT",
            "ours ÷ it",
            "one draw a batch, no DCT",
        ],
    );
    for (name, strength, only) in AUGMENTATIONS {
        bench.progress(&format!("augment: {name}"));
        let mut figures: [Vec<f64>; 4] = Default::default();
        for _ in 0..bench.choice.rounds() {
            figures[0].push(ours(&samples, &only(strength), seconds)?);
            let answer = peer.ask(&json!({
                "do": "augment", "name": name, "strength": strength, "batch": BATCH, "seconds": seconds,
            }))?;
            for (list, way) in figures[1..].iter_mut().zip(WAYS) {
                list.push(answer[way].as_f64().unwrap_or(f64::NAN));
            }
        }
        let [ours, each, batch, plain] = &figures;
        let cells = [
            median(ours),
            median(each),
            median_ratio(ours, each),
            median(batch),
            median_ratio(ours, batch),
            median(plain),
        ];
        table.row(name.replace('_', " "), cells.map(short));
    }
    table.print();
    Ok(())
}
