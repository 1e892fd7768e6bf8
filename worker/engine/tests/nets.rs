//! Trainings of the nets people use, on images as small as they take and a little larger.

mod support;

use imgcalc_engine::{Init, TrainData, Trained, Wish, train};
use imgcalc_shared::net::facts;
use imgcalc_shared::training::{Hyper, InputShape, Net};
use support::*;

/// 8 images are two steps of an epoch.
fn small(height: u16, width: u16, channels: u16) -> TrainData {
    let part = |images: usize, seed| {
        let mut part = samples(images * usize::from(channels), 12, 1, seed);
        part.shape = InputShape {
            channels,
            height,
            width,
        };
        part.labels.truncate(images);
        // As many values as the shape has, one image's after the other's.
        let values = part.shape.values() * images;
        part.values = part.values.iter().copied().cycle().take(values).collect();
        part
    };
    TrainData {
        train: part(8, 1),
        validation: part(3, 2),
        test: None,
        classes: CLASSES,
    }
}

fn gentle(epochs: u32) -> Hyper {
    Hyper {
        learning_rate: 0.01,
        batch_size: 4,
        ..hyper(epochs)
    }
}

fn trained(net: &Net, data: &TrainData, keeper: &mut Keeper, resume: Option<&[u8]>) -> Trained {
    train(net, &gentle(2), data, Init::Scratch, resume, keeper).unwrap()
}

fn trains_and_resumes_bit_for_bit(net: Net) {
    setup();
    let data = small(12, 20, 3);
    let keeper = |at| Keeper {
        at,
        ..Keeper::default()
    };
    // Large nets have large checkpoints: only one is written, between two steps.
    let quiet = vec![(place(1, 0), Wish::GoOn), (place(2, 0), Wish::GoOn)];
    let mut kept = keeper([vec![(place(0, 1), Wish::Checkpoint)], quiet.clone()].concat());
    let whole = trained(&net, &data, &mut kept, None);
    assert!(
        whole
            .curve
            .iter()
            .all(|point| point.loss.is_finite() && point.loss > 0.0)
    );
    let shape = data.train.shape;
    assert_eq!(whole.parameters, facts(&net, shape, CLASSES).unwrap().parameters);
    let [(_, checkpoint)] = kept.checkpoints.as_slice() else {
        panic!("{} checkpoints", kept.checkpoints.len());
    };
    let resumed = trained(&net, &data, &mut keeper(quiet.clone()), Some(checkpoint));
    assert!(resumed == whole);
    // One value an image, in one channel.
    let smallest = trained(&net, &small(1, 1, 1), &mut keeper(quiet), None);
    assert!(smallest.loss.is_finite());
}

#[test]
fn resnet18_trains_and_resumes() {
    trains_and_resumes_bit_for_bit(Net::Resnet18 {});
}

#[test]
fn mobilenet_v3_small_trains_and_resumes() {
    trains_and_resumes_bit_for_bit(Net::MobilenetV3Small {});
}

#[test]
fn shufflenet_v2_x1_0_trains_and_resumes() {
    trains_and_resumes_bit_for_bit(Net::ShufflenetV2X1_0 {});
}

#[test]
fn resnet50_trains_and_resumes() {
    trains_and_resumes_bit_for_bit(Net::Resnet50 {});
}

#[test]
fn efficientnet_b3_trains_and_resumes() {
    trains_and_resumes_bit_for_bit(Net::EfficientnetB3 {});
}
