//! Trainings of the nets people use, on images as small as they take and a little larger.

mod support;

use imgcalc_engine::{Init, TrainData, Wish, train};
use imgcalc_shared::net::facts;
use imgcalc_shared::training::{Augment, Hyper, InputShape, MobileStage, Net, Optimizer, ResnetStage};
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

/// Everything that is drawn at random, by either optimiser.
fn hyper_of(optimizer: Optimizer, augment: Augment) -> Hyper {
    Hyper {
        learning_rate: if optimizer == Optimizer::AdamW { 1e-3 } else { 0.01 },
        batch_size: 4,
        optimizer,
        augment,
        ..hyper(2)
    }
}

/// All nine, of images of 4 × 4 places.
fn every_augmentation() -> Augment {
    Augment {
        horizontal_flip: 0.5,
        vertical_flip: 0.5,
        rotation: 0.5,
        crop: 0.5,
        translation: 0.25,
        cutout: 0.25,
        brightness: 0.1,
        contrast: 0.2,
        chroma: 0.3,
    }
}

fn trains_and_resumes_bit_for_bit(net: Net) {
    setup();
    let keeper = |at| Keeper {
        at,
        ..Keeper::default()
    };
    // Large nets have large checkpoints: only one is written, between two steps.
    let quiet = vec![(place(1, 0), Wish::GoOn), (place(2, 0), Wish::GoOn)];
    let data = small(16, 16, 3);
    for optimizer in [Optimizer::Sgd, Optimizer::AdamW] {
        let hyper = hyper_of(optimizer, every_augmentation());
        let trained = |keeper: &mut Keeper, resume: Option<&[u8]>| {
            train(&net, &hyper, &data, Init::Scratch, resume, keeper).unwrap()
        };
        let mut kept = keeper([vec![(place(0, 1), Wish::Checkpoint)], quiet.clone()].concat());
        let whole = trained(&mut kept, None);
        let losses = whole.curve.iter().map(|point| point.loss);
        assert!(losses.into_iter().all(|loss| loss.is_finite() && loss > 0.0));
        let shape = data.train.shape;
        assert_eq!(whole.parameters, facts(&net, shape, CLASSES).unwrap().parameters);
        let [(_, checkpoint)] = kept.checkpoints.as_slice() else {
            panic!("{} checkpoints", kept.checkpoints.len());
        };
        let resumed = trained(&mut keeper(quiet.clone()), Some(checkpoint));
        assert!(resumed == whole, "{optimizer:?}");
    }
    // Neither square nor large, and one value an image, in one channel.
    for (height, width, channels) in [(12, 20, 3), (1, 1, 1)] {
        let hyper = hyper_of(Optimizer::Sgd, Augment::default());
        let data = small(height, width, channels);
        let mut keeper = keeper(quiet.clone());
        let trained = train(&net, &hyper, &data, Init::Scratch, None, &mut keeper).unwrap();
        assert!(trained.loss.is_finite());
    }
}

fn resnet_like(stem: u16, widths: [u16; 2]) -> Net {
    let stage = |width| ResnetStage {
        width,
        depth: 2,
        kernel: 5,
    };
    Net::ResnetLike {
        stem,
        stages: widths.map(stage).to_vec(),
    }
}

fn mobile_like(stem: u16, widths: [u16; 2]) -> Net {
    let stage = |(width, expansion)| MobileStage {
        width,
        depth: 2,
        kernel: 5,
        expansion,
    };
    let stages = widths.into_iter().zip([1, 3]).map(stage).collect();
    Net::MobileLike { stem, stages }
}

#[test]
fn nets_of_stages_train_and_resume_whether_or_not_their_channels_lie_side_by_side() {
    for (stem, widths) in [(4, [6, 9]), (16, [16, 24]), (16, [8, 4])] {
        trains_and_resumes_bit_for_bit(resnet_like(stem, widths));
        trains_and_resumes_bit_for_bit(mobile_like(stem, widths));
    }
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
