//! Section `decode`: how fast values come back, everything in turn in each round.

use crate::Bench;
use crate::bytes::planes;
use crate::clock::{copy_bandwidth, median, timed};
use crate::figures::{Figures, ratio};
use crate::formats::{self, Shape};
use crate::peers::{COLUMNS, Peers};
use crate::table::Table;
use crate::{ours, zstd_peer};
use image::ImageDecoder;
use image::codecs::jpeg::JpegDecoder;
use imgcalc_shared::codec::Layout;
use std::io::Cursor;
use std::path::Path;

const QUANT: u16 = 50;
/// Of the two buffers that are copied.
const COPY_BYTES: usize = 256 << 20;
/// After this many seconds a peer has no more rounds on a format.
const PEER_SECONDS_MAX: f64 = 6.0;

const CHUNKS: &str = "ours, coefficient-major";
const PLANES: &str = "ours, into planes";
const SHARED: &str = "ours, coefficient-major, out of columns of q = 1";
const SHARED_PLANES: &str = "ours, into planes, out of columns of q = 1";
const ZSTD_3: &str = "per image: narrowed + zstd 3";
const JPEG: &str = "libjpeg-turbo, JPEG 96";
const JPEG_75: &str = "libjpeg-turbo, JPEG 75";
const COPY: &str = "copy";

/// The values of a format in every shape that is decoded.
struct Subject {
    layout: Layout,
    shape: Shape,
    images: usize,
    object: Vec<u8>,
    /// Written with a factor of 1, at the largest keep of its family.
    shared: Vec<u8>,
    frames: Vec<Vec<u8>>,
    lengths: Vec<usize>,
}

/// Measures and prints.
pub fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let shapes = formats::shapes(bench.quick);
    let jpegs = [
        jpeg_files(&bench.root.join("jpeg96"))?,
        jpeg_files(&bench.root.join("jpeg75"))?,
    ];
    let crops = bench.root.join("crops.u8");
    for quality in [96, 75] {
        for scale in ["", " at 1/2", " at 1/4", " at 1/8"] {
            bench
                .peers
                .pictures(&format!("JPEG {quality}{scale}"), &crops, bench.pictures.len())?;
        }
    }
    let mut copied = (vec![1; COPY_BYTES], vec![2; COPY_BYTES]);
    let mut speeds = Figures::default();
    for family in shapes.chunk_by(|a, b| a.block == b.block) {
        let layout = formats::layout(family[0].block)?;
        let keep_max = family.iter().map(|shape| shape.keep).max().unwrap_or(1);
        let coefficients = ours::coefficients(&bench.pictures, family[0].block, keep_max)?;
        let shared = ours::object(layout, keep_max, 1, &coefficients)?;
        for &shape in family {
            eprintln!("decode: {shape}");
            let images = ours::values(layout, &coefficients, shape.keep, QUANT);
            let subject = prepare(&mut bench.peers, layout, shape, &images, shared.clone())?;
            check(&subject, &images)?;
            let mut seconds = Figures::default();
            for _ in 0..bench.rounds {
                round(bench, &subject, &jpegs, &mut seconds)?;
                seconds.push(COPY, 1.0 / copy_bandwidth(&copied.0, &mut copied.1));
            }
            for (name, seconds) in seconds.rows() {
                speeds.push(name, 1.0 / median(seconds));
            }
        }
    }
    print(&shapes, &speeds)
}

fn prepare(
    peers: &mut Peers,
    layout: Layout,
    shape: Shape,
    images: &[Vec<i16>],
    shared: Vec<u8>,
) -> anyhow::Result<Subject> {
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
        shared,
        frames: zstd_peer::encode(images, 3)?,
        lengths: columns.chunks,
    })
}

/// Whether what is about to be timed is right.
fn check(subject: &Subject, images: &[Vec<i16>]) -> anyhow::Result<()> {
    let Subject { layout, shape, .. } = *subject;
    let expected = planes(layout, shape.keep, images)?;
    for object in [&subject.object, &subject.shared] {
        let found = ours::planes(&ours::footer(object)?, object, shape.keep, QUANT)?;
        anyhow::ensure!(found == expected, "the planes of {shape} are others");
    }
    Ok(())
}

