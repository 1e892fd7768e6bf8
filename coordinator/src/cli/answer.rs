//! The end of a build: the recommendation for a ladder of budgets beside JPEG, and the report.

use super::at::At;
use super::output::{self, percent};
use super::{explore, look, net_search, progress, units};
use crate::ledger::{BuildPhase, Ending};
use crate::plan::{Plan, Planned, Stage};
use crate::report::{self, ReportFacts};
use crate::view::BuildView;
use anyhow::{Context, bail};
use imgcalc_shared::build::Build;
use imgcalc_shared::explore::{Answer, Baseline, Rung};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

#[derive(Debug, clap::Args)]
pub(super) struct ReportArgs {
    /// The build: its id, a start of it, or its name; the latest unless given.
    build: Option<String>,
    /// Where to write it [default: BUILD.html].
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) async fn report(arguments: ReportArgs, at: &At) -> anyhow::Result<()> {
    let mut source = at.source().await?;
    let id = source.find(arguments.build.as_deref()).await?;
    let view = source.view(&id).await?;
    let answer = view.plan().answer(&view.build);
    let path = arguments
        .out
        .unwrap_or_else(|| PathBuf::from(format!("{id}.html")));
    write_report(&view, &answer, &path)?;
    output::print(&path.display().to_string());
    Ok(())
}

