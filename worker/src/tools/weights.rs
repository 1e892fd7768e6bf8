//! `weights`: files of weights that trainings may start from; `weights add` puts one into a base.

use super::{files, output};
use crate::data::{Base, nets};
use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use imgcalc_engine::{Definition, weights_file_of};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::net::{WEIGHTS_BYTES_MAX, WeightsFacts};
use imgcalc_shared::training::Net;
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `weights`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct WeightsArgs {
    /// List the weights that were put into this base: file:///folder or s3://place/prefix
    #[arg(long, value_name = "URL", required = true)]
    base: Option<String>,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    verb: Option<WeightsVerb>,
}

/// Subcommands about weights.
#[derive(Debug, Subcommand)]
pub enum WeightsVerb {
    /// Put a file of weights into a base, for trainings to start from
    Add(AddArgs),
}

/// Arguments of `weights add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// A safetensors file with torchvision's names, or weights that a training of the same net wrote
    pub file: PathBuf,
    /// Where it goes: file:///folder or s3://place/prefix
    #[arg(long, value_name = "URL")]
    pub base: String,
    /// What specs call it; an existing name then means this file
    #[arg(long)]
    pub name: String,
    /// The net they belong to: its name, the name of a script in the base, or as JSON what a spec has,
    /// for example '{"name": "small_resnet", "width": 16, "blocks": [1, 1, 1]}'
    #[arg(long, value_name = "NET", visible_alias = "net-json")]
    pub net: String,
    /// Print the facts as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Named {
    name: String,
    #[serde(flatten)]
    facts: WeightsFacts,
}

/// Lists the weights of a base, or adds some.
pub fn run(args: &WeightsArgs) -> anyhow::Result<()> {
    match (&args.verb, &args.base) {
        (Some(WeightsVerb::Add(args)), _) => add(args),
        (None, base) => list(base.as_deref().context("give --base")?, args.json),
    }
}

fn add(args: &AddArgs) -> anyhow::Result<()> {
    let base = Base::open(&args.base)?;
    nets::check_name(&args.name)?;
    let (definition, known) = net(&base, &args.net)?;
    let bytes = files::read(&args.file, WEIGHTS_BYTES_MAX)?;
    let (channels, classes) = weights_file_of(&definition, known, &bytes)
        .with_context(|| format!("cannot add {}", args.file.display()))?;
    let facts = WeightsFacts {
        digest: Digest::of(&bytes),
        bytes: bytes.len() as u64,
        net: definition.net().clone(),
        channels,
        classes,
    };
    nets::publish_weights(&base, &args.name, &facts, bytes)?;
    let named = Named {
        name: args.name.clone(),
        facts,
    };
    output::print(&match args.json {
        true => output::json(&named)?,
        false => output::facts(&[
            ("weights", named.name.clone()),
            ("digest", named.facts.digest.to_string()),
            ("bytes", output::bytes(named.facts.bytes)),
            ("net", net_text(&named.facts.net)),
            ("channels", channels.to_string()),
            ("classes", classes.to_string()),
        ]),
    })
}

/// The net somebody means; of a script also its channels and classes.
fn net(base: &Base, text: &str) -> anyhow::Result<(Definition, Option<(u16, u16)>)> {
    let net = match text.trim_start().starts_with('{') {
        true => serde_json::from_str(text).with_context(|| format!("{text} is no net"))?,
        false => match Net::PUBLISHED.into_iter().find(|net| net.name() == text) {
            Some(net) => net,
            None => Net::Torchscript { script: text.into() },
        },
    };
    let Net::Torchscript { script } = &net else {
        return Ok(((&net).into(), None));
    };
    ensure!(
        script != "small_resnet",
        "a small_resnet has a width and blocks: give --net '{{\"name\": \"small_resnet\", \"width\": 16, \"blocks\": [1, 1, 1]}}'"
    );
    ensure!(
        !matches!(script.as_str(), "resnet_like" | "mobile_like"),
        "a {script} has a stem and stages: give --net as JSON what the net of the spec has, {{\"name\": \"{script}\", …}}"
    );
    let facts = nets::script_by_name(base, script)?;
    let bytes = nets::load_script(base, &facts.digest)?;
    let known = Some((facts.channels, facts.classes));
    Ok((Definition::of_script(&*bytes), known))
}

fn list(url: &str, json: bool) -> anyhow::Result<()> {
    let base = Base::open(url)?;
    let mut all = Vec::new();
    for name in nets::weights_names(&base)? {
        match nets::weights_by_name(&base, &name) {
            Ok(facts) => all.push(Named { name, facts }),
            // The others can be used all the same.
            Err(failure) => {
                let _ = writeln!(std::io::stderr(), "warning: {}", failure.message);
            }
        }
    }
    if json {
        return output::print(&output::json(&all)?);
    }
    let row = |Named { name, facts }: &Named| {
        vec![
            name.clone(),
            net_text(&facts.net),
            facts.channels.to_string(),
            facts.classes.to_string(),
            output::bytes(facts.bytes),
            facts.digest.short(),
        ]
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let head = ["weights", "net", "channels", "classes", "bytes", "digest"];
    output::print(&output::table(&head, &rows))
}

fn net_text(net: &Net) -> String {
    match net {
        Net::Torchscript { script } => format!("script {}", script.chars().take(12).collect::<String>()),
        Net::SmallResnet { width, blocks } => format!("{} {width} {blocks:?}", net.name()),
        Net::ResnetLike { stem, stages } => staged(net, *stem, stages),
        Net::MobileLike { stem, stages } => staged(net, *stem, stages),
        net => net.name().into(),
    }
}

fn staged(net: &Net, stem: u16, stages: &[impl ToString]) -> String {
    let stages: Vec<String> = stages.iter().map(ToString::to_string).collect();
    format!("{} {stem} {}", net.name(), stages.join(" "))
}
