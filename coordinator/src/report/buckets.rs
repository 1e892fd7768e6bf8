//! The buckets: what accuracy each holds, over the range of inference times it stands for.

use super::plot::{Area, Axis, Mark, Plot, figure as section, nothing};
use super::scale::Scale;
use super::text::{count, micros, percent, trimmed};
use imgcalc_shared::explore::{Answer, BucketFacts};

const HEADING: &str = "Buckets";
const HEIGHT: f64 = 470.0;
const ACCURACY: Area = Area {
    left: 58.0,
    right: 748.0,
    top: 34.0,
    bottom: 240.0,
};
const TIME: Area = Area {
    top: 282.0,
    bottom: 420.0,
    ..ACCURACY
};

/// The figure, or a word where there are no buckets.
pub(super) fn figure(answer: &Answer) -> String {
    let buckets = &answer.buckets;
    if buckets.is_empty() {
        return nothing(
            HEADING,
            "The profile is not whole yet, so the formats are not cut into buckets.",
        );
    }
    let shares = buckets
        .iter()
        .flat_map(|bucket| [bucket.best_measured, bucket.best_interpolated]);
    let shares: Vec<f64> = shares.flatten().filter(|share| share.is_finite()).collect();
    let y = Scale::share(shares.iter().copied(), ACCURACY.bottom - 6.0, ACCURACY.top + 18.0);
    let times = buckets
        .iter()
        .flat_map(|bucket| [bucket.time_us_low, bucket.time_us_high]);
    let time = Scale::log(times, TIME.bottom, TIME.top);

    let mut plot = Plot::new(HEIGHT, HEADING);
    let share_text = |share: f64| trimmed(&format!("{:.2} %", share * 100.0));
    plot.y_axis(
        ACCURACY,
        Axis {
            scale: &y,
            title: "best validation accuracy",
            text: share_text,
            ticks: 5,
        },
    );
    plot.y_axis(
        TIME,
        Axis {
            scale: &time,
            title: "inference time per image (log)",
            text: |us| trimmed(&micros(us)),
            ticks: 5,
        },
    );
    if shares.is_empty() {
        let middle = (
            (ACCURACY.left + ACCURACY.right) / 2.0,
            (ACCURACY.top + ACCURACY.bottom) / 2.0,
        );
        plot.text("tick mid", middle, "no accuracy yet");
    }
    let step = (ACCURACY.right - ACCURACY.left) / buckets.len() as f64;
    let mut last = None;
    for (index, bucket) in buckets.iter().enumerate() {
        let middle = ACCURACY.left + (index as f64 + 0.5) * step;
        let here = bucket
            .best_interpolated
            .or(bucket.best_measured)
            .and_then(|share| y.at(share));
        if let (Some(from), Some(to)) = (last, here) {
            plot.line("best", from, (middle, to));
        }
        last = here.map(|up| (middle, up)).or(last);
    }
    // The sampled ones last, on top: they are what was measured.
    for sampled in [false, true] {
        let mut named = f64::NEG_INFINITY;
        for (index, bucket) in buckets
            .iter()
            .enumerate()
            .filter(|(_, bucket)| bucket.best_measured.is_some() == sampled)
        {
            let middle = ACCURACY.left + (index as f64 + 0.5) * step;
            let name = middle - named >= 14.0;
            draw(&mut plot, index, bucket, (middle, step, name), &y, &time);
            if name {
                named = middle;
            }
        }
    }
    let every = buckets.len().div_ceil(24);
    for index in (0..buckets.len()).step_by(every) {
        let middle = TIME.left + (index as f64 + 0.5) * step;
        plot.text("tick mid", (middle, TIME.bottom + 17.0), &index.to_string());
    }
    for area in [ACCURACY, TIME] {
        plot.line("axis", (area.left, area.bottom), (area.right, area.bottom));
    }
    let middle = (TIME.left + TIME.right) / 2.0;
    plot.text("title mid", (middle, TIME.bottom + 37.0), "bucket, fastest first");

    let legend = [
        ("fm", Mark::Dot, "best measured, with the round it was chosen in"),
        ("fo", Mark::Dot, "best interpolated"),
        ("range on", Mark::Square, "time range, sampled"),
        ("range", Mark::Square, "time range, not sampled"),
    ];
    let caption = format!(
        "{} buckets of about {} formats; {} sampled. Between sampled buckets the best accuracy is interpolated.",
        count(buckets.len() as u64),
        count(buckets[0].formats as u64),
        count(buckets.iter().filter(|bucket| bucket.round.is_some()).count() as u64),
    );
    section(HEADING, &legend, &plot.finish(), &caption)
}

fn draw(
    plot: &mut Plot,
    index: usize,
    bucket: &BucketFacts,
    (middle, step, name): (f64, f64, bool),
    y: &Scale,
    time: &Scale,
) {
    let words = |what: Option<f64>| what.map_or("–".to_string(), percent);
    let title = format!(
        "bucket {index}: {} formats, {} trained · {}–{}{}{} · measured {} · interpolated {}",
        count(bucket.formats as u64),
        count(bucket.trained as u64),
        micros(bucket.time_us_low),
        micros(bucket.time_us_high),
        bucket
            .round
            .map_or(String::new(), |round| format!(" · round {round}")),
        bucket
            .refined
            .map_or(String::new(), |round| format!(" · refined in round {round}")),
        words(bucket.best_measured),
        words(bucket.best_interpolated),
    );
    if let (Some(low), Some(high)) = (time.at(bucket.time_us_low), time.at(bucket.time_us_high)) {
        let half = (0.36 * step).min(14.0);
        // A range of no height is still there to be seen.
        let air = ((2.0 - (low - high)) / 2.0).max(0.0);
        let area = Area {
            left: middle - half,
            right: middle + half,
            top: high - air,
            bottom: low + air,
        };
        let class = if bucket.round.is_some() {
            "range on"
        } else {
            "range"
        };
        plot.bar(class, area, &title);
    }
    let measured = bucket.best_measured.and_then(|share| y.at(share));
    match (measured, bucket.best_interpolated.and_then(|share| y.at(share))) {
        (Some(up), _) => {
            plot.dot("fm", (middle, up), 4.6, &title);
            if let Some(round) = bucket.round.filter(|_| name) {
                plot.text("label mid front", (middle, up - 10.0), &round.to_string());
            }
        }
        (None, Some(up)) => plot.dot("fo", (middle, up), (0.24 * step).clamp(1.2, 4.0), &title),
        (None, None) => {}
    }
}
