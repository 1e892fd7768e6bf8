//! `nets add`: tries a TorchScript file and puts it into a base under a name.

use super::sides::{self, Found};
use crate::data::{Base, nets};
use crate::tools::interrupt::{self, Interrupted};
use crate::tools::{files, output};
use anyhow::Context;
use clap::Args;
use imgcalc_engine::{Definition, Trial};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::net::{SCRIPT_BYTES_MAX, SCRIPT_SIDE_MAX, ScriptFacts};
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Arguments of `nets add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// A TorchScript file that export_net.py wrote
    pub file: PathBuf,
    /// Where it goes: file:///folder or s3://place/prefix
    #[arg(long, value_name = "URL")]
    pub base: String,
    /// What specs call it; an existing name then means this file
    #[arg(long)]
    pub name: String,
    /// Channels it takes [default: found out, 3 or 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub channels: Option<u16>,
    /// Largest side of images to try; larger ones are then refused
    #[arg(long, value_name = "PIXELS", default_value_t = 256)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=i64::from(SCRIPT_SIDE_MAX)))]
    pub side_max: u16,
    /// Seconds to try sides for; those beyond are then refused
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub seconds_max: u64,
    /// Print the facts as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Added<'a> {
    name: &'a str,
    #[serde(flatten)]
    facts: &'a ScriptFacts,
}

/// Adds it and prints what it is.
pub(super) fn run(args: &AddArgs) -> anyhow::Result<()> {
    let base = Base::open(&args.base)?;
    nets::check_name(&args.name)?;
    let bytes = files::read(&args.file, SCRIPT_BYTES_MAX)?;
    interrupt::watch()?;
    let facts = match tried(args, &bytes) {
        Err(error) if error.is::<Interrupted>() => {
            let _ = writeln!(std::io::stderr(), "interrupted; nothing was added");
            std::process::exit(interrupt::EXIT_STATUS.into())
        }
        facts => facts.with_context(|| format!("cannot add {}", args.file.display()))?,
    };
    nets::publish_script(&base, &args.name, &facts, bytes)?;
    output::print(&match args.json {
        true => output::json(&Added {
            name: &args.name,
            facts: &facts,
        })?,
        false => output::facts(&[
            ("net", args.name.clone()),
            ("digest", facts.digest.to_string()),
            ("bytes", output::bytes(facts.bytes)),
            ("parameters", facts.parameters.to_string()),
            ("channels", facts.channels.to_string()),
            ("classes", facts.classes.to_string()),
            ("sides", facts.sides_text()),
        ]),
    })
}

fn tried(args: &AddArgs, bytes: &[u8]) -> anyhow::Result<ScriptFacts> {
    let mut trial = Trial::open(&Definition::of_script(bytes))?;
    let Found {
        channels,
        classes,
        sides,
        tried,
    } = sides::find(
        &trial,
        args.channels,
        args.side_max,
        Duration::from_secs(args.seconds_max),
    )?;
    if tried < args.side_max {
        let _ = writeln!(
            std::io::stderr(),
            "warning: time was up after sides of {tried}; larger images will be refused: add it again with more --seconds-max"
        );
    }
    let facts = ScriptFacts {
        digest: Digest::of(bytes),
        bytes: bytes.len() as u64,
        parameters: trial.parameters(),
        channels,
        classes,
        sides,
    };
    // What evaluates may still be unable to train.
    trial.trains(sides::square(channels, facts.smallest()))?;
    Ok(facts)
}
