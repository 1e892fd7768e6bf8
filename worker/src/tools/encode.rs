//! `encode`: images become `.ic` files.

use super::files::{self, Job};
use super::import::SizeText;
use super::output;
use crate::data::image_file;
use anyhow::{Context, bail};
use clap::Args;
use imgcalc_shared::codec::{Picture, psnr};
use imgcalc_shared::encoded;
use imgcalc_shared::format::Format;
use rayon::prelude::*;
use serde::Serialize;
use std::path::PathBuf;

/// Arguments of `encode`.
#[derive(Debug, Args)]
pub struct EncodeArgs {
    /// A JPEG or PNG file, or a folder of them
    pub input: PathBuf,
    /// The storage format, SAMPLING-bBLOCK-kKEEP-qQUANT, for example 1x1-b32-k3-q50
    #[arg(long)]
    pub format: Format,
    /// The .ic file to write; for a folder, the folder to write them to
    #[arg(long, value_name = "PATH")]
    pub out: PathBuf,
    /// Scale every image to this size first, HEIGHTxWIDTH or one number for both, as an import does
    #[arg(long, value_name = "SIZE")]
    pub size: Option<SizeText>,
    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
}

/// What one image became.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The image.
    pub file: PathBuf,
    /// What was written.
    pub output: PathBuf,
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// Bytes of the source.
    pub source_bytes: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Written, for each pixel.
    pub bits_per_pixel: f64,
    /// Peak signal-to-noise ratio of what comes back against the source at this size; none when they are equal.
    pub psnr_db: Option<f64>,
}

/// Encodes all, prints a row for each, and fails at the end if some cannot be encoded.
pub fn run(args: &EncodeArgs) -> anyhow::Result<()> {
    let jobs = files::jobs(&args.input, &args.out, &["jpg", "jpeg", "png"], "ic")?;
    let results: Vec<anyhow::Result<Row>> = jobs.par_iter().map(|job| encode(job, args)).collect();
    finish(results, args.json, "encoded", |row: &Row| {
        vec![
            row.file.display().to_string(),
            format!("{}x{}", row.height, row.width),
            row.source_bytes.to_string(),
            row.bytes.to_string(),
            format!("{:.3}", row.bits_per_pixel),
            row.psnr_db.map_or("equal".into(), |psnr| format!("{psnr:.2}")),
        ]
    })
}

/// Prints the rows of what worked and an error line for what did not.
pub(super) fn finish<R: Serialize + Table>(
    results: Vec<anyhow::Result<R>>,
    json: bool,
    done: &str,
    cells: impl Fn(&R) -> Vec<String>,
) -> anyhow::Result<()> {
    let all = results.len();
    let mut rows = Vec::new();
    for result in results {
        match result {
            Ok(row) => rows.push(row),
            Err(error) => eprintln!("error: {error:#}"),
        }
    }
    let text = if json {
        output::json(&rows)?
    } else if rows.is_empty() {
        String::new()
    } else {
        output::table(R::HEAD, &rows.iter().map(cells).collect::<Vec<_>>())
    };
    output::print(&text)?;
    if rows.len() < all {
        bail!("{} of {all} files could not be {done}", all - rows.len());
    }
    Ok(())
}

/// A row that has a heading.
pub(super) trait Table {
    /// Of each cell.
    const HEAD: &[&str];
}

impl Table for Row {
    const HEAD: &[&str] = &["file", "size", "source bytes", "bytes", "bits/pixel", "psnr dB"];
}

fn encode(job: &Job, args: &EncodeArgs) -> anyhow::Result<Row> {
    let name = || format!("{} cannot be encoded", job.input.display());
    let source = image_file::read(&job.input)
        .map_err(anyhow::Error::msg)
        .with_context(name)?;
    let image = image_file::decode(&source, args.size.map(|text| text.0))
        .map_err(anyhow::Error::msg)
        .with_context(name)?;
    let channels = if image.color().has_color() { 3 } else { 1 };
    let picture: Picture = image_file::picture(image, channels);
    let bytes = encoded::encode(&picture, args.format).with_context(name)?;
    let psnr_db = psnr(&picture, &encoded::decode_picture(&bytes).with_context(name)?).with_context(name)?;
    files::write(&job.output, &bytes)?;
    let pixels = f64::from(picture.size.height) * f64::from(picture.size.width);
    Ok(Row {
        file: job.input.clone(),
        output: job.output.clone(),
        height: picture.size.height,
        width: picture.size.width,
        source_bytes: source.len() as u64,
        bytes: bytes.len() as u64,
        bits_per_pixel: bytes.len() as f64 * 8.0 / pixels,
        psnr_db: psnr_db.is_finite().then_some(psnr_db),
    })
}
