//! A search: its trials over what they cost, their curves, and which values the good ones have.

use super::plot::{Area, Axis, Mark, Plot, figure};
use super::scale::Scale;
use super::text::{escape, number, percent};
use imgcalc_shared::explore::{Answer, SearchFacts, TrialFacts, TrialStanding};
use std::fmt::Write;

const HEIGHT: f64 = 320.0;
const AREA: Area = Area {
    left: 56.0,
    right: 744.0,
    top: 28.0,
    bottom: 270.0,
};

/// Trials drawn as lines: of more nobody can follow one.
const LINES_MAX: usize = 400;

/// The figures; nothing where the build has no search.
pub(super) fn figures(answer: &Answer) -> String {
    let Some(facts) = &answer.hyper else {
        return String::new();
    };
    let mut out = summary(facts);
    if facts.scored.is_empty() {
        return out;
    }
    out += &over_budget(facts);
    out += &curves(facts);
    out += &coordinates(facts);
    out
}

fn summary(facts: &SearchFacts) -> String {
    let best = match &facts.best {
        None => "No trial has a result yet.".to_string(),
        Some(best) => format!(
            "The best is {} with {} after {} epochs: {}.",
            best.trial,
            percent(best.accuracy),
            best.epochs,
            escape(&best.point.to_string())
        ),
    };
    let count = |standing: TrialStanding| {
        facts
            .trials
            .iter()
            .filter(|trial| trial.standing == standing)
            .count()
    };
    let standings = [
        TrialStanding::Done,
        TrialStanding::Running,
        TrialStanding::Paused,
        TrialStanding::Stopped,
        TrialStanding::Failed,
    ];
    let standings: Vec<String> = standings
        .into_iter()
        .filter(|standing| count(*standing) > 0)
        .map(|standing| format!("{} {standing}", count(standing)))
        .collect();
    format!(
        "<section><h2>Search over hyper-parameters</h2>\n<p>{} on <code>{}</code>: {} trials ({}), {} epochs of {}.</p>\n\
         <p>{best}</p></section>\n",
        facts.algorithm,
        facts.format,
        facts.trials.len(),
        standings.join(", "),
        facts.epochs_spent,
        escape(&facts.budget.to_string()),
    )
}

/// Every result over the epochs that were spent until it came, and the best so far.
fn over_budget(facts: &SearchFacts) -> String {
    let y = accuracies(facts);
    let spent = facts.scored.iter().map(|scored| scored.epochs_spent as f64);
    let x = Scale::from_zero(spent, AREA.left, AREA.right);
    let mut plot = Plot::new(HEIGHT, "accuracy of trials over epochs spent");
    axes(&mut plot, &x, "epochs of training spent", &y);
    let (mut best, mut d) = (f64::NEG_INFINITY, String::new());
    for scored in &facts.scored {
        let place = x.at(scored.epochs_spent as f64).zip(y.at(scored.accuracy));
        let Some((left, up)) = place else { continue };
        if scored.accuracy > best {
            // A step: up to now the best was what it was.
            let _ = match d.is_empty() {
                true => write!(d, "M{left:.1} {up:.1}"),
                false => write!(d, "H{left:.1}V{up:.1}"),
            };
            best = scored.accuracy;
        }
        let whole = scored.epoch >= facts.epochs.max;
        let title = format!(
            "{}, epoch {}: {}",
            scored.trial,
            scored.epoch,
            percent(scored.accuracy)
        );
        plot.dot(
            if whole { "fm" } else { "o" },
            (left, up),
            if whole { 3.6 } else { 3.0 },
            &title,
        );
    }
    let _ = write!(d, "H{:.1}", AREA.right);
    plot.path("best", &d);
    let legend = [
        ("fm", Mark::Dot, "trained to the end"),
        ("o", Mark::Dot, "at a pause"),
        ("best", Mark::Line, "best so far"),
    ];
    let caption = "Each mark is the accuracy of a trial when it paused, over the epochs that all trials had been trained for.";
    figure("Trials over budget", &legend, &plot.finish(), caption)
}

/// The curves of the trials, all in one drawing.
fn curves(facts: &SearchFacts) -> String {
    let y = accuracies(facts);
    let epochs = [1.0, f64::from(facts.epochs.max)];
    let x = Scale::linear(epochs, AREA.left, AREA.right);
    let mut plot = Plot::new(HEIGHT, "learning curves of trials");
    axes(&mut plot, &x, "epoch", &y);
    for level in facts.levels().unwrap_or_default() {
        if let Some(at) = x.at(f64::from(level)) {
            plot.line("jpegline", (at, AREA.top), (at, AREA.bottom));
        }
    }
    let best = facts.best.as_ref().map(|best| best.trial);
    let mut trials: Vec<&TrialFacts> = facts.trials.iter().take(LINES_MAX).collect();
    // The best lies on top.
    trials.sort_by_key(|trial| Some(trial.trial) == best);
    for trial in trials {
        let is_best = Some(trial.trial) == best;
        let places = trial.curve.iter();
        let places: Vec<(f64, f64)> = places
            .filter_map(|point| x.at(f64::from(point.epoch)).zip(y.at(point.accuracy)))
            .collect();
        plot.path(if is_best { "best" } else { "o" }, &path(&places));
        if let Some(&end) = places.last() {
            let title = format!("{} ({}): {}", trial.trial, trial.standing, trial.point);
            plot.dot(if is_best { "fm" } else { "m" }, end, 2.8, &title);
        }
    }
    let legend = [
        ("best", Mark::Line, "the best trial"),
        ("o", Mark::Line, "other trials"),
        ("jpegline", Mark::Upright, "rungs"),
    ];
    let caption = "Validation accuracy over epochs. Where a curve ends its trial paused, was stopped or is trained to the end; \
                   point at the end to see with what it was trained.";
    figure("Curves of the trials", &legend, &plot.finish(), caption)
}

