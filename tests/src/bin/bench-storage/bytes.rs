//! Section `bytes`: what an image takes.

use crate::Bench;
use crate::factors::Factors;
use crate::figures::{Figures, ratio};
use crate::formats::{self, QUANTS, Shape};
use crate::ours::Columns;
use crate::peers::{COLUMNS, Peers, number};
use crate::table::Table;
use crate::{bound, ours, zstd_peer};
use imgcalc_shared::codec::{Layout, place};

const OURS: &str = "ours";
const COLUMN_BOUND: &str = "order-0 bound, a table a column (i, j)";
const CHUNK_BOUND: &str = "order-0 bound, a table an anti-diagonal";
const ZSTD_3: &str = "per image: narrowed + zstd 3";
const ZSTD_19: &str = "per image: narrowed + zstd 19";
const DEFLATE: &str = "per image: DEFLATE 6 of the triangle";
const NPZ: &str = "per image: np.savez_compressed of square planes";
/// The only factor at which npz is tried.
const NPZ_QUANT: u16 = 50;
/// What ours is meant to be no larger than.
const RIVALS: [&str; 3] = [COLUMNS[0].1, COLUMNS[4].1, ZSTD_19];
const PICTURES: [&str; 5] = ["JPEG 96", "JPEG 75", "WebP 80", "AVIF 60", "JPEG XL 1.0"];

/// Measures and prints.
pub fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let jpeg = pictures(bench)?;
    let shapes = formats::shapes(bench.quick);
    let quants = if bench.quick { &QUANTS[1..2] } else { &QUANTS[..] };
    let mut factors = Factors::default();
    let mut all: Vec<Figures> = quants.iter().map(|_| Figures::default()).collect();
    for family in shapes.chunk_by(|a, b| a.block == b.block) {
        let layout = formats::layout(family[0].block)?;
        let keep_max = family.iter().map(|shape| shape.keep).max().unwrap_or(1);
        let coefficients = ours::coefficients(&bench.pictures, family[0].block, keep_max)?;
        for &shape in family {
            factors.measure(layout, shape, &coefficients, bench.rounds)?;
            for (&quant, figures) in quants.iter().zip(&mut all) {
                bench.progress(&format!("bytes: {shape}, q = {quant}"));
                let images = ours::values(layout, &coefficients, shape.keep, quant);
                let values = Values {
                    layout,
                    shape,
                    quant,
                    images: &images,
                    columns: ours::columns(layout, &images, shape.keep),
                };
                measure(&mut bench.peers, &values, figures)?;
            }
        }
    }
    for (quant, figures) in quants.iter().zip(&all) {
        print(*quant, &shapes, figures, jpeg);
    }
    factors.print(&shapes);
    Ok(())
}

/// The values of a format, as images and as columns.
struct Values<'v> {
    layout: Layout,
    shape: Shape,
    quant: u16,
    images: &'v [Vec<i16>],
    columns: Columns,
}

