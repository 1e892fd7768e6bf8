//! What `status` and `explain` say of a search by embedding.

use super::output::{self, percent};
use super::units;
use crate::plan::{Plan, Stage};
use imgcalc_shared::embedding::{EmbeddingFacts, Step};
use imgcalc_shared::explore::Answer;
use imgcalc_shared::format::Format;

/// The walk as a table, beside what its formats came to where they were trained.
pub(super) fn print(plan: &Plan, answer: &Answer) {
    let Some(facts) = &plan.findings.embedding else {
        if plan.progress(Stage::Embedding).1 > 0 {
            output::print("");
            output::print("embedding  waits for its training");
        }
        return;
    };
    output::print("");
    output::print(&format!("embedding  {}", words(facts)));
    output::print("");
    let row = |step: &Step| {
        vec![
            step.format.to_string(),
            step.bucket.to_string(),
            units::time(step.time_us),
            units::bytes(step.bytes),
            format!("{:.3}", step.agreement),
            format!("{}/{}", step.rank, step.of),
            format!("{:.3}", step.to_previous),
            format!("{:.3}", step.to_densest),
            percent(measured(answer, step.format)),
        ]
    };
    let headings = [
        "recommended",
        ">bucket",
        ">time",
        ">bytes",
        ">agreement",
        ">rank",
        ">to previous",
        ">to densest",
        ">accuracy",
    ];
    output::table(&headings, facts.steps.iter().map(row));
}

/// Why each format of the walk was taken, a line for each.
pub(super) fn story(facts: &EmbeddingFacts) -> Vec<String> {
    let line = |(at, step): (usize, &Step)| {
        let why = match at {
            0 => "the densest format: the walk begins there".to_string(),
            _ if step.rank == 1 => format!(
                "agrees most with all formats of the {} in bucket {} ({:.3})",
                step.of, step.bucket, step.agreement
            ),
            _ => format!(
                "the fastest format, so that every budget has an answer (agreement {:.3}, rank {} of {} in bucket {})",
                step.agreement, step.rank, step.of, step.bucket
            ),
        };
        format!(
            "{}: {why}; cosine {:.3} to the step before, {:.3} to the densest",
            step.format, step.to_previous, step.to_densest
        )
    };
    facts.steps.iter().enumerate().map(line).collect()
}

fn words(facts: &EmbeddingFacts) -> String {
    let found = match facts.found {
        Some(found) => format!(
            ", finds {} of images again in another format",
            percent(Some(found))
        ),
        None => String::new(),
    };
    format!(
        "{} formats embedded at the cost of {:.1} epochs on pixels, {}{found}",
        facts.map.len(),
        facts.cost_epochs,
        units::duration(facts.seconds)
    )
}

fn measured(answer: &Answer, format: Format) -> Option<f64> {
    let mut candidates = answer.candidates.iter();
    let candidate = candidates.find(|candidate| candidate.format == format)?;
    candidate.accuracy.filter(|_| candidate.measured)
}
