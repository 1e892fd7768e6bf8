//! `nets`: which nets there are and what they cost; `nets add` puts one into a base.

mod add;
mod sides;

use super::import::SizeText;
use super::output;
use crate::data::{Base, nets};
pub use add::AddArgs;
use anyhow::Context;
use clap::{Args, Subcommand};
use imgcalc_shared::net::{self, ScriptFacts};
use imgcalc_shared::training::{InputShape, MobileStage, Net, ResnetStage};
use serde::Serialize;
use std::io::Write;

/// Arguments of `nets`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct NetsArgs {
    #[command(flatten)]
    list: ListArgs,
    #[command(subcommand)]
    verb: Option<NetsVerb>,
}

/// Subcommands about nets.
#[derive(Debug, Subcommand)]
pub enum NetsVerb {
    /// Put a net into a base: a TorchScript file that export_net.py wrote
    Add(AddArgs),
}

/// Arguments of `nets` alone, which lists them.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Images the operations are counted for, HEIGHTxWIDTH or one number for both
    #[arg(long, value_name = "SIZE", default_value = "32x32")]
    size: SizeText,
    /// 1 for grey, 3 for colour
    #[arg(long, value_name = "N", default_value_t = 3)]
    channels: u16,
    /// Outputs of the nets
    #[arg(long, value_name = "N", default_value_t = 1000)]
    classes: u16,
    /// Also list the nets that were put into this base: file:///folder or s3://place/prefix
    #[arg(long, value_name = "URL")]
    base: Option<String>,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct List {
    /// What operations are counted for.
    shape: InputShape,
    classes: u16,
    nets: Vec<BuiltIn>,
    /// Of the base, if one is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    scripts: Option<Vec<Script>>,
}

#[derive(Serialize)]
struct BuiltIn {
    /// As a spec has it.
    net: Net,
    parameters: u64,
    /// None where the images are too small.
    flops: Option<u64>,
    side_min: u16,
}

#[derive(Serialize)]
struct Script {
    name: String,
    #[serde(flatten)]
    facts: ScriptFacts,
}

/// Lists the nets, or adds one.
pub fn run(args: &NetsArgs) -> anyhow::Result<()> {
    match &args.verb {
        Some(NetsVerb::Add(args)) => add::run(args),
        None => list(&args.list),
    }
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let side = |side: u32| u16::try_from(side).context("a side is too large");
    let shape = InputShape {
        channels: args.channels,
        height: side(args.size.0.height)?,
        width: side(args.size.0.width)?,
    };
    let all = examples().into_iter().chain(Net::PUBLISHED);
    let nets = all.map(|net| built_in(net, shape, args.classes));
    let list = List {
        shape,
        classes: args.classes,
        nets: nets.collect::<Result<_, _>>()?,
        scripts: match &args.base {
            Some(url) => Some(scripts(&Base::open(url)?)?),
            None => None,
        },
    };
    output::print(&match args.json {
        true => output::json(&list)?,
        false => text(&list),
    })
}

/// Nets that numbers decide, with some.
fn examples() -> [Net; 3] {
    let (depth, kernel, expansion) = (1, 3, 4);
    let widths = [16, 32, 64];
    [
        Net::SmallResnet {
            width: 16,
            blocks: vec![1, 1, 1],
        },
        Net::ResnetLike {
            stem: 16,
            stages: widths.map(|width| ResnetStage { width, depth, kernel }).to_vec(),
        },
        Net::MobileLike {
            stem: 16,
            stages: widths
                .map(|width| MobileStage {
                    width,
                    depth,
                    kernel,
                    expansion,
                })
                .to_vec(),
        },
    ]
}

fn built_in(net: Net, shape: InputShape, classes: u16) -> anyhow::Result<BuiltIn> {
    let facts = net::facts(&net, shape, classes).ok();
    Ok(BuiltIn {
        parameters: net::parameters(&net, shape.channels, classes)?,
        flops: facts.map(|facts| facts.flops),
        side_min: net::side_min(&net)?,
        net,
    })
}

fn scripts(base: &Base) -> anyhow::Result<Vec<Script>> {
    let mut scripts = Vec::new();
    for name in nets::script_names(base)? {
        match nets::script_by_name(base, &name) {
            Ok(facts) => scripts.push(Script { name, facts }),
            // The others can be used all the same.
            Err(failure) => {
                let _ = writeln!(std::io::stderr(), "warning: {}", failure.message);
            }
        }
    }
    Ok(scripts)
}

fn staged(net: &Net, stem: u16, stages: &[impl ToString]) -> String {
    let stages: Vec<String> = stages.iter().map(ToString::to_string).collect();
    format!("{} (stem = {stem}, stages = {})", net.name(), stages.join(" "))
}

fn text(list: &List) -> String {
    let rows: Vec<Vec<String>> = list
        .nets
        .iter()
        .map(|row| {
            let name = match &row.net {
                Net::SmallResnet { width, blocks } => {
                    format!("{} (width = {width}, blocks = {blocks:?})", row.net.name())
                }
                Net::ResnetLike { stem, stages } => staged(&row.net, *stem, stages),
                Net::MobileLike { stem, stages } => staged(&row.net, *stem, stages),
                net => net.name().into(),
            };
            let flops = row
                .flops
                .map_or("-".into(), |flops| format!("{:.1}", flops as f64 / 1e6));
            vec![name, row.parameters.to_string(), flops, row.side_min.to_string()]
        })
        .collect();
    let head = format!("net, {} classes", list.classes);
    let flops = format!("MFLOPs at {}", list.shape);
    let mut text = output::table(&[&head, "parameters", &flops, "smallest side"], &rows);
    let Some(scripts) = &list.scripts else {
        return text;
    };
    text += "\n";
    if scripts.is_empty() {
        return text + "the base holds no other net; put one there with `nets add`\n";
    }
    let row = |script: &Script| {
        let facts = &script.facts;
        vec![
            script.name.clone(),
            facts.parameters.to_string(),
            facts.channels.to_string(),
            facts.classes.to_string(),
            facts.sides_text(),
            facts.digest.short(),
        ]
    };
    let rows: Vec<Vec<String>> = scripts.iter().map(row).collect();
    let head = ["script", "parameters", "channels", "classes", "sides", "digest"];
    text + &output::table(&head, &rows)
}
