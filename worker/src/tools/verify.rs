//! `data verify`: whether everything of a dataset that lies in a base is intact.

use super::{check, output};
use crate::data::{Base, columns, dataset};
use anyhow::bail;
use clap::Args;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::Format;
use serde::Serialize;

/// Arguments of `data verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Name of the dataset
    pub name: String,
    /// The base it is in: file:///folder or s3://place/prefix
    #[arg(long, value_name = "URL")]
    pub base: String,
    /// Print what was found as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Summary<'a> {
    name: &'a str,
    digest: Digest,
    base: &'a str,
    /// Objects read, the manifest among them, and their bytes.
    objects: u64,
    bytes: u64,
    columns: Vec<ColumnsChecked>,
    /// A sentence for each damaged or missing object.
    damaged: &'a [String],
    /// Keys among the columns that no columns have.
    unknown: &'a [String],
}

#[derive(Serialize)]
struct ColumnsChecked {
    stored: Format,
    objects: usize,
    bytes: u64,
}

/// Checks and prints the summary. Fails if anything is damaged.
pub fn run(args: &VerifyArgs) -> anyhow::Result<()> {
    let base = Base::open(&args.base)?;
    // Opening it compares its checksum and its digest.
    let manifest = dataset::load_by_name(&base, &args.name)?;
    let (stored, unknown) = columns::stored(&base, &manifest)?;
    let mut all = check::named(&manifest);
    all.extend(check::of_columns(&manifest, &stored));
    let found = check::objects(&base, &manifest, &all)?;
    let summary = Summary {
        name: &args.name,
        digest: manifest.digest,
        base: base.url(),
        objects: found.objects + 1,
        bytes: found.bytes + manifest.to_bytes().len() as u64,
        columns: stored
            .iter()
            .map(|stored| ColumnsChecked {
                stored: stored.format,
                objects: stored.groups.len(),
                bytes: stored.bytes(),
            })
            .collect(),
        damaged: &found.damaged,
        unknown: &unknown,
    };
    let text = match args.json {
        true => output::json(&summary)?,
        false => text(&summary),
    };
    output::print(&text)?;
    match found.damaged.len() {
        0 => Ok(()),
        damaged => bail!(
            "{damaged} of {} objects are damaged; damaged columns are made again when they are needed, and importing \
             the same source again heals pixels, labels and kept files",
            summary.objects
        ),
    }
}

fn text(summary: &Summary<'_>) -> String {
    let mut facts = vec![
        ("dataset", summary.name.to_string()),
        ("digest", summary.digest.to_string()),
        (
            "checked",
            format!("{} objects, {}", summary.objects, output::bytes(summary.bytes)),
        ),
    ];
    for columns in &summary.columns {
        let ColumnsChecked {
            stored,
            objects,
            bytes,
        } = columns;
        facts.push((
            "columns",
            format!("{stored}: {objects} objects, {}", output::bytes(*bytes)),
        ));
    }
    for key in summary.unknown {
        facts.push(("not known", key.clone()));
    }
    for damage in summary.damaged {
        facts.push(("damaged", damage.clone()));
    }
    if summary.damaged.is_empty() {
        facts.push(("damaged", "nothing".into()));
    }
    output::facts(&facts)
}
