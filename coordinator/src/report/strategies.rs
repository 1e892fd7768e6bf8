//! Transfer strategies: what the same formats came to by each, and what that cost.

use super::chain::{NAMES_MAX, duration};
use super::plot::{Area, Axis, Mark, Plot, figure as section};
use super::scale::Scale;
use super::tables;
use super::text::{count, number, percent};
use imgcalc_shared::chain::Strategy;
use imgcalc_shared::explore::{Answer, StrategyFacts};
use imgcalc_shared::format::Format;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const HEADING: &str = "Transfer strategies";
const HEIGHT: f64 = 450.0;
const AREA: Area = Area {
    left: 96.0,
    right: 748.0,
    top: 28.0,
    bottom: 330.0,
};

/// The figure and its table; nothing where no strategy is compared with the build's own.
pub(super) fn figure(answer: &Answer) -> String {
    if answer.strategies.is_empty() {
        return String::new();
    }
    drawing(&answer.strategies) + &table(&answer.strategies)
}

fn drawing(strategies: &[StrategyFacts]) -> String {
    let trainings = || strategies.iter().flat_map(|facts| &facts.trainings);
    let formats: BTreeSet<Format> = trainings().map(|training| training.format).collect();
    let mut formats: Vec<Format> = formats.into_iter().collect();
    if formats.is_empty() {
        return super::plot::nothing(HEADING, "No training of a strategy has finished yet.");
    }
    formats.sort_by(|a, b| a.density_order(*b));
    let shares = trainings().map(|training| training.accuracy);
    let y = Scale::share(shares, AREA.bottom - 6.0, AREA.top + 6.0);
    let step = (AREA.right - AREA.left) / formats.len() as f64;
    let x = |index: usize| AREA.left + (index as f64 + 0.5) * step;
    let index_of: BTreeMap<Format, usize> = formats.iter().copied().zip(0..).collect();

    let mut plot = Plot::new(HEIGHT, HEADING);
    plot.y_axis(
        AREA,
        Axis {
            scale: &y,
            title: "accuracy",
            text: |share| format!("{:.0} %", share * 100.0),
            ticks: 6,
        },
    );
    plot.line("axis", (AREA.left, AREA.bottom), (AREA.right, AREA.bottom));
    for index in (0..formats.len()).step_by(formats.len().div_ceil(NAMES_MAX)) {
        plot.line("axis", (x(index), AREA.bottom), (x(index), AREA.bottom + 4.0));
        plot.slanted((x(index) + 4.0, AREA.bottom + 14.0), &formats[index].to_string());
    }
    // The build's own is drawn last, over the others.
    for facts in strategies.iter().rev() {
        let mut places: Vec<(usize, (f64, f64), String)> = Vec::new();
        for training in &facts.trainings {
            let index = index_of[&training.format];
            let Some(up) = y.at(training.accuracy) else {
                continue;
            };
            let from = training
                .parent
                .map_or("from scratch".to_string(), |parent| format!("from {parent}"));
            let title = format!(
                "{}: {} · {} · {from}",
                training.format,
                percent(training.accuracy),
                facts.strategy.words()
            );
            places.push((index, (x(index), up), title));
        }
        places.sort_by_key(|(index, ..)| *index);
        let mut d = String::new();
        for (_, (left, up), _) in &places {
            let _ = write!(d, "{}{left:.1} {up:.1}", if d.is_empty() { "M" } else { "L" });
        }
        if places.len() > 1 {
            plot.path(line_class(facts.strategy), &d);
        }
        for (_, at, title) in &places {
            plot.dot(dot_class(facts.strategy), *at, 4.2, title);
        }
    }
    let legend: Vec<(&str, Mark, &str)> = strategies
        .iter()
        .map(|facts| (line_class(facts.strategy), Mark::Line, facts.strategy.words()))
        .collect();
    let caption = format!(
        "Validation accuracy of the same {} formats, densest to sparsest, by who handed whom the first weights. \
         The build went by {}; buckets and predictions follow from it alone.",
        count(formats.len() as u64),
        strategies[0].strategy.words()
    );
    section(HEADING, &legend, &plot.finish(), &caption)
}

fn table(strategies: &[StrategyFacts]) -> String {
    let own = &strategies[0];
    let row = |facts: &StrategyFacts| {
        let none = || "–".to_string();
        let difference = facts.difference(own).filter(|_| facts.strategy != own.strategy);
        let points = |(more, over): (f64, usize)| match more.is_finite() {
            true => format!("{:+.1} points over {over}", 100.0 * more),
            false => none(),
        };
        let (format, best) = facts.best().map_or((none(), none()), |(format, best)| {
            (format!("<code>{format}</code>"), percent(best))
        });
        vec![
            facts.strategy.words().to_string(),
            format,
            best,
            facts.mean().map_or_else(none, percent),
            difference.map_or_else(none, points),
            count(facts.trainings.len() as u64),
            number(facts.cost_epochs),
            duration(facts.seconds),
            count(facts.in_sequence as u64),
        ]
    };
    let heads = [
        "strategy",
        "best format",
        "best",
        "mean",
        "than the build's own",
        "trainings",
        "epochs",
        "time",
        "in sequence",
    ];
    let note = "Cost as if each had been trained alone; a training that two share was done once. Epochs: on pixels' size. \
                In sequence: trainings that wait for one another, whatever number of workers there is.";
    tables::table("Strategies compared", &heads, 2, strategies.iter().map(row), note)
}

fn line_class(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::DenseToSparse => "l0",
        Strategy::SparseToDense => "l1",
        Strategy::FromDensest => "l2",
        Strategy::FromSparsest => "l3",
        Strategy::Scratch => "l4",
    }
}

fn dot_class(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::DenseToSparse => "p0",
        Strategy::SparseToDense => "p1",
        Strategy::FromDensest => "p2",
        Strategy::FromSparsest => "p3",
        Strategy::Scratch => "p4",
    }
}
