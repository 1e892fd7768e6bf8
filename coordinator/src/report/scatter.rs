//! Accuracy over what a format costs: every format, the front as a line, JPEG beside it.

use super::jpeg_name;
use super::plot::{Area, Axis, Mark, Plot, Side, WIDTH, figure as section, nothing};
use super::scale::Scale;
use super::tables::in_words;
use super::text::{bytes, count, micros, percent, trimmed};
use imgcalc_shared::explore::{Answer, Baseline, Candidate, Rung};
use imgcalc_shared::format::Format;
use std::collections::BTreeSet;
use std::fmt::Write;

/// What lies along the x axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Over {
    /// Inference time.
    Time,
    /// Bytes per image.
    Bytes,
}

const HEIGHT: f64 = 460.0;
const AREA: Area = Area {
    left: 58.0,
    right: 748.0,
    top: 34.0,
    bottom: 412.0,
};

impl Over {
    fn of(self, candidate: &Candidate) -> f64 {
        match self {
            Over::Time => candidate.time_us,
            Over::Bytes => candidate.bytes,
        }
    }

    fn of_baseline(self, baseline: &Baseline) -> f64 {
        match self {
            Over::Time => baseline.time_us,
            Over::Bytes => baseline.bytes,
        }
    }

    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Over::Time => (
                "Accuracy over inference time",
                "inference time per image (log)",
                "time",
            ),
            Over::Bytes => (
                "Accuracy over bytes per image",
                "bytes per image in columns (log)",
                "size",
            ),
        }
    }

    fn text(self) -> fn(f64) -> String {
        match self {
            Over::Time => |us| trimmed(&micros(us)),
            Over::Bytes => |size| trimmed(&bytes(size)),
        }
    }

    fn budget(self, rung: &Rung) -> bool {
        match self {
            Over::Time => rung.query.time_us.is_some(),
            Over::Bytes => rung.query.bytes.is_some(),
        }
    }
}

/// The figure, or a word where nothing has an accuracy.
pub(super) fn figure(answer: &Answer, front: &[&Candidate], ladder: &[Rung], over: Over) -> String {
    let (heading, x_title, cost) = over.words();
    let known: Vec<(&Candidate, f64)> = answer
        .candidates
        .iter()
        .filter_map(|candidate| Some((candidate, candidate.accuracy.filter(|a| a.is_finite())?)))
        .collect();
    if known.is_empty() {
        return nothing(heading, "No format has an accuracy yet.");
    }
    let line = best_within(front, over);
    let (x, y) = scales(answer, &known, &line, over);
    let at = |candidate: &Candidate, accuracy: f64| Some((x.at(over.of(candidate))?, y.at(accuracy)?));

    let mut plot = Plot::new(HEIGHT, heading);
    plot.axes(
        AREA,
        Axis {
            scale: &x,
            title: x_title,
            text: over.text(),
            ticks: 8,
        },
        Axis {
            scale: &y,
            title: "validation accuracy",
            text: |share| trimmed(&format!("{:.2} %", share * 100.0)),
            ticks: 7,
        },
    );
    let on_front: BTreeSet<Format> = front.iter().map(|candidate| candidate.format).collect();
    // What matters most is drawn last, on top.
    let rank = |candidate: &Candidate| (on_front.contains(&candidate.format), candidate.measured);
    let mut drawn = known.clone();
    drawn.sort_by_key(|(candidate, _)| rank(candidate));
    let (under, over_line): (Vec<_>, Vec<_>) = drawn
        .into_iter()
        .partition(|(candidate, _)| !on_front.contains(&candidate.format));
    let dot = |plot: &mut Plot, candidate: &Candidate, accuracy: f64| {
        let Some(place) = at(candidate, accuracy) else {
            return;
        };
        let (class, radius) = match rank(candidate) {
            (false, false) => ("o", 2.6),
            (false, true) => ("m", 3.6),
            (true, false) => ("fo", 4.0),
            (true, true) => ("fm", 4.6),
        };
        plot.dot(class, place, radius, &in_words(candidate, accuracy));
    };
    under
        .iter()
        .for_each(|(candidate, accuracy)| dot(&mut plot, candidate, *accuracy));
    draw_line(&mut plot, &line, &x, &y, over);
    over_line
        .iter()
        .for_each(|(candidate, accuracy)| dot(&mut plot, candidate, *accuracy));

    draw_baselines(&mut plot, answer, &x, &y, over);
    for candidate in front {
        if let Some(place) = candidate.accuracy.and_then(|accuracy| at(candidate, accuracy)) {
            plot.keep_clear(place, place, 5.0);
        }
    }
    let mut named = BTreeSet::new();
    let recommended = ladder
        .iter()
        .filter(|rung| over.budget(rung))
        .filter_map(|rung| rung.recommended);
    for candidate in recommended.filter(|candidate| named.insert(candidate.format)) {
        if let Some(place) = candidate.accuracy.and_then(|accuracy| at(candidate, accuracy)) {
            plot.ring("pick", place, 7.5);
            plot.label(
                "front",
                &[Side::Left, Side::Right],
                AREA,
                place,
                &candidate.format.to_string(),
            );
        }
    }

    let caption = format!(
        "{} formats with an accuracy, {} of them measured. The line is the best accuracy within a budget of {cost}; \
         its bars are 95 % intervals. {} formats lie on the front over accuracy, time and size together.",
        count(known.len() as u64),
        count(known.iter().filter(|(candidate, _)| candidate.measured).count() as u64),
        count(front.len() as u64),
    );
    let legend = [
        ("fm", Mark::Dot, "front, measured"),
        ("fo", Mark::Dot, "front, predicted"),
        ("m", Mark::Dot, "other, measured"),
        ("o", Mark::Dot, "other, predicted"),
        ("best", Mark::Line, "best within budget"),
        ("whisker", Mark::Upright, "95 % interval"),
        ("pick", Mark::Dot, "recommended"),
        ("jpeg", Mark::Diamond, "JPEG"),
    ];
    section(heading, &legend, &plot.finish(), &caption)
}

