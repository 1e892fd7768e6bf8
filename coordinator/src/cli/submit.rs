//! `imgcalc submit`: a build for a group of coordinators and their workers.

use super::at::At;
use super::group::Client;
use super::progress::Watch;
use super::source::Source;
use super::{answer, profile, spec_file};
use crate::ledger::BuildPhase;
use crate::view::{BuildView, Overview};
use anyhow::{Context, bail};
use imgcalc_proto::to_wire;
use imgcalc_proto::v1::{AdoptRequest, SubmitRequest};
use imgcalc_shared::build::BuildId;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const LOOK: Duration = Duration::from_millis(500);
/// Looks for a worker before there is said to be none.
const WORKER_LOOKS: usize = 20;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The build spec, TOML. Its base must be one that the workers can reach.
    spec: PathBuf,
    /// Builds of higher priority get workers first.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    priority: i32,
    /// Hardware class to profile on [default: the spec's, else the one class of the workers there are].
    #[arg(long)]
    hardware: Option<String>,
    /// Use a profile recorded with `imgcalc profile export` instead of measuring.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Watch it until it is over, and print the answer. Ctrl-C stops the watching, not the build.
    #[arg(long, short)]
    wait: bool,
    /// With --wait: print the answer as JSON.
    #[arg(long, requires = "wait")]
    json: bool,
    /// With --wait: also write the report to this file.
    #[arg(long, value_name = "FILE", requires = "wait")]
    report: Option<PathBuf>,
}

pub(super) async fn run(arguments: Args, at: &At) -> anyhow::Result<ExitCode> {
    let file = spec_file::read(&arguments.spec)?;
    let dataset = spec_file::dataset(&file).await?;
    let mut group = at.group().await?;
    let mut source = Source::Running(Box::new(group.clone()));
    let named = arguments.hardware.or_else(|| file.spec.profile.hardware.clone());
    let hardware = match named {
        Some(hardware) => hardware,
        None => only_class(&with_workers(&mut source).await?)?,
    };
    let surroundings = spec_file::surroundings(&file, dataset, hardware).await?;
    let build = file.spec.resolve(&surroundings)?;
    let records = arguments
        .profile
        .as_deref()
        .map(|path| profile::read(path, &build))
        .transpose()?;
    if let Some(records) = records {
        let reply = group
            .ask(|mut client: Client| {
                let record_json = to_wire(&records);
                async move { client.adopt(AdoptRequest { record_json }).await }
            })
            .await?;
        eprintln!("took {} recorded profile results over", reply.adopted);
    }
    let reply = group
        .ask(|mut client: Client| {
            let request = SubmitRequest {
                build_json: to_wire(&build),
                priority: arguments.priority,
            };
            async move { client.submit(request).await }
        })
        .await?;
    let id = BuildId(reply.build);
    if reply.known {
        eprintln!("build {id} was there already and goes on");
    } else {
        eprintln!("submitted build {id}");
    }
    if !arguments.wait {
        println!("{id}");
        eprintln!(
            "watch it: imgcalc status {id} --to {}",
            group.addresses().join(",")
        );
        return Ok(ExitCode::SUCCESS);
    }
    match watched(&mut source, &id).await? {
        Some(view) => answer::over(&view, arguments.json, arguments.report, at),
        None => Ok(ExitCode::from(130)),
    }
}

/// Watches a build that others do until it is over; nothing if somebody wants this program to stop before.
pub(super) async fn watched(source: &mut Source, id: &BuildId) -> anyhow::Result<Option<BuildView>> {
    tokio::select! {
        view = watch(source, id) => view.map(Some),
        _ = tokio::signal::ctrl_c() => {
            eprintln!("no longer watching; build {id} goes on");
            Ok(None)
        }
    }
}

async fn watch(source: &mut Source, id: &BuildId) -> anyhow::Result<BuildView> {
    let mut display = Watch::new();
    loop {
        let view = source.view(id).await?;
        display.show(&view);
        match view.phase {
            BuildPhase::Ended { .. } => return Ok(view),
            BuildPhase::Cancelled => bail!("build {id} was cancelled; submitting it again goes on"),
            BuildPhase::Running | BuildPhase::Paused => {}
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// An overview, after a while if no worker is there: some may have been started just now, or the leader may be new.
async fn with_workers(source: &mut Source) -> anyhow::Result<Overview> {
    for _ in 1..WORKER_LOOKS {
        let overview = source.overview().await?;
        if !overview.workers.is_empty() {
            return Ok(overview);
        }
        tokio::time::sleep(LOOK).await;
    }
    source.overview().await
}

/// The hardware class of all workers, if they have but one.
fn only_class(overview: &Overview) -> anyhow::Result<String> {
    let classes: BTreeSet<&String> = overview.workers.iter().map(|worker| &worker.hardware).collect();
    let mut classes = classes.into_iter();
    let first = classes.next().context(
        "no worker is there to say what hardware to profile on; start one with `imgcalc-worker --coordinators …`, or \
         name the class with --hardware (a worker machine prints it: `imgcalc-worker hardware`)",
    )?;
    let others: Vec<&String> = classes.collect();
    anyhow::ensure!(
        others.is_empty(),
        "the workers are of several hardware classes, {first} and {}; name the one to profile on with --hardware",
        others
            .iter()
            .map(|class| class.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    );
    Ok(first.clone())
}
