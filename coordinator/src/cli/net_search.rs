//! What `status`, `explain` and the end of a build say of a search over nets.

use super::output::{self, percent};
use super::trials::hours_words;
use super::units;
use crate::plan::{Plan, Planned, Stage};
use anyhow::Context;
use imgcalc_shared::build::Build;
use imgcalc_shared::explore::{NetCandidate, NetSearchFacts, NetStanding};
use imgcalc_shared::spec::net_table;
use imgcalc_shared::task::{Task, TaskId};
use serde_json::{Value, json};

/// Candidates that `status` shows; all of them are in its JSON and in the report.
const SHOWN_MAX: usize = 20;

/// What `status` shows of a search over nets.
pub(super) fn print(build: &Build, plan: &Plan) {
    let Some(facts) = &plan.findings.nets else {
        if let (Some(search), false) = (&build.search_nets, plan.complete) {
            let what = match search.format {
                Some(_) => "the profile",
                None => "the chain to find the format to train on",
            };
            output::print("");
            output::print(&format!("nets       {}, waits for {what}", search.algorithm));
        }
        return;
    };
    output::print("");
    output::print(&format!("nets       {}", words(facts)));
    output::print(&format!("           {}", progress(facts, plan)));
    if let Some(words) = best_words(facts) {
        output::print(&format!("best       {words}"));
    }
    let mut rest: Vec<(usize, &NetCandidate)> = facts.candidates.iter().enumerate().collect();
    rest.retain(|(_, candidate)| candidate.accuracy.is_none());
    let time = |candidate: &NetCandidate| candidate.time_us.unwrap_or(f64::INFINITY);
    rest.sort_by(|(_, a), (_, b)| {
        let stands = facts.standing(a).cmp(&facts.standing(b));
        stands.then(time(a).total_cmp(&time(b)))
    });
    let ranked = facts
        .ranked()
        .into_iter()
        .map(|(at, candidate, _)| (at, candidate));
    let order: Vec<(usize, &NetCandidate)> = ranked.chain(rest).collect();
    let row = |(at, candidate): &(usize, &NetCandidate)| {
        vec![
            at.to_string(),
            facts.standing(candidate).to_string(),
            percent(candidate.accuracy),
            candidate.time_us.map_or("-".into(), units::time),
            units::count(candidate.parameters),
            units::count(candidate.flops),
            candidate.words(),
        ]
    };
    output::print("");
    let headings = [
        ">net",
        "state",
        ">accuracy",
        ">time",
        ">parameters",
        ">operations",
        "is",
    ];
    output::table(&headings, order.iter().take(SHOWN_MAX).map(row));
    if let Some(more) = order.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        output::print(&format!(
            "and {more} more: --json has all, `imgcalc report` draws them"
        ));
    }
}

/// The best net in a line; none while none was trained.
pub(super) fn best_words(facts: &NetSearchFacts) -> Option<String> {
    let (at, best) = (facts.best?, facts.best()?);
    Some(format!(
        "{} of net {at} in {}: {}",
        percent(best.accuracy),
        best.time_us.map_or("-".into(), units::time),
        best.words()
    ))
}

/// The best net as JSON; the names of its fields are part of the interface.
pub(super) fn best_value(facts: &NetSearchFacts) -> Option<Value> {
    let (at, best) = (facts.best?, facts.best()?);
    Some(json!({
        "net": at,
        "is": best.net,
        "format": facts.format,
        "time_us": best.time_us,
        "parameters": best.parameters,
        "flops": best.flops,
        "accuracy": best.accuracy,
        "test_accuracy": best.test_accuracy,
        "task": best.task,
        "weights": best.weights,
    }))
}

/// The whole search, a line for each net that was chosen.
pub(super) fn stories(facts: &NetSearchFacts) -> Vec<String> {
    let line = |(turn, (at, candidate)): (usize, (usize, &NetCandidate))| {
        let why = candidate
            .reason
            .as_ref()
            .map_or(String::new(), |reason| reason.to_string());
        let came = match candidate.accuracy {
            Some(accuracy) => format!("came to {}", percent(Some(accuracy))),
            None => facts.standing(candidate).to_string(),
        };
        format!("{turn}  net {at}, {}: {why}; {came}", candidate.words())
    };
    let mut lines = vec![words(facts)];
    lines.extend((1..).zip(facts.chosen()).map(line));
    for standing in [
        NetStanding::NotChosen,
        NetStanding::Unmeasured,
        NetStanding::TooSlow,
        NetStanding::Failed,
    ] {
        let stand = facts.candidates.iter().enumerate();
        let stand = stand.filter(|(_, one)| one.reason.is_none() && facts.standing(one) == standing);
        let names: Vec<String> = stand.map(|(at, _)| at.to_string()).collect();
        if !names.is_empty() {
            lines.push(format!("{standing}: {} ({})", names.len(), names.join(", ")));
        }
    }
    lines
}