/// The formats of the front that no cheaper one equals in accuracy, cheapest first.
pub(super) fn best_within<'a>(front: &[&'a Candidate], over: Over) -> Vec<(&'a Candidate, f64)> {
    let mut sorted: Vec<(&Candidate, f64)> = front
        .iter()
        .filter_map(|&candidate| Some((candidate, candidate.accuracy.filter(|a| a.is_finite())?)))
        .collect();
    sorted.sort_by(|(a, a_accuracy), (b, b_accuracy)| {
        over.of(a)
            .total_cmp(&over.of(b))
            .then(b_accuracy.total_cmp(a_accuracy))
    });
    let mut best = f64::NEG_INFINITY;
    sorted.retain(|&(_, accuracy)| {
        let better = accuracy > best;
        best = best.max(accuracy);
        better
    });
    sorted
}

fn scales(
    answer: &Answer,
    known: &[(&Candidate, f64)],
    line: &[(&Candidate, f64)],
    over: Over,
) -> (Scale, Scale) {
    let costs = known.iter().map(|(candidate, _)| over.of(candidate));
    let costs = costs.chain(answer.baselines.iter().map(|baseline| over.of_baseline(baseline)));
    let ends = line
        .iter()
        .flat_map(|(candidate, _)| [candidate.accuracy_low, candidate.accuracy_high]);
    let shares = known.iter().map(|(_, accuracy)| *accuracy).chain(ends.flatten());
    let shares = shares.chain(answer.baselines.iter().filter_map(|baseline| baseline.accuracy));
    (
        Scale::log(costs, AREA.left + 8.0, AREA.right - 8.0),
        Scale::share(shares, AREA.bottom - 4.0, AREA.top + 4.0),
    )
}

fn draw_line(plot: &mut Plot, line: &[(&Candidate, f64)], x: &Scale, y: &Scale, over: Over) {
    let mut d = String::new();
    let mut last = None;
    for (candidate, accuracy) in line {
        let (Some(left), Some(up)) = (x.at(over.of(candidate)), y.at(*accuracy)) else {
            continue;
        };
        let _ = match last {
            None => write!(d, "M{left:.1} {up:.1}"),
            Some(last) => {
                step(plot, last, left, up);
                write!(d, "H{left:.1}V{up:.1}")
            }
        };
        last = Some((left, up));
        let ends = (
            candidate.accuracy_low.and_then(|low| y.at(low)),
            candidate.accuracy_high.and_then(|high| y.at(high)),
        );
        if let (Some(low), Some(high)) = ends {
            plot.line("whisker", (left, low), (left, high));
        }
    }
    if let Some(last) = last {
        step(plot, last, AREA.right, last.1);
        let _ = write!(d, "H{:.1}", AREA.right);
        plot.path("best", &d);
    }
}

/// Keeps labels off one step of the line.
fn step(plot: &mut Plot, from: (f64, f64), left: f64, up: f64) {
    plot.keep_clear(from, (left, from.1), 2.0);
    plot.keep_clear((left, from.1), (left, up), 2.0);
}

/// A baseline with an accuracy is a diamond; one without is a line, for its cost is known.
fn draw_baselines(plot: &mut Plot, answer: &Answer, x: &Scale, y: &Scale, over: Over) {
    let mut labels = Vec::new();
    for baseline in &answer.baselines {
        let name = jpeg_name(baseline.jpeg);
        let Some(left) = x.at(over.of_baseline(baseline)) else {
            continue;
        };
        let title = format!(
            "{name}: {} · {} · {}",
            baseline
                .accuracy
                .map_or("accuracy not measured".to_string(), percent),
            micros(baseline.time_us),
            bytes(baseline.bytes)
        );
        let place = match baseline.accuracy.and_then(|accuracy| y.at(accuracy)) {
            Some(up) => {
                plot.diamond("jpeg", (left, up), 6.5, &title);
                (left, up)
            }
            None => {
                plot.line("jpegline", (left, AREA.top), (left, AREA.bottom));
                (left, AREA.top + 10.0)
            }
        };
        plot.keep_clear(place, place, 7.0);
        labels.push((place, name));
    }
    let within = Area {
        top: 0.0,
        right: WIDTH,
        ..AREA
    };
    for (place, name) in labels {
        let sides = [Side::Middle, Side::Right, Side::Left];
        plot.label("jpegname", &sides, within, place, &name);
    }
}
