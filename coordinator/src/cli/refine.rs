//! `imgcalc refine`: the trainings that turn a bucket's prediction into a measurement.

use super::amend::{Came, HowArgs, amend};
use super::at::At;
use super::output::{self, percent};
use super::{answer, units};
use crate::ledger::BuildPhase;
use crate::plan::{Plan, Stage};
use crate::view::BuildView;
use anyhow::bail;
use imgcalc_shared::build::Amendment;
use imgcalc_shared::explore::{Answer, Candidate};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The build: its id, a start of it, or its name.
    build: String,
    /// The bucket, as `imgcalc explore --buckets` counts them.
    #[arg(long, value_name = "N")]
    bucket: u16,
    /// How many of its formats are to be trained in all, those trained before among them; or `all` [default: as many
    /// as in a sampled bucket].
    #[arg(long, value_name = "N|all")]
    formats: Option<Formats>,
    #[command(flatten)]
    how: HowArgs,
    /// Print what changed as JSON.
    #[arg(long)]
    json: bool,
    /// Also write the report to this file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// How many formats of a bucket.
#[derive(Clone, Copy, Debug)]
enum Formats {
    All,
    Some(u16),
}

impl std::str::FromStr for Formats {
    type Err = String;

    fn from_str(text: &str) -> Result<Formats, String> {
        match (text, text.parse()) {
            ("all", _) => Ok(Formats::All),
            (_, Ok(count @ 1..)) => Ok(Formats::Some(count)),
            _ => Err("write a number from 1 to 65535, or all".into()),
        }
    }
}

pub(super) async fn run(arguments: Args, at: &At) -> anyhow::Result<ExitCode> {
    let mut source = at.source().await?;
    let id = source.find(Some(&arguments.build)).await?;
    let before = source.view(&id).await?;
    let amendment = amendment(&before, &arguments)?;
    let after = match amend(source, &before, &amendment, "refine", &arguments.how, at).await? {
        Came::Over(after) => after,
        Came::Asked => return Ok(ExitCode::SUCCESS),
        Came::Interrupted => return Ok(ExitCode::from(130)),
    };
    changed(&before, &after, arguments.bucket, arguments.json)?;
    if arguments.json {
        let found = after.plan().answer(&after.build);
        let report = answer::save(&after, &found, arguments.report, at)?;
        eprintln!("report: {}", report.display());
        return Ok(ExitCode::SUCCESS);
    }
    output::print("");
    answer::over(&after, false, arguments.report, at)
}

/// What is asked for, if it can be and is not there yet.
fn amendment(view: &BuildView, arguments: &Args) -> anyhow::Result<Amendment> {
    let (id, bucket) = (&view.id, arguments.bucket);
    match &view.phase {
        BuildPhase::Paused => bail!("build {id} is paused; `imgcalc resume {id}` first"),
        BuildPhase::Cancelled => bail!("build {id} is cancelled; `imgcalc resume {id}` first"),
        BuildPhase::Running | BuildPhase::Ended { .. } => {}
    }
    let plan = view.plan();
    if let Some(reason) = &plan.refused {
        bail!("build {id} cannot be done: {reason}");
    }
    let Some(buckets) = &plan.findings.buckets else {
        let (done, all) = plan.progress(Stage::Profile);
        bail!(
            "build {id} has no buckets before its profile is whole: {done} of {all} results are there; let it go on, \
             and ask again"
        );
    };
    anyhow::ensure!(
        usize::from(bucket) < buckets.len(),
        "there is no bucket {bucket}: build {id} has {}, counted from 0; `imgcalc explore {id} --buckets` shows them",
        buckets.len()
    );
    let (trained, inside) = (trained(&plan, bucket), buckets.formats(usize::from(bucket)).len());
    let (formats, wanted) = match arguments.formats {
        Some(Formats::All) => (None, inside),
        Some(Formats::Some(count)) => (Some(count), inside.min(usize::from(count))),
        None => {
            let count = view.build.formats_per_bucket;
            (Some(count), inside.min(usize::from(count)))
        }
    };
    let amendment = Amendment::Refine { bucket, formats };
    // Asked for again it goes on where it was left, and says the same if nothing was.
    let known = view.build.amendments.contains(&amendment);
    if !known && trained >= inside {
        bail!("all {inside} formats of bucket {bucket} are trained; nothing in it is predicted");
    }
    if !known && trained >= wanted {
        bail!(
            "{trained} of the {inside} formats of bucket {bucket} are trained already; say how many in all with \
             --formats, for example --formats all"
        );
    }
    Ok(amendment)
}

fn trained(plan: &Plan, bucket: u16) -> usize {
    let inside = plan.findings.buckets.as_ref();
    let inside = inside.map_or(&[][..], |buckets| buckets.formats(usize::from(bucket)));
    let links = plan.findings.chain.iter();
    links.filter(|link| inside.contains(&link.link.format)).count()
}

/// Says of a bucket what was its best format and what is.
fn changed(before: &BuildView, after: &BuildView, bucket: u16, as_json: bool) -> anyhow::Result<()> {
    let plans = (before.plan(), after.plan());
    let answers = (plans.0.answer(&before.build), plans.1.answer(&after.build));
    let best = (best(&answers.0, bucket), best(&answers.1, bucket));
    let formats = answers.1.buckets[usize::from(bucket)].formats;
    let trained = (trained(&plans.0, bucket), trained(&plans.1, bucket));
    if as_json {
        return output::json(&json!({
            "build": after.id,
            "bucket": bucket,
            "formats": formats,
            "trained_before": trained.0,
            "trained": trained.1,
            "best_before": best.0.map(super::explore::value),
            "best": best.1.map(super::explore::value),
        }));
    }
    let row = |when: &str, trained: usize, best: Option<&Candidate>| {
        let known_by = |best: &Candidate| if best.measured { "measured" } else { "predicted" };
        let time = |best: &Candidate| units::time(best.time_us);
        vec![
            when.to_string(),
            format!("{trained}/{formats}"),
            best.map_or("-".into(), |best| best.format.to_string()),
            percent(best.and_then(|best| best.accuracy)),
            best.map_or("-", known_by).into(),
            best.map_or("-".into(), time),
            best.map_or("-".into(), |best| units::bytes(best.bytes)),
        ]
    };
    let bucket = format!("bucket {bucket}");
    let headings = [
        bucket.as_str(),
        ">trained",
        "best format",
        ">accuracy",
        "known by",
        ">time",
        ">bytes",
    ];
    let rows = [row("before", trained.0, best.0), row("now", trained.1, best.1)];
    output::table(&headings, rows);
    Ok(())
}

/// The format of a bucket that is most accurate as far as is known.
fn best(answer: &Answer, bucket: u16) -> Option<&Candidate> {
    let inside = answer.candidates.iter();
    let inside = inside.filter(|candidate| candidate.bucket == usize::from(bucket));
    inside.max_by(|a, b| {
        let accuracy = |candidate: &Candidate| candidate.accuracy.unwrap_or(-1.0);
        accuracy(a).total_cmp(&accuracy(b))
    })
}
