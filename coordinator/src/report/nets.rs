//! A search over nets: accuracy over time, training after training, what was promised and what came of it, and a table.

mod course;

use super::plot::{Area, Axis, Mark, Plot, Side, figure};
use super::scale::Scale;
use super::tables::table;
use super::text::{count, escape, micros, percent, trimmed};
use imgcalc_shared::explore::{Answer, Candidate, NetCandidate, NetSearchFacts, NetStanding};
use imgcalc_shared::spec::net_table;
use std::collections::BTreeSet;
use std::fmt::Write;

const HEIGHT: f64 = 400.0;
const AREA: Area = Area {
    left: 56.0,
    right: 744.0,
    top: 28.0,
    bottom: 352.0,
};

/// Where candidates lie that have no accuracy, below all that have one.
const RUG: f64 = AREA.bottom - 14.0;

/// The figures and the table; nothing where the build has no search over nets.
pub(super) fn figures(answer: &Answer) -> String {
    let Some(facts) = &answer.nets else {
        return String::new();
    };
    let mut out = summary(facts);
    if facts.ranked().is_empty() {
        return out;
    }
    out += &over_time(answer, facts);
    out += &course::in_turn(facts);
    out += &course::promised(facts);
    out += &course::curves(facts);
    out += &trained(facts);
    out
}

fn summary(facts: &NetSearchFacts) -> String {
    let within = facts.time_us.map_or(String::new(), |budget| {
        format!(" within {} for format and net together", trimmed(&micros(budget)))
    });
    let standings = [
        NetStanding::Trained,
        NetStanding::Training,
        NetStanding::NotChosen,
        NetStanding::Unmeasured,
        NetStanding::TooSlow,
        NetStanding::Failed,
    ];
    let standings: Vec<String> = standings
        .into_iter()
        .map(|standing| (facts.count(standing), standing))
        .filter(|(count, _)| *count > 0)
        .map(|(count, standing)| format!("{count} {standing}"))
        .collect();
    let best = match (facts.best, facts.best()) {
        (Some(at), Some(best)) => format!(
            "<p>The best is net {at} with {}: {}, {} parameters{}. As a spec has it:</p>\n<div class=\"scroll\"><pre>{}</pre></div>",
            best.accuracy.map_or("–".to_string(), percent),
            escape(&best.words()),
            count(best.parameters),
            best.weights.as_ref().map_or(String::new(), |key| format!(
                ", weights <code>{}</code>",
                escape(key)
            )),
            net_table(&best.net)
                .iter()
                .map(|line| escape(line) + "\n")
                .collect::<String>()
        ),
        _ => "<p>No net has been trained yet.</p>".to_string(),
    };
    format!(
        "<section><h2>Search over nets</h2>\n<p>Algorithm: {}, on <code>{}</code>{within}: {} candidates ({}), {} epochs each; budget: {}.</p>\n{best}</section>\n",
        escape(&facts.algorithm.to_string()),
        facts.format,
        facts.candidates.len(),
        standings.join(", "),
        facts.epochs,
        escape(&facts.budget.to_string()),
    )
}

/// Every candidate over its time: with its accuracy where it was trained, below those otherwise.
fn over_time(answer: &Answer, facts: &NetSearchFacts) -> String {
    let (ranked, own) = (facts.ranked(), own(answer, facts));
    let times = facts.candidates.iter().filter_map(|candidate| candidate.time_us);
    let times = times.chain(facts.time_us).chain(own.map(|(own, _)| own.time_us));
    let shares = ranked.iter().map(|(.., accuracy)| *accuracy);
    let x = Scale::log(times, AREA.left + 8.0, AREA.right - 8.0);
    let y = Scale::share(
        shares.chain(own.map(|(_, accuracy)| accuracy)),
        RUG - 20.0,
        AREA.top + 4.0,
    );
    let mut plot = Plot::new(HEIGHT, "accuracy of nets over inference time");
    let time = Axis {
        scale: &x,
        title: "inference time per image of format and net (log)",
        text: |us| trimmed(&micros(us)),
        ticks: 8,
    };
    plot.axes(AREA, time, accuracies(&y));
    plot.text("small end", (AREA.left - 7.0, RUG + 3.0), "untrained");
    if let Some(left) = facts.time_us.and_then(|budget| x.at(budget)) {
        plot.line("jpegline", (left, AREA.top), (left, AREA.bottom));
    }
    for (at, candidate) in facts.candidates.iter().enumerate() {
        let left = candidate.time_us.and_then(|time| x.at(time));
        if let (Some(left), None) = (left, candidate.accuracy) {
            plot.dot("o", (left, RUG), 3.0, &told(facts, at, candidate));
        }
    }
    let front: Vec<(usize, (f64, f64))> = facts
        .front()
        .into_iter()
        .filter_map(|(at, candidate, accuracy)| Some((at, x.at(candidate.time_us?).zip(y.at(accuracy))?)))
        .collect();
    draw_front(&mut plot, &front);
    let on_front: BTreeSet<usize> = front.iter().map(|(at, _)| *at).collect();
    for &(at, candidate, accuracy) in ranked.iter().rev() {
        let place = candidate.time_us.and_then(|time| x.at(time)).zip(y.at(accuracy));
        let Some(place) = place else { continue };
        let (class, radius) = if on_front.contains(&at) {
            ("fm", 4.6)
        } else {
            ("m", 3.6)
        };
        plot.dot(class, place, radius, &told(facts, at, candidate));
        plot.keep_clear(place, place, 5.0);
    }
    let mut legend = vec![
        ("fm", Mark::Dot, "trained, on the front"),
        ("m", Mark::Dot, "trained"),
        ("o", Mark::Dot, "not trained"),
        ("best", Mark::Line, "best within a time"),
    ];
    let mut beside = String::new();
    if let Some((candidate, accuracy)) = own
        && let Some(place) = x.at(candidate.time_us).zip(y.at(accuracy))
    {
        let title = format!(
            "the net of the spec: {} · {}",
            percent(accuracy),
            micros(candidate.time_us)
        );
        plot.diamond("jpeg", place, 6.5, &title);
        plot.keep_clear(place, place, 7.0);
        plot.label("jpegname", &[Side::Right, Side::Left], AREA, place, "[net]");
        legend.push(("jpeg", Mark::Diamond, "the net of the spec"));
        beside = " The net of the spec was trained as the chain trains, on the same format.".into();
    }
    if facts.time_us.is_some() {
        legend.push(("jpegline", Mark::Upright, "the most time it may take"));
    }
    for (at, place) in front {
        plot.label(
            "front",
            &[Side::Left, Side::Right],
            AREA,
            place,
            &format!("net {at}"),
        );
    }
    let caption = format!(
        "{} of {} candidates were measured, {} of them trained on {}; the line is the best accuracy within a time. Below lie \
         those that were not trained: point at one to see why.{beside}",
        facts.measured,
        facts.candidates.len(),
        ranked.len(),
        facts.format
    );
    figure(
        "Accuracy of nets over inference time",
        &legend,
        &plot.finish(),
        &caption,
    )
}

