//! A small build for tests, and outcomes made up.

use super::{Known, Over, Plan, Standing, plan};
use imgcalc_shared::build::{Build, BuildId};
use imgcalc_shared::dataset::Splits;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::Size;
use imgcalc_shared::search::Took;
use imgcalc_shared::spec::{DatasetFacts, Spec, Surroundings};
use imgcalc_shared::task::{Outcome, Task, TaskId};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) use imgcalc_shared::made_up::outcome;

/// A build over 96 formats of 32×32 images.
pub(crate) fn build() -> Build {
    let text = "name = \"t\"\nbase = \"b\"\ndataset = \"d\"\n[training]\npreset = \"small-images\"\n[space]\nblocks = [8]\n[buckets]\nsampled = 5\nformats_per_bucket = 3";
    let dataset = DatasetFacts {
        digest: Digest::of(b"d"),
        size: Size {
            height: 32,
            width: 32,
        },
        channels: 1,
        classes: 10,
        splits: Splits {
            train: 800,
            validation: 200,
            test: 0,
        },
        has_jpeg_files: false,
    };
    let surroundings = Surroundings {
        base: "file:///b".into(),
        dataset,
        hardware: "cpu".into(),
        script: None,
        weights: None,
    };
    Spec::parse(text).unwrap().resolve(&surroundings).unwrap()
}

/// The first tasks of a build, all distinct.
pub(crate) fn tasks(build: &Build) -> Vec<Task> {
    let known = Known {
        results: &BTreeMap::new(),
        quarantined: &BTreeSet::new(),
        order: &BTreeMap::new(),
    };
    plan(build, known)
        .tasks
        .into_iter()
        .map(|planned| planned.task)
        .take(6)
        .collect()
}

/// One after the other, each on one device.
pub(super) fn a_minute_each(build: &BuildId, place: u64) -> Over {
    let took = Took {
        from_ms: 60_000 * place,
        until_ms: 60_000 * (place + 1),
        device_ms: 60_000,
    };
    Over {
        place,
        took: Some((build.clone(), took)),
    }
}

/// Runs a build to its end, one ready task at a time; `pick` chooses among the ready ones, `fails` dooms tasks.
pub(crate) fn run(
    build: &Build,
    mut pick: impl FnMut(usize) -> usize,
    fails: impl Fn(&Task) -> bool,
) -> (Plan, BTreeMap<TaskId, Outcome>) {
    let (mut results, mut quarantined) = (BTreeMap::new(), BTreeSet::new());
    let (id, mut order) = (build.id(), BTreeMap::new());
    loop {
        let derived = plan(
            build,
            Known {
                results: &results,
                quarantined: &quarantined,
                order: &order,
            },
        );
        let ready: Vec<_> = derived
            .tasks
            .iter()
            .filter(|planned| planned.standing == Standing::Ready)
            .collect();
        if ready.is_empty() {
            return (derived, results);
        }
        let chosen = ready[pick(ready.len()) % ready.len()];
        order.insert(chosen.id, a_minute_each(&id, order.len() as u64));
        if fails(&chosen.task) {
            quarantined.insert(chosen.id);
        } else {
            results.insert(chosen.id, outcome(&chosen.task));
        }
    }
}
