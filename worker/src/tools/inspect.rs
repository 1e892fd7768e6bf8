//! `inspect`: what a stored object or file holds, and whether it is intact.

mod columns;
mod kinds;
mod manifest;
mod report;

use super::output;
use crate::data::{Base, dataset};
use anyhow::{Context, bail};
use clap::Args;
use imgcalc_shared::dataset::{is_name, manifest_key};
use report::Report;
use std::path::Path;

/// Longest file that is inspected, bytes: it is read as a whole.
const BYTES_MAX: u64 = 8 << 30;

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// A file: columns, pixels, an .ic image, a dataset manifest, weights. With --base, a key in that base or the
    /// name of a dataset
    pub what: String,
    /// The base the key is in: file:///folder or s3://place/prefix
    #[arg(long, value_name = "URL")]
    pub base: Option<String>,
    /// For a manifest in a base: also read every object it names and check it
    #[arg(long, requires = "base")]
    pub deep: bool,
    /// Print the facts as JSON
    #[arg(long)]
    pub json: bool,
}

/// Prints what it is. Damage is an error that names the object.
pub fn run(args: &InspectArgs) -> anyhow::Result<()> {
    let report = match &args.base {
        None => of_file(Path::new(&args.what))?,
        Some(url) => of_key(&Base::open(url)?, &args.what, args.deep)?,
    };
    output::print(&if args.json { report.json()? } else { report.text() })
}

fn of_file(path: &Path) -> anyhow::Result<Report> {
    let name = path.display().to_string();
    let metadata = std::fs::metadata(path).with_context(|| format!("{name} cannot be read"))?;
    if metadata.is_dir() {
        bail!("{name} is a folder; name a file, or a key together with --base");
    }
    if metadata.len() > BYTES_MAX {
        bail!(
            "{name} has {} bytes, at most {BYTES_MAX} are inspected",
            metadata.len()
        );
    }
    let bytes = std::fs::read(path).with_context(|| format!("{name} cannot be read"))?;
    kinds::report(&name, &bytes)
}

fn of_key(base: &Base, what: &str, deep: bool) -> anyhow::Result<Report> {
    // A key always has a folder, a name never has one.
    let key = match is_name(what) {
        true => manifest_key(&dataset::load_by_name(base, what)?.digest),
        false => what.to_string(),
    };
    let bytes = base.size(&key)?;
    if bytes > BYTES_MAX {
        bail!(
            "{key} in {} has {bytes} bytes, at most {BYTES_MAX} are inspected",
            base.url()
        );
    }
    let object = base.get(&key)?;
    let mut report = kinds::report(&format!("{key} in {}", base.url()), &object)?;
    if deep {
        manifest::check_objects(base, &object, &mut report)?;
    }
    Ok(report)
}
