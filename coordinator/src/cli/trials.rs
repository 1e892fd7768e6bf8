//! `imgcalc explain`, and what `status` says of a search.

use super::at::At;
use super::output::{self, percent};
use super::{net_search, units, walk};
use crate::plan::Plan;
use anyhow::{Context, bail};
use imgcalc_shared::explore::{SearchFacts, SearchFound, TrialFacts, TrialStanding};
use imgcalc_shared::search::{Budget, Hours, TrialId};
use serde_json::json;

/// Trials that `status` shows; all of them are in its JSON and in the report.
const SHOWN_MAX: usize = 20;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The build: its id, a start of it, or its name.
    build: String,
    /// The trial, by its number; the whole search unless given.
    trial: Option<u32>,
    /// The candidate of a search over nets, by its number: why it was trained or left out, and what it is as the `[net]` of
    /// a spec.
    #[arg(long, value_name = "N", conflicts_with = "trial")]
    net: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Why a trial was started, went on, was stopped or copied, a net trained or left out, a format recommended.
pub(super) async fn explain(arguments: Args, at: &At) -> anyhow::Result<()> {
    let mut source = at.source().await?;
    let id = source.find(Some(&arguments.build)).await?;
    let view = source.view(&id).await?;
    let plan = view.plan();
    if let Some(at) = arguments.net {
        let nets = plan.findings.nets.as_ref();
        let nets = nets.with_context(|| match view.build.search_nets {
            Some(_) => format!(
                "the search over nets of {id} has not begun; `imgcalc status {id}` shows what it waits for"
            ),
            None => format!("{id} searches no nets: its spec has no [search.nets]"),
        })?;
        let lines = net_search::story(nets, at)?;
        if arguments.json {
            return output::json(&nets.candidates[at]);
        }
        lines.iter().for_each(|line| output::print(line));
        return Ok(());
    }
    if let (Some(facts), None) = (&plan.findings.embedding, arguments.trial) {
        if arguments.json && plan.findings.hyper.is_none() {
            return output::json(&json!({ "embedding": facts }));
        }
        if !arguments.json {
            walk::story(facts).iter().for_each(|line| output::print(line));
            match plan.findings.hyper {
                Some(_) => output::print(""),
                None => return Ok(()),
            }
        }
    }
    if let (Some(facts), None) = (&plan.findings.nets, arguments.trial) {
        if arguments.json && plan.findings.hyper.is_none() {
            return output::json(&json!({ "nets": facts }));
        }
        if !arguments.json {
            net_search::stories(facts)
                .iter()
                .for_each(|line| output::print(line));
            match plan.findings.hyper {
                Some(_) => output::print(""),
                None => return Ok(()),
            }
        }
    }
    let Some(found) = &plan.findings.hyper else {
        match (&view.build.search_hyper, &view.build.search_nets) {
            (Some(_), nets) => bail!(
                "the search of {id} has not begun: it waits for the {}; `imgcalc status {id}` shows how far that is",
                if nets.is_some() {
                    "search over nets"
                } else {
                    "chain"
                }
            ),
            (None, Some(_)) if plan.findings.nets.is_some() => {
                bail!("{id} has no trials but nets: `imgcalc explain {id} --net N`")
            }
            (None, Some(_)) => bail!(
                "the search over nets of {id} has not begun; `imgcalc status {id}` shows what it waits for"
            ),
            (None, None) => bail!(
                "{id} has no search to explain: its spec has no [search.hyper], no [search.nets] and no finished embedding"
            ),
        }
    };
    let trial = arguments.trial.map(TrialId);
    let facts = match trial {
        Some(trial) => Some(of_trial(found, trial)?),
        None => None,
    };
    if arguments.json {
        return output::json(&value(found, trial, facts));
    }
    if let Some(facts) = facts {
        output::print(&format!("{}: {}", facts.trial, facts.point));
        output::print(&standing_words(facts));
        output::print("");
    }
    let story: Vec<(usize, String)> = match trial {
        Some(trial) => found
            .story_of(trial)
            .map(|(at, chapter)| (at, chapter.to_string()))
            .collect(),
        None => (1..)
            .zip(&found.unfolded.story)
            .map(|(at, chapter)| (at, chapter.to_string()))
            .collect(),
    };
    let width = found.unfolded.story.len().to_string().len();
    for (at, words) in story {
        output::print(&format!("{at:width$}  {words}"));
    }
    for place in trial.map(|trial| places(found, trial)).unwrap_or_default() {
        output::print(&format!("{:width$}  now {place}", ""));
    }
    if let (Some(facts), false) = (facts, arguments.json) {
        for task in &facts.tasks {
            output::print(&format!("task  {task}"));
        }
    }
    Ok(())
}

