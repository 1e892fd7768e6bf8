//! A build's answer as one HTML file that needs nothing else: plots drawn here, tables, light and dark.
//!
//! - [`text`]: numbers with units, escaping. Everything from outside goes through it.
//! - [`scale`], [`plot`]: axes, ticks, marks, labels that do not cover each other. Know nothing of formats.
//! - [`scatter`], [`buckets`], [`chain`], [`curves`], [`strategies`], [`bars`], [`embedding`]: one figure each;
//!   [`search`], [`nets`]: what a search over hyper-parameters or nets came to.
//! - [`tables`], [`bytes_read`]: the ladder, the front, the baselines, what was read, what is missing.
//! - [`style`]: colours and layout.

mod bars;
mod buckets;
mod bytes_read;
mod chain;
mod curves;
mod embedding;
mod nets;
mod plot;
mod scale;
mod scatter;
mod search;
mod strategies;
mod style;
mod tables;
mod text;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use imgcalc_shared::explore::{Answer, Baseline, BytesRead, Rung};
use imgcalc_shared::task::Jpeg;
use scatter::Over;
use text::{bytes, count, escape, number, percent, ratio};

/// What a report says beside the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReportFacts {
    /// Name of the build, for people.
    pub name: String,
    /// When the report was made, ready to print.
    pub generated_at: String,
    /// Formats of the space that fit the images.
    pub feasible: u64,
    /// Formats of the space that do not.
    pub infeasible: u64,
    /// Trainings finished, the baseline's among them.
    pub trainings: u64,
    /// Training cost of the build, in epochs on pixels.
    pub epochs: f64,
    /// Training cost of every feasible format from scratch, in epochs on pixels.
    pub epochs_brute_force: f64,
    /// Bytes of columns read.
    pub column_bytes: u64,
    /// Bytes that trainings on formats read, beside what they would have read otherwise.
    pub bytes: BytesRead,
    /// Where what starts from no other format starts, in words: `scratch`.
    pub start: String,
}

/// The report. `ladder` is drawn as given; its formats are named in the plots.
pub fn html(answer: &Answer, ladder: &[Rung], facts: &ReportFacts) -> String {
    let front = answer.front();
    let name = escape(&facts.name);
    let parts = [
        head(answer, facts),
        tiles(answer, facts),
        tables::ladder(answer, ladder),
        scatter::figure(answer, &front, ladder, Over::Time),
        scatter::figure(answer, &front, ladder, Over::Bytes),
        embedding::map(answer),
        buckets::figure(answer),
        chain::figure(answer),
        curves::figure(answer),
        nets::figures(answer),
        search::figures(answer),
        strategies::figure(answer),
        bytes_read::tables(&facts.bytes),
        bars::figure(answer, &front),
        tables::baselines(answer),
        tables::front(&front),
        tables::missing(&answer.missing),
    ];
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n<title>{name}: image formats</title>\n\
         <style>{}</style>\n</head>\n<body>\n<main>\n{}</main>\n<p id=\"tip\" hidden=\"\"></p>\n\
         <script>{}</script>\n</body>\n</html>\n",
        style::css(),
        parts.concat(),
        style::SCRIPT,
    )
}

fn head(answer: &Answer, facts: &ReportFacts) -> String {
    let start = match facts.start.as_str() {
        "" | "scratch" => String::new(),
        start => format!(
            " Where this page says from scratch, trainings started from {}.",
            escape(start)
        ),
    };
    format!(
        "<header><h1>{}</h1>\n<p>Storage formats for dataset <b>{}</b>. Times are medians on <b>{}</b> by batches of {}; \
         accuracies hold on {} validation images.{start}</p>\n<p class=\"quiet\">Build {} · {}</p></header>\n",
        escape(&facts.name),
        escape(&answer.dataset),
        escape(&answer.hardware),
        count(answer.batch.into()),
        count(answer.validation_images.into()),
        escape(&answer.build.0),
        escape(&facts.generated_at),
    )
}

fn tiles(answer: &Answer, facts: &ReportFacts) -> String {
    let tile = |value: String, what: &str, more: String| {
        format!("<div><b>{value}</b><span>{what}</span><small>{more}</small></div>\n")
    };
    let best = answer.within(Default::default()).into_iter();
    let best = best
        .filter_map(|candidate| Some((candidate, candidate.accuracy?)))
        .next();
    let (best, best_format) = match best {
        Some((candidate, accuracy)) => (
            percent(accuracy),
            format!("{}, {}", candidate.format, tables::standing(candidate)),
        ),
        None => ("–".to_string(), "nothing trained yet".to_string()),
    };
    let saved = match facts.epochs_brute_force / facts.epochs {
        saved if saved.is_finite() && facts.epochs > 0.0 => format!(
            "every format alone: {}; {} of it saved",
            number(facts.epochs_brute_force),
            percent((1.0 - 1.0 / saved).max(0.0)),
        ),
        _ => format!("every format alone: {}", number(facts.epochs_brute_force)),
    };
    let baseline = reference(answer).and_then(|baseline| Some((baseline, baseline.accuracy?)));
    let (jpeg, jpeg_name) = match baseline {
        Some((baseline, accuracy)) => (percent(accuracy), jpeg_name(baseline.jpeg)),
        None => ("–".to_string(), "not trained".to_string()),
    };
    [
        "<section class=\"tiles\">\n".to_string(),
        tile(best, "best accuracy", best_format),
        tile(jpeg, "accuracy on JPEG", jpeg_name),
        tile(
            count(facts.feasible),
            "formats considered",
            format!("{} more do not fit the images", count(facts.infeasible)),
        ),
        tile(
            count(facts.trainings),
            "trainings",
            format!("{} formats profiled", count(answer.candidates.len() as u64)),
        ),
        tile(number(facts.epochs), "epochs' worth of training", saved),
        tile(bytes(facts.column_bytes as f64), "columns read", String::new()),
        "</section>\n".to_string(),
    ]
    .concat()
}

/// The baseline that ratios refer to: the source's own files, else the first there is.
fn reference(answer: &Answer) -> Option<&Baseline> {
    let source = answer
        .baselines
        .iter()
        .find(|baseline| baseline.jpeg == Jpeg::Source);
    source.or(answer.baselines.first())
}

fn jpeg_name(jpeg: Jpeg) -> String {
    match jpeg {
        Jpeg::Source => "JPEG source".to_string(),
        Jpeg::Quality(quality) => format!("JPEG q{quality}"),
    }
}

/// How many times less a format costs than the baseline, for people.
fn less(baseline: Option<f64>, own: f64) -> String {
    baseline.map_or("–".to_string(), |baseline| ratio(baseline / own))
}
