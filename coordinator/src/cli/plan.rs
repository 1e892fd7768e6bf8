//! `imgcalc plan`: the dry run. The real planner, fed with made-up results, tells what a build would do.

mod words;

use super::output;
use super::{answer, spec_file};
use crate::plan::{Known, Over, Plan, Stage, Standing, plan};
use anyhow::Context;
use imgcalc_shared::build::Build;
use imgcalc_shared::dataset::{ObjectRef, Splits};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::{Format, Size};
use imgcalc_shared::profile::{Access, AccessProfile, ExecuteProfile, FormatAccess, Timing};
use imgcalc_shared::search::Budget;
use imgcalc_shared::space::Infeasible;
use imgcalc_shared::spec::DatasetFacts;
use imgcalc_shared::task::{
    BatchTiming, Embedded, EpochPoint, FormatVector, Outcome, Proxies, Start, Supernet, Task, TaskId, Trained,
};
use imgcalc_shared::training::Embedding;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The build spec, TOML.
    spec: PathBuf,
    /// Plan for images of this size instead of looking the dataset up, for example 256x256.
    #[arg(long, value_parser = parse_size)]
    size: Option<Size>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Args) -> anyhow::Result<()> {
    let file = spec_file::read(&arguments.spec)?;
    let dataset = match arguments.size {
        Some(size) => imagined(size, &file.spec.training),
        None => spec_file::dataset(&file)
            .await
            .context("no dataset to plan for; --size 256x256 plans without one")?,
    };
    let hardware = file.spec.profile.hardware.clone().unwrap_or("any".into());
    let mut surroundings = spec_file::surroundings(&file, dataset, hardware).await?;
    if let (Some(_), Some(script)) = (arguments.size, &surroundings.script) {
        let dataset = &mut surroundings.dataset;
        (dataset.channels, dataset.classes) = (script.channels, script.classes.into());
    }
    let build = file.spec.resolve(&surroundings)?;
    let space = build.space.formats().len();
    let (feasible, infeasible) = build.space.split(build.size);
    let whole = rehearse(&build);
    let (cost, brute_force) = answer::costs(&build, &whole);
    let profiles = |wanted: fn(&Task) -> bool| {
        let profile = whole
            .tasks
            .iter()
            .filter(|planned| planned.stage == Stage::Profile);
        profile.filter(|planned| wanted(&planned.task)).count()
    };
    let shapes = profiles(|task| matches!(task, Task::ProfileExecute { .. }));
    let families = profiles(|task| matches!(task, Task::ProfileAccess { .. }));
    let trainings = whole.progress(Stage::Chain).1;
    let compared = whole.progress(Stage::Compared).1;
    let nets = whole.findings.nets.as_ref();
    let trials = whole.findings.hyper.as_ref().map(|found| &found.facts);
    let embedding = whole.findings.embedding.as_ref();
    let critical = whole.critical_path(&build);
    let training = &file.spec.training;
    if arguments.json {
        return output::json(&json!({
            "formats": space,
            "feasible": feasible.len(),
            "infeasible": infeasible.len(),
            "shapes": shapes,
            "families": families,
            "buckets": build.buckets,
            "buckets_sampled": build.buckets_sampled,
            "net": build.net.name(),
            "preset": training.preset.name(),
            "scratch": build.scratch,
            "transfer": build.transfer,
            "start": build.start,
            "strategy": build.strategy,
            "compared": build.compared,
            "trainings": trainings,
            "trainings_compared": compared,
            "segments": build.segments,
            "nets_candidates": nets.map_or(0, |facts| facts.candidates.len()),
            "nets_trainings": nets.map_or(0, |facts| facts.chosen().len()),
            "nets_epochs": nets.map_or(0, |facts| facts.chosen().len() as u64 * u64::from(facts.epochs)),
            "trials": trials.map_or(0, |facts| facts.trials.len()),
            "trials_epochs": trials.map_or(0, |facts| facts.epochs_spent),
            "embedding_epochs": embedding.map(|facts| facts.cost_epochs),
            "trainings_in_sequence": critical.trainings,
            "cost_epochs_in_sequence": critical.cost,
            "cost_epochs": cost,
            "cost_epochs_brute_force": brute_force,
        }));
    }
    let Size { height, width } = build.size;
    output::print(&format!(
        "images      {height}x{width}, {} channel(s), {} classes",
        build.channels, build.classes
    ));
    output::print(&format!("formats     {space} in the space"));
    output::print(&format!("feasible    {}", feasible.len()));
    output::print(&format!(
        "infeasible  {}{}",
        infeasible.len(),
        reasons(&infeasible)
    ));
    output::print(&format!(
        "profile     {shapes} shapes to execute, {families} families to read and decode"
    ));
    match embedding {
        Some(facts) => output::print(&format!("buckets     {}", words::embedding(&build, facts))),
        None => output::print(
            &format!(
                "buckets     {} of {} sampled ({:?})",
                build.buckets_sampled, build.buckets, build.choice
            )
            .to_lowercase(),
        ),
    }
    output::print(&format!("training    {}", words::training(training, &build)));
    if let Some(words) = words::augment(&build.scratch.augment) {
        output::print(&format!("augment     {words}"));
    }
    output::print(&format!(
        "strategy    {}",
        words::strategy(&build, &training.start)
    ));
    let more = match compared {
        0 => String::new(),
        // Roots and what else two strategies have in common are trained once.
        more => format!(", {more} more by what is compared with it"),
    };
    output::print(&format!(
        "trainings   {trainings} of the chain{more}, 1 on pixels for the JPEG baseline"
    ));
    if let (Some(facts), Some(search)) = (nets, &build.search_nets) {
        output::print(&format!("nets        {}", words::nets(facts, search)));
    }
    if let Some(facts) = trials {
        output::print(&format!("trials      {}", words::trials(facts)));
        let budget = build.hyper_search().map(|search| search.search.budget);
        if let Some(budget) = budget.filter(|budget| rehearsed(*budget) != *budget) {
            output::print(&format!(
                "            until {budget} are used up; {TRIALS_REHEARSED} trials stand for that here"
            ));
        }
    }
    output::print(&format!(
        "cost        about {cost:.0} epochs on pixels' size, brute force {brute_force:.0} ({:.0}× less)",
        brute_force / cost.max(f64::MIN_POSITIVE)
    ));
    output::print(&format!(
        "in sequence {} trainings of the chain, about {:.0} epochs: no number of workers makes it shorter ({})",
        critical.trainings,
        critical.cost,
        match build.segments {
            1 => "one segment; `chain.segments` cuts it".to_string(),
            segments => format!("{segments} segments"),
        }
    ));
    eprintln!(
        "The sampled buckets depend on measured times and accuracies; the cost is that of a rehearsal with made-up ones."
    );
    Ok(())
}