/// Bytes of all images, and of what.
type Bytes = Vec<(&'static str, f64)>;

fn measure(peers: &mut Peers, values: &Values<'_>, figures: &mut Figures) -> anyhow::Result<()> {
    // Nothing is timed here, so both may run at once.
    let (here, there) = std::thread::scope(|scope| {
        let here = scope.spawn(|| in_this_process(values));
        let there = in_theirs(peers, values);
        (here.join(), there)
    });
    let here = here.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    for (name, bytes) in here.into_iter().chain(there?) {
        figures.push(name, bytes / values.images.len() as f64);
    }
    Ok(())
}

/// What ours, its bounds and zstd take.
fn in_this_process(of: &Values<'_>) -> anyhow::Result<Bytes> {
    let object = ours::object(of.layout, of.shape.keep, of.quant, of.images)?;
    let columns = &of.columns;
    let mut bytes = vec![
        (OURS, object.len() as f64),
        (COLUMN_BOUND, bound::order_0(&columns.values, &columns.columns)),
        (CHUNK_BOUND, bound::order_0(&columns.values, &columns.chunks)),
    ];
    for (name, level) in [(ZSTD_3, 3), (ZSTD_19, 19)] {
        let frames = zstd_peer::encode(of.images, level)?;
        bytes.push((name, frames.iter().map(|frame| frame.len() as f64).sum()));
    }
    Ok(bytes)
}

/// What the peers of the other process take.
fn in_theirs(peers: &mut Peers, of: &Values<'_>) -> anyhow::Result<Bytes> {
    let (keep, count) = (of.shape.keep, of.images.len());
    let mut bytes = Vec::new();
    let column = ours::for_peers(of.layout, of.images, keep, &of.columns);
    let file = peers.hand_over("column.i16", column)?;
    for (peer, name) in COLUMNS {
        bytes.push((name, peers.write(peer, &file, &of.columns.chunks)?));
    }
    let file = peers.hand_over("triangles.i16", of.images.iter().flatten().copied())?;
    bytes.push((DEFLATE, peers.write_per_image("deflate", &file, count)?.0));
    // Slow, and never near the others.
    if of.quant == NPZ_QUANT {
        let file = peers.hand_over("planes.i16", planes(of.layout, keep, of.images)?)?;
        bytes.push((NPZ, peers.write_per_image("npz", &file, count)?.0));
    }
    Ok(bytes)
}

/// Square planes, image after image.
pub fn planes(layout: Layout, keep: u16, images: &[Vec<i16>]) -> anyhow::Result<Vec<i16>> {
    let length = layout.plane_values(keep);
    let mut planes = vec![0; length * images.len()];
    for (image, out) in images.iter().zip(planes.chunks_exact_mut(length)) {
        place(
            image,
            layout.family(),
            layout.size(),
            layout.channels(),
            keep,
            out,
        )?;
    }
    Ok(planes)
}

/// Image files of the same crops; bytes an image of JPEG 96 and 75.
fn pictures(bench: &mut Bench) -> anyhow::Result<[f64; 2]> {
    let crops = bench.root.join("crops.u8");
    let mut table = Table::new(
        "Image files of the same crops, one core",
        [
            "bytes/image",
            "PSNR, dB",
            "encoded, images/s",
            "decoded, images/s",
        ],
    );
    let mut sizes = Vec::new();
    for name in PICTURES {
        let images = bench.pictures.len();
        let made = bench.peers.pictures(name, &crops, images)?;
        let decoded = bench.peers.read_pictures(name)?;
        let count = images as f64;
        let bytes = number(&made, "bytes")? / count;
        sizes.push(bytes);
        let speeds = [count / number(&made, "cpu_s")?, count / decoded];
        let cells = [bytes, number(&made, "psnr_db")?, speeds[0], speeds[1]];
        table.words(
            name,
            [
                format!("{:.0}", cells[0]),
                format!("{:.1}", cells[1]),
                format!("{:.0}", cells[2]),
                format!("{:.0}", cells[3]),
            ],
        );
    }
    table.print();
    Ok([sizes[0], sizes[1]])
}

fn print(quant: u16, shapes: &[Shape], figures: &Figures, jpeg: [f64; 2]) {
    let mut table = Table::new(format!("Bytes per image, q = {quant} (block/keep)"), shapes);
    for (name, bytes) in figures.rows() {
        table.bytes(name, bytes);
    }
    let ours = figures.get(OURS);
    let rivals: Vec<f64> = (0..ours.len())
        .map(|at| {
            RIVALS
                .iter()
                .map(|rival| figures.get(rival)[at])
                .fold(f64::INFINITY, f64::min)
        })
        .collect();
    table.figures(
        "ours ÷ the best of pco, Vortex compact, zstd 19",
        &ratio(ours, &rivals),
    );
    table.figures(
        "ours ÷ the order-0 bound of columns",
        &ratio(ours, figures.get(COLUMN_BOUND)),
    );
    for (name, bytes) in [("ours, % of JPEG 96", jpeg[0]), ("ours, % of JPEG 75", jpeg[1])] {
        let percent: Vec<f64> = ours.iter().map(|ours| 100.0 * ours / bytes).collect();
        table.figures(name, &percent);
    }
    table.print();
}
