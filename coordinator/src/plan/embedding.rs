//! The search by embedding: one task that gives every format a vector, and a walk over the vectors.

use super::{Known, Planned, Stage, Standing};
use imgcalc_shared::build::Build;
use imgcalc_shared::embedding::{EmbeddingFacts, EmbeddingSearch, FormatCost, coordinates, trace};
use imgcalc_shared::explore::Findings;
use imgcalc_shared::format::Format;
use imgcalc_shared::task::{Embedded, Outcome, Task};

/// What the walk comes to.
pub(super) enum Walked {
    /// Not yet.
    Waits,
    /// Nothing: the embedding failed for good.
    Failed,
    /// To these formats, densest first.
    To(Vec<Format>),
}

/// Plans the embedding of the formats that have a time, and walks as soon as it is there.
pub(super) fn walk(
    build: &Build,
    search: &EmbeddingSearch,
    feasible: &[Format],
    known: Known,
    findings: &mut Findings,
) -> (Planned, Walked) {
    let timed = |format: &&Format| findings.time_us(build, **format).is_some();
    let formats: Vec<Format> = feasible.iter().filter(timed).copied().collect();
    let task = Task::Embed {
        dataset: build.dataset,
        images: build.images,
        formats: formats.clone(),
        embedding: search.settings.clone(),
        threads: build.threads,
    };
    let id = task.id();
    let standing = known.standing(id, true);
    let planned = Planned::new(id, task, Stage::Embedding, standing);
    let walked = match (known.results.get(&id), standing) {
        (Some(Outcome::Embed(embedded)), _) => {
            let facts = facts(build, search, &formats, embedded, findings);
            let formats = facts.steps.iter().map(|step| step.format).collect();
            if facts.steps.is_empty() {
                findings
                    .missing
                    .push("the walk over the formats: their vectors allow for none".into());
            }
            findings.embedding = Some(facts);
            Walked::To(formats)
        }
        (_, Standing::Quarantined) => {
            findings.missing.push("the embedding of formats".into());
            Walked::Failed
        }
        _ => Walked::Waits,
    };
    (planned, walked)
}

fn facts(
    build: &Build,
    search: &EmbeddingSearch,
    formats: &[Format],
    embedded: &Embedded,
    findings: &Findings,
) -> EmbeddingFacts {
    let cost = |&format: &Format| {
        Some(FormatCost {
            format,
            time_us: findings.time_us(build, format)?,
            bytes: findings.access.get(&format)?.batch.bytes,
        })
    };
    let costs: Vec<FormatCost> = formats.iter().filter_map(cost).collect();
    let densest = formats.iter().min_by(|a, b| a.density_order(**b));
    // The ledger takes only vectors that answer the formats asked for, and only formats with a time were.
    let steps =
        densest.and_then(|densest| trace(&embedded.rows, *densest, &costs, build.buckets.into()).ok());
    let places = coordinates(&embedded.rows);
    let map = embedded.rows.iter().zip(places);
    EmbeddingFacts {
        steps: steps.unwrap_or_default(),
        map: map.map(|(row, place)| (row.format, place)).collect(),
        cost_epochs: search
            .settings
            .cost_epochs(formats, build.size, build.images.train),
        found: embedded.curve.last().map(|point| point.found),
        seconds: embedded.seconds,
    }
}