fn parse_size(text: &str) -> Result<Size, String> {
    let (height, width) = text.split_once('x').unwrap_or((text, text));
    let side = |text: &str| {
        text.parse()
            .ok()
            .filter(|side| (1..=imgcalc_shared::dataset::SIDE_MAX).contains(side))
    };
    match (side(height), side(width)) {
        (Some(height), Some(width)) => Ok(Size { height, width }),
        _ => Err(format!(
            "{text:?} is no size; write HEIGHTxWIDTH, for example 256x256"
        )),
    }
}

/// A dataset of this size that has whatever the spec asks for.
fn imagined(size: Size, training: &imgcalc_shared::spec::TrainingSpec) -> DatasetFacts {
    let splits = Splits {
        train: training.train_images.unwrap_or(1).max(1024),
        validation: training.validation_images.unwrap_or(1).max(1024),
        test: training.test_images.unwrap_or(0),
    };
    DatasetFacts {
        digest: Digest::of(b"imagined"),
        size,
        channels: 3,
        classes: 10,
        splits,
        has_jpeg_files: false,
    }
}

fn reasons(infeasible: &[(Format, Infeasible)]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, why) in infeasible {
        *counts.entry(why.to_string()).or_default() += 1;
    }
    counts
        .iter()
        .map(|(why, count)| format!("\n            {count:5}: {why}"))
        .collect()
}

/// Feeds the planner made-up results until it wants nothing more: time in proportion to the net's input, accuracy
/// rising with it.
fn rehearse(build: &Build) -> Plan {
    let mut results: BTreeMap<TaskId, Outcome> = BTreeMap::new();
    if let Start::Weights(task) = build.start {
        // Whether the ledger knows it is told when the build is submitted.
        results.insert(task, Outcome::Train(imagined_training(build.images, 0.0)));
    }
    let (quarantined, mut order) = (BTreeSet::new(), BTreeMap::new());
    // Budgets are in measured units; made-up times must not refuse them.
    let mut build = Build {
        times_us: Vec::new(),
        spaces: Vec::new(),
        ..build.clone()
    };
    if let Some(search) = &mut build.search_nets {
        search.time_us = None;
    }
    if let Some(search) = &mut build.search_hyper {
        search.time_us = None;
        search.search.budget = rehearsed(search.search.budget);
    }
    loop {
        let plan = plan(
            &build,
            Known {
                results: &results,
                quarantined: &quarantined,
                order: &order,
            },
        );
        let ready: Vec<(TaskId, Outcome)> = plan
            .tasks
            .iter()
            .filter(|planned| planned.standing == Standing::Ready)
            .map(|planned| (planned.id, imagined_outcome(&build, &planned.task)))
            .collect();
        if ready.is_empty() {
            return plan;
        }
        order.extend(
            (order.len() as u64..)
                .zip(&ready)
                .map(|(at, (task, _))| (*task, Over::from(at))),
        );
        results.extend(ready);
    }
}

