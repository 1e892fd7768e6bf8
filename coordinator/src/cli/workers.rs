//! `imgcalc workers`: who works for a group, and who is to end.

use super::at::At;
use super::group::Client;
use super::output;
use super::progress;
use super::source::Source;
use imgcalc_proto::v1::DrainRequest;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Show the workers that were heard of lately.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Have a worker store a checkpoint, hand back what it does, and end; waits until it is gone.
    Drain {
        /// Its name.
        worker: String,
        /// Let it work on after all.
        #[arg(long)]
        cancel: bool,
        /// Do not wait.
        #[arg(long)]
        no_wait: bool,
    },
}

/// A new leader does not know whom the one before told to end: it is told again so often.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) async fn run(arguments: Args, at: &At) -> anyhow::Result<()> {
    match arguments.verb {
        Verb::List { json } => {
            let overview = at.source().await?.overview().await?;
            if json {
                return output::json(&overview.workers);
            }
            let rows = overview.workers.iter().map(|worker| {
                let task = worker.task.clone().unwrap_or_else(|| "-".into());
                vec![
                    worker.name.clone(),
                    worker.host.clone(),
                    worker.hardware.clone(),
                    if worker.draining {
                        "ending".into()
                    } else {
                        "works".into()
                    },
                    task,
                    progress::account_words(&worker.account).unwrap_or_else(|| "-".into()),
                ]
            });
            output::table(&["worker", "host", "hardware", "state", "task", "read"], rows);
        }
        Verb::Drain {
            worker,
            cancel,
            no_wait,
        } => drain(at, &worker, cancel, no_wait).await?,
    }
    Ok(())
}

async fn drain(at: &At, worker: &str, cancel: bool, no_wait: bool) -> anyhow::Result<()> {
    let mut group = at.group().await?;
    let ask = |mut client: Client| {
        let request = DrainRequest {
            worker: worker.into(),
            cancel,
        };
        async move { client.drain(request).await }
    };
    let known = group.ask(ask).await?.known;
    anyhow::ensure!(
        known,
        "there is no worker {worker:?}; `imgcalc workers list` shows them"
    );
    if cancel {
        eprintln!("worker {worker} works on");
        return Ok(());
    }
    eprintln!("worker {worker} stores a checkpoint, hands back what it does, and ends");
    let mut source = Source::Running(Box::new(group.clone()));
    if no_wait {
        return Ok(());
    }
    loop {
        tokio::time::sleep(AGAIN).await;
        let overview = source.overview().await?;
        match overview.workers.iter().find(|known| known.name == worker) {
            None => {
                eprintln!("worker {worker} is gone");
                return Ok(());
            }
            Some(known) if !known.draining => drop(group.ask(ask).await?),
            Some(_) => {}
        }
    }
}