/// Everything once; seconds an image.
fn round(
    bench: &mut Bench,
    subject: &Subject,
    jpegs: &[Vec<Vec<u8>>; 2],
    seconds: &mut Figures,
) -> anyhow::Result<()> {
    let (keep, count) = (subject.shape.keep, subject.images as f64);
    for (object, chunks, planes) in [
        (&subject.object, CHUNKS, PLANES),
        (&subject.shared, SHARED, SHARED_PLANES),
    ] {
        let (given, spent) = timed(|| ours::chunks(&ours::footer(object)?, object, keep, QUANT));
        anyhow::ensure!(given?.len() == subject.layout.values(keep) * subject.images);
        seconds.push(chunks, spent / count);
        let (given, spent) = timed(|| ours::planes(&ours::footer(object)?, object, keep, QUANT));
        given?;
        seconds.push(planes, spent / count);
    }
    for (peer, name) in COLUMNS {
        let before: f64 = seconds.get(name).iter().map(|spent| spent * count).sum();
        if before < PEER_SECONDS_MAX {
            seconds.push(name, bench.peers.read(peer, &subject.lengths, None)? / count);
        }
    }
    let values = subject.layout.values(keep);
    let mut out = Vec::with_capacity(values * subject.frames.len());
    let (done, spent) = timed(|| zstd_peer::decode(&subject.frames, values, &mut out));
    done?;
    seconds.push(ZSTD_3, spent / count);
    seconds.push(
        "per image: DEFLATE, libdeflate",
        bench.peers.read_per_image("deflate")? / count,
    );
    seconds.push(
        "per image: npz into planes",
        bench.peers.read_per_image("npz")? / count,
    );

    let scale = match subject.shape.block / keep {
        8.. => "1/8",
        4..8 => "1/4",
        _ if subject.shape.block > keep => "1/2",
        _ => "1/1",
    };
    for (quality, name) in [(96, JPEG), (75, JPEG_75)] {
        let full = bench.peers.read_pictures(&format!("JPEG {quality}"))?;
        seconds.push(name, full / count);
        let scaled = match scale {
            "1/1" => full,
            _ => bench.peers.read_pictures(&format!("JPEG {quality} at {scale}"))?,
        };
        seconds.push(&format!("{name}, scaled to the format's size"), scaled / count);
    }
    for (files, name) in jpegs.iter().zip(["zune-jpeg, JPEG 96", "zune-jpeg, JPEG 75"]) {
        let (done, spent) = timed(|| zune(files));
        done?;
        seconds.push(name, spent / files.len() as f64);
    }
    Ok(())
}

/// Decodes every file into one buffer.
fn zune(files: &[Vec<u8>]) -> anyhow::Result<()> {
    let mut pixels = Vec::new();
    for file in files {
        let decoder = JpegDecoder::new(Cursor::new(file))?;
        pixels.resize(usize::try_from(decoder.total_bytes())?, 0);
        decoder.read_image(&mut pixels)?;
    }
    Ok(())
}

/// All JPEG files of a folder of folders.
fn jpeg_files(folder: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    for class in std::fs::read_dir(folder)? {
        for file in std::fs::read_dir(class?.path())? {
            paths.push(file?.path());
        }
    }
    paths.sort();
    let files = paths.iter().map(std::fs::read);
    Ok(files.collect::<Result<_, _>>()?)
}

fn print(shapes: &[Shape], speeds: &Figures) -> anyhow::Result<()> {
    let title = format!("Decoded, thousand images/s and core, q = {QUANT} (block/keep)");
    let mut table = Table::new(title, shapes);
    for (name, speeds) in speeds.rows().filter(|(name, _)| *name != COPY) {
        let thousands: Vec<f64> = speeds.iter().map(|speed| speed / 1e3).collect();
        table.figures(name, &thousands);
    }
    table.print();

    let mut table = Table::new("Ours in the same rounds", shapes);
    // What is written an image, bytes of i16.
    let mut written = [Vec::new(), Vec::new()];
    for shape in shapes {
        let layout = formats::layout(shape.block)?;
        written[0].push(2.0 * layout.values(shape.keep) as f64);
        written[1].push(2.0 * layout.plane_values(shape.keep) as f64);
    }
    let copy = speeds.get(COPY);
    for (name, written) in [(CHUNKS, &written[0]), (PLANES, &written[1])] {
        let speed = speeds.get(name);
        let rate: Vec<f64> = speed
            .iter()
            .zip(written)
            .map(|(speed, bytes)| speed * bytes / 1e9)
            .collect();
        table.figures(format!("{name}, GB/s of i16"), &rate);
        let of_copy: Vec<f64> = rate
            .iter()
            .zip(copy)
            .map(|(rate, copy)| 100.0 * rate * 1e9 / copy)
            .collect();
        table.figures(format!("{name}, % of a copy in memory"), &of_copy);
        table.figures(format!("{name} ÷ {JPEG}"), &ratio(speed, speeds.get(JPEG)));
        table.figures(format!("{name} ÷ {JPEG_75}"), &ratio(speed, speeds.get(JPEG_75)));
    }
    let copy: Vec<f64> = copy.iter().map(|copy| copy / 1e9).collect();
    table.figures("copy in memory, GB/s", &copy);
    table.print();
    Ok(())
}
