//! `decode`: `.ic` files become PNG, to look at them.

use super::encode::{Table, finish};
use super::files::{self, Job};
use crate::data::image_file;
use anyhow::Context;
use clap::Args;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use imgcalc_shared::codec::Picture;
use imgcalc_shared::encoded;
use imgcalc_shared::format::Format;
use rayon::prelude::*;
use serde::Serialize;
use std::path::PathBuf;

/// Arguments of `decode`.
#[derive(Debug, Args)]
pub struct DecodeArgs {
    /// An .ic file, or a folder of them
    pub input: PathBuf,
    /// The PNG file to write; for a folder, the folder to write them to
    #[arg(long, value_name = "PATH")]
    pub out: PathBuf,
    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
}

/// What one file became.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The `.ic` file.
    pub file: PathBuf,
    /// What was written.
    pub output: PathBuf,
    /// Its storage format.
    pub format: Format,
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// Bytes of the `.ic` file.
    pub bytes: u64,
    /// The same, for each pixel.
    pub bits_per_pixel: f64,
    /// Bytes of the PNG.
    pub png_bytes: u64,
}

impl Table for Row {
    const HEAD: &[&str] = &["file", "format", "size", "bytes", "bits/pixel", "png bytes"];
}

/// Decodes all, prints a row for each, and fails at the end if some cannot be decoded.
pub fn run(args: &DecodeArgs) -> anyhow::Result<()> {
    let jobs = files::jobs(&args.input, &args.out, &["ic"], "png")?;
    let results: Vec<anyhow::Result<Row>> = jobs.par_iter().map(decode).collect();
    finish(results, args.json, "decoded", |row: &Row| {
        vec![
            row.file.display().to_string(),
            row.format.to_string(),
            format!("{}x{}", row.height, row.width),
            row.bytes.to_string(),
            format!("{:.3}", row.bits_per_pixel),
            row.png_bytes.to_string(),
        ]
    })
}

fn decode(job: &Job) -> anyhow::Result<Row> {
    let name = || format!("{} cannot be decoded", job.input.display());
    let bytes = image_file::read(&job.input)
        .map_err(anyhow::Error::msg)
        .with_context(name)?;
    let format = encoded::decode_values(&bytes).with_context(name)?.format;
    let picture = encoded::decode_picture(&bytes).with_context(name)?;
    let png = png(&picture).with_context(name)?;
    files::write(&job.output, &png)?;
    let pixels = f64::from(picture.size.height) * f64::from(picture.size.width);
    Ok(Row {
        file: job.input.clone(),
        output: job.output.clone(),
        format,
        height: picture.size.height,
        width: picture.size.width,
        bytes: bytes.len() as u64,
        bits_per_pixel: bytes.len() as f64 * 8.0 / pixels,
        png_bytes: png.len() as u64,
    })
}

fn png(picture: &Picture) -> image::ImageResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let colour = if picture.channels == 1 {
        ExtendedColorType::L8
    } else {
        ExtendedColorType::Rgb8
    };
    PngEncoder::new(&mut bytes).write_image(
        &picture.samples,
        picture.size.width,
        picture.size.height,
        colour,
    )?;
    Ok(bytes)
}
