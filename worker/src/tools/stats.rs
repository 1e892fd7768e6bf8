//! `data stats`: how large the columns of a dataset are, by family and keep, or by anti-diagonal.

use super::{output, progress::Progress, sizes};
use crate::data::columns::{self, Stored};
use crate::data::{Base, dataset};
use crate::failure::Failure;
use anyhow::Context;
use clap::Args;
use imgcalc_shared::dataset::Manifest;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::Family;
use serde::Serialize;

/// Arguments of `data stats`.
#[derive(Debug, Args)]
pub struct StatsArgs {
    /// Name of the dataset
    pub name: String,
    /// The base it is in: file:///folder or s3://place/prefix
    #[arg(long, value_name = "URL")]
    pub base: String,
    /// Show the anti-diagonals of this family, SAMPLING-bBLOCK, for example 1x1-b8; decodes all of its columns
    #[arg(long)]
    pub family: Option<Family>,
    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Summary {
    name: String,
    digest: Digest,
    images: u32,
    /// Of the pixels as stored.
    pixel_bytes: u64,
    columns: Vec<sizes::FamilySizes>,
    /// Of the family that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    diagonals: Option<Vec<Diagonal>>,
}

/// One anti-diagonal of all channels over all stored images.
#[derive(Clone, Debug, Default, Serialize)]
struct Diagonal {
    diagonal: u16,
    bytes: u64,
    values: u64,
    bytes_per_image: f64,
    bits_per_value: f64,
    min: i16,
    max: i16,
    /// Share of values that are zero.
    zeros: f64,
}

/// Prints sizes.
pub fn run(args: &StatsArgs) -> anyhow::Result<()> {
    let base = Base::open(&args.base)?;
    let manifest = dataset::load_by_name(&base, &args.name)?;
    let (stored, _) = columns::stored(&base, &manifest)?;
    let shown = stored
        .iter()
        .filter(|stored| args.family.is_none_or(|family| stored.family == family));
    let columns = shown.map(|stored| sizes::of(&base, &manifest, stored, None));
    let diagonals = match args.family {
        None => None,
        Some(family) => {
            let of_family = stored.iter().filter(|stored| stored.family == family);
            let largest = of_family.max_by_key(|stored| stored.keep).with_context(|| {
                format!(
                    "there are no columns of {family} of {} in {}",
                    args.name,
                    base.url()
                )
            })?;
            Some(diagonals(&base, &manifest, largest)?)
        }
    };
    let summary = Summary {
        name: args.name.clone(),
        digest: manifest.digest,
        images: manifest.splits.total(),
        pixel_bytes: manifest.images.iter().map(|object| object.bytes).sum(),
        columns: columns.collect::<anyhow::Result<_>>()?,
        diagonals,
    };
    output::print(&match args.json {
        true => output::json(&summary)?,
        false => text(&summary),
    })
}

fn text(summary: &Summary) -> String {
    let mut text = output::facts(&[
        ("dataset", summary.name.clone()),
        ("digest", summary.digest.to_string()),
        ("images", summary.images.to_string()),
        ("pixels", output::bytes(summary.pixel_bytes)),
    ]);
    text += "\n";
    match &summary.diagonals {
        Some(diagonals) => text += &table(diagonals),
        None if summary.columns.is_empty() => text += "no columns are stored; a build makes what it needs\n",
        None => text += &sizes::table(&summary.columns),
    }
    text
}

/// The codings of an anti-diagonal's chunks belong beside its bytes as soon as a footer names them.
fn table(diagonals: &[Diagonal]) -> String {
    let head = [
        "anti-diagonal",
        "bytes",
        "bytes/image",
        "bits/value",
        "min",
        "max",
        "zeros",
    ];
    let rows = diagonals.iter().map(|diagonal| {
        vec![
            diagonal.diagonal.to_string(),
            output::bytes(diagonal.bytes),
            format!("{:.2}", diagonal.bytes_per_image),
            format!("{:.3}", diagonal.bits_per_value),
            diagonal.min.to_string(),
            diagonal.max.to_string(),
            format!("{:.1} %", diagonal.zeros * 100.0),
        ]
    });
    output::table(&head, &rows.collect::<Vec<_>>())
}

/// Decodes one row group after the other and counts. The first anti-diagonal has the bytes of the object's head too.
fn diagonals(base: &Base, manifest: &Manifest, stored: &Stored) -> Result<Vec<Diagonal>, Failure> {
    let mut all: Vec<Diagonal> = (0..stored.keep)
        .map(|diagonal| Diagonal {
            diagonal,
            min: i16::MAX,
            max: i16::MIN,
            ..Diagonal::default()
        })
        .collect();
    let mut progress = Progress::new("reading", "images", stored.images(manifest));
    for group in &stored.groups {
        let damaged = |error| {
            Failure::bad_data(format!(
                "the columns {} in {} are damaged: {error}",
                group.key,
                base.url()
            ))
        };
        let object = base.get(&group.key)?;
        let footer = columns::footer(object.len() as u64, &object).map_err(damaged)?;
        if *footer.header() != stored.header(manifest, group) {
            return Err(Failure::bad_data(format!(
                "{} in {} holds other columns than its key says",
                group.key,
                base.url()
            )));
        }
        let quant = footer.header().quant;
        let values = footer.decode(&object, stored.keep, quant).map_err(damaged)?;
        let layout = footer.layout();
        let mut end_before = 0;
        for found in &mut all {
            let end = footer.prefix(found.diagonal + 1).map_err(damaged)?.end;
            found.bytes += end - end_before;
            end_before = end;
            let run = layout.values(found.diagonal)..layout.values(found.diagonal + 1);
            for image in values.chunks_exact(layout.values(stored.keep)) {
                found.add(&image[run.clone()]);
            }
        }
        progress.add(footer.header().images.into(), object.len() as u64);
    }
    progress.finish();
    let images = stored.images(manifest) as f64;
    for found in &mut all {
        found.bytes_per_image = found.bytes as f64 / images;
        found.bits_per_value = found.bytes as f64 * 8.0 / found.values as f64;
        found.zeros /= found.values as f64;
    }
    Ok(all)
}

impl Diagonal {
    fn add(&mut self, values: &[i16]) {
        self.values += values.len() as u64;
        for &value in values {
            self.min = self.min.min(value);
            self.max = self.max.max(value);
        }
        self.zeros += values.iter().filter(|&&value| value == 0).count() as f64;
    }
}
