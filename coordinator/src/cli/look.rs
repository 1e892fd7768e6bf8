//! `imgcalc ls | status`.

use super::at::At;
use super::output::{self, percent};
use super::source::Source;
use super::waits::waits_for;
use super::{net_search, progress, trials, units, walk};
use crate::ledger::{BuildPhase, Ending};
use crate::plan::Stage;
use crate::view::{BuildView, counts};
use imgcalc_shared::explore::StrategyFacts;
use imgcalc_shared::task::Start;
use serde_json::json;
use std::time::{Duration, UNIX_EPOCH};

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

pub(super) async fn ls(arguments: LsArgs, at: &At) -> anyhow::Result<()> {
    let overview = at.source().await?.overview().await?;
    if arguments.json {
        return output::json(&overview.builds);
    }
    let rows = overview.builds.iter().map(|build| {
        vec![
            build.id.to_string(),
            build.dataset.clone(),
            build.phase.to_string(),
            format!("{}/{}", build.done, build.expected),
            build.priority.to_string(),
            date(build.submitted_at_ms),
        ]
    });
    let columns = ["build", "dataset", "state", ">tasks", ">priority", "submitted"];
    output::table(&columns, rows);
    Ok(())
}

pub(super) async fn status(arguments: StatusArgs, at: &At) -> anyhow::Result<()> {
    let mut source = at.source().await?;
    let id = source.find(arguments.build.as_deref()).await?;
    let view = source.view(&id).await?;
    let plan = view.plan();
    let (done, expected) = counts(&plan);
    let left = progress::time_left(&view.build, &plan, &view);
    let waits = match (&source, &view.phase) {
        (Source::Running(_), BuildPhase::Running) => {
            waits_for(&view, &plan, &source.overview().await?.workers)
        }
        _ => None,
    };
    let bytes = progress::bytes_beside(&view, &plan);
    let answer = plan.answer(&view.build);
    if arguments.json {
        return output::json(&json!({
            "build": view.id,
            "state": view.phase.to_string(),
            "coordinator": matches!(source, Source::Running(_)),
            "tasks_done": done,
            "tasks_expected": expected,
            "seconds_left": left,
            "bytes_read": progress::bytes_read(&view),
            "running": view.running,
            "waits_for": waits,
            "bytes_beside": bytes,
            "batch_size": plan.findings.batch.unwrap_or(view.build.scratch.batch_size),
            "chain": answer.chain,
            "strategies": answer.strategies,
            "embedding": answer.embedding,
            "nets": answer.nets,
            "search": answer.hyper,
            "missing": answer.missing,
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
    if let Some(words) = progress::bytes_words(&bytes) {
        output::print(&format!("           {words}"));
    }
    if let (Some(batch), true) = (plan.findings.batch, view.build.scratch.batch_auto) {
        output::print(&format!("batch      {batch} images a step, as measured"));
    }
    if let (Some(left), true) = (left, view.phase == BuildPhase::Running) {
        output::print(&format!("time left  about {}", units::duration(left)));
    }
    if let Some(waits) = waits {
        output::print(&format!("waits for  {waits}"));
    }
    for running in &view.running {
        output::print(&format!("running    {}", progress::running_words(running)));
    }
    let trained = plan.findings.chain.iter().map(|link| {
        let parent = link.link.parent;
        let parent = parent.map_or(start_words(view.build.start), |parent| parent.to_string());
        let seconds = units::duration(link.trained.seconds);
        vec![
            link.link.format.to_string(),
            parent,
            link.round.to_string(),
            percent(Some(link.trained.accuracy)),
            seconds,
            units::bytes(link.trained.bytes_read as f64),
        ]
    });
    let (rows, _) = plan.progress(Stage::Chain);
    if rows > 0 {
        output::print("");
        output::table(
            &["trained", "from", ">round", ">accuracy", ">time", ">read"],
            trained,
        );
    }
    if !answer.strategies.is_empty() {
        output::print("");
        compared(&answer.strategies);
    }
    walk::print(&plan, &answer);
    net_search::print(&view.build, &plan);
    trials::print(&plan);
    if !answer.missing.is_empty() {
        output::print("");
    }
    for missing in &answer.missing {
        output::print(&format!("missing    {missing}"));
    }
    if arguments.tasks {
        output::print("");
        attempts(&view);
    }
    Ok(())
}

/// The strategies side by side, the build's own first.
fn compared(strategies: &[StrategyFacts]) {
    let row = |facts: &StrategyFacts| {
        let own = &strategies[0];
        let difference = facts.difference(own).filter(|_| facts.strategy != own.strategy);
        vec![
            facts.strategy.words().to_string(),
            facts.trainings.len().to_string(),
            percent(facts.mean()),
            percent(facts.best().map(|(_, accuracy)| accuracy)),
            difference.map_or("-".into(), |(more, _)| format!("{:+.1}", 100.0 * more)),
            format!("{:.0}", facts.cost_epochs),
            units::duration(facts.seconds),
            facts.in_sequence.to_string(),
        ]
    };
    let headings = [
        "strategy",
        ">trained",
        ">mean",
        ">best",
        ">difference, %",
        ">epochs",
        ">time",
        ">in sequence",
    ];
    output::table(&headings, strategies.iter().map(row));
}

/// Where what starts from no other format starts.
pub(super) fn start_words(start: Start) -> String {
    match start {
        Start::Scratch => "scratch".into(),
        Start::Weights(task) => format!("task {}", task.0.short()),
        Start::File(digest) => format!("weights {}", digest.short()),
        Start::State(task) => format!("the state of {}", task.0.short()),
    }
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
                attempt.host.clone(),
                date(attempt.started_at_ms),
                failure.map_or("-".into(), |(class, message)| format!("{class}: {message}")),
            ]);
        }
    }
    output::table(
        &["task", "state", ">token", "worker", "host", "started", "failure"],
        rows,
    );
}

pub(super) fn date(at_ms: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(at_ms)).to_string()
}
