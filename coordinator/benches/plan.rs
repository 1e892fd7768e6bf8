//! Derives the plan of a build over the published space, beside the hashing of the names of its tasks, which no plan
//! can do without.
//!
//!     cargo bench -p imgcalc-coordinator --bench plan

use imgcalc_coordinator::plan::{Known, Plan, Standing, plan};
use imgcalc_shared::build::Build;
use imgcalc_shared::dataset::Splits;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::Size;
use imgcalc_shared::made_up::outcome;
use imgcalc_shared::spec::{DatasetFacts, Spec, Surroundings};
use imgcalc_shared::task::{Outcome, Task, TaskId};
use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 20;

fn main() {
    println!("median of {ROUNDS} rounds, taking turns; 3,744 formats of 256x256 images");
    println!(
        "{:>10} {:>10} {:>8} {:>10} {:>12} {:>6}",
        "trainings", "done", "tasks", "plan, ms", "names, ms", "ratio"
    );
    for (sampled, per_bucket) in [(12, 3), (20, 50)] {
        let build = build(sampled, per_bucket);
        let mut results = BTreeMap::new();
        let quarantined = BTreeSet::new();
        // Profiles first, then half of the chain.
        for done in [0, usize::from(sampled) * usize::from(per_bucket) / 2] {
            let mut at_hand = derive(&build, &results, &quarantined);
            let mut trained = 0;
            while trained < done || at_hand.findings.buckets.is_none() {
                let ready = at_hand
                    .tasks
                    .iter()
                    .filter(|planned| planned.standing == Standing::Ready);
                for planned in ready {
                    let is_link = matches!(planned.task, Task::Train { .. });
                    if !is_link || trained < done {
                        trained += usize::from(is_link);
                        results.insert(planned.id, outcome(&planned.task));
                    }
                }
                at_hand = derive(&build, &results, &quarantined);
            }
            let tasks: Vec<&Task> = at_hand.tasks.iter().map(|planned| &planned.task).collect();
            let (mut whole, mut names) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                whole.push(timed(|| drop(black_box(derive(&build, &results, &quarantined)))));
                names.push(timed(|| {
                    for task in &tasks {
                        black_box(task.id());
                    }
                }));
            }
            let (whole, names) = (median(whole), median(names));
            println!(
                "{:>10} {done:>10} {:>8} {whole:>10.2} {names:>12.2} {:>6.1}",
                sampled * per_bucket,
                tasks.len(),
                whole / names
            );
        }
    }
}

fn derive(build: &Build, results: &BTreeMap<TaskId, Outcome>, quarantined: &BTreeSet<TaskId>) -> Plan {
    let order = &BTreeMap::new();
    let known = Known {
        results,
        quarantined,
        order,
    };
    plan(build, known)
}

fn timed(work: impl FnOnce()) -> f64 {
    let since = Instant::now();
    work();
    since.elapsed().as_secs_f64() * 1e3
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn build(sampled: u16, per_bucket: u16) -> Build {
    let text = format!(
        "name = \"plan\"\nbase = \"b\"\ndataset = \"d\"\n\
         [buckets]\ncount = 40\nsampled = {sampled}\nformats_per_bucket = {per_bucket}\nchoice = \"uniform\"\n"
    );
    let side = 256;
    let dataset = DatasetFacts {
        digest: Digest::of(b"plan"),
        size: Size {
            height: side,
            width: side,
        },
        channels: 3,
        classes: 1000,
        splits: Splits {
            train: 100_000,
            validation: 10_000,
            test: 0,
        },
        has_jpeg_files: false,
    };
    let surroundings = Surroundings {
        base: "file:///b".into(),
        dataset,
        hardware: "none".into(),
        script: None,
        weights: None,
    };
    let spec = Spec::parse(&text).expect("the spec is right");
    spec.resolve(&surroundings).expect("the dataset fits it")
}
