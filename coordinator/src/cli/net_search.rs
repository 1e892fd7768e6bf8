//! What `status` and `explain` say of a search over nets.

use super::output::{self, percent};
use super::trials::hours_words;
use super::units;
use crate::plan::Plan;
use anyhow::Context;
use imgcalc_shared::explore::{NetCandidate, NetSearchFacts};

/// Candidates that `status` shows; all of them are in its JSON and in the report.
const SHOWN_MAX: usize = 20;

/// What `status` shows of a search over nets.
pub(super) fn print(plan: &Plan) {
    let Some(facts) = &plan.findings.nets else {
        return;
    };
    output::print("");
    output::print(&format!("nets       {}", words(facts)));
    if let Some(best) = facts.best() {
        output::print(&format!(
            "best       {} of {}",
            percent(best.accuracy),
            best.point
        ));
    }
    let mut order: Vec<(usize, &NetCandidate)> = facts.candidates.iter().enumerate().collect();
    let rank = |candidate: &NetCandidate| candidate.accuracy.unwrap_or(-1.0);
    order.sort_by(|(_, a), (_, b)| {
        rank(b)
            .total_cmp(&rank(a))
            .then(b.reason.is_some().cmp(&a.reason.is_some()))
    });
    let row = |(at, candidate): &(usize, &NetCandidate)| {
        vec![
            at.to_string(),
            standing(facts, candidate).to_string(),
            percent(candidate.accuracy),
            candidate.time_us.map_or("-".into(), units::time),
            candidate.parameters.to_string(),
            candidate.point.to_string(),
        ]
    };
    output::print("");
    let headings = [">net", "state", ">accuracy", ">time", ">parameters", "is"];
    output::table(&headings, order.iter().take(SHOWN_MAX).map(row));
    if let Some(more) = order.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        output::print(&format!(
            "and {more} more: --json has all, `imgcalc report` draws them"
        ));
    }
}

/// Why a candidate is trained or is not, line by line.
pub(super) fn story(facts: &NetSearchFacts, at: usize) -> anyhow::Result<Vec<String>> {
    let count = facts.candidates.len();
    let candidate = facts.candidates.get(at).with_context(|| {
        format!(
            "there is no net {at}; they are numbered from 0 to {}",
            count.saturating_sub(1)
        )
    })?;
    let mut lines = vec![
        format!("net {at}: {}", candidate.point),
        format!(
            "{} parameters, {} operations an image",
            candidate.parameters, candidate.flops
        ),
    ];
    lines.push(match (candidate.time_us, facts.time_us) {
        (None, _) => "waits for its measurement".into(),
        (Some(time), Some(budget)) if time > budget => {
            format!(
                "takes {} with {}: more than the {budget} µs it may",
                units::time(time),
                facts.format
            )
        }
        (Some(time), _) => format!("takes {} with {}", units::time(time), facts.format),
    });
    if let Some(proxies) = &candidate.proxies {
        lines.push(format!(
            "untrained: synflow {:.3}, gradient norm {:.4}, Jacobian covariance {:.3}, naswot {:.3}",
            proxies.synflow, proxies.grad_norm, proxies.jacobian_covariance, proxies.naswot
        ));
    }
    if let Some(accuracy) = candidate.supernet {
        lines.push(format!(
            "with its share of a supernet's weights: {}",
            percent(Some(accuracy))
        ));
    }
    lines.push(match &candidate.reason {
        Some(reason) => format!("is trained: {reason}"),
        None => "is not trained".to_string(),
    });
    if let Some(accuracy) = candidate.accuracy {
        lines.push(format!("came to {}", percent(Some(accuracy))));
    }
    Ok(lines)
}

fn words(facts: &NetSearchFacts) -> String {
    let trained = facts
        .candidates
        .iter()
        .filter(|candidate| candidate.accuracy.is_some());
    let within = facts
        .time_us
        .map_or(String::new(), |budget| format!(" within {budget} µs"));
    let state = if facts.is_over { ", over" } else { "" };
    let hours = hours_words(facts.budget, facts.wall_seconds, facts.device_seconds);
    format!(
        "{} on {}: {} of {} candidates measured, {} fit{within}, {}/{} trained for {} epochs{hours}{state}",
        facts.algorithm,
        facts.format,
        facts.measured,
        facts.candidates.len(),
        facts.fit,
        trained.count(),
        facts.budget.trainings.unwrap_or(0),
        facts.epochs,
    )
}

fn standing(facts: &NetSearchFacts, candidate: &NetCandidate) -> &'static str {
    match (candidate.time_us, candidate.accuracy, &candidate.reason) {
        (None, ..) => "to measure",
        (Some(time), ..) if facts.time_us.is_some_and(|budget| time > budget) => "too slow",
        (_, Some(_), _) => "trained",
        (_, None, Some(_)) if facts.is_over => "failed",
        (_, None, Some(_)) => "training",
        (_, None, None) => "not chosen",
    }
}
