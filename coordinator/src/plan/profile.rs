//! The profile stage: access by family, execution by distinct shape, the JPEG baseline, and the batch where it is to be
//! chosen.

use super::{Known, Planned, Stage, Standing};
use imgcalc_shared::build::Build;
use imgcalc_shared::explore::{Findings, best_batch};
use imgcalc_shared::format::{Family, Format};
use imgcalc_shared::task::{Outcome, Task};
use imgcalc_shared::training::InputShape;
use std::collections::{BTreeMap, BTreeSet};

/// Images per step that are tried where the batch is chosen by measuring.
const BATCHES: [u32; 7] = [16, 32, 64, 128, 256, 512, 1024];

/// The tasks of the stage; what is already measured goes into `findings`.
pub(super) fn tasks(
    build: &Build,
    feasible: &[Format],
    known: Known,
    findings: &mut Findings,
) -> Vec<Planned> {
    let mut tasks = Vec::new();
    let mut want = |task: Task| {
        let id = task.id();
        let standing = known.standing(id, true);
        match known.results.get(&id) {
            Some(outcome) => record(outcome, &task, findings),
            None if standing == Standing::Quarantined => findings.missing.push(task.to_string()),
            None => {}
        }
        tasks.push(Planned::new(id, task, Stage::Profile, standing));
    };
    for (_, formats) in by_family(feasible) {
        let hardware = build.hardware.clone();
        want(Task::ProfileAccess {
            dataset: build.dataset,
            formats,
            batch: build.batch,
            hardware,
        });
    }
    for shape in shapes(build, feasible) {
        want(Task::ProfileExecute {
            net: build.net.clone(),
            shape,
            classes: build.classes,
            batch: build.batch,
            hardware: build.hardware.clone(),
        });
    }
    if let Some(task) = want_batches(build, feasible) {
        want(task);
    }
    for &jpeg in &build.jpegs {
        let hardware = build.hardware.clone();
        want(Task::ProfileJpeg {
            dataset: build.dataset,
            jpeg,
            batch: build.batch,
            hardware,
        });
    }
    tasks
}

/// What the batch is chosen by, where it is to be: steps on the largest plane there is.
fn want_batches(build: &Build, feasible: &[Format]) -> Option<Task> {
    let shapes = feasible.iter().map(|&format| build.shape(format));
    let shape = shapes.max_by_key(|shape| (shape.values(), *shape))?;
    let batches = BATCHES.into_iter();
    let mut batches: Vec<u32> = batches.filter(|batch| *batch <= build.images.train).collect();
    if batches.is_empty() {
        batches.push(build.images.train);
    }
    build.scratch.batch_auto.then(|| Task::ProfileTraining {
        net: build.net.clone(),
        shape,
        classes: build.classes,
        precision: build.scratch.precision,
        batches,
        threads: build.threads,
        hardware: build.hardware.clone(),
    })
}

/// The distinct shapes a net runs on: those of the formats and that of the pixels.
pub(crate) fn shapes(build: &Build, feasible: &[Format]) -> BTreeSet<InputShape> {
    let of_formats = feasible.iter().map(|&format| build.shape(format));
    of_formats.chain([build.pixel_shape()]).collect()
}

/// Why no training should be spent on this build: a budget that nothing fits, or no profile at all.
pub(super) fn refuse(build: &Build, feasible: &[Format], findings: &Findings) -> Option<String> {
    let answer = findings.answer(build, feasible);
    let Some((fastest, smallest)) = answer.least() else {
        return Some("every profile failed, so no format has a time; `imgcalc logs` tells why".into());
    };
    if let Some(budget) = build.times_us.iter().find(|&&budget| budget < fastest) {
        return Some(format!(
            "answer.times_us = {budget}: nothing fits; the fastest format takes {fastest:.1} µs"
        ));
    }
    if let Some(budget) = build.search_hyper.as_ref().and_then(|search| search.time_us)
        && budget < fastest
    {
        return Some(format!(
            "search.hyper.time_us = {budget}: no format is so fast; the fastest takes {fastest:.1} µs"
        ));
    }
    if let Some(budget) = build.spaces.iter().find(|&&budget| budget < smallest) {
        return Some(format!(
            "answer.spaces = {budget}: nothing fits; the smallest format takes {smallest:.1} bytes"
        ));
    }
    None
}

fn by_family(feasible: &[Format]) -> BTreeMap<Family, Vec<Format>> {
    let mut families: BTreeMap<Family, Vec<Format>> = BTreeMap::new();
    for &format in feasible {
        families.entry(format.family()).or_default().push(format);
    }
    families
}

fn record(outcome: &Outcome, task: &Task, findings: &mut Findings) {
    match (outcome, task) {
        (Outcome::ProfileAccess { rows }, _) => {
            findings
                .access
                .extend(rows.iter().map(|row| (row.format, row.access)));
        }
        (Outcome::ProfileExecute(profile), _) => {
            findings.execute.insert(profile.shape, *profile);
        }
        (Outcome::ProfileJpeg { access }, Task::ProfileJpeg { jpeg, .. }) => {
            findings.jpegs.push((*jpeg, *access))
        }
        (Outcome::ProfileTraining { rows }, _) => findings.batch = best_batch(rows),
        // The ledger commits only outcomes their task accepts.
        _ => {}
    }
}
