//! `imgcalc pause | resume | cancel | priority | retry`: what is wanted of a build.

use super::at::At;
use super::build::open_alone;
use super::group::Client;
use super::source::Source;
use crate::ledger::Wanted;
use imgcalc_proto::v1::{DirectRequest, RetryRequest};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The build: its id, a start of it, or its name.
    build: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct PriorityArgs {
    /// The build: its id, a start of it, or its name.
    build: String,
    /// Builds of higher priority get workers first; 0 unless something else was said.
    #[arg(allow_negative_numbers = true)]
    priority: i32,
}

#[derive(Debug, clap::Args)]
pub(super) struct RetryArgs {
    /// The build: its id, a start of it, or its name.
    build: String,
    /// Only the task of this id, or start of it, as `imgcalc status --tasks --json` shows it.
    #[arg(long)]
    task: Option<String>,
}

pub(super) async fn run(arguments: Args, wanted: Wanted, at: &At) -> anyhow::Result<()> {
    let id = direct(&arguments.build, Some(wanted), None, at).await?;
    let words = match wanted {
        Wanted::Run => "goes on",
        Wanted::Pause => "is paused: what ran goes on from its last checkpoint after `imgcalc resume`",
        Wanted::Cancel => "is cancelled; its results are kept, and submitting it again goes on",
    };
    eprintln!("build {id} {words}");
    Ok(())
}

pub(super) async fn priority(arguments: PriorityArgs, at: &At) -> anyhow::Result<()> {
    let id = direct(&arguments.build, None, Some(arguments.priority), at).await?;
    eprintln!("build {id} has priority {}", arguments.priority);
    Ok(())
}

pub(super) async fn retry(arguments: RetryArgs, at: &At) -> anyhow::Result<()> {
    let mut source = at.source().await?;
    let id = source.find(Some(&arguments.build)).await?;
    let task = arguments.task.unwrap_or_default();
    let tasks = match source {
        Source::Running(mut group) => {
            let ask = |mut client: Client| {
                let request = RetryRequest {
                    build: id.to_string(),
                    task: task.clone(),
                };
                async move { client.retry(request).await }
            };
            group.ask(ask).await?.tasks
        }
        Source::Lying(_) => {
            let _lock = at.data_dir.lock("imgcalc retry")?;
            let peer = open_alone(&at.data_dir).await?;
            let tasks = peer.retry(id.clone(), task).await?;
            peer.close().await;
            eprintln!("no coordinator runs; `imgcalc build SPEC` goes on");
            tasks as u64
        }
    };
    eprintln!("{tasks} tasks of {id} have a new budget of failures");
    Ok(())
}

async fn direct(
    build: &str,
    wanted: Option<Wanted>,
    priority: Option<i32>,
    at: &At,
) -> anyhow::Result<imgcalc_shared::build::BuildId> {
    let mut source = at.source().await?;
    let id = source.find(Some(build)).await?;
    match source {
        Source::Running(mut group) => {
            let words = match wanted {
                None => "",
                Some(Wanted::Run) => "run",
                Some(Wanted::Pause) => "pause",
                Some(Wanted::Cancel) => "cancel",
            };
            let ask = |mut client: Client| {
                let request = DirectRequest {
                    build: id.to_string(),
                    wanted: words.into(),
                    priority,
                };
                async move { client.direct(request).await }
            };
            group.ask(ask).await?;
        }
        // Nobody runs here: the ledger is opened for this one entry.
        Source::Lying(_) => {
            let _lock = at.data_dir.lock("imgcalc")?;
            let peer = open_alone(&at.data_dir).await?;
            peer.direct(id.clone(), wanted, priority).await?;
            peer.close().await;
        }
    }
    Ok(id)
}
