//! The chain: every training in order, what it reached, and whose weights it began with.

use super::plot::{Area, Axis, Mark, Plot, figure as section, nothing};
use super::scale::Scale;
use super::text::{count, number, percent, trimmed};
use imgcalc_shared::explore::{Answer, ChainLink};
use imgcalc_shared::format::Format;
use std::collections::BTreeMap;

const HEADING: &str = "Chain of trainings";
const HEIGHT: f64 = 470.0;
const AREA: Area = Area {
    left: 96.0,
    right: 748.0,
    top: 48.0,
    bottom: 350.0,
};

/// Most names that fit below the axis.
pub(super) const NAMES_MAX: usize = 30;

/// The figure, or a word where nothing was trained.
pub(super) fn figure(answer: &Answer) -> String {
    let chain = &answer.chain;
    if chain.is_empty() {
        return nothing(HEADING, "No training of the chain has finished yet.");
    }
    let shares = chain
        .iter()
        .flat_map(|link| [Some(link.accuracy), link.test_accuracy]);
    let y = Scale::share(shares.flatten(), AREA.bottom - 6.0, AREA.top + 6.0);
    let step = (AREA.right - AREA.left) / chain.len() as f64;
    let x = |index: usize| AREA.left + (index as f64 + 0.5) * step;
    let place = |index: usize| Some((x(index), y.at(chain[index].accuracy)?));
    let index_of: BTreeMap<Format, usize> = chain
        .iter()
        .enumerate()
        .map(|(index, link)| (link.format, index))
        .collect();

    let mut plot = Plot::new(HEIGHT, HEADING);
    plot.arrow_head();
    plot.y_axis(
        AREA,
        Axis {
            scale: &y,
            title: "accuracy",
            text: |share| trimmed(&format!("{:.2} %", share * 100.0)),
            ticks: 6,
        },
    );
    plot.line("axis", (AREA.left, AREA.bottom), (AREA.right, AREA.bottom));
    rounds(&mut plot, chain, step);
    for (index, link) in chain.iter().enumerate() {
        let parent = link.parent.and_then(|parent| index_of.get(&parent));
        if let (Some(from), Some(to)) = (parent.and_then(|&parent| place(parent)), place(index)) {
            arrow(&mut plot, from, to);
        }
    }
    for (index, link) in chain.iter().enumerate() {
        let Some(at) = place(index) else { continue };
        let title = title(index, link);
        if let Some(up) = link.test_accuracy.and_then(|share| y.at(share)) {
            plot.line("test", (at.0 - 5.0, up), (at.0 + 5.0, up));
        }
        let class = if link.parent.is_some() { "fm" } else { "fm root" };
        plot.dot(class, at, 4.6, &title);
    }
    for index in (0..chain.len()).step_by(chain.len().div_ceil(NAMES_MAX)) {
        plot.line("axis", (x(index), AREA.bottom), (x(index), AREA.bottom + 4.0));
        plot.slanted(
            (x(index) + 4.0, AREA.bottom + 14.0),
            &chain[index].format.to_string(),
        );
    }
    let mut legend = vec![
        ("fm root", Mark::Dot, "from scratch"),
        ("fm", Mark::Dot, "from a parent's weights"),
        ("arrow", Mark::Line, "parent to child"),
    ];
    if chain.iter().any(|link| link.test_accuracy.is_some()) {
        legend.push(("test", Mark::Line, "test accuracy"));
    }
    let caption = format!(
        "{} trainings in order, validation accuracy; {} of training in all.",
        count(chain.len() as u64),
        duration(chain.iter().map(|link| link.seconds).sum()),
    );
    section(HEADING, &legend, &plot.finish(), &caption)
}

/// Says where each round begins.
fn rounds(plot: &mut Plot, chain: &[ChainLink], step: f64) {
    let starts = (0..chain.len()).filter(|&index| index == 0 || chain[index].round != chain[index - 1].round);
    let starts: Vec<usize> = starts.collect();
    for (number, &start) in starts.iter().enumerate() {
        let end = starts.get(number + 1).copied().unwrap_or(chain.len());
        let left = AREA.left + start as f64 * step;
        let width = (end - start) as f64 * step;
        if start > 0 {
            plot.line("grid", (left, AREA.top - 18.0), (left, AREA.bottom));
        }
        let round = chain[start].round;
        let text = match width {
            w if w >= 58.0 => format!("round {round}"),
            w if w >= 16.0 => round.to_string(),
            _ => continue,
        };
        plot.text("tick mid", (left + width / 2.0, AREA.top - 8.0), &text);
    }
}

/// From mark to mark, bowed so that it passes the marks between.
fn arrow(plot: &mut Plot, from: (f64, f64), to: (f64, f64)) {
    let (run, rise) = (to.0 - from.0, to.1 - from.1);
    let length = run.hypot(rise);
    if length < 16.0 {
        return plot.line("arrow", from, to);
    }
    let bow = (0.12 * length).min(30.0);
    let control = (
        (from.0 + to.0) / 2.0 + bow * rise / length,
        (from.1 + to.1) / 2.0 - bow * run / length,
    );
    let short = |end: (f64, f64), by: f64| {
        let (run, rise) = (control.0 - end.0, control.1 - end.1);
        let length = run.hypot(rise).max(1e-9);
        (end.0 + by * run / length, end.1 + by * rise / length)
    };
    let (from, to) = (short(from, 6.0), short(to, 7.0));
    let d = format!(
        "M{:.1} {:.1}Q{:.1} {:.1} {:.1} {:.1}",
        from.0, from.1, control.0, control.1, to.0, to.1
    );
    plot.path("arrow head", &d);
}

fn title(index: usize, link: &ChainLink) -> String {
    let from = match link.parent {
        Some(parent) => format!("from {parent}"),
        None => "from scratch".to_string(),
    };
    let test = link.test_accuracy.map_or(String::new(), |share| {
        format!(", {} on test images", percent(share))
    });
    format!(
        "{}. {}: {}{test} · {from} · round {} · bucket {} · {}",
        index + 1,
        link.format,
        percent(link.accuracy),
        link.round,
        link.bucket,
        duration(link.seconds)
    )
}

/// Seconds in words.
pub(super) fn duration(seconds: f64) -> String {
    let units = [(86_400.0, "d"), (3600.0, "h"), (60.0, "min")];
    match units.iter().find(|(size, _)| seconds >= 2.0 * size) {
        Some((size, unit)) => format!("{} {unit}", number(seconds / size)),
        None => format!("{} s", number(seconds)),
    }
}