/// Nobody knows how many trials fit into hours: so many stand for them.
const TRIALS_REHEARSED: u32 = 81;

/// A budget that ends without hours.
fn rehearsed(budget: Budget) -> Budget {
    let ends = budget.trainings.is_some() || budget.epochs.is_some();
    let hours = budget.wall_hours.is_some() || budget.gpu_hours.is_some();
    Budget {
        trainings: budget.trainings.or((hours && !ends).then_some(TRIALS_REHEARSED)),
        ..budget
    }
}

fn imagined_outcome(build: &Build, task: &Task) -> Outcome {
    let timing = |us: f64| Timing {
        median_us: us,
        p95_us: us,
        repeats: 1,
    };
    let access = |bytes: f64| {
        let access = Access {
            read: timing(0.0),
            decode: timing(0.0),
            transfer: timing(0.0),
            bytes,
        };
        AccessProfile {
            batch: access,
            single: access,
        }
    };
    match task {
        Task::Columns { .. } => Outcome::Columns { objects: 0, bytes: 0 },
        Task::ProfileAccess { formats, .. } => {
            let row = |&format: &Format| FormatAccess {
                format,
                access: access(format.values(build.size) as f64),
            };
            Outcome::ProfileAccess {
                rows: formats.iter().map(row).collect(),
            }
        }
        Task::ProfileExecute { shape, .. } => {
            let us = timing(shape.values() as f64);
            Outcome::ProfileExecute(ExecuteProfile {
                shape: *shape,
                batch: us,
                single: us,
                parameters: 0,
            })
        }
        Task::ProfileJpeg { .. } => Outcome::ProfileJpeg { access: access(0.0) },
        Task::ProfileTraining { batches, .. } => {
            let rows = batches.iter().map(|&batch| BatchTiming {
                batch,
                step: timing(1.0 / f64::from(batch)),
            });
            Outcome::ProfileTraining { rows: rows.collect() }
        }
        Task::Proxies { .. } => Outcome::Proxies(Proxies {
            synflow: 0.0,
            grad_norm: 0.0,
            jacobian_covariance: 0.0,
            naswot: 0.0,
        }),
        Task::Supernet { nets, hyper, .. } => {
            let point = |epoch: u32| EpochPoint {
                epoch,
                loss: 0.0,
                accuracy: 0.0,
            };
            Outcome::Supernet(Supernet {
                accuracies: vec![0.0; nets.len()],
                curve: (1..=hyper.epochs).map(point).collect(),
                bytes_read: 0,
                seconds: 0.0,
                batch_halved_to: None,
            })
        }
        Task::Train {
            images, hyper, leg, ..
        } => {
            let cost = build.training_cost(task);
            let accuracy = cost / (1.0 + cost);
            let trained = imagined_training(*images, accuracy);
            let last = EpochPoint {
                epoch: leg.map_or(hyper.epochs, |leg| leg.until),
                loss: 0.0,
                accuracy,
            };
            Outcome::Train(Trained {
                state: leg.map(|_| trained.weights.clone()),
                curve: vec![last],
                ..trained
            })
        }
        Task::Embed {
            formats, embedding, ..
        } => Outcome::Embed(imagined_embedding(formats, embedding)),
    }
}

/// Formats of like features lie side by side.
fn imagined_embedding(formats: &[Format], embedding: &Embedding) -> Embedded {
    let row = |&format: &Format| {
        let mut vector = format.features().to_vec();
        vector.resize(embedding.dimensions.into(), 0.0);
        FormatVector::new(format, &vector)
    };
    Embedded {
        rows: formats.iter().map(row).collect(),
        curve: Vec::new(),
        images: 0,
        bytes_read: 0,
        seconds: 0.0,
    }
}

fn imagined_training(images: Splits, accuracy: f64) -> Trained {
    Trained {
        weights: ObjectRef {
            key: String::new(),
            bytes: 0,
            digest: Digest::of(b""),
        },
        loss: 0.0,
        accuracy,
        test_accuracy: (images.test > 0).then_some(0.0),
        curve: Vec::new(),
        bytes_read: 0,
        seconds: 0.0,
        batch_halved_to: None,
        state: None,
    }
}
