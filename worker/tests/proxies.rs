//! Untrained nets looked at through the stage that a worker runs.

mod data_support;

use data_support::{idx_folder, import};
use imgcalc_shared::dataset::Splits;
use imgcalc_shared::task::{FailureClass, Input, Outcome, Task};
use imgcalc_shared::training::{Net, ResnetStage};
use imgcalc_worker::data::{Base, columns};
use imgcalc_worker::stages::{self, Attempt, Cadence, Context, Observer, Progress};
use std::time::Duration;

const IMAGES: Splits = Splits {
    train: 60,
    validation: 10,
    test: 0,
};

struct Told {
    to_stop: bool,
}

impl Observer for Told {
    fn progress(&mut self, _: &Progress) {}

    fn should_stop(&self) -> bool {
        self.to_stop
    }
}

#[test]
fn a_net_is_looked_at_on_columns_and_on_pixels_and_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    idx_folder(&source, IMAGES.train + IMAGES.validation, 10);
    let base = Base::open(&format!("file://{}", folder.path().join("base").display())).unwrap();
    let manifest = import(&base, &source, "").unwrap();
    let images = Splits {
        train: IMAGES.train.min(manifest.splits.train),
        validation: IMAGES.validation.min(manifest.splits.validation),
        test: 0,
    };
    let format = "1x1-b8-k2-q20".parse().unwrap();
    columns::make(&base, &manifest, &[format], images, || false).unwrap();
    let stage = ResnetStage {
        width: 4,
        depth: 1,
        kernel: 3,
    };
    let task = |input: Input, batch: u32| Task::Proxies {
        dataset: manifest.digest,
        images,
        input,
        net: Net::ResnetLike {
            stem: 4,
            stages: vec![stage; 2],
        },
        batch,
        seed: 1,
        threads: 1,
    };
    let never = Duration::from_secs(86_400);
    let cadence = Cadence {
        min: never,
        max: never,
    };
    let attempt = Attempt {
        token: 1,
        weights: None,
    };
    let run = |task: &Task, to_stop: bool| {
        let mut context = Context::new(base.clone(), 1, cadence);
        stages::run(task, attempt, &mut context, &mut Told { to_stop })
    };
    let of_columns = task(Input::Format(format), 16);
    let found = run(&of_columns, false).unwrap();
    assert!(of_columns.accepts(&found), "{found:?}");
    assert_eq!(run(&of_columns, false).unwrap(), found);
    let of_pixels = run(&task(Input::Pixels, 16), false).unwrap();
    assert!(matches!(of_pixels, Outcome::Proxies(_)));
    assert_ne!(of_pixels, found);

    let failure = run(&of_columns, true).unwrap_err();
    assert_eq!(failure.class, FailureClass::Preempted, "{failure}");
    let failure = run(&task(Input::Pixels, 1000), false).unwrap_err();
    assert_eq!(failure.class, FailureClass::BadData, "{failure}");
}
