//! `imgcalc explore`: which formats keep these budgets.

use super::at::At;
use super::output::{self, percent};
use super::units;
use anyhow::bail;
use imgcalc_shared::explore::{Answer, BucketFacts, Candidate, Query};
use serde_json::{Value, json};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The build: its id, a start of it, or its name; the latest unless given.
    build: Option<String>,
    /// Most inference time per image, for example 200us or 0.5ms.
    #[arg(long, value_parser = units::parse_us)]
    time: Option<f64>,
    /// Most bytes per image, for example 300B or 2KiB.
    #[arg(long, value_parser = units::parse_bytes)]
    space: Option<f64>,
    /// Least accuracy, for example 0.85 or 85%.
    #[arg(long, value_parser = units::parse_share)]
    min_accuracy: Option<f64>,
    /// Every feasible format, in place of the Pareto front.
    #[arg(long, conflicts_with_all = ["time", "space", "min_accuracy"])]
    all: bool,
    /// The buckets in place of formats: which were sampled or refined, and the best accuracy of each.
    #[arg(long, conflicts_with_all = ["time", "space", "min_accuracy", "all", "limit"])]
    buckets: bool,
    /// Print at most this many formats.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Args, at: &At) -> anyhow::Result<()> {
    let mut source = at.source().await?;
    let id = source.find(arguments.build.as_deref()).await?;
    let answer = source.answer(&id).await?;
    anyhow::ensure!(
        !answer.candidates.is_empty(),
        "build {id} has no profile yet; `imgcalc status {id}` shows where it stands"
    );

    if arguments.buckets {
        anyhow::ensure!(
            !answer.buckets.is_empty(),
            "build {id} has no buckets before its profile is whole; `imgcalc status {id}` shows where it stands"
        );
        return buckets(&answer.buckets, arguments.json);
    }

    let query = Query {
        time_us: arguments.time,
        bytes: arguments.space,
        min_accuracy: arguments.min_accuracy,
    };
    let mut found = match (arguments.all, query == Query::default()) {
        (true, _) => answer.within(query),
        (false, true) => answer.front(),
        (false, false) => answer.within(query),
    };
    if found.is_empty() {
        bail!("{}", nothing(&answer, query));
    }
    found.truncate(arguments.limit.unwrap_or(usize::MAX));
    if arguments.json {
        return output::json(&found.into_iter().map(value).collect::<Vec<_>>());
    }
    table(&found);
    eprintln!(
        "{} of {} formats of build {id}; time per image in batches of {} on {}",
        found.len(),
        answer.candidates.len(),
        answer.batch,
        answer.hardware
    );
    if let Some(predicted) = found.iter().find(|candidate| !candidate.measured) {
        eprintln!(
            "{} is predicted: `imgcalc refine {id} --bucket {}` trains formats of its bucket",
            predicted.format, predicted.bucket
        );
    }
    Ok(())
}

/// The buckets, fastest first. As JSON the names of their fields are part of the interface.
fn buckets(facts: &[BucketFacts], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return output::json(&facts);
    }
    let row = |(index, bucket): (usize, &BucketFacts)| {
        let round = |round: Option<usize>| round.map_or("-".into(), |round| round.to_string());
        vec![
            index.to_string(),
            units::time(bucket.time_us_low),
            units::time(bucket.time_us_high),
            bucket.formats.to_string(),
            bucket.trained.to_string(),
            round(bucket.round),
            round(bucket.refined),
            percent(bucket.best_measured),
            percent(bucket.best_interpolated),
        ]
    };
    let headings = [
        ">bucket",
        ">from",
        ">to",
        ">formats",
        ">trained",
        ">in round",
        ">refined in",
        ">best measured",
        ">interpolated",
    ];
    output::table(&headings, facts.iter().enumerate().map(row));
    Ok(())
}

/// A candidate as JSON; the names of its fields are part of the interface.
pub(super) fn value(candidate: &Candidate) -> Value {
    json!({
        "format": candidate.format,
        "time_us": candidate.time_us,
        "time_us_p95": candidate.time_us_p95,
        "latency_us": candidate.latency_us,
        "latency_us_p95": candidate.latency_us_p95,
        "read_us": candidate.parts.read_us,
        "decode_us": candidate.parts.decode_us,
        "transfer_us": candidate.parts.transfer_us,
        "execute_us": candidate.parts.execute_us,
        "bytes": candidate.bytes,
        "image_bytes": candidate.image_bytes,
        "accuracy": candidate.accuracy,
        "accuracy_low": candidate.accuracy_low,
        "accuracy_high": candidate.accuracy_high,
        "accuracy_predicted": candidate.accuracy_predicted,
        "measured": candidate.measured,
        "bucket": candidate.bucket,
    })
}

fn table(found: &[&Candidate]) {
    let row = |candidate: &&Candidate| {
        let interval = match (candidate.accuracy_low, candidate.accuracy_high) {
            (Some(low), Some(high)) => format!("{:.1}–{:.1}", 100.0 * low, 100.0 * high),
            _ => "-".into(),
        };
        vec![
            candidate.format.to_string(),
            percent(candidate.accuracy),
            interval,
            if candidate.measured {
                "measured"
            } else {
                "predicted"
            }
            .into(),
            candidate.bucket.to_string(),
            units::time(candidate.time_us),
            units::time(candidate.time_us_p95),
            units::time(candidate.latency_us),
            units::bytes(candidate.bytes),
            units::bytes(candidate.image_bytes),
        ]
    };
    let headings = [
        "format",
        ">accuracy",
        ">95 %",
        "known by",
        ">bucket",
        ">time",
        ">p95",
        ">one image",
        ">bytes",
        ">own file",
    ];
    output::table(&headings, found.iter().map(row));
}

/// Why no format keeps the budgets, naming the nearest.
fn nothing(answer: &Answer, query: Query) -> String {
    let mut reasons = Vec::new();
    let (fastest, smallest) = answer.least().unwrap_or((0.0, 0.0));
    if query.time_us.is_some_and(|budget| budget < fastest) {
        reasons.push(format!("the fastest format takes {}", units::time(fastest)));
    }
    if query.bytes.is_some_and(|budget| budget < smallest) {
        reasons.push(format!("the smallest format takes {}", units::bytes(smallest)));
    }
    let best = answer
        .within(Query {
            min_accuracy: None,
            ..query
        })
        .first()
        .and_then(|candidate| candidate.accuracy);
    if let (Some(least), Some(best)) = (query.min_accuracy, best)
        && best < least
    {
        reasons.push(format!(
            "within the other budgets the best accuracy is {}",
            percent(Some(best))
        ));
    }
    if reasons.is_empty() {
        reasons.push("each budget can be kept, but not all at once; loosen one".into());
    }
    format!("no format keeps these budgets: {}", reasons.join("; "))
}