/// What `status` shows of a search.
pub(super) fn print(plan: &Plan) {
    let Some(found) = &plan.findings.hyper else {
        return;
    };
    let facts = &found.facts;
    output::print("");
    output::print(&format!("search     {}", search_words(facts)));
    if let Some(best) = &facts.best {
        output::print(&format!(
            "best       {} of {}, {} epochs: {}",
            percent(Some(best.accuracy)),
            best.trial,
            best.epochs,
            best.point
        ));
    }
    for line in rung_words(facts) {
        output::print(&format!("           {line}"));
    }
    let order = |trial: &TrialFacts| {
        (
            trial.standing != TrialStanding::Running,
            std::cmp::Reverse(trial.epochs),
        )
    };
    let mut trials: Vec<&TrialFacts> = facts.trials.iter().collect();
    let accuracy = |trial: &TrialFacts| trial.accuracy.unwrap_or(-1.0);
    trials.sort_by(|a, b| order(a).cmp(&order(b)).then(accuracy(b).total_cmp(&accuracy(a))));
    let rows = trials.iter().take(SHOWN_MAX).map(|trial| {
        vec![
            trial.trial.0.to_string(),
            trial.standing.to_string(),
            format!("{}/{}", trial.epochs, trial.until),
            percent(trial.accuracy),
            sparkline(trial),
            trial.point.to_string(),
        ]
    });
    output::print("");
    output::table(
        &[">trial", "state", ">epochs", ">accuracy", "curve", "with"],
        rows,
    );
    if let Some(more) = trials.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        output::print(&format!(
            "and {more} more: --json has all, `imgcalc report` draws them"
        ));
    }
}

/// The search in a line.
fn search_words(facts: &SearchFacts) -> String {
    let Budget {
        trainings, epochs, ..
    } = facts.budget;
    let of = |most: Option<String>| most.map_or(String::new(), |most| format!("/{most}"));
    let state = if facts.is_over { ", over" } else { "" };
    let hours = hours_words(facts.budget, facts.wall_seconds, facts.device_seconds);
    format!(
        "{} on {}: {}{} trials, {}{} epochs, {} of training{hours}{state}",
        facts.algorithm,
        facts.format,
        facts.trials.len(),
        of(trainings.map(|most| most.to_string())),
        facts.epochs_spent,
        of(epochs.map(|most| most.to_string())),
        units::duration(facts.seconds),
    )
}

/// How much of a budget of hours is used up, where there is one.
pub(super) fn hours_words(budget: Budget, wall_seconds: f64, device_seconds: f64) -> String {
    let used = |seconds: f64, most: Option<Hours>, what: &str| {
        most.map_or(String::new(), |most| {
            let most = units::duration(most.seconds() as f64);
            format!(", {} of {most} {what}", units::duration(seconds))
        })
    };
    let wall = used(wall_seconds, budget.wall_hours, "on the wall");
    wall + &used(device_seconds, budget.gpu_hours, "on devices")
}

