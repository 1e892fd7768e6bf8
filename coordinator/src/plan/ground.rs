//! What a search stands on: the format its nets are trained on, and that format's columns.

use super::chain::Chain;
use super::{Known, Planned, Stage, Standing, columns};
use imgcalc_shared::build::Build;
use imgcalc_shared::embedding::{Step, best_within};
use imgcalc_shared::explore::{Findings, Query};
use imgcalc_shared::format::Format;

/// Where a search stands before its first training.
pub(super) enum Ground {
    /// The chain must find its format first.
    Waits,
    /// There is none; that is among what is missing.
    None,
    /// On this.
    On {
        /// The format.
        format: Format,
        /// Where its columns stand.
        columns: Standing,
        /// The task that makes them, where nothing else wants it.
        planned: Option<Box<Planned>>,
    },
}

/// The ground of a search that is called `what`: the format the spec names, or the best that was found within a time.
pub(super) fn ground(
    build: &Build,
    (what, named, time_us): (&str, Option<Format>, Option<f64>),
    feasible: &[Format],
    chain: &Chain,
    known: Known,
    findings: &mut Findings,
) -> Ground {
    if named.is_none() && !chain.sampled {
        return Ground::Waits;
    }
    let Some(format) = named.or_else(|| found(build, time_us, feasible, findings)) else {
        findings
            .missing
            .push(format!("the search over {what}: there is no format for it"));
        return Ground::None;
    };
    let family = format.family();
    let mut planned = None;
    let columns = chain.columns.get(&family).copied().unwrap_or_else(|| {
        let task = columns(build, feasible, family);
        let id = task.id();
        let standing = known.standing(id, true);
        planned = Some(Box::new(Planned::new(id, task, Stage::Columns, standing)));
        standing
    });
    if columns == Standing::Quarantined {
        let missing = format!("the search over {what}: there are no columns of {family}");
        findings.missing.push(missing);
        return Ground::None;
    }
    Ground::On {
        format,
        columns,
        planned,
    }
}

/// The most accurate format that was trained and fits the budget of time, else the one the walk along the embedding
/// recommends, else the one expected to be the most accurate. None while that cannot be told.
fn found(build: &Build, time_us: Option<f64>, feasible: &[Format], findings: &Findings) -> Option<Format> {
    let fits = |time: f64| time_us.is_none_or(|budget| time <= budget);
    // A refinement that is asked for later must not take the ground from under a search.
    let is_refinement = |round: usize| findings.refined.iter().any(|(_, refined)| *refined == round);
    let own = findings.chain.iter().filter(|link| !is_refinement(link.round));
    // The order in which an answer ranks formats, without fitting a model: this is asked for with every result.
    let measured = own.filter_map(|link| {
        let format = link.link.format;
        let time = findings.time_us(build, format).filter(|time| fits(*time))?;
        let bytes = findings.access.get(&format)?.batch.bytes;
        Some((link.trained.accuracy, time, bytes, format))
    });
    let best = measured.min_by(|(a, fast_a, small_a, one), (b, fast_b, small_b, other)| {
        let better = b.total_cmp(a).then(fast_a.total_cmp(fast_b));
        better.then(small_a.total_cmp(small_b)).then(one.cmp(other))
    });
    if let Some((.., format)) = best {
        return Some(format);
    }
    let steps = findings.embedding.iter().flat_map(|found| &found.steps);
    let steps: Vec<Step> = steps.cloned().collect();
    let recommended = best_within(&steps, time_us.unwrap_or(f64::INFINITY));
    let recommended = recommended.map(|step| step.format);
    let query = Query {
        time_us,
        ..Query::default()
    };
    recommended.or_else(|| {
        let mut before = findings.clone();
        before.chain.retain(|link| !is_refinement(link.round));
        Some(before.answer(build, feasible).within(query).first()?.format)
    })
}
