//! Nets with shared weights, through the stage that a worker runs.

mod data_support;

use data_support::{idx_folder, import};
use imgcalc_shared::dataset::{Manifest, Splits};
use imgcalc_shared::task::{FailureClass, Input, Outcome, Supernet, Task};
use imgcalc_shared::training::{Hyper, Net, ResnetStage};
use imgcalc_worker::data::{Base, columns};
use imgcalc_worker::failure::Failure;
use imgcalc_worker::stages::{self, Attempt, Cadence, Context, Observer, Progress};
use std::cell::Cell;
use std::time::Duration;

const IMAGES: Splits = Splits {
    train: 40,
    validation: 10,
    test: 0,
};

/// Stops after so many questions, leaving a checkpoint.
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

fn world(folder: &tempfile::TempDir) -> (Base, Manifest) {
    let source = folder.path().join("source");
    idx_folder(&source, 60, 10);
    let base = Base::open(&format!("file://{}", folder.path().join("base").display())).unwrap();
    let manifest = import(&base, &source, "").unwrap();
    (base, manifest)
}

fn net(width: u16, depth: u16, kernel: u16) -> Net {
    let stage = ResnetStage { width, depth, kernel };
    Net::ResnetLike {
        stem: 4,
        stages: vec![stage; 2],
    }
}

fn attempt(base: &Base, task: &Task, token: u64, observer: &mut Stopper) -> Result<Supernet, Failure> {
    let never = Duration::from_secs(86_400);
    let cadence = Cadence {
        min: never,
        max: never,
    };
    let mut context = Context::new(base.clone(), 1, cadence);
    let attempt = Attempt { token, weights: None };
    let outcome = stages::run(task, attempt, &mut context, observer)?;
    assert!(task.accepts(&outcome), "{outcome:?}");
    match outcome {
        Outcome::Supernet(found) => Ok(found),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_supernet_that_is_stopped_goes_on_and_ends_as_one_that_is_not() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [(one, manifest), (other, _)] = folders.each_ref().map(world);
    let format = "1x1-b8-k2-q20".parse().unwrap();
    for base in [&one, &other] {
        columns::make(base, &manifest, &[format], IMAGES, || false).unwrap();
    }
    let task = Task::Supernet {
        dataset: manifest.digest,
        images: IMAGES,
        input: Input::Format(format),
        nets: vec![net(4, 1, 3), net(6, 2, 1), net(8, 1, 3)],
        hyper: Hyper {
            learning_rate: 0.05,
            batch_size: 10,
            epochs: 2,
            ..Hyper::default()
        },
        threads: 1,
    };
    let mut never = Stopper::after(u32::MAX);
    let whole = attempt(&one, &task, 1, &mut never).unwrap();
    assert!(whole.bytes_read > 0 && never.told > 0 && whole.batch_halved_to.is_none());

    // In the training, and while nets are scored.
    for (token, stop_after) in [(1, 3), (2, 7), (3, 2)] {
        let failure = attempt(&other, &task, token, &mut Stopper::after(stop_after)).unwrap_err();
        assert_eq!(failure.class, FailureClass::Preempted, "{failure}");
    }
    let mut rest = Stopper::after(u32::MAX);
    let resumed = attempt(&other, &task, 4, &mut rest).unwrap();
    assert_eq!(resumed.accuracies, whole.accuracies);
    assert_eq!(resumed.curve, whole.curve);
    assert!(rest.asked.get() < never.asked.get(), "it begins anew");
    assert!(stages::tidy(&other, task.id()).unwrap() > 0);
}
