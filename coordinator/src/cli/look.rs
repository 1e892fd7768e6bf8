//! `imgcalc ls | status | logs | cancel`.

use super::data_dir::DataDir;
use super::output::{self, percent};
use super::source::{Source, said};
use super::{progress, units};
use crate::ledger::{BuildPhase, Command, Ending, Log, State};
use crate::plan::Stage;
use crate::view::{BuildView, counts};
use anyhow::bail;
use imgcalc_proto::v1::{DirectRequest, LogsRequest};
use imgcalc_shared::build::BuildId;
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Debug, clap::Args)]
pub(super) struct LsArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    /// The build: its id, a start of it, or its name; the latest unless given.
    build: Option<String>,
    /// Also every task that was tried, with its attempts and how they ended.
    #[arg(long)]
    tasks: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct LogsArgs {
    /// The build: its id, a start of it, or its name; the latest unless given.
    build: Option<String>,
    /// Go on until the build ends.
    #[arg(long, short)]
    follow: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct CancelArgs {
    /// The build: its id, a start of it, or its name.
    build: String,
}

pub(super) async fn ls(arguments: LsArgs, data_dir: &DataDir) -> anyhow::Result<()> {
    let overview = Source::of(data_dir).await?.overview().await?;
    if arguments.json {
        return output::json(&overview.builds);
    }
    let rows = overview.builds.iter().map(|build| {
        vec![
            build.id.to_string(),
            build.dataset.clone(),
            build.phase.to_string(),
            format!("{}/{}", build.done, build.expected),
            date(build.submitted_at_ms),
        ]
    });
    output::table(&["build", "dataset", "state", ">tasks", "submitted"], rows);
    Ok(())
}

pub(super) async fn status(arguments: StatusArgs, data_dir: &DataDir) -> anyhow::Result<()> {
    let mut source = Source::of(data_dir).await?;
    let id = source.find(arguments.build.as_deref()).await?;
    let view = source.view(&id).await?;
    let plan = view.plan();
    let (done, expected) = counts(&plan);
    let left = progress::time_left(&view.build, &plan, &view);
    if arguments.json {
        let chain: Vec<_> = plan.answer(&view.build).chain;
        return output::json(&json!({
            "build": view.id,
            "state": view.phase.to_string(),
            "coordinator": matches!(source, Source::Running(_)),
            "tasks_done": done,
            "tasks_expected": expected,
            "seconds_left": left,
            "bytes_read": progress::bytes_read(&view),
            "running": view.running,
            "chain": chain,
            "attempts": view.attempts,
            "quarantined": view.quarantined,
        }));
    }
    output::print(&format!("build      {} ({})", view.id, view.phase));
    if let BuildPhase::Ended {
        ending: Ending::Refused(reason),
        ..
    } = &view.phase
    {
        output::print(&format!("refused    {reason}"));
    }
    if view.phase == BuildPhase::Running && matches!(source, Source::Lying(_)) {
        output::print("           no coordinator runs; `imgcalc build SPEC` goes on");
    }
    output::print(&format!(
        "dataset    {} ({})",
        view.build.dataset_name,
        view.build.dataset.short()
    ));
    output::print(&format!(
        "tasks      {done}/{expected} ({})",
        progress::stage_words(&plan)
    ));
    output::print(&format!(
        "read       {}",
        units::bytes(progress::bytes_read(&view) as f64)
    ));
    if let (Some(left), true) = (left, view.phase == BuildPhase::Running) {
        output::print(&format!("time left  about {}", units::duration(left)));
    }
    for running in &view.running {
        output::print(&format!("running    {}", progress::running_words(running)));
    }
    let trained = plan.findings.chain.iter().map(|link| {
        let parent = link
            .link
            .parent
            .map_or("scratch".into(), |parent| parent.to_string());
        let seconds = units::duration(link.trained.seconds);
        vec![
            link.link.format.to_string(),
            parent,
            link.round.to_string(),
            percent(Some(link.trained.accuracy)),
            seconds,
        ]
    });
    let (rows, _) = plan.progress(Stage::Chain);
    if rows > 0 {
        output::print("");
        output::table(&["trained", "from", ">round", ">accuracy", ">time"], trained);
    }
    if arguments.tasks {
        output::print("");
        attempts(&view);
    }
    Ok(())
}

fn attempts(view: &BuildView) {
    let mut rows = Vec::new();
    for task in &view.attempts {
        for attempt in &task.attempts {
            let failure = attempt.failure.as_ref();
            rows.push(vec![
                task.what.clone(),
                task.standing.clone(),
                attempt.token.to_string(),
                attempt.worker.clone(),
                date(attempt.started_at_ms),
                failure.map_or("-".into(), |(class, message)| format!("{class}: {message}")),
            ]);
        }
    }
    output::table(&["task", "state", ">token", "worker", "started", "failure"], rows);
}

pub(super) async fn logs(arguments: LogsArgs, data_dir: &DataDir) -> anyhow::Result<()> {
    let mut source = Source::of(data_dir).await?;
    let id = source.find(arguments.build.as_deref()).await?;
    match source {
        Source::Running(mut client) => {
            let request = LogsRequest {
                build: id.to_string(),
                follow: arguments.follow,
            };
            let mut lines = client.logs(request).await.map_err(said)?.into_inner();
            loop {
                match lines.message().await {
                    Ok(Some(line)) => output::print(&line.text),
                    Ok(None) => return Ok(()),
                    Err(status) if arguments.follow => bail!("the coordinator is gone: {}", status.message()),
                    Err(status) => return Err(said(status)),
                }
            }
        }
        Source::Lying(_) => {
            for line in crate::leader::log_lines(&data_dir.logs(), &id) {
                output::print(&line);
            }
            Ok(())
        }
    }
}

pub(super) async fn cancel(arguments: CancelArgs, data_dir: &DataDir) -> anyhow::Result<()> {
    let mut source = Source::of(data_dir).await?;
    let id = source.find(Some(&arguments.build)).await?;
    match source {
        Source::Running(mut client) => {
            client
                .direct(DirectRequest {
                    wanted: "cancel".into(),
                    priority: None,
                    build: id.to_string(),
                })
                .await
                .map_err(said)?;
        }
        Source::Lying(_) => cancel_lying(data_dir, &id)?,
    }
    eprintln!("cancelled {id}; its results are kept, and submitting it again goes on");
    Ok(())
}

/// Cancels a build in a ledger that no coordinator has open.
fn cancel_lying(data_dir: &DataDir, id: &BuildId) -> anyhow::Result<()> {
    let _lock = data_dir.lock("imgcalc cancel")?;
    let (mut log, commands) = Log::open(&data_dir.ledger())?;
    let mut state = State::default();
    for command in &commands {
        state.apply(command);
    }
    let at_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
    let command = Command::Cancel {
        build: id.clone(),
        at_ms,
    };
    for effect in state.apply(&command) {
        if let crate::ledger::Effect::Refused { reason } = effect {
            bail!("{reason}");
        }
    }
    Ok(log.append(&[command])?)
}

fn date(at_ms: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(at_ms)).to_string()
}
