//! JPEG decoders, in turn with what is measured beside them.

use crate::Bench;
use crate::clock::{median, timed};
use crate::figures::Figures;
use crate::formats::Shape;
use crate::peers::Peers;
use crate::table::Table;
use image::ImageDecoder;
use image::codecs::jpeg::JpegDecoder;
use std::io::Cursor;
use std::path::Path;

const QUALITIES: [u16; 2] = [96, 75];
const SCALES: [&str; 4] = ["", " at 1/2", " at 1/4", " at 1/8"];
/// Files that a round decodes of each quality: JPEG takes the same time an image in every format's rounds.
const FILES: usize = 256;

/// The files.
pub struct Jpegs {
    /// Of each quality.
    files: Vec<Vec<Vec<u8>>>,
    crops: usize,
}

impl Jpegs {
    /// Makes the files that libjpeg-turbo decodes, and reads those of zune-jpeg.
    pub fn prepare(bench: &mut Bench) -> anyhow::Result<Jpegs> {
        let crops = FILES.min(bench.pictures.len());
        let path = bench.root.join("crops.u8");
        let mut files = Vec::new();
        for quality in QUALITIES {
            for scale in SCALES {
                bench
                    .peers
                    .pictures(&format!("JPEG {quality}{scale}"), &path, crops)?;
            }
            files.push(read(&bench.root.join(format!("jpeg{quality}")), crops)?);
        }
        Ok(Jpegs { files, crops })
    }

    /// All decoders once; seconds an image.
    pub fn round(&self, peers: &mut Peers, seconds: &mut Figures) -> anyhow::Result<()> {
        for (quality, files) in QUALITIES.into_iter().zip(&self.files) {
            for scale in SCALES {
                let spent = peers.read_pictures(&format!("JPEG {quality}{scale}"))?;
                seconds.push(&turbo(quality, scale), spent / self.crops as f64);
            }
            let (done, spent) = timed(|| zune(files));
            done?;
            seconds.push(&zune_name(quality), spent / files.len() as f64);
        }
        Ok(())
    }
}

/// Whether a figure's name is that of a JPEG decoder.
pub fn is_one(name: &str) -> bool {
    name.starts_with("libjpeg-turbo") || name.starts_with("zune-jpeg")
}

/// What a format is compared with, and the figure's name: full decoding, and decoding to about the size of its planes.
pub fn beside(shape: Shape) -> Vec<(String, String)> {
    let scale = match shape.block / shape.keep {
        8.. => SCALES[3],
        4..8 => SCALES[2],
        _ if shape.block > shape.keep => SCALES[1],
        _ => SCALES[0],
    };
    let full = QUALITIES.map(|quality| (format!("libjpeg-turbo, JPEG {quality}"), turbo(quality, "")));
    let scaled = QUALITIES.map(|quality| {
        let what = format!("libjpeg-turbo, JPEG {quality} scaled to the format's size");
        (what, turbo(quality, scale))
    });
    full.into_iter().chain(scaled).collect()
}

/// Prints the speeds of all rounds.
pub fn print(seconds: &Figures) {
    let mut table = Table::new(
        "JPEG files of the same crops decoded, images/s and core, in the rounds of all formats",
        ["full", "at 1/2", "at 1/4", "at 1/8"],
    );
    let speed = |name: &str| 1.0 / median(seconds.get(name));
    for quality in QUALITIES {
        let speeds = SCALES.map(|scale| speed(&turbo(quality, scale)));
        table.figures(format!("libjpeg-turbo, JPEG {quality}"), &speeds);
    }
    for quality in QUALITIES {
        let full = speed(&zune_name(quality));
        table.figures(zune_name(quality), &[full, f64::NAN, f64::NAN, f64::NAN]);
    }
    table.print();
}

fn turbo(quality: u16, scale: &str) -> String {
    format!("libjpeg-turbo, JPEG {quality}{scale}")
}

fn zune_name(quality: u16) -> String {
    format!("zune-jpeg, JPEG {quality}")
}

/// Decodes every file into one buffer.
fn zune(files: &[Vec<u8>]) -> anyhow::Result<()> {
    let mut pixels = Vec::new();
    for file in files {
        decode(file, &mut pixels)?;
    }
    Ok(())
}

/// Decodes a file by zune-jpeg, which import uses too.
pub fn decode(file: &[u8], pixels: &mut Vec<u8>) -> anyhow::Result<()> {
    let decoder = JpegDecoder::new(Cursor::new(file))?;
    pixels.resize(usize::try_from(decoder.total_bytes())?, 0);
    Ok(decoder.read_image(pixels)?)
}

/// The first JPEG files of a folder of folders, by their numbers.
pub fn read(folder: &Path, count: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    for class in std::fs::read_dir(folder)? {
        for file in std::fs::read_dir(class?.path())? {
            paths.push(file?.path());
        }
    }
    paths.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    let files = paths.iter().take(count).map(std::fs::read);
    Ok(files.collect::<Result<_, _>>()?)
}