/// Parallel coordinates: an axis for each parameter and one for the accuracy, a line for each trial.
fn coordinates(facts: &SearchFacts) -> String {
    let names: Vec<&String> = facts.parameters.0.keys().collect();
    let y = accuracies(facts);
    let gap = (AREA.right - AREA.left - 60.0) / names.len() as f64;
    let left = |at: usize| AREA.left + gap * at as f64;
    let mut plot = Plot::new(HEIGHT + 16.0, "parameters of trials beside their accuracy");
    for (at, (name, domain)) in facts.parameters.0.iter().enumerate() {
        plot.line("axis", (left(at), AREA.top), (left(at), AREA.bottom));
        let short: String = name
            .chars()
            .rev()
            .take(18)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect();
        plot.text("title mid", (left(at), AREA.bottom + 37.0), &short);
        plot.text(
            "small mid",
            (left(at), AREA.bottom + 14.0),
            &domain.decode(0.0).to_string(),
        );
        plot.text(
            "small mid",
            (left(at), AREA.top - 8.0),
            &domain.decode(1.0).to_string(),
        );
    }
    let last = left(names.len());
    plot.line("axis", (last, AREA.top), (last, AREA.bottom));
    plot.text("title mid", (last, AREA.bottom + 37.0), "accuracy");
    for tick in y.ticks(6) {
        if let Some(up) = y.at(tick) {
            plot.text("tick", (last + 8.0, up + 4.0), &percent(tick));
        }
    }
    let mut scored: Vec<(&TrialFacts, f64)> = facts
        .trials
        .iter()
        .filter_map(|trial| Some((trial, trial.accuracy?)))
        .collect();
    scored.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let good = scored.len() - scored.len().div_ceil(5);
    for (rank, (trial, accuracy)) in scored
        .iter()
        .enumerate()
        .skip(scored.len().saturating_sub(LINES_MAX))
    {
        let Some(places) = facts.parameters.encode(&trial.point) else {
            continue;
        };
        let up = |place: f64| AREA.bottom - place * (AREA.bottom - AREA.top);
        let mut line: Vec<(f64, f64)> = places
            .iter()
            .enumerate()
            .map(|(at, &place)| (left(at), up(place)))
            .collect();
        let Some(end) = y.at(*accuracy) else { continue };
        line.push((last, end));
        let is_good = rank >= good;
        plot.path(if is_good { "best" } else { "o" }, &path(&line));
        let title = format!(
            "{}: {} after {} epochs with {}",
            trial.trial,
            percent(*accuracy),
            trial.epochs,
            trial.point
        );
        plot.dot(if is_good { "fm" } else { "m" }, (last, end), 2.8, &title);
    }
    let legend = [
        ("best", Mark::Line, "the best fifth"),
        ("o", Mark::Line, "other trials"),
    ];
    let caption = format!(
        "Every line is a trial: where it crosses an axis is its value there. Accuracies are of trials trained for different \
         times, at most {} epochs.",
        number(f64::from(facts.epochs.max))
    );
    figure("What the good trials share", &legend, &plot.finish(), &caption)
}

fn accuracies(facts: &SearchFacts) -> Scale {
    let ends = facts.scored.iter().map(|scored| scored.accuracy);
    let curves = facts.trials.iter().flat_map(|trial| &trial.curve);
    Scale::share(
        ends.chain(curves.map(|point| point.accuracy)),
        AREA.bottom,
        AREA.top,
    )
}

fn axes(plot: &mut Plot, x: &Scale, title: &str, y: &Scale) {
    let x = Axis {
        scale: x,
        title,
        text: number,
        ticks: 8,
    };
    let y = Axis {
        scale: y,
        title: "validation accuracy",
        text: percent,
        ticks: 6,
    };
    plot.axes(AREA, x, y);
}

/// A line through places, in SVG's words.
pub(super) fn path(places: &[(f64, f64)]) -> String {
    let mut d = String::new();
    for (left, up) in places {
        let _ = write!(d, "{}{left:.1} {up:.1}", if d.is_empty() { "M" } else { "L" });
    }
    d
}