/// How many trials came how far.
fn rung_words(facts: &SearchFacts) -> Vec<String> {
    let Some(levels) = facts.levels() else {
        return Vec::new();
    };
    let came = |level: &u32| {
        let there = facts.trials.iter().filter(|trial| trial.epochs >= *level).count();
        format!("{there} at epoch {level}")
    };
    let came: Vec<String> = levels.iter().map(came).collect();
    vec![format!("rungs: {}", came.join(", "))]
}

/// A curve in a few characters, from the least to the most accuracy of its epochs.
fn sparkline(trial: &TrialFacts) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const WIDTH: usize = 12;
    let curve: Vec<f64> = trial.curve.iter().map(|point| point.accuracy).collect();
    let every = curve.len().div_ceil(WIDTH).max(1);
    let shown: Vec<f64> = curve
        .chunks(every)
        .filter_map(|chunk| chunk.last().copied())
        .collect();
    let low = shown.iter().copied().fold(f64::INFINITY, f64::min);
    let high = shown.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bar = |value: f64| match high > low {
        true => BARS[((value - low) / (high - low) * 7.0).round() as usize],
        false => BARS[0],
    };
    shown.into_iter().map(bar).collect()
}

fn standing_words(facts: &TrialFacts) -> String {
    let accuracy = match facts.accuracy {
        Some(accuracy) => format!(", accuracy {}", percent(Some(accuracy))),
        None => String::new(),
    };
    format!(
        "{}, {} of {} epochs{accuracy}  {}",
        facts.standing,
        facts.epochs,
        facts.until,
        sparkline(facts)
    )
}

/// Where a trial stands now in every rung it came to.
fn places(found: &SearchFound, trial: TrialId) -> Vec<String> {
    let places = found.search.search.places(&found.unfolded.history, trial);
    places.iter().map(|place| place.to_string()).collect()
}

fn of_trial(found: &SearchFound, trial: TrialId) -> anyhow::Result<&TrialFacts> {
    let trials = &found.facts.trials;
    trials.get(trial.0 as usize).with_context(|| match trials.len() {
        0 => "no trial was started yet".to_string(),
        count => format!("there is no {trial}; they are numbered from 0 to {}", count - 1),
    })
}

fn value(found: &SearchFound, trial: Option<TrialId>, facts: Option<&TrialFacts>) -> serde_json::Value {
    let story = (1..).zip(&found.unfolded.story);
    let story = story.filter(|(_, chapter)| trial.is_none_or(|trial| chapter.is_about(trial)));
    let story: Vec<_> = story
        .map(|(at, chapter)| json!({"at": at, "trial": chapter.trial(), "chapter": chapter, "words": chapter.to_string()}))
        .collect();
    let places = trial.map(|trial| found.search.search.places(&found.unfolded.history, trial));
    json!({ "trial": facts, "story": story, "places": places, "search": found.facts_without_trials() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgcalc_shared::search::Point;
    use imgcalc_shared::task::EpochPoint;

    #[test]
    fn a_curve_is_drawn_between_its_least_and_its_most() {
        let curve = |accuracies: &[f64]| TrialFacts {
            trial: TrialId(0),
            point: Point(Default::default()),
            bracket: 0,
            standing: TrialStanding::Done,
            epochs: 0,
            until: 0,
            accuracy: None,
            copied: Vec::new(),
            curve: (1..)
                .zip(accuracies)
                .map(|(epoch, &accuracy)| EpochPoint {
                    epoch,
                    loss: 1.0,
                    accuracy,
                })
                .collect(),
            tasks: Vec::new(),
        };
        assert_eq!(sparkline(&curve(&[])), "");
        assert_eq!(sparkline(&curve(&[0.5])), "▁");
        assert_eq!(sparkline(&curve(&[0.1, 0.8, 0.5])), "▁█▅");
        let many: Vec<f64> = (0..240).map(f64::from).collect();
        assert_eq!(sparkline(&curve(&many)).chars().count(), 12);
    }
}
