//! Where inference time goes: the front's formats and JPEG, as times and as shares.

use super::jpeg_name;
use super::plot::{Area, Mark, Plot, WIDTH, figure as section, nothing};
use super::scale::Scale;
use super::text::{micros, percent, trimmed};
use imgcalc_shared::explore::{Answer, Candidate};
use imgcalc_shared::profile::InferenceTime;

const HEADING: &str = "Where inference time goes";

/// Most formats drawn.
const FORMATS_MAX: usize = 12;

const ROW: f64 = 25.0;
const TOP: f64 = 48.0;
const NAME: f64 = 166.0;
const TIMES: (f64, f64) = (174.0, 452.0);
const SHARES: (f64, f64) = (540.0, 736.0);

/// The figure, or a word where there is nothing to compare.
pub(super) fn figure(answer: &Answer, front: &[&Candidate]) -> String {
    // While nothing is trained there is no front; the fastest to the slowest stand in for it.
    let mut shown: Vec<&Candidate> = if front.is_empty() {
        answer.candidates.iter().collect()
    } else {
        front.to_vec()
    };
    let all = shown.len();
    shown.sort_by(|a, b| a.time_us.total_cmp(&b.time_us).then(a.format.cmp(&b.format)));
    let shown = evenly(shown, FORMATS_MAX);
    let formats = shown
        .iter()
        .map(|candidate| (candidate.format.to_string(), candidate.parts, false));
    let baselines = answer
        .baselines
        .iter()
        .map(|baseline| (jpeg_name(baseline.jpeg), baseline.parts, true));
    let rows: Vec<(String, InferenceTime, bool)> = formats
        .chain(baselines)
        .filter(|(_, parts, _)| parts.total_us().is_finite() && parts.total_us() >= 0.0)
        .collect();
    if rows.is_empty() {
        return nothing(HEADING, "No format has a profile yet.");
    }
    let times = Scale::from_zero(
        rows.iter().map(|(_, parts, _)| parts.total_us()),
        TIMES.0,
        TIMES.1,
    );
    let gap = if rows.first().map(|row| row.2) == rows.last().map(|row| row.2) {
        0.0
    } else {
        10.0
    };
    let bottom = TOP + ROW * rows.len() as f64 + gap;

    let mut plot = Plot::sized(WIDTH, bottom + 12.0, HEADING);
    let shares = Scale::from_zero([1.0], SHARES.0, SHARES.1);
    for (scale, title, ticks, text) in [
        (&times, "time per image", 4, time_text as fn(f64) -> String),
        (&shares, "share of it", 4, |share| {
            format!("{:.0} %", share * 100.0)
        }),
    ] {
        let left = scale.at(0.0).unwrap_or(0.0);
        plot.text("title", (left, 14.0), title);
        for tick in scale.ticks(ticks) {
            let Some(place) = scale.at(tick) else { continue };
            plot.line("grid", (place, TOP - 4.0), (place, bottom));
            plot.text("tick mid", (place, TOP - 10.0), &text(tick));
        }
    }
    for (index, (name, parts, jpeg)) in rows.iter().enumerate() {
        let top = TOP + ROW * index as f64 + if *jpeg { gap } else { 0.0 };
        row(&mut plot, top, name, parts, *jpeg, &times, &shares);
    }
    let legend = [
        ("read", Mark::Square, "read"),
        ("decode", Mark::Square, "decode"),
        ("transfer", Mark::Square, "transfer"),
        ("execute", Mark::Square, "execute"),
    ];
    let which = if front.is_empty() {
        "formats"
    } else {
        "formats of the front"
    };
    let caption = format!(
        "{} of {all} {which}, fastest first, and the JPEG baselines. Medians per image, by the batch.",
        shown.len()
    );
    section(HEADING, &legend, &plot.finish(), &caption)
}

fn row(
    plot: &mut Plot,
    top: f64,
    name: &str,
    parts: &InferenceTime,
    jpeg: bool,
    times: &Scale,
    shares: &Scale,
) {
    let class = if jpeg { "name end jpegname" } else { "name end" };
    plot.text(class, (NAME, top + 15.0), name);
    let named = [
        ("read", parts.read_us),
        ("decode", parts.decode_us),
        ("transfer", parts.transfer_us),
        ("execute", parts.execute_us),
    ];
    let total = parts.total_us();
    let mut before = 0.0;
    for (part, us) in named {
        let us = us.max(0.0);
        let title = format!("{name}: {part} {} ({})", micros(us), percent(us / total));
        let bars = [(times, before, us), (shares, before / total, us / total)];
        before += us;
        for (scale, from, length) in bars {
            let (Some(left), Some(right)) = (scale.at(from), scale.at(from + length)) else {
                continue;
            };
            let area = Area {
                left,
                right,
                top: top + 2.0,
                bottom: top + ROW - 4.0,
            };
            if length > 0.0 {
                plot.bar(part, area, &title);
            }
        }
    }
    if let Some(end) = times.at(total) {
        plot.text("tick", (end + 6.0, top + 15.0), &micros(total));
    }
}

/// At most `most` of them, the first and the last among them.
fn evenly<T: Copy>(items: Vec<T>, most: usize) -> Vec<T> {
    if items.len() <= most || most < 2 {
        return items;
    }
    (0..most)
        .map(|index| items[index * (items.len() - 1) / (most - 1)])
        .collect()
}

fn time_text(us: f64) -> String {
    if us == 0.0 {
        "0".to_string()
    } else {
        trimmed(&micros(us))
    }
}
