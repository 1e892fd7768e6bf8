//! Four trainings on one family on one worker, as the scheduler places them, beside the same four on workers of their own.

use crate::figures::{median, median_ratio};
use crate::images::Imported;
use crate::ours::{self, Trained, Training};
use crate::table::{Table, mebibytes, ratio, short};
use crate::{Bench, photos};
use imgcalc_shared::task::Input;
use imgcalc_shared::training::Net;
use imgcalc_worker::stages::Context;

/// What is stored.
const COLUMNS: &str = "1x1-b8-k8-q20";
/// As a chain goes: from the densest to the sparsest.
const FORMATS: [&str; 4] = ["1x1-b8-k8-q20", "1x1-b8-k6-q20", "1x1-b8-k4-q20", "1x1-b8-k2-q20"];
const BATCH: u32 = 64;

/// Sums over the four.
#[derive(Default)]
struct Sums {
    bytes: Vec<f64>,
    seconds_before: Vec<f64>,
    seconds: Vec<f64>,
}

impl Sums {
    fn add(&mut self, four: &[Trained]) {
        self.bytes
            .push(four.iter().map(|one| one.bytes_read as f64).sum());
        self.seconds_before
            .push(four.iter().map(|one| one.seconds_before).sum());
        self.seconds.push(four.iter().map(|one| one.seconds).sum());
    }
}

/// Prints the table.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let imported = Imported::new(bench, photos::SIDE, &[COLUMNS])?;
    let images = imported.manifest.splits.train / BATCH * BATCH;
    let (mut shared, mut separate) = (Sums::default(), Sums::default());
    let mut seed = 0;
    for round in 0..=bench.choice.rounds() {
        bench.progress(&format!("shared: round {round}"));
        let context = || ours::context(&imported.url, bench.choice.threads);
        let one = |format: &str, seed: u64, context: &mut Context| -> anyhow::Result<Trained> {
            let training = Training {
                dataset: imported.manifest.digest,
                images,
                input: Input::Format(format.parse()?),
                // Small: what is compared is reading.
                net: Net::SmallResnet {
                    width: 4,
                    blocks: vec![1, 1],
                },
                epochs: 1,
                batch: BATCH,
                seed,
                threads: bench.choice.threads,
            };
            training.run(context)
        };
        let mut worker = context()?;
        let mut together = Vec::new();
        let mut apart = Vec::new();
        for format in FORMATS {
            seed += 2;
            together.push(one(format, seed, &mut worker)?);
            apart.push(one(format, seed + 1, &mut context()?)?);
        }
        // The first round warms up.
        if round > 0 {
            shared.add(&together);
            separate.add(&apart);
        }
    }
    let mut table = Table::new(
        format!(
            "Four trainings on one family ({}), {images} images, one epoch each: one worker that does one after the other, \
             beside a worker for each; medians of {} rounds",
            FORMATS.join(", "),
            bench.choice.rounds()
        ),
        &["shared", "separate", "shared ÷ separate"],
    );
    let row = |figures: fn(&Sums) -> &[f64], show: fn(f64) -> String| {
        let (shared, separate) = (figures(&shared), figures(&separate));
        [
            show(median(shared)),
            show(median(separate)),
            ratio(median_ratio(shared, separate)),
        ]
    };
    let seconds = |figure: f64| format!("{} s", short(figure));
    table.row("bytes read", row(|sums| &sums.bytes, mebibytes));
    table.row(
        "time until the first step, all four",
        row(|sums| &sums.seconds_before, seconds),
    );
    table.row("time, all four", row(|sums| &sums.seconds, seconds));
    table.print();
    Ok(())
}
