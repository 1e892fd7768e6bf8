//! `imgcalc extend`: a search that stopped at its budget goes on with more.

use super::amend::{Came, HowArgs, amend};
use super::answer;
use super::at::At;
use crate::ledger::BuildPhase;
use anyhow::bail;
use imgcalc_shared::build::Amendment;
use imgcalc_shared::search::{Budget, Hours};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The build: its id, a start of it, or its name.
    build: String,
    /// Trials or nets the search may start in all, those it started before among them.
    #[arg(long, value_name = "N")]
    trainings: Option<u32>,
    /// Epochs it may train in all, those before among them.
    #[arg(long, value_name = "N")]
    epochs: Option<u64>,
    /// Hours in which it may train, however many trials at once, those before among them.
    #[arg(long, value_name = "HOURS")]
    wall_hours: Option<Hours>,
    /// Hours of all devices together, those before among them.
    #[arg(long, value_name = "HOURS")]
    gpu_hours: Option<Hours>,
    /// Trials of a search over hyper-parameters that run at once from now on.
    #[arg(long, value_name = "N", conflicts_with_all = ["trainings", "epochs", "wall_hours", "gpu_hours"])]
    parallel: Option<u16>,
    #[command(flatten)]
    how: HowArgs,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
    /// Also write the report to this file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub(super) async fn run(arguments: Args, at: &At) -> anyhow::Result<ExitCode> {
    let mut source = at.source().await?;
    let id = source.find(Some(&arguments.build)).await?;
    let before = source.view(&id).await?;
    match &before.phase {
        BuildPhase::Paused => bail!("build {id} is paused; `imgcalc resume {id}` first"),
        BuildPhase::Cancelled => bail!("build {id} is cancelled; `imgcalc resume {id}` first"),
        BuildPhase::Running | BuildPhase::Ended { .. } => {}
    }
    let more = Budget {
        trainings: arguments.trainings,
        epochs: arguments.epochs,
        wall_hours: arguments.wall_hours,
        gpu_hours: arguments.gpu_hours,
    };
    let amendment = match arguments.parallel {
        Some(slots) => Amendment::Slots { slots, after: 0 },
        None => Amendment::Budget(more),
    };
    if let Some(why) = before.build.unfit(&amendment) {
        bail!("{why}");
    }
    let now = before
        .build
        .search_budget()
        .filter(|_| arguments.parallel.is_none());
    if let Some(now) =
        now.filter(|now| now.raised(more) == *now && !before.build.amendments.contains(&amendment))
    {
        bail!("the search of {id} has a budget of {now} already; ask for more");
    }
    match amend(source, &before, &amendment, "extend", &arguments.how, at).await? {
        Came::Over(after) => answer::over(&after, arguments.json, arguments.report, at),
        Came::Asked => Ok(ExitCode::SUCCESS),
        Came::Interrupted => Ok(ExitCode::from(130)),
    }
}
