//! Section `reads`: bytes that trainings on nested keeps of one family read, each keep trained on once.

use crate::Bench;
use crate::formats;
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
            "Read by all trainings of nested keeps, columns of q = {QUANT}, bytes per image; behind it how many times ours"
        ),
        [
            "ours, read once",
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
        bench.progress(&format!(
            "reads: block {block}, {count} keeps up to {}",
            step * count
        ));
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
    Ok(())
}

/// Bytes an image: shared, an object a format, DEFLATE files, those in file blocks.
fn measure(bench: &mut Bench, block: u16, keeps: &[u16]) -> anyhow::Result<[f64; 4]> {
    let layout = formats::layout(block)?;
    let keep_max = *keeps.last().context("there are keeps")?;
    let coefficients = ours::coefficients(&bench.pictures, block, keep_max)?;
    let count = coefficients.len() as f64;
    let mut bytes = [0.0; 4];
    for &keep in keeps {
        let images = ours::values(layout, &coefficients, keep, QUANT);
        let object = ours::object(layout, keep, QUANT, &images)?.len() as f64 / count;
        // The last is the largest: the columns that all of them share.
        bytes[0] = object;
        bytes[1] += object;
        let file = bench
            .peers
            .hand_over("triangles.i16", images.iter().flatten().copied())?;
        let (plain, blocks) = bench.peers.write_per_image("deflate", &file, images.len())?;
        bytes[2] += plain / count;
        bytes[3] += blocks / count;
    }
    Ok(bytes)
}