/// What the chain made of the spec's own net on the same format.
fn own<'a>(answer: &'a Answer, facts: &NetSearchFacts) -> Option<(&'a Candidate, f64)> {
    let mut of_format = answer
        .candidates
        .iter()
        .filter(|candidate| candidate.format == facts.format);
    let own = of_format.find(|candidate| candidate.measured)?;
    Some((own, own.accuracy.filter(|accuracy| accuracy.is_finite())?))
}

fn draw_front(plot: &mut Plot, front: &[(usize, (f64, f64))]) {
    let mut d = String::new();
    let mut last: Option<(f64, f64)> = None;
    for &(_, (left, up)) in front {
        let _ = match last {
            None => write!(d, "M{left:.1} {up:.1}"),
            Some(_) => write!(d, "H{left:.1}V{up:.1}"),
        };
        if let Some(last) = last {
            plot.keep_clear(last, (left, last.1), 2.0);
            plot.keep_clear((left, last.1), (left, up), 2.0);
        }
        last = Some((left, up));
    }
    if let Some(last) = last {
        plot.keep_clear(last, (AREA.right, last.1), 2.0);
        let _ = write!(d, "H{:.1}", AREA.right);
        plot.path("best", &d);
    }
}

/// Every net that was trained.
fn trained(facts: &NetSearchFacts) -> String {
    let tested = facts
        .candidates
        .iter()
        .any(|candidate| candidate.test_accuracy.is_some());
    let row = |(rank, (at, candidate, accuracy)): (usize, (usize, &NetCandidate, f64))| {
        let why = candidate
            .reason
            .as_ref()
            .map_or(String::new(), |reason| reason.to_string());
        let mut cells = vec![
            rank.to_string(),
            format!("net {at}"),
            format!("<code>{}</code>", escape(&candidate.words())),
            escape(&why),
            count(candidate.parameters),
            count(candidate.flops),
            candidate.time_us.map_or("–".to_string(), micros),
            percent(accuracy),
        ];
        cells.extend(tested.then(|| candidate.test_accuracy.map_or("–".to_string(), percent)));
        cells
    };
    let mut heads = vec![
        "rank",
        "net",
        "is",
        "why it was trained",
        "parameters",
        "operations",
        "time",
        "accuracy",
    ];
    heads.extend(tested.then_some("on test images"));
    let rows = (1..).zip(facts.ranked()).map(row);
    let note = "Stages are written as width, depth, kernel and, where blocks widen, expansion. Operations are those of one image \
                on the format.";
    table("Trained nets", &heads, 4, rows, note)
}

/// A candidate in a line, for who points at it.
fn told(facts: &NetSearchFacts, at: usize, candidate: &NetCandidate) -> String {
    let mut told = match candidate.accuracy {
        Some(accuracy) => format!("net {at}: {}", percent(accuracy)),
        None => format!("net {at} ({})", facts.standing(candidate)),
    };
    if let Some(time) = candidate.time_us {
        told += &format!(" · {}", micros(time));
    }
    told += &format!(
        " · {} · {} parameters",
        candidate.words(),
        count(candidate.parameters)
    );
    if let Some(reason) = &candidate.reason {
        told += &format!(" · {reason}");
    } else if let Some(proxies) = &candidate.proxies {
        told += &format!(" · synflow {:.3}, naswot {:.3}", proxies.synflow, proxies.naswot);
    }
    told
}

fn accuracies(scale: &Scale) -> Axis<'_> {
    Axis {
        scale,
        title: "validation accuracy",
        text: percent,
        ticks: 6,
    }
}
