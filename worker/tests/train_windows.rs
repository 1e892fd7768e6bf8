//! Trainings whose images are read window by window, through the stage that a worker runs.

mod data_support;

use data_support::{idx_folder, import};
use imgcalc_shared::column;
use imgcalc_shared::dataset::{Manifest, Splits};
use imgcalc_shared::format::Format;
use imgcalc_shared::task::{FailureClass, Input, Outcome, Start, Task, Trained};
use imgcalc_shared::training::{Hyper, Net};
use imgcalc_worker::data::{Base, columns};
use imgcalc_worker::failure::Failure;
use imgcalc_worker::stages::{self, Attempt, Cadence, Context, Observer, Progress};
use std::time::Duration;
use tempfile::TempDir;

const EPOCHS: u32 = 2;
/// Three row groups of 1,024 images and less.
const IMAGES: Splits = Splits {
    train: 2300,
    validation: 100,
    test: 0,
};
/// Of an image of 28 × 28 as 2 of 8 coefficients a side: 4 × 4 blocks.
const IMAGE_BYTES: u64 = 2 * 8 * 8;

struct Quiet;

impl Observer for Quiet {
    fn progress(&mut self, _: &Progress) {}

    fn should_stop(&self) -> bool {
        false
    }
}

struct World {
    _folder: TempDir,
    base: Base,
    manifest: Manifest,
    format: Format,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    idx_folder(&source, IMAGES.train + IMAGES.validation, 10);
    let base = Base::open(&format!("file://{}", folder.path().join("base").display())).unwrap();
    let manifest = import(&base, &source, "").unwrap();
    let format: Format = "1x1-b8-k2-q20".parse().unwrap();
    columns::make(&base, &manifest, &[format], IMAGES, || false).unwrap();
    World {
        _folder: folder,
        base,
        manifest,
        format,
    }
}

fn train(world: &World, window_images: u64) -> Result<Trained, Failure> {
    let task = Task::Train {
        dataset: world.manifest.digest,
        images: Splits {
            train: IMAGES.train.min(world.manifest.splits.train),
            validation: IMAGES.validation.min(world.manifest.splits.validation),
            test: 0,
        },
        input: Input::Format(world.format),
        net: Net::SmallResnet {
            width: 2,
            blocks: vec![1],
        },
        hyper: Hyper {
            learning_rate: 0.05,
            epochs: EPOCHS,
            // Another task for each window: a checkpoint of the one is none of the other.
            seed: window_images,
            ..Hyper::default()
        },
        start: Start::Scratch,
        threads: 1,
        leg: None,
    };
    let never = Duration::from_secs(86_400);
    let cadence = Cadence {
        min: never,
        max: never,
    };
    let mut context =
        Context::new(world.base.clone(), 1, cadence).with_window_bytes(window_images * IMAGE_BYTES);
    let attempt = Attempt {
        token: 1,
        weights: None,
    };
    match stages::run(&task, attempt, &mut context, &mut Quiet)? {
        Outcome::Train(trained) => Ok(trained),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_training_larger_than_its_window_reads_every_epoch_and_is_the_same_every_time() {
    let (one, other) = (world(), world());
    let whole = train(&one, 1 << 20).unwrap();
    let window = train(&one, 1024).unwrap();
    let again = train(&other, 1024).unwrap();
    assert_eq!(window.weights.digest, again.weights.digest);
    assert_eq!(window.curve, again.curve);
    assert_eq!(window.curve.len(), EPOCHS as usize);
    assert!(window.loss < window.curve[0].loss);
    // All images once for their mean and deviation, and once an epoch.
    let passes = window.bytes_read as f64 / whole.bytes_read as f64;
    let expected = f64::from(EPOCHS + 1);
    assert!(
        (passes / expected - 1.0).abs() < 0.2,
        "{passes} passes of {expected}"
    );
}

#[test]
fn what_cannot_be_read_in_the_middle_is_told_by_its_own_class() {
    let world = world();
    let key = column::key(&world.manifest.digest, world.format, 1);
    let mut bytes = world.base.get(&key).unwrap().to_vec();
    bytes[100] ^= 1;
    world.base.delete(&key).unwrap();
    world.base.put(&key, bytes).unwrap();
    let failure = train(&world, 1024).unwrap_err();
    assert_eq!(failure.class, FailureClass::BadData, "{failure}");
    assert!(failure.message.contains(&key), "{failure}");
}
