//! Images a second of training: ours, the limit, and the way most people train.

mod sides;

use crate::figures::{median, median_ratio};
use crate::images::Imported;
use crate::peer::Peer;
use crate::table::{Table, mebibytes, ratio, short};
use crate::{Bench, photos};
use imgcalc_shared::task::Input;
use imgcalc_shared::training::Net;
use serde_json::json;
use sides::{Sides, WORKERS};

/// What is stored; keeps below these are read out of the same columns.
const COLUMNS: [&str; 2] = ["1x1-b8-k8-q20", "1x1-b16-k8-q20"];
const FORMATS: [&str; 4] = [
    "1x1-b8-k8-q20",
    "1x1-b8-k4-q20",
    "1x1-b8-k2-q20",
    "1x1-b16-k8-q20",
];
const FORMATS_QUICK: [&str; 2] = ["1x1-b8-k8-q20", "1x1-b8-k2-q20"];

/// Files that decoding is timed on.
const DECODED_FILES: u32 = 500;

/// Prints the tables.
pub fn run(bench: &Bench, peer: &mut Peer) -> anyhow::Result<()> {
    let imported = Imported::new(bench, photos::SIDE, &COLUMNS)?;
    let formats = match bench.choice.quick {
        true => &FORMATS_QUICK[..],
        false => &FORMATS[..],
    };
    let mut inputs: Vec<Input> = formats
        .iter()
        .map(|text| text.parse().map(Input::Format))
        .collect::<Result<_, _>>()?;
    // Last: the JPEG loader's net runs on it.
    inputs.push(Input::Pixels);
    bench.progress("epochs: decoding alone");
    let ask = json!({"do": "decode", "root": bench.photos.folder, "count": DECODED_FILES});
    let decode_seconds = peer.number(&ask, "seconds")?;
    let cores = std::thread::available_parallelism()?.get();
    let mut tables = Tables::new(bench, cores, decode_seconds);
    for net in &bench.choice.nets {
        bench.progress(&format!("epochs: {}", net.name()));
        let sides = Sides::measure(bench, peer, &imported, net, &inputs)?;
        tables.add(net, &inputs, &sides);
    }
    tables.speeds.print();
    if bench.gpu {
        tables.device.print();
    }
    Ok(())
}

struct Tables {
    speeds: Table,
    device: Table,
    threads: f64,
    cores: f64,
    decode_seconds: f64,
}

impl Tables {
    fn new(bench: &Bench, cores: usize, decode_seconds: f64) -> Tables {
        let rounds = bench.choice.rounds();
        let threads = bench.choice.threads;
        let title = format!(
            "Training images a second, 64 images a step, {threads} threads an operation on both sides, medians of {rounds} rounds. \
             The limit is the same net in PyTorch on images of the same shape that lie in memory, standardised; the JPEG loader \
             is PyTorch on pixels out of the JPEG files, with {WORKERS} processes that decode ({:.0} µs of a core each file). \
             Expected of the smaller input and the spared decoding: the loader's time, taken as the longest of the net on \
             pixels, decoding in {WORKERS} processes, and all work over {cores} cores, by the limit's.",
            decode_seconds * 1e6
        );
        let head = [
            "input",
            "ours",
            "limit",
            "ours ÷ limit",
            "JPEG loader",
            "ours ÷ JPEG loader",
            "expected",
        ];
        let device = [
            "ours busy",
            "limit busy",
            "JPEG loader busy",
            "ours host → device an image",
            "limit's",
            "JPEG loader's",
        ];
        Tables {
            speeds: Table::new(title, &head),
            device: Table::new(
                "The GPU in the same runs: share of the time in which it computed, and bytes that reached it, as nvidia-smi tells \
                 once a second",
                &device,
            ),
            // A GPU leaves the cores to the loader.
            threads: if bench.gpu { 0.0 } else { threads.into() },
            cores: cores as f64,
            decode_seconds,
        }
    }

    fn add(&mut self, net: &Net, inputs: &[Input], sides: &Sides) {
        let pixels = sides.rows.last().map_or(f64::NAN, |row| 1.0 / median(&row.limit));
        let decode = self.decode_seconds;
        let loader_seconds = pixels
            .max(decode / f64::from(WORKERS))
            .max((self.threads * pixels + decode) / self.cores);
        for (input, row) in inputs.iter().zip(&sides.rows) {
            let what = format!("{}, {input}", net.name());
            let (ours, limit, jpeg) = (median(&row.ours), median(&row.limit), median(&sides.jpeg));
            self.speeds.row(
                what.clone(),
                [
                    row.shape.to_string(),
                    short(ours),
                    short(limit),
                    ratio(median_ratio(&row.ours, &row.limit)),
                    short(jpeg),
                    short(median_ratio(&row.ours, &sides.jpeg)),
                    short(limit * loader_seconds),
                ],
            );
            let uses = [&row.ours_use, &row.limit_use, &sides.jpeg_use];
            let busy = uses.map(|uses| format!("{} %", short(uses.busy_percent())));
            let bytes = [
                (&row.ours_use, ours),
                (&row.limit_use, limit),
                (&sides.jpeg_use, jpeg),
            ];
            let bytes = bytes.map(|(uses, speed)| mebibytes(uses.bytes_received() / speed));
            self.device.row(what, busy.into_iter().chain(bytes));
        }
    }
}
