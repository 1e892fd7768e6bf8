//! Section `decode`: how fast values come back, everything in turn in each round.

use crate::Bench;
use crate::bytes::planes;
use crate::clock::{copy, median, median_ratio, timed_again};
use crate::figures::Figures;
use crate::formats::{self, Shape};
use crate::jpeg::{self, Jpegs};
use crate::peers::{COLUMNS, Peers};
use crate::table::Table;
use crate::{ours, zstd_peer};
use imgcalc_shared::codec::Layout;
use imgcalc_shared::column::Decoding;

const QUANT: u16 = 50;
/// Of the two buffers that are copied.
const COPY_BYTES: usize = 256 << 20;
/// After this many seconds a peer has no more rounds on a format.
const PEER_SECONDS_MAX: f64 = 6.0;

const CHUNKS: &str = "ours, coefficient-major";
const PLANES: &str = "ours, into planes";
const ZSTD_3: &str = "per image: narrowed + zstd 3";
const COPY: &str = "copy";

/// The values of a format in every shape that is decoded.
struct Subject {
    layout: Layout,
    shape: Shape,
    images: usize,
    object: Vec<u8>,
    frames: Vec<Vec<u8>>,
    /// Of each chunk, in values.
    lengths: Vec<usize>,
}

/// What is decoded into, kept between rounds as a reader would.
struct Room {
    decoding: Decoding,
    chunks: Vec<i16>,
    planes: Vec<i16>,
    images: Vec<i16>,
    from: Vec<u8>,
    to: Vec<u8>,
}

/// Measures and prints.
pub fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let shapes = formats::shapes(bench.quick);
    let jpegs = Jpegs::prepare(bench)?;
    let mut room = Room {
        decoding: Decoding::default(),
        chunks: Vec::new(),
        planes: Vec::new(),
        images: Vec::new(),
        from: vec![1; COPY_BYTES],
        to: vec![2; COPY_BYTES],
    };
    let (mut speeds, mut ours, mut of_jpegs) = <(Figures, Figures, Figures)>::default();
    for family in shapes.chunk_by(|a, b| a.block == b.block) {
        let layout = formats::layout(family[0].block)?;
        let keep_max = family.iter().map(|shape| shape.keep).max().unwrap_or(1);
        let coefficients = ours::coefficients(&bench.pictures, family[0].block, keep_max)?;
        for &shape in family {
            bench.progress(&format!("decode: {shape}"));
            let images = ours::values(layout, &coefficients, shape.keep, QUANT);
            let subject = prepare(&mut bench.peers, layout, shape, &images)?;
            room.planes = vec![0; layout.plane_values(shape.keep) * images.len()];
            check(&subject, &images, &mut room)?;
            drop(images);
            let mut seconds = Figures::default();
            for _ in 0..bench.rounds {
                round(bench, &subject, &mut room, &mut seconds)?;
                jpegs.round(&mut bench.peers, &mut seconds)?;
            }
            compare(&subject, &seconds, &mut ours);
            for (name, seconds) in seconds.rows() {
                if jpeg::is_one(name) {
                    of_jpegs.extend(name, seconds);
                } else if name != COPY {
                    speeds.push(name, 1e-3 / median(seconds));
                }
            }
        }
    }
    let title = format!("Decoded, thousand images/s and core, q = {QUANT} (block/keep)");
    let mut table = Table::new(title, &shapes);
    for (name, speeds) in speeds.rows() {
        table.figures(name, speeds);
    }
    table.print();
    let mut table = Table::new(
        "Ours in the same rounds (block/keep): medians of each round's ratio",
        &shapes,
    );
    for (name, figures) in ours.rows() {
        table.figures(name, figures);
    }
    table.print();
    jpeg::print(&of_jpegs);
    Ok(())
}

