//! `data import`: images from files become a dataset in a base.
//!
//! Images are numbered by a hash of seed and name, so that the same source gives the same dataset on every machine,
//! and an image that is left out does not move the others. The name is written last: until then nothing is visible.
//! An import may be ended at any moment; the same command goes on behind the last row group that was written.

mod columns;
mod folder;
mod groups;
mod idx;
mod options;
mod record;
mod source;
mod summary;
mod taker;
mod walk;
mod writer;

use super::interrupt::{self, Interrupted};
use super::sizes::ColumnsSizes;
use crate::data::{Base, dataset};
use anyhow::{Context, bail, ensure};
use clap::{ArgGroup, Args, ValueEnum};
use imgcalc_shared::dataset::{Manifest, is_name};
use imgcalc_shared::format::Format;
pub use options::{SizeText, Split};
use source::Source;
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `data import`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("channels"))]
pub struct ImportArgs {
    /// A folder that holds one folder of JPEG or PNG files per class, or one that holds the IDX files of the MNIST
    /// family (train-images-idx3-ubyte and so on, plain or .gz)
    pub source: PathBuf,
    /// Where the dataset goes: file:///folder or s3://place/prefix
    #[arg(long, value_name = "URL")]
    pub base: String,
    /// What the dataset is called; an existing name then means the new dataset
    #[arg(long)]
    pub name: String,
    /// Size of every image, HEIGHTxWIDTH or one number for both. Files are scaled to it as a whole; smaller IDX
    /// images are centred on zeros. Default: 256 for files; for IDX their own, rounded up to a multiple of 8
    #[arg(long, value_name = "SIZE")]
    pub size: Option<SizeText>,
    /// Store luma only (the default for IDX)
    #[arg(long, alias = "gray", group = "channels")]
    pub grey: bool,
    /// Store three channels (the default for files)
    #[arg(long, alias = "color", group = "channels")]
    pub colour: bool,
    /// Percent of images to train on, to validate on and to test on. The test images of an IDX source (t10k) are a
    /// split of their own beside it
    #[arg(long, value_name = "TRAIN/VALIDATION[/TEST]", default_value = "80/20")]
    pub split: Split,
    /// Decides which image gets which number, and with it which split
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Take at most this many images (of an IDX source's test images as many again)
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
    /// Class names of an IDX source, label 0 first. Default: the labels as digits
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    pub classes: Vec<String>,
    /// Also make the columns of these formats, for example 1x1-b8-k8-q50,1x1-b32-k16-q50. They serve smaller keeps too,
    /// and those of q1 every factor, for 3 to 18 times the bytes of q50. A build makes what it lacks by itself
    #[arg(long, value_name = "FORMAT,…", value_delimiter = ',')]
    pub columns: Vec<Format>,
    /// What to do about a corrupt, empty or unsupported image
    #[arg(long, value_enum, default_value_t = OnBad::Skip)]
    pub on_bad: OnBad,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
}

/// What to do about an image that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnBad {
    /// Leave it out, count and name it
    Skip,
    /// Stop, import nothing
    Refuse,
}

/// An import that is done.
struct Imported {
    manifest: Manifest,
    /// Images decoded now, and those an earlier run had finished.
    decoded: u64,
    resumed: u64,
    columns: Vec<ColumnsSizes>,
}

/// Imports and prints the summary.
pub fn run(args: &ImportArgs) -> anyhow::Result<()> {
    let base = Base::open(&args.base)?;
    interrupt::watch()?;
    match import_all(&base, args) {
        Err(error) if error.is::<Interrupted>() => {
            // Nobody may read it.
            let _ = writeln!(
                std::io::stderr(),
                "interrupted; the same command goes on where it stopped"
            );
            std::process::exit(interrupt::EXIT_STATUS.into())
        }
        done => summary::print(&base, &done?, args.json),
    }
}

/// Imports into a base and returns what was written.
pub fn import(base: &Base, args: &ImportArgs) -> anyhow::Result<Manifest> {
    import_all(base, args).map(|imported| imported.manifest)
}

fn import_all(base: &Base, args: &ImportArgs) -> anyhow::Result<Imported> {
    ensure!(
        is_name(&args.name),
        "{:?} is no name of a dataset: use 1 to 64 letters, digits, `.`, `_` or `-`",
        args.name
    );
    ensure!(args.limit != Some(0), "--limit 0 leaves no image");
    let source = Source::open(&args.source, &args.classes)
        .with_context(|| format!("cannot import {}", args.source.display()))?;
    let channels = match (args.grey, args.colour) {
        (true, _) => 1,
        (_, true) => 3,
        _ => source.default_channels(),
    };
    let size = args.size.map_or(source.default_size(), |text| text.0);
    columns::check(&args.columns, size, channels)?;
    let before = dataset::name_now(base, &args.name)?;
    let written = writer::write(base, &source, size, channels, args)?;
    let manifest = written.manifest;
    if manifest.splits.train == 0 || manifest.splits.validation == 0 {
        bail!(
            "{} usable images cannot be split {}",
            manifest.splits.total(),
            args.split
        );
    }
    dataset::publish(base, &manifest, before.as_ref())?;
    let columns = columns::make(base, &manifest, &args.columns)?;
    // Only now: whoever is stopped while columns are made need not decode again.
    written.records.clear(base)?;
    Ok(Imported {
        manifest,
        decoded: written.decoded,
        resumed: written.resumed,
        columns,
    })
}
