//! `imgcalc profile export`: measured times and sizes as a file, for a build elsewhere on the same hardware class.

use super::at::At;
use crate::ledger::Record;
use crate::plan::Stage;
use anyhow::Context;
use imgcalc_shared::build::Build;
use imgcalc_shared::envelope;
use std::path::{Path, PathBuf};

const PROFILE: (&str, u32) = ("imgcalc-profile", 1);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Write the profile of a build to a file that `imgcalc build --profile FILE` takes.
    Export {
        /// The build; the latest unless given.
        build: Option<String>,
        /// Where to.
        #[arg(long, short, value_name = "FILE")]
        out: PathBuf,
    },
}

pub(super) async fn run(arguments: Args, at: &At) -> anyhow::Result<()> {
    let Verb::Export { build, out } = arguments.verb;
    let mut source = at.source().await?;
    let id = source.find(build.as_deref()).await?;
    let view = source.view(&id).await?;
    let plan = view.plan();
    let profiles = plan
        .tasks
        .iter()
        .filter(|planned| planned.stage == Stage::Profile);
    let records: Vec<Record> = profiles
        .filter_map(|planned| {
            let outcome = view.results.get(&planned.id)?.clone();
            Some(Record {
                task: planned.task.clone(),
                outcome,
            })
        })
        .collect();
    anyhow::ensure!(!records.is_empty(), "build {id} has no profile yet");
    let bytes = envelope::seal(PROFILE.0, PROFILE.1, &records);
    std::fs::write(&out, bytes).with_context(|| format!("cannot write {}", out.display()))?;
    eprintln!(
        "wrote {} profile results of {} to {}",
        records.len(),
        view.build.hardware,
        out.display()
    );
    Ok(())
}

/// Reads a recorded profile and checks that it is of the hardware class the build wants.
pub(super) fn read(path: &Path, build: &Build) -> anyhow::Result<Vec<Record>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read the profile {}", path.display()))?;
    let records: Vec<Record> = envelope::open(PROFILE.0, PROFILE.1, &bytes)
        .with_context(|| format!("the profile {} cannot be used", path.display()))?;
    for record in &records {
        let of = record.task.hardware().unwrap_or_default();
        anyhow::ensure!(
            of == build.hardware,
            "the profile {} was measured on {of}, the build wants {}; measure there, or name that class in profile.hardware",
            path.display(),
            build.hardware
        );
    }
    Ok(records)
}
