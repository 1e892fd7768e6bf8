//! `data stats`: how large the columns of a dataset are, by format and keep, or by anti-diagonal.

mod diagonals;

use super::{output, sizes};
use crate::data::columns;
use crate::data::{Base, dataset};
use anyhow::Context;
use clap::Args;
use diagonals::Diagonal;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::{Family, Format};
use serde::Serialize;

/// Arguments of `data stats`.
#[derive(Debug, Args)]
pub struct StatsArgs {
    /// Name of the dataset
    pub name: String,
    /// The base it is in: file:///folder or s3://place/prefix
    #[arg(long, value_name = "URL")]
    pub base: String,
    /// Show only columns of this family, SAMPLING-bBLOCK, for example 1x1-b8
    #[arg(long)]
    pub family: Option<Family>,
    /// Show the anti-diagonals of the columns that are stored as this format, for example 1x1-b8-k8-q50, and how they are
    /// coded; decodes all of them
    #[arg(long, conflicts_with = "family")]
    pub columns: Option<Format>,
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
    /// Of the source's files, where the import noted them.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_bytes: Option<u64>,
    columns: Vec<sizes::ColumnsSizes>,
    /// Of the columns that were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    diagonals: Option<Vec<Diagonal>>,
}

/// Prints sizes.
pub fn run(args: &StatsArgs) -> anyhow::Result<()> {
    let base = Base::open(&args.base)?;
    let manifest = dataset::load_by_name(&base, &args.name)?;
    let (stored, _) = columns::stored(&base, &manifest)?;
    let shown = stored.iter().filter(|stored| {
        args.family.is_none_or(|family| stored.format.family() == family)
            && args.columns.is_none_or(|columns| stored.format == columns)
    });
    let sizes = shown.map(|stored| sizes::of(&base, &manifest, stored));
    let diagonals = match args.columns {
        None => None,
        Some(format) => {
            let found = stored.iter().find(|stored| stored.format == format);
            let found = found.with_context(|| {
                let known: Vec<String> = stored.iter().map(|stored| stored.format.to_string()).collect();
                format!(
                    "there are no columns {format} of {} in {}; stored are: {}",
                    args.name,
                    base.url(),
                    if known.is_empty() {
                        "none".into()
                    } else {
                        known.join(", ")
                    }
                )
            })?;
            Some(diagonals::of(&base, &manifest, found)?)
        }
    };
    let summary = Summary {
        name: args.name.clone(),
        digest: manifest.digest,
        images: manifest.splits.total(),
        pixel_bytes: manifest.images.iter().map(|object| object.bytes).sum(),
        source_bytes: manifest.source_bytes,
        columns: sizes.collect::<anyhow::Result<_>>()?,
        diagonals,
    };
    output::print(&match args.json {
        true => output::json(&summary)?,
        false => text(&summary),
    })
}

fn text(summary: &Summary) -> String {
    let mut facts = vec![
        ("dataset", summary.name.clone()),
        ("digest", summary.digest.to_string()),
        ("images", summary.images.to_string()),
        ("pixels", output::bytes(summary.pixel_bytes)),
    ];
    if let Some(bytes) = summary.source_bytes {
        facts.push(("source files", output::bytes(bytes)));
    }
    let mut text = output::facts(&facts);
    text += "\n";
    match &summary.diagonals {
        Some(diagonals) => text += &diagonals::table(diagonals),
        None if summary.columns.is_empty() => {
            text += "no such columns are stored; a build makes what it needs\n"
        }
        None => text += &sizes::table(&summary.columns),
    }
    text
}