/// Why a candidate is trained or is not, line by line, and what can be done with it.
pub(super) fn story(facts: &NetSearchFacts, at: usize) -> anyhow::Result<Vec<String>> {
    let count = facts.candidates.len();
    let candidate = facts.candidates.get(at).with_context(|| {
        format!(
            "there is no net {at}; they are numbered from 0 to {}",
            count.saturating_sub(1)
        )
    })?;
    let standing = facts.standing(candidate);
    let mut lines = vec![
        format!("net {at}: {} ({standing})", candidate.words()),
        format!(
            "{} parameters, {} operations an image",
            units::count(candidate.parameters),
            units::count(candidate.flops)
        ),
        time_words(facts, candidate),
    ];
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
    lines.push(match (&candidate.reason, standing) {
        (Some(reason), _) => format!("is trained: {reason}"),
        (None, NetStanding::NotChosen) => not_chosen(facts),
        (None, _) => "is not trained".to_string(),
    });
    if let Some(accuracy) = candidate.accuracy {
        let tested = candidate.test_accuracy.map(|tested| percent(Some(tested)));
        let tested = tested.map_or(String::new(), |tested| format!(", {tested} on test images"));
        let rank = facts.ranked().iter().position(|(other, ..)| *other == at);
        lines.push(format!(
            "came to {}{tested}: rank {} of {} trained",
            percent(Some(accuracy)),
            rank.map_or(0, |rank| rank + 1),
            facts.count(NetStanding::Trained)
        ));
    }
    if let Some(weights) = &candidate.weights {
        lines.push(format!("weights  {weights}"));
    }
    if let Some(task) = candidate.task {
        lines.push(format!("task     {task}"));
    }
    lines.push(String::new());
    lines.extend(net_table(&candidate.net));
    if let (Some(task), Some(_)) = (candidate.task, candidate.accuracy) {
        lines.push(String::new());
        lines.push("[training] # goes on from its weights".to_string());
        lines.push(format!("start = {{ task = \"{task}\" }}"));
    }
    Ok(lines)
}

/// The candidate that a training is of.
pub(super) fn of_task(plan: &Plan, task: TaskId) -> Option<(usize, &NetCandidate)> {
    let mut candidates = plan
        .findings
        .nets
        .iter()
        .flat_map(|nets| nets.candidates.iter().enumerate());
    candidates.find(|(_, candidate)| candidate.task == Some(task))
}

/// How far a search is, in a few words: `nets 3/8`; nothing where there is none.
pub(super) fn stage_words(plan: &Plan) -> Option<String> {
    let Some(facts) = &plan.findings.nets else {
        return (plan.nets_unknown > 0).then(|| "nets to measure".into());
    };
    let (measured, candidates) = measurements(plan);
    if measured < candidates {
        return Some(format!("nets measured {measured}/{candidates}"));
    }
    let (looked, all) = looks(plan);
    if looked < all {
        return Some(format!("nets looked at {looked}/{all}"));
    }
    if facts.is_over && facts.fit == 0 {
        return Some("no net is fast enough".into());
    }
    Some(format!(
        "nets {}/{}",
        facts.count(NetStanding::Trained),
        facts.chosen().len() + facts.trainings_unknown()
    ))
}

/// Tasks of the search of one kind: ended and in all.
fn tasks(plan: &Plan, is_wanted: fn(&Task) -> bool) -> (usize, usize) {
    let of_nets = plan.tasks.iter().filter(|planned| planned.stage == Stage::Nets);
    let wanted: Vec<&Planned> = of_nets.filter(|planned| is_wanted(&planned.task)).collect();
    (
        wanted.iter().filter(|planned| planned.has_ended()).count(),
        wanted.len(),
    )
}

fn measurements(plan: &Plan) -> (usize, usize) {
    tasks(plan, |task| matches!(task, Task::ProfileExecute { .. }))
}

/// Looks at untrained nets.
fn looks(plan: &Plan) -> (usize, usize) {
    tasks(plan, |task| matches!(task, Task::Proxies { .. }))
}

fn words(facts: &NetSearchFacts) -> String {
    let within = facts.time_us.map_or(String::new(), |budget| {
        format!(", at most {} together", units::time(budget))
    });
    let state = if facts.is_over { ", over" } else { "" };
    format!("{} on {}{within}{state}", facts.algorithm, facts.format)
}

fn progress(facts: &NetSearchFacts, plan: &Plan) -> String {
    let (measured, candidates) = measurements(plan);
    let mut words = format!("{} of {candidates} candidates measured", facts.measured);
    if measured < candidates {
        return words;
    }
    if facts.time_us.is_some() {
        words += &format!(", {} fast enough", facts.fit);
    }
    let (looked, all) = looks(plan);
    if all > 0 {
        words += &format!(", {looked} of {all} looked at untrained");
    }
    let trained = facts.count(NetStanding::Trained);
    let all = facts.chosen().len() + facts.trainings_unknown();
    words += &format!(", {trained} of {all} trained for {} epochs", facts.epochs);
    words + &hours_words(facts.budget, facts.wall_seconds, facts.device_seconds)
}

fn time_words(facts: &NetSearchFacts, candidate: &NetCandidate) -> String {
    let Some(time) = candidate.time_us else {
        return match facts.standing(candidate) {
            NetStanding::Failed => "could not be measured".into(),
            _ => "waits for its measurement".into(),
        };
    };
    let took = format!("takes {} an image on {}", units::time(time), facts.format);
    match facts.time_us {
        Some(budget) if time > budget => {
            format!(
                "{took}: more than the {} of search.nets.time_us",
                units::time(budget)
            )
        }
        Some(budget) => format!("{took}, of {} it may", units::time(budget)),
        None => took,
    }
}

/// Why a net that is fast enough is not trained.
fn not_chosen(facts: &NetSearchFacts) -> String {
    match (facts.is_over, facts.chosen().len()) {
        (true, trained) => format!(
            "is not trained: the budget went to {trained} others, {}",
            facts.algorithm
        ),
        (false, 0) => "whether it is trained is not known yet".to_string(),
        (false, _) => "is not trained so far".to_string(),
    }
}