fn prepare(peers: &mut Peers, layout: Layout, shape: Shape, images: &[Vec<i16>]) -> anyhow::Result<Subject> {
    let columns = ours::columns(layout, images, shape.keep);
    let file = peers.hand_over(
        "column.i16",
        ours::for_peers(layout, images, shape.keep, &columns),
    )?;
    for (peer, _) in COLUMNS {
        peers.write(peer, &file, &columns.chunks)?;
        peers.read(peer, &columns.chunks, Some(&file))?;
    }
    let file = peers.hand_over("triangles.i16", images.iter().flatten().copied())?;
    peers.write_per_image("deflate", &file, images.len())?;
    let file = peers.hand_over("planes.i16", planes(layout, shape.keep, images)?)?;
    peers.write_per_image("npz", &file, images.len())?;
    Ok(Subject {
        layout,
        shape,
        images: images.len(),
        object: ours::object(layout, shape.keep, QUANT, images)?,
        frames: zstd_peer::encode(images, 3)?,
        lengths: columns.chunks,
    })
}

/// Whether what is about to be timed is right.
fn check(subject: &Subject, images: &[Vec<i16>], room: &mut Room) -> anyhow::Result<()> {
    let Subject { layout, shape, .. } = *subject;
    ours::planes_into(
        &subject.object,
        shape.keep,
        QUANT,
        &mut room.planes,
        &mut room.decoding,
    )?;
    let expected = planes(layout, shape.keep, images)?;
    anyhow::ensure!(room.planes == expected, "the planes of {shape} are others");
    Ok(())
}

/// Everything but JPEG once after it was warmed up; seconds an image.
fn round(bench: &mut Bench, subject: &Subject, room: &mut Room, seconds: &mut Figures) -> anyhow::Result<()> {
    let (keep, count) = (subject.shape.keep, subject.images as f64);
    let values = subject.layout.values(keep);
    let (done, spent) =
        timed_again(|| ours::chunks_into(&subject.object, keep, QUANT, &mut room.chunks, &mut room.decoding));
    done?;
    anyhow::ensure!(room.chunks.len() == values * subject.images);
    seconds.push(CHUNKS, spent / count);
    let (done, spent) =
        timed_again(|| ours::planes_into(&subject.object, keep, QUANT, &mut room.planes, &mut room.decoding));
    done?;
    seconds.push(PLANES, spent / count);
    seconds.push(COPY, copy(&room.from, &mut room.to));
    for (peer, name) in COLUMNS {
        let before: f64 = seconds.get(name).iter().map(|spent| spent * count).sum();
        if before < PEER_SECONDS_MAX {
            seconds.push(name, bench.peers.read(peer, &subject.lengths, None)? / count);
        }
    }
    let (done, spent) = timed_again(|| zstd_peer::decode(&subject.frames, values, &mut room.images));
    done?;
    seconds.push(ZSTD_3, spent / count);
    for (peer, name) in [
        ("deflate", "per image: DEFLATE, libdeflate"),
        ("npz", "per image: npz into planes"),
    ] {
        seconds.push(name, bench.peers.read_per_image(peer)? / count);
    }
    Ok(())
}

/// Ours beside a copy in memory and beside JPEG, by round.
fn compare(subject: &Subject, seconds: &Figures, ours: &mut Figures) {
    let Subject { layout, shape, .. } = *subject;
    for (name, values) in [
        (CHUNKS, layout.values(shape.keep)),
        (PLANES, layout.plane_values(shape.keep)),
    ] {
        // What is written for an image.
        let bytes = 2.0 * values as f64;
        let spent = seconds.get(name);
        ours.push(&format!("{name}, GB/s of i16"), bytes / median(spent) / 1e9);
        let of_copy = bytes * median_ratio(seconds.get(COPY), spent);
        ours.push(&format!("{name}, % of a copy in memory"), 100.0 * of_copy);
        for (what, jpeg) in jpeg::beside(shape) {
            let times = median_ratio(seconds.get(&jpeg), spent);
            ours.push(&format!("{name} ÷ {what}"), times);
        }
    }
    ours.push("copy in memory, GB/s", 1e-9 / median(seconds.get(COPY)));
}
