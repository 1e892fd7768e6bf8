//! Trainings with several threads: what is computed in parallel must not write where it must not. A program of its own, since the
//! number of threads belongs to the whole process.

mod support;

use imgcalc_engine::{Init, TrainData, Wish, set_threads, train};
use imgcalc_shared::training::{Hyper, InputShape, Net};
use std::process::Command;
use support::*;

/// Set in the process that trains.
const INSIDE: &str = "IMGCALC_TEST_INSIDE";

/// Does this in another process, whose allocator looks for damage around every block it gets back: what writes out of bounds mostly
/// stays unseen otherwise, or ends a later test. Without glibc's debugging library it is an ordinary process.
fn watched(test: &str, work: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return work();
    }
    let inside = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads", "1"])
        .env(INSIDE, "1")
        .env("MALLOC_CHECK_", "3")
        .env("LD_PRELOAD", "libc_malloc_debug.so.0")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&inside.stdout);
    let log = String::from_utf8_lossy(&inside.stderr);
    assert!(inside.status.success(), "{}: {said}{log}", inside.status);
    assert!(said.contains("1 passed"), "{said}");
}

/// Batches of this size, four an epoch.
fn images(shape: InputShape, batch: usize) -> TrainData {
    let part = |images: usize, seed| {
        let mut part = samples(images, 12, 1, seed);
        part.shape = shape;
        let values = shape.values() * images;
        part.values = part.values.iter().copied().cycle().take(values).collect();
        part
    };
    TrainData {
        train: part(4 * batch, 1),
        validation: part(8, 2),
        test: None,
        classes: CLASSES,
    }
}

fn trains(net: &Net, epochs: u32, side: u16, batch: usize) {
    println!("{net:?}, side {side}, batch {batch}");
    set_threads(2);
    let shape = InputShape {
        channels: 3,
        height: side,
        width: side,
    };
    let hyper = Hyper {
        learning_rate: 1e-4,
        batch_size: batch as u32,
        ..hyper(epochs)
    };
    // Large nets have large checkpoints: none is written.
    let mut quiet = Keeper {
        at: (1..=epochs).map(|epoch| (place(epoch, 0), Wish::GoOn)).collect(),
        ..Keeper::default()
    };
    let data = images(shape, batch);
    let trained = train(net, &hyper, &data, Init::Scratch, None, &mut quiet).unwrap();
    assert!(trained.loss.is_finite(), "{net:?} {shape}");
}

#[test]
fn nets_with_few_channels_train_with_two_threads() {
    watched("nets_with_few_channels_train_with_two_threads", || {
        for (width, side) in [(4, 16), (8, 14), (12, 28), (16, 28), (24, 28)] {
            let net = Net::SmallResnet {
                width,
                blocks: vec![1, 1],
            };
            for batch in [3, 16] {
                trains(&net, 1, side, batch);
            }
        }
    });
}

#[test]
fn every_published_net_trains_with_two_threads() {
    watched("every_published_net_trains_with_two_threads", || {
        for net in Net::PUBLISHED {
            for side in [8, 28] {
                trains(&net, 1, side, 3);
            }
        }
    });
}
