//! The map of formats, with the walk drawn in.

use super::plot::{Area, Mark, Plot, Side, figure};
use super::scale::Scale;
use super::text::{micros, percent};
use imgcalc_shared::embedding::Step;
use imgcalc_shared::explore::{Answer, Candidate};
use imgcalc_shared::format::Format;
use std::collections::BTreeMap;
use std::fmt::Write;

const HEIGHT: f64 = 520.0;
const AREA: Area = Area {
    left: 20.0,
    right: 740.0,
    top: 20.0,
    bottom: 500.0,
};

/// The figure; nothing where formats were not embedded.
pub(super) fn map(answer: &Answer) -> String {
    let Some(facts) = &answer.embedding else {
        return String::new();
    };
    let x = Scale::linear(facts.map.iter().map(|(_, [x, _])| *x), AREA.left, AREA.right);
    let y = Scale::linear(facts.map.iter().map(|(_, [_, y])| *y), AREA.bottom, AREA.top);
    let candidates: BTreeMap<Format, &Candidate> = answer
        .candidates
        .iter()
        .map(|candidate| (candidate.format, candidate))
        .collect();
    let words = |format: Format| match candidates.get(&format) {
        Some(candidate) => {
            let accuracy = candidate.accuracy.map_or(String::new(), |accuracy| {
                let known = if candidate.measured {
                    "measured"
                } else {
                    "predicted"
                };
                format!(", accuracy {} ({known})", percent(accuracy))
            });
            format!("{format}: {}{accuracy}", micros(candidate.time_us))
        }
        None => format.to_string(),
    };
    let place = |at: [f64; 2]| x.at(at[0]).zip(y.at(at[1]));
    let mut plot = Plot::new(HEIGHT, "map of formats by their vectors");
    for (format, at) in &facts.map {
        let Some(at) = place(*at) else { continue };
        let trained = candidates.get(format).is_some_and(|candidate| candidate.measured);
        plot.dot(if trained { "m" } else { "o" }, at, 3.0, &words(*format));
    }
    let on_map: BTreeMap<Format, [f64; 2]> = facts.map.iter().copied().collect();
    let at = |step: &Step| place(*on_map.get(&step.format)?);
    let walk = facts.steps.iter().filter_map(|step| Some((step, at(step)?)));
    let walk: Vec<(&Step, (f64, f64))> = walk.collect();
    let mut d = String::new();
    for (_, (left, up)) in &walk {
        let _ = write!(d, "{}{left:.1} {up:.1}", if d.is_empty() { "M" } else { "L" });
    }
    if walk.len() > 1 {
        plot.path("best", &d);
    }
    for (step, at) in &walk {
        plot.dot(
            "fm",
            *at,
            4.5,
            &format!("{}, agreement {:.3}", words(step.format), step.agreement),
        );
        plot.keep_clear(*at, *at, 6.0);
    }
    let ends = [walk.first(), walk.last()];
    let longest = walk.len().min(2);
    for (step, at) in ends.into_iter().flatten().take(longest) {
        plot.label(
            "front",
            &[Side::Right, Side::Left],
            AREA,
            *at,
            &step.format.to_string(),
        );
    }
    let legend = [
        ("fm", Mark::Dot, "recommended, one for each bucket of time"),
        ("best", Mark::Line, "the walk from the densest to the fastest"),
        ("m", Mark::Dot, "other formats that were trained"),
        ("o", Mark::Dot, "other formats"),
    ];
    let caption = format!(
        "Formats in which one net, trained without labels, sees the same images alike lie side by side: the two directions in \
         which their vectors differ most. Embedding {} formats cost {:.1} epochs on pixels.",
        facts.map.len(),
        facts.cost_epochs
    );
    figure("Map of formats", &legend, &plot.finish(), &caption)
}
