//! The course of a search over nets: training after training, what was promised beside what came of it, the curves.

use super::{accuracies, told};
use crate::report::plot::{Area, Axis, Mark, Plot, figure};
use crate::report::scale::Scale;
use crate::report::search::path;
use crate::report::text::{number, percent};
use imgcalc_shared::explore::{NetCandidate, NetSearchFacts};
use imgcalc_shared::search::{Promise, Reason};
use std::fmt::Write;

const HEIGHT: f64 = 320.0;
const AREA: Area = Area {
    left: 56.0,
    right: 744.0,
    top: 28.0,
    bottom: 270.0,
};

/// Curves of so many nets are drawn, the best: of more nobody can follow one.
const LINES_MAX: usize = 400;

/// The accuracies in the order in which the nets were chosen, and the best so far.
pub(super) fn in_turn(facts: &NetSearchFacts) -> String {
    let chosen = facts.chosen();
    let y = Scale::share(
        chosen.iter().filter_map(|(_, one)| one.accuracy),
        AREA.bottom,
        AREA.top,
    );
    let x = Scale::from_zero([chosen.len() as f64], AREA.left, AREA.right);
    let mut plot = Plot::new(HEIGHT, "accuracy of nets in the order in which they were chosen");
    let turns = Axis {
        scale: &x,
        title: "trainings",
        text: number,
        ticks: chosen.len().clamp(1, 8),
    };
    plot.axes(AREA, turns, accuracies(&y));
    let (mut best, mut d) = (f64::NEG_INFINITY, String::new());
    for (turn, (at, candidate)) in (1..).zip(chosen) {
        let accuracy = candidate.accuracy.unwrap_or(f64::NAN);
        let Some((left, up)) = x.at(f64::from(turn)).zip(y.at(accuracy)) else {
            continue;
        };
        if accuracy > best {
            // A step: up to now the best was what it was.
            let _ = match d.is_empty() {
                true => write!(d, "M{left:.1} {up:.1}"),
                false => write!(d, "H{left:.1}V{up:.1}"),
            };
            best = accuracy;
        }
        let is_drawn = candidate.reason.as_ref().and_then(promise).is_none();
        let (class, radius) = if is_drawn { ("m", 3.0) } else { ("fm", 3.6) };
        plot.dot(class, (left, up), radius, &told(facts, at, candidate));
    }
    if !d.is_empty() {
        let _ = write!(d, "H{:.1}", AREA.right);
        plot.path("best", &d);
    }
    let legend = [
        ("fm", Mark::Dot, "chosen by what it promised"),
        ("m", Mark::Dot, "the next that was drawn"),
        ("best", Mark::Line, "best so far"),
    ];
    let caption = "Each mark is a net that was trained, in the order in which the search chose them.";
    figure("Nets, training after training", &legend, &plot.finish(), caption)
}

/// What was expected of nets beside what they came to; nothing where nothing was.
pub(super) fn promised(facts: &NetSearchFacts) -> String {
    let both: Vec<(usize, &NetCandidate, (f64, bool), f64)> = facts
        .ranked()
        .into_iter()
        .filter_map(|(at, one, accuracy)| Some((at, one, one.reason.as_ref().and_then(promise)?, accuracy)))
        .filter(|(.., promise, accuracy)| promise.0.is_finite() && accuracy.is_finite())
        .collect();
    let Some(&(.., (_, is_accuracy), _)) = both.first() else {
        return String::new();
    };
    let by = both.iter().find_map(|(_, one, ..)| match one.reason {
        Some(Reason::Promises { by, .. }) => Some(by),
        _ => None,
    });
    let y = Scale::share(both.iter().map(|(.., accuracy)| *accuracy), AREA.bottom, AREA.top);
    let promises = both.iter().map(|(.., promise, _)| promise.0);
    let x = match by {
        Some(Promise::Parameters | Promise::Flops) => Scale::log(promises, AREA.left + 8.0, AREA.right - 8.0),
        _ => Scale::linear(promises, AREA.left, AREA.right),
    };
    let mut plot = Plot::new(HEIGHT, "accuracy of nets over what they promised");
    let title = match by {
        Some(Promise::Ranks) => "minus the mean rank by all proxies".to_string(),
        Some(by) => format!("{by} of the untrained net"),
        None if both
            .iter()
            .any(|(_, one, ..)| matches!(one.reason, Some(Reason::Shares { .. }))) =>
        {
            "accuracy with its share of the supernet's weights".to_string()
        }
        None => "accuracy that was expected".to_string(),
    };
    let promises = Axis {
        scale: &x,
        title: &title,
        text: if is_accuracy { percent } else { signed },
        ticks: 8,
    };
    plot.axes(AREA, promises, accuracies(&y));
    for (at, candidate, (promise, _), accuracy) in &both {
        if let Some(place) = x.at(*promise).zip(y.at(*accuracy)) {
            plot.dot("fm", place, 3.6, &told(facts, *at, candidate));
        }
    }
    let legend = [("fm", Mark::Dot, "chosen by what it promised")];
    let caption = "The more the marks rise to the right, the better the search knew what it chose. Of those that promised \
                   less nothing is known: they were not trained.";
    figure(
        "What was promised and what came of it",
        &legend,
        &plot.finish(),
        caption,
    )
}

/// What a net promised when it was chosen, and whether that is an accuracy; none where it promised nothing.
fn promise(reason: &Reason) -> Option<(f64, bool)> {
    match reason {
        Reason::Drawn => None,
        Reason::Promises { score, .. } => Some((*score, false)),
        Reason::Shares { accuracy, .. } => Some((*accuracy, true)),
        Reason::Predicted { accuracy, .. } => Some(((*accuracy)?, true)),
    }
}

fn signed(value: f64) -> String {
    match value < 0.0 {
        true => format!("−{}", number(-value)),
        false => number(value),
    }
}

/// The curves of the trained nets, all in one drawing; nothing where none was kept.
pub(super) fn curves(facts: &NetSearchFacts) -> String {
    let mut ranked = facts.ranked();
    ranked.truncate(LINES_MAX);
    let points = || ranked.iter().flat_map(|(_, candidate, _)| &candidate.curve);
    if points().next().is_none() {
        return String::new();
    }
    let y = Scale::share(points().map(|point| point.accuracy), AREA.bottom, AREA.top);
    let x = Scale::linear([1.0, f64::from(facts.epochs)], AREA.left, AREA.right);
    let mut plot = Plot::new(HEIGHT, "learning curves of nets");
    let epochs = Axis {
        scale: &x,
        title: "epoch",
        text: number,
        ticks: (facts.epochs as usize).clamp(1, 8),
    };
    plot.axes(AREA, epochs, accuracies(&y));
    // The best lies on top.
    for &(at, candidate, _) in ranked.iter().rev() {
        let is_best = Some(at) == facts.best;
        let places = candidate.curve.iter();
        let places: Vec<(f64, f64)> = places
            .filter_map(|point| x.at(f64::from(point.epoch)).zip(y.at(point.accuracy)))
            .collect();
        plot.path(if is_best { "best" } else { "o" }, &path(&places));
        if let Some(&end) = places.last() {
            plot.dot(
                if is_best { "fm" } else { "m" },
                end,
                2.8,
                &told(facts, at, candidate),
            );
        }
    }
    let legend = [
        ("best", Mark::Line, "the best net"),
        ("o", Mark::Line, "other nets"),
    ];
    let caption = "Validation accuracy over epochs of the nets that were trained; point at the end of one to see which it is.";
    figure("Curves of the nets", &legend, &plot.finish(), caption)
}
