//! Section `reads`: bytes that trainings on nested keeps of one family read, each keep trained on once.

use crate::Bench;
use crate::formats::{self, QUANTS};
use crate::ours;
use crate::table::Table;
use anyhow::Context;

const QUANT: u16 = 50;
/// Block, and distance and number of keeps.
const NESTED: [(u16, u16, u16); 8] = [
    (8, 1, 8),
    (32, 2, 8),
    (128, 8, 8),
    (256, 16, 8),
    (16, 1, 16),
    (32, 1, 16),
    (128, 4, 16),
    (256, 8, 16),
];
const QUICK: [(u16, u16, u16); 2] = [(32, 2, 8), (32, 1, 16)];

/// Measures and prints.
pub fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let mut table = Table::new(
        format!(
            "Read by all trainings of nested keeps, q = {QUANT}, bytes an image; behind it how many times ours"
        ),
        [
            "ours, read once",
            "ours of q = 1, read once",
            "a column object a format",
            "DEFLATE files a format",
            "the same in blocks of 4 KiB",
            "JPEG 96 a training",
        ],
    );
    let crops = bench.root.join("crops.u8");
    let jpeg = bench.peers.pictures("JPEG 96", &crops, bench.pictures.len())?;
    let jpeg = crate::peers::number(&jpeg, "bytes")? / bench.pictures.len() as f64;
    let nested = if bench.quick { &QUICK[..] } else { &NESTED[..] };
    for &(block, step, count) in nested {
        eprintln!("reads: block {block}, {count} keeps up to {}", step * count);
        let keeps: Vec<u16> = (1..=count).map(|nth| nth * step).collect();
        let bytes = measure(bench, block, &keeps)?;
        let once = bytes[0];
        let all = [&bytes[..], &[jpeg * f64::from(count)]].concat();
        let cell = |bytes: &f64| match bytes / once {
            1.0 => format!("{bytes:.0}"),
            ratio => format!("{bytes:.0} ({ratio:.1})"),
        };
        let name = format!(
            "block {block}, {count} keeps {step}, {} … {}",
            2 * step,
            step * count
        );
        table.words(name, all.iter().map(cell));
    }
    table.print();
    factors(bench, nested)
}

/// One set of columns for all factors beside one a factor.
fn factors(bench: &mut Bench, nested: &[(u16, u16, u16)]) -> anyhow::Result<()> {
    let quants = QUANTS.map(|quant| quant.to_string());
    let head = quants.iter().map(|quant| format!("q = {quant}"));
    let mut table = Table::new(
        "Columns for three factors, bytes an image: one set that all are derived from (q = 1), or one set a factor",
        std::iter::once("q = 1".to_string())
            .chain(head)
            .chain(["a set a factor".into(), "times less".into()]),
    );
    let mut blocks: Vec<(u16, u16)> = nested
        .iter()
        .map(|&(block, step, count)| (block, step * count))
        .collect();
    blocks.sort();
    blocks.dedup();
    for (block, keep) in blocks {
        eprintln!("reads: all factors, block {block}, keep {keep}");
        let layout = formats::layout(block)?;
        let coefficients = ours::coefficients(&bench.pictures, block, keep)?;
        let bytes = |quant: u16| {
            let images = ours::values(layout, &coefficients, keep, quant);
            let object = ours::object(layout, keep, quant, &images)?;
            anyhow::Ok(object.len() as f64 / coefficients.len() as f64)
        };
        let one = bytes(1)?;
        let each = QUANTS
            .iter()
            .map(|&quant| bytes(quant))
            .collect::<anyhow::Result<Vec<f64>>>()?;
        let sum: f64 = each.iter().sum();
        let cells = std::iter::once(one)
            .chain(each)
            .chain([sum])
            .map(|bytes| format!("{bytes:.0}"));
        table.words(
            format!("{block}/{keep}"),
            cells.chain([format!("{:.2}", one / sum)]),
        );
    }
    table.print();
    Ok(())
}

/// Bytes an image: shared, shared by all factors, an object a format, DEFLATE files, those in file blocks.
fn measure(bench: &mut Bench, block: u16, keeps: &[u16]) -> anyhow::Result<[f64; 5]> {
    let layout = formats::layout(block)?;
    let keep_max = *keeps.last().context("there are keeps")?;
    let coefficients = ours::coefficients(&bench.pictures, block, keep_max)?;
    let count = coefficients.len() as f64;
    let mut bytes = [0.0; 5];
    for (at, quant) in [(0, QUANT), (1, 1)] {
        let images = ours::values(layout, &coefficients, keep_max, quant);
        bytes[at] = ours::object(layout, keep_max, quant, &images)?.len() as f64 / count;
    }
    for &keep in keeps {
        let images = ours::values(layout, &coefficients, keep, QUANT);
        bytes[2] += ours::object(layout, keep, QUANT, &images)?.len() as f64 / count;
        let file = bench
            .peers
            .hand_over("triangles.i16", images.iter().flatten().copied())?;
        let (plain, blocks) = bench.peers.write_per_image("deflate", &file, images.len())?;
        bytes[3] += plain / count;
        bytes[4] += blocks / count;
    }
    Ok(bytes)
}
