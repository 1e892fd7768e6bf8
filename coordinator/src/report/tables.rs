//! The numbers behind the plots: what to use within which budget, the front, JPEG, and what is missing.

use super::text::{bytes, count, escape, interval, micros, percent};
use super::{jpeg_name, less, reference};
use imgcalc_shared::explore::{Answer, Candidate, Query, Rung};

/// Whether an accuracy was measured, in a word.
pub(super) fn standing(candidate: &Candidate) -> &'static str {
    if candidate.measured {
        "measured"
    } else {
        "predicted"
    }
}

/// A format with what it is worth and costs, in one line.
pub(super) fn in_words(candidate: &Candidate, accuracy: f64) -> String {
    format!(
        "{}: {} ({}) {} · {} · {}",
        candidate.format,
        percent(accuracy),
        interval(candidate.accuracy_low, candidate.accuracy_high),
        standing(candidate),
        micros(candidate.time_us),
        bytes(candidate.bytes)
    )
}

/// The recommended format of each budget.
pub(super) fn ladder(answer: &Answer, ladder: &[Rung]) -> String {
    if ladder.is_empty() {
        return super::plot::nothing("What to use", "No budgets to answer for.");
    }
    if ladder.iter().all(|rung| rung.recommended.is_none()) {
        return super::plot::nothing(
            "What to use",
            "No format with a known accuracy keeps any of the budgets.",
        );
    }
    let baseline = reference(answer);
    let times = baseline.map(|baseline| baseline.time_us);
    let sizes = baseline.map(|baseline| baseline.bytes);
    let row = |rung: &Rung| match rung.recommended {
        Some(format) => vec![
            budget(rung.query),
            code(format),
            format.accuracy.map_or("–".to_string(), percent),
            interval(format.accuracy_low, format.accuracy_high),
            standing(format).to_string(),
            micros(format.time_us),
            bytes(format.bytes),
            less(times, format.time_us),
            less(sizes, format.bytes),
        ],
        None => {
            let mut cells = vec![budget(rung.query), "nothing known fits".to_string()];
            cells.resize(9, "–".to_string());
            cells
        }
    };
    let heads = [
        "budget",
        "format",
        "accuracy",
        "95 % interval",
        "how",
        "time",
        "bytes",
        "faster",
        "smaller",
    ];
    let note = match baseline {
        Some(baseline) => format!(
            "The most accurate format within each budget. Faster and smaller: than {}, {} and {} per image.",
            jpeg_name(baseline.jpeg),
            micros(baseline.time_us),
            bytes(baseline.bytes)
        ),
        None => "The most accurate format within each budget. No JPEG baseline was measured.".to_string(),
    };
    table("What to use", &heads, 2, ladder.iter().map(row), &note)
}

/// Every format of the front.
pub(super) fn front(front: &[&Candidate]) -> String {
    if front.is_empty() {
        return super::plot::nothing("Pareto front", "No format has an accuracy yet.");
    }
    let row = |format: &&Candidate| {
        vec![
            code(format),
            format.accuracy.map_or("–".to_string(), percent),
            interval(format.accuracy_low, format.accuracy_high),
            standing(format).to_string(),
            micros(format.time_us),
            micros(format.time_us_p95),
            micros(format.latency_us),
            bytes(format.bytes),
            bytes(format.image_bytes),
            format.bucket.to_string(),
        ]
    };
    let heads = [
        "format",
        "accuracy",
        "95 % interval",
        "how",
        "time",
        "time, p95",
        "one image",
        "bytes",
        "as a file",
        "bucket",
    ];
    let note = format!(
        "{} formats that no other beats in accuracy, time and bytes at once, fastest first. \
         One image: time where it comes alone.",
        count(front.len() as u64)
    );
    table("Pareto front", &heads, 1, front.iter().map(row), &note)
}

/// The JPEG baselines.
pub(super) fn baselines(answer: &Answer) -> String {
    if answer.baselines.is_empty() {
        return super::plot::nothing("JPEG baselines", "No JPEG baseline was measured.");
    }
    let rows = answer.baselines.iter().map(|baseline| {
        vec![
            jpeg_name(baseline.jpeg),
            baseline.accuracy.map_or("–".to_string(), percent),
            micros(baseline.time_us),
            micros(baseline.time_us_p95),
            micros(baseline.latency_us),
            bytes(baseline.bytes),
        ]
    });
    let heads = ["files", "accuracy", "time", "time, p95", "one image", "bytes"];
    let note = "The same net on pixels, trained from scratch.";
    table("JPEG baselines", &heads, 1, rows, note)
}

/// What failed, if anything.
pub(super) fn missing(missing: &[String]) -> String {
    if missing.is_empty() {
        return String::new();
    }
    let items: String = missing
        .iter()
        .map(|what| format!("<li>{}</li>\n", escape(what)))
        .collect();
    format!("<section class=\"warn\"><h2>What is missing</h2>\n<ul>\n{items}</ul></section>\n")
}

fn budget(query: Query) -> String {
    let parts = [
        query.time_us.map(|us| format!("≤ {}", micros(us))),
        query.bytes.map(|size| format!("≤ {}", bytes(size))),
        query.min_accuracy.map(|share| format!("≥ {}", percent(share))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        "any".to_string()
    } else {
        parts.join(", ")
    }
}

fn code(candidate: &Candidate) -> String {
    format!("<code>{}</code>", candidate.format)
}

/// The first `left` columns are words, the others numbers. Cells are taken as they are: this file alone makes them.
pub(super) fn table(
    heading: &str,
    heads: &[&str],
    left: usize,
    rows: impl Iterator<Item = Vec<String>>,
    note: &str,
) -> String {
    let class = |index: usize| if index < left { " class=\"l\"" } else { "" };
    let line = |tag: &str, cells: &[String]| -> String {
        let cells = cells.iter().enumerate();
        let cells: String = cells
            .map(|(index, cell)| format!("<{tag}{}>{cell}</{tag}>", class(index)))
            .collect();
        format!("<tr>{cells}</tr>\n")
    };
    let heads: Vec<String> = heads.iter().map(|head| head.to_string()).collect();
    let body: String = rows.map(|cells| line("td", &cells)).collect();
    format!(
        "<section><h2>{heading}</h2>\n<div class=\"scroll\"><table>\n<thead>{}</thead>\n<tbody>\n{body}</tbody>\n\
         </table></div>\n<p class=\"quiet\">{note}</p></section>\n",
        line("th", &heads).trim_end()
    )
}
