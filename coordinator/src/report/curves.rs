//! Learning curves, one small drawing per training, all on the same axes.

use super::plot::{Area, Plot, nothing};
use super::scale::Scale;
use super::text::percent;
use imgcalc_shared::explore::{Answer, ChainLink};
use std::collections::BTreeMap;
use std::fmt::Write;

const HEADING: &str = "Learning curves";
const WIDTH: f64 = 200.0;
const HEIGHT: f64 = 104.0;
const AREA: Area = Area {
    left: 34.0,
    right: 194.0,
    top: 8.0,
    bottom: 86.0,
};

/// Most points drawn of a curve: more than the drawing has pixels for say nothing.
const POINTS_MAX: usize = 120;

/// The figure, or a word where nothing was trained.
pub(super) fn figure(answer: &Answer) -> String {
    let points = || answer.chain.iter().flat_map(|link| &link.curve);
    if points().next().is_none() {
        return nothing(HEADING, "No training has finished an epoch yet.");
    }
    let y = Scale::share(points().map(|point| point.accuracy), AREA.bottom, AREA.top);
    let x = Scale::linear(
        points().map(|point| f64::from(point.epoch)),
        AREA.left,
        AREA.right,
    );
    let last = points().map(|point| point.epoch).max().unwrap_or(0);
    let order = answer.chain.iter().enumerate();
    let order: BTreeMap<_, _> = order.map(|(index, link)| (link.format, index + 1)).collect();
    let mut out = format!("<section><h2>{HEADING}</h2>\n<div class=\"curves\">\n");
    for (index, link) in answer.chain.iter().enumerate() {
        let from = match link.parent {
            Some(parent) => match order.get(&parent) {
                Some(number) => format!("from {number}"),
                None => format!("from {parent}"),
            },
            None => "from scratch".to_string(),
        };
        let _ = write!(
            out,
            "<div><b>{}. {}</b><span>{} · {from}</span>\n{}</div>\n",
            index + 1,
            link.format,
            percent(link.accuracy),
            drawing(link, &x, &y, last)
        );
    }
    out.push_str(
        "</div>\n<p class=\"quiet\">Validation accuracy over epochs. All curves share their axes. \
         The numbers are those of the order of training.</p></section>\n",
    );
    out
}

fn drawing(link: &ChainLink, x: &Scale, y: &Scale, last: u32) -> String {
    let mut plot = Plot::sized(WIDTH, HEIGHT, &format!("learning curve of {}", link.format));
    for tick in y.ticks(4) {
        let Some(up) = y.at(tick) else { continue };
        plot.line("grid", (AREA.left, up), (AREA.right, up));
        plot.text(
            "small end",
            (AREA.left - 4.0, up + 3.5),
            &format!("{:.0}%", tick * 100.0),
        );
    }
    plot.line("axis", (AREA.left, AREA.bottom), (AREA.right, AREA.bottom));
    for (class, epoch) in [("small mid", 1), ("small end", last)] {
        if let Some(place) = x.at(f64::from(epoch)) {
            plot.text(class, (place, AREA.bottom + 13.0), &format!("{epoch}"));
        }
        if last <= 1 {
            break;
        }
    }
    plot.text(
        "small mid",
        ((AREA.left + AREA.right) / 2.0, AREA.bottom + 13.0),
        "epoch",
    );

    let every = link.curve.len().div_ceil(POINTS_MAX).max(1);
    let kept = link.curve.iter().enumerate();
    let kept = kept.filter(|(index, _)| index % every == 0 || index + 1 == link.curve.len());
    let places: Vec<(f64, f64)> = kept
        .filter_map(|(_, point)| Some((x.at(f64::from(point.epoch))?, y.at(point.accuracy)?)))
        .collect();
    let mut d = String::new();
    for (left, up) in &places {
        let _ = write!(d, "{}{left:.1} {up:.1}", if d.is_empty() { "M" } else { "L" });
    }
    if places.len() > 1 {
        plot.path("best", &d);
    }
    if let (Some(&place), Some(end)) = (places.last(), link.curve.last()) {
        let title = format!("epoch {}: {}", end.epoch, percent(end.accuracy));
        plot.dot("fm", place, 2.8, &title);
    }
    plot.finish()
}