/// Writes the report of a build to a file.
pub(super) fn write_report(view: &BuildView, answer: &Answer, path: &Path) -> anyhow::Result<()> {
    let plan = view.plan();
    let ladder = answer.ladder(&view.build.times_us, &view.build.spaces);
    let (spent, brute_force) = costs(&view.build, &plan);
    let stages = [
        Stage::Chain,
        Stage::Compared,
        Stage::Nets,
        Stage::Trials,
        Stage::Baseline,
    ];
    let trained: usize = stages.into_iter().map(|stage| plan.progress(stage).0).sum();
    let facts = ReportFacts {
        name: view.id.to_string(),
        generated_at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        feasible: plan.feasible.len() as u64,
        infeasible: (view.build.space.formats().len() - plan.feasible.len()) as u64,
        trainings: trained as u64,
        epochs: spent,
        epochs_brute_force: brute_force,
        column_bytes: progress::bytes_read(view),
        bytes: progress::bytes_beside(view, &plan),
        start: look::start_words(view.build.start),
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, report::html(answer, &ladder, &facts))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Cost of the chain and of what is compared with it, as planned so far, and of training every feasible format from scratch, in epochs on pixels.
pub(super) fn costs(build: &Build, plan: &Plan) -> (f64, f64) {
    let on_formats =
        |planned: &&Planned| matches!(planned.stage, Stage::Embedding | Stage::Chain | Stage::Compared);
    let of_chain = plan.tasks.iter().filter(on_formats);
    let chain = of_chain.map(|planned| build.training_cost(&planned.task)).sum();
    let all = plan
        .feasible
        .iter()
        .map(|&format| build.epoch_cost(build.shape(format)))
        .sum::<f64>();
    (chain, all * f64::from(build.scratch.epochs))
}

/// Prints the ladder with the recommendations, beside the baselines.
pub(super) fn print(view: &BuildView, answer: &Answer, as_json: bool) -> anyhow::Result<()> {
    let ladder = answer.ladder(&view.build.times_us, &view.build.spaces);
    if as_json {
        let rung = |rung: &Rung| {
            json!({
                "time_us_max": rung.query.time_us,
                "bytes_max": rung.query.bytes,
                "recommended": rung.recommended.map(explore::value),
            })
        };
        let rungs: Vec<_> = ladder.iter().map(rung).collect();
        let value = json!({
            "build": answer.build,
            "recommendations": rungs,
            "baselines": answer.baselines,
            "strategies": answer.strategies,
            "recommended": answer.embedding.as_ref().map(|embedding| &embedding.steps),
            "best_net": answer.nets.as_ref().and_then(net_search::best_value),
            "best_trial": answer.hyper.as_ref().and_then(|search| search.best.as_ref()),
            "missing": answer.missing,
        });
        return output::json(&value);
    }
    // The fastest baseline is the one to beat in time, the smallest the one to beat in space.
    let fastest = answer
        .baselines
        .iter()
        .min_by(|a, b| a.time_us.total_cmp(&b.time_us));
    let smallest = answer.baselines.iter().min_by(|a, b| a.bytes.total_cmp(&b.bytes));
    let mut rows: Vec<Vec<String>> = ladder
        .iter()
        .map(|rung| rung_row(rung, fastest, smallest))
        .collect();
    rows.extend(answer.baselines.iter().map(baseline_row));
    let headings = [
        "within",
        "format",
        ">accuracy",
        ">95 %",
        "known by",
        ">time",
        ">bytes",
        ">vs JPEG time",
        ">space",
    ];
    output::table(&headings, rows);
    if let Some((facts, words)) = answer
        .nets
        .as_ref()
        .and_then(|nets| Some((nets, net_search::best_words(nets)?)))
    {
        output::print("");
        output::print(&format!("best of the nets: {words}, on {}", facts.format));
        if let Some(at) = facts.best {
            eprintln!(
                "as a [net] for a spec, and its weights: imgcalc explain {} --net {at}",
                answer.build
            );
        }
    }
    if let Some(best) = answer.hyper.as_ref().and_then(|search| search.best.as_ref()) {
        let accuracy = percent(Some(best.accuracy));
        output::print("");
        output::print(&format!(
            "best of the search: {accuracy} of {} after {} epochs, with {}",
            best.trial, best.epochs, best.point
        ));
    }
    for missing in &answer.missing {
        eprintln!("missing: {missing}");
    }
    if !view.quarantined.is_empty() {
        eprintln!("tasks failed; `imgcalc logs {}` tells why", answer.build);
    }
    Ok(())
}

fn rung_row(rung: &Rung, fastest: Option<&Baseline>, smallest: Option<&Baseline>) -> Vec<String> {
    let within = match (rung.query.time_us, rung.query.bytes) {
        (Some(time), _) => units::time(time),
        (_, Some(bytes)) => units::bytes(bytes),
        _ => "any".into(),
    };
    let Some(best) = rung.recommended else {
        return vec![within, "nothing fits".into()];
    };
    let interval = match (best.accuracy_low, best.accuracy_high) {
        (Some(low), Some(high)) => format!("{:.1}–{:.1}", 100.0 * low, 100.0 * high),
        _ => "-".into(),
    };
    let ratio = |baseline: Option<f64>, ours: f64| {
        baseline.map_or("-".into(), |baseline| format!("{:.1}×", baseline / ours))
    };
    vec![
        within,
        best.format.to_string(),
        percent(best.accuracy),
        interval,
        if best.measured { "measured" } else { "predicted" }.into(),
        units::time(best.time_us),
        units::bytes(best.bytes),
        ratio(fastest.map(|baseline| baseline.time_us), best.time_us),
        ratio(smallest.map(|baseline| baseline.bytes), best.bytes),
    ]
}

fn baseline_row(baseline: &Baseline) -> Vec<String> {
    vec![
        "baseline".into(),
        baseline.jpeg.to_string(),
        percent(baseline.accuracy),
        "-".into(),
        if baseline.accuracy.is_some() {
            "measured"
        } else {
            "-"
        }
        .into(),
        units::time(baseline.time_us),
        units::bytes(baseline.bytes),
        "1.0×".into(),
        "1.0×".into(),
    ]
}

/// Writes the report of a build that is done, beside its ledger if nowhere else is said; gives back where.
pub(super) fn save(
    view: &BuildView,
    answer: &Answer,
    report: Option<PathBuf>,
    at: &At,
) -> anyhow::Result<PathBuf> {
    let report = report.unwrap_or_else(|| at.data_dir.0.join("reports").join(format!("{}.html", view.id)));
    write_report(view, answer, &report).context("the build is done, but its report cannot be written")?;
    Ok(report)
}

/// Says how a build ended: its answer, and a report beside it.
pub(super) fn over(
    view: &BuildView,
    json: bool,
    report: Option<PathBuf>,
    at: &At,
) -> anyhow::Result<ExitCode> {
    if let BuildPhase::Ended {
        ending: Ending::Refused(reason),
        ..
    } = &view.phase
    {
        bail!("the build cannot be done: {reason}");
    }
    let plan = view.plan();
    let found = plan.answer(&view.build);
    let report = save(view, &found, report, at)?;
    print(view, &found, json)?;
    eprintln!("report: {}", report.display());
    eprintln!("ask more: imgcalc explore {} {} --time 200us", view.id, at.flag());
    Ok(ExitCode::SUCCESS)
}
