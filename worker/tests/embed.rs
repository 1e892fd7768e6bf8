//! The embedding of formats, through the stage that a worker runs.

mod data_support;

use data_support::{idx_folder, import};
use imgcalc_shared::dataset::{Manifest, Splits};
use imgcalc_shared::format::Format;
use imgcalc_shared::task::{Embedded, FailureClass, Outcome, Task};
use imgcalc_shared::training::Embedding;
use imgcalc_worker::data::Base;
use imgcalc_worker::failure::Failure;
use imgcalc_worker::stages::{self, Attempt, Cadence, Context, Observer, Progress};
use std::cell::Cell;
use std::time::Duration;
use tempfile::TempDir;

/// Stops after so many questions, leaving a checkpoint; tells nothing.
struct Stopper {
    asked: Cell<u32>,
    stop_after: u32,
    told: u32,
}

impl Stopper {
    fn after(stop_after: u32) -> Stopper {
        Stopper {
            asked: Cell::new(0),
            stop_after,
            told: 0,
        }
    }
}

impl Observer for Stopper {
    fn progress(&mut self, progress: &Progress) {
        assert!(progress.epoch <= progress.epochs);
        self.told += 1;
    }

    fn should_stop(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        self.asked.get() > self.stop_after
    }

    fn wants_checkpoint(&self) -> bool {
        true
    }
}

struct World {
    _folder: TempDir,
    base: Base,
    manifest: Manifest,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    idx_folder(&source, 120, 10);
    let base = Base::open(&format!("file://{}", folder.path().join("base").display())).unwrap();
    let manifest = import(&base, &source, "--size 32").unwrap();
    World {
        _folder: folder,
        base,
        manifest,
    }
}

fn task(world: &World) -> Task {
    let texts = [
        "1x1-b8-k4-q20",
        "1x1-b8-k3-q20",
        "1x1-b16-k2-q50",
        "4x4-b8-k2-q20",
    ];
    Task::Embed {
        dataset: world.manifest.digest,
        images: Splits {
            train: 60,
            validation: 8,
            test: 0,
        },
        formats: texts.map(|text| text.parse::<Format>().unwrap()).into(),
        embedding: Embedding {
            steps: 8,
            batch_size: 8,
            width: 2,
            code: 4,
            dimensions: 4,
            images: 40,
            probes: 8,
            ..Embedding::default()
        },
        threads: 1,
    }
}

fn attempt(world: &World, task: &Task, token: u64, observer: &mut Stopper) -> Result<Embedded, Failure> {
    let cadence = Cadence {
        min: Duration::from_secs(86_400),
        max: Duration::from_secs(86_400),
    };
    let mut context = Context::new(world.base.clone(), 1, cadence);
    let attempt = Attempt { token, weights: None };
    let outcome = stages::run(task, attempt, &mut context, observer)?;
    assert!(task.accepts(&outcome), "{outcome:?}");
    match outcome {
        Outcome::Embed(embedded) => Ok(embedded),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_embedding_that_is_stopped_goes_on_and_ends_as_one_that_is_not() {
    let (one, other) = (world(), world());
    let asked = task(&one);
    assert_eq!(asked.id(), task(&other).id());
    let mut never = Stopper::after(u32::MAX);
    let whole = attempt(&one, &asked, 1, &mut never).unwrap();
    assert_eq!(whole.images, 40);
    assert!(whole.bytes_read > 0 && never.told > 0);

    // In the training, and while the vectors are made.
    for (token, stop_after) in [(1, 3), (2, 3), (3, 4)] {
        let failure = attempt(&other, &asked, token, &mut Stopper::after(stop_after)).unwrap_err();
        assert_eq!(failure.class, FailureClass::Preempted, "{failure}");
    }
    let mut rest = Stopper::after(u32::MAX);
    let resumed = attempt(&other, &asked, 4, &mut rest).unwrap();
    assert_eq!(resumed.rows, whole.rows);
    assert_eq!(resumed.curve, whole.curve);
    assert!(rest.asked.get() < never.asked.get(), "it begins anew");

    // What it wrote is a task's own, and goes once its result is committed.
    assert!(stages::tidy(&other.base, asked.id()).unwrap() > 0);
    assert_eq!(stages::tidy(&other.base, asked.id()).unwrap(), 0);
}

#[test]
fn a_format_that_does_not_fit_and_images_that_are_not_there_are_bad_data() {
    let world = world();
    let refused = |change: fn(&mut Vec<Format>, &mut Splits)| {
        let mut asked = task(&world);
        if let Task::Embed { formats, images, .. } = &mut asked {
            change(formats, images);
        }
        let failure = attempt(&world, &asked, 1, &mut Stopper::after(u32::MAX)).unwrap_err();
        assert_eq!(failure.class, FailureClass::BadData, "{failure}");
        failure.message
    };
    let message = refused(|formats, _| formats.push("1x1-b64-k1-q20".parse().unwrap()));
    assert!(message.contains("1x1-b64-k1-q20"), "{message}");
    let message = refused(|_, images| images.train = 1);
    assert!(message.contains("two training images"), "{message}");
}
