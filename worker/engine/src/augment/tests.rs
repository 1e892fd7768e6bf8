//! What holds of every augmentation, whatever the image.

use super::draw::{Draw, Ranges, Window};
use super::{Augmenter, Layout, augment_times, augmented};
use crate::EngineError;
use crate::data::{Blocks, Samples};
use crate::random::Random;
use imgcalc_shared::training::{Augment, Grid, InputShape};
use std::collections::BTreeSet;
use tch::{Device, Kind, Tensor};

const TRIANGLE: Blocks = Blocks {
    side: 8,
    keep: 5,
    quant: 3,
};

const NONE: Augment = Augment {
    horizontal_flip: 0.0,
    vertical_flip: 0.0,
    rotation: 0.0,
    crop: 0.0,
    translation: 0.0,
    cutout: 0.0,
    brightness: 0.0,
    contrast: 0.0,
    chroma: 0.0,
};

const ALL: Augment = Augment {
    horizontal_flip: 0.5,
    vertical_flip: 0.25,
    rotation: 0.6,
    crop: 0.5,
    translation: 0.3,
    cutout: 0.3,
    brightness: 0.1,
    contrast: 0.2,
    chroma: 0.4,
};

fn shape(channels: u16, height: u16, width: u16) -> InputShape {
    InputShape {
        channels,
        height,
        width,
    }
}

/// Images of integers, zero outside the triangle.
fn samples(images: usize, shape: InputShape, blocks: Blocks) -> Samples {
    let mut random = Random::new(1, "test");
    let period = usize::from(blocks.period());
    let width = usize::from(shape.width);
    let values = (0..images * shape.values()).map(|place| {
        let (i, j) = (place / width % period, place % width % period);
        let value = random.symmetric(300.0 / (1 + i + j) as f64) as i16;
        if i + j < usize::from(blocks.keep) {
            value
        } else {
            0
        }
    });
    Samples {
        shape,
        blocks,
        values: values.collect(),
        labels: vec![0; images],
    }
}

fn tensor(samples: &Samples) -> Tensor {
    crate::data::upload(&samples.values, samples.shape, Device::Cpu)
        .unwrap()
        .to_kind(Kind::Float)
}

/// Applies draws made from one that does nothing.
fn apply(values: &Tensor, layout: Layout, draw: impl Fn(&mut Draw)) -> Tensor {
    let mut one = Draw::nothing(layout.blocks);
    draw(&mut one);
    let augmenter = Augmenter::with(layout, Some(&vec![one.crop.size]), Device::Cpu).unwrap();
    let draws = vec![one; values.size()[0] as usize];
    augmenter.apply_draws(values.shallow_clone(), &draws).unwrap()
}

fn ranges(augment: &Augment, rows: u32, columns: u32) -> Ranges {
    Ranges::new(augment, Grid { rows, columns })
}

#[test]
fn what_is_done_and_undone_leaves_no_trace() {
    for blocks in [Blocks::PIXELS, TRIANGLE] {
        let samples = samples(2, shape(3, 15, 15), blocks);
        let (values, layout) = (tensor(&samples), Layout::new(samples.shape, blocks));
        assert_eq!(apply(&values, layout, |_| {}), values);
        let twice = |change: fn(&mut Draw)| apply(&apply(&values, layout, change), layout, change);
        assert_eq!(twice(|draw| draw.flips = [true, false]), values);
        assert_eq!(twice(|draw| draw.flips = [false, true]), values);
        assert_eq!(twice(|draw| draw.turns = 2), values);
        let quarter = |draw: &mut Draw| draw.turns = 1;
        let half = twice(quarter);
        assert_eq!(half, apply(&values, layout, |draw| draw.flips = [true; 2]));
        assert_eq!(apply(&half, layout, |draw| draw.turns = 2), values);
        let three = apply(&half, layout, quarter);
        assert_eq!(three, apply(&values, layout, |draw| draw.turns = 3));
    }
}

#[test]
fn nothing_comes_to_lie_outside_the_triangle() {
    let samples = samples(40, shape(3, 20, 20), TRIANGLE);
    let found = augmented(&samples, &ALL, 3).unwrap();
    let mut inside = 0;
    for (place, value) in found.iter().enumerate() {
        assert!(value.is_finite());
        if place / 20 % 5 + place % 5 >= 5 {
            assert_eq!(*value, 0.0, "{place}");
        } else {
            inside += usize::from(*value != 0.0);
        }
    }
    assert!(inside > found.len() / 4, "{inside} of {}", found.len());
}

#[test]
fn a_crop_of_a_constant_image_is_that_image() {
    let whole = Blocks {
        side: 8,
        keep: 15,
        quant: 1,
    };
    for blocks in [Blocks::PIXELS, TRIANGLE, whole] {
        let layout = Layout::new(shape(1, 5 * blocks.period(), 4 * blocks.period()), blocks);
        let [height, width] = layout.sides();
        let values = Tensor::zeros([1, 1, height, width], (Kind::Float, Device::Cpu));
        let (period, mut constants) = (layout.period, values.shallow_clone());
        for axis in [2, 3] {
            constants = constants.slice(axis, 0, None, period);
        }
        let _ = constants.fill_(100.0);
        let crop = Window {
            start: [1, 2],
            size: [3, 2],
        };
        let found = apply(&values, layout, |draw| draw.crop = crop);
        assert!(
            (found - &values).abs().max().double_value(&[]) < 1e-3,
            "{blocks:?}"
        );
    }
}

#[test]
fn draws_cover_their_ranges_as_often_as_they_should() {
    let ranges = ranges(&ALL, 10, 10);
    let mut random = Random::new(5, "test");
    let draws: Vec<Draw> = (0..8000).map(|_| ranges.draw(&mut random)).collect();
    let share =
        |holds: &dyn Fn(&Draw) -> bool| draws.iter().filter(|draw| holds(draw)).count() as f64 / 8000.0;
    let expect = |holds: &dyn Fn(&Draw) -> bool, expected: f64, what: &str| {
        assert!(
            (share(holds) - expected).abs() < 0.025,
            "{what}: {}",
            share(holds)
        );
    };
    expect(&|draw| draw.flips[1], 0.5, "left and right");
    expect(&|draw| draw.flips[0], 0.25, "top and bottom");
    for turns in 1..4 {
        expect(&|draw| draw.turns == turns, 0.2, "turns");
    }
    for blocks in -3..=3 {
        expect(&|draw| draw.shift[0] == blocks, 1.0 / 7.0, "moves down");
        expect(&|draw| draw.shift[1] == blocks, 1.0 / 7.0, "moves right");
    }
    for size in 8..=10 {
        expect(&|draw| draw.crop.size == [size; 2], 1.0 / 3.0, "crops");
    }
    expect(&|draw| draw.brightness > 0.0, 0.5, "brighter");
    expect(&|draw| (draw.contrast - 1.0).abs() > 0.1, 0.5, "contrast");
    expect(&|draw| (draw.chroma - 1.0).abs() > 0.2, 0.5, "chroma");
    assert!(draws.iter().all(|draw| draw.brightness.abs() <= 25.5
        && (draw.contrast - 1.0).abs() <= 0.2
        && (draw.chroma - 1.0).abs() <= 0.4));
    let starts: BTreeSet<[i64; 2]> = draws.iter().map(|draw| draw.cutout.start).collect();
    assert_eq!(starts.len(), 64);
    for draw in &draws {
        for window in [draw.crop, draw.cutout] {
            assert!(
                (0..2).all(|axis| window.start[axis] >= 0 && window.start[axis] + window.size[axis] <= 10)
            );
        }
        assert_eq!(draw.cutout.size, [3; 2]);
    }
}

#[test]
fn certain_things_always_happen_and_those_of_no_strength_never() {
    let certain = Augment {
        horizontal_flip: 1.0,
        rotation: 1.0,
        ..NONE
    };
    let ranges = ranges(&certain, 4, 4);
    let mut random = Random::new(5, "test");
    for _ in 0..500 {
        let draw = ranges.draw(&mut random);
        let Draw { flips, turns, .. } = draw;
        assert!(flips == [false, true] && (1..4).contains(&turns));
        let rest = Draw {
            flips: [false; 2],
            turns: 0,
            cutout: Draw::nothing([4; 2]).cutout,
            ..draw
        };
        assert_eq!(rest, Draw::nothing([4; 2]));
        assert_eq!(draw.cutout.size, [0; 2]);
    }
}

#[test]
fn an_image_takes_equally_many_draws_whatever_is_done() {
    let next = |augment: &Augment| {
        let mut random = Random::new(5, "test");
        let ranges = ranges(augment, 6, 6);
        for _ in 0..10 {
            ranges.draw(&mut random);
        }
        random.symmetric(1.0)
    };
    assert_eq!(next(&NONE), next(&ALL));
}

#[test]
fn equal_seeds_give_equal_images_and_every_image_its_own() {
    crate::set_threads(1);
    let one = samples(1, shape(3, 20, 20), TRIANGLE);
    let many = Samples {
        values: one.values.repeat(30),
        labels: vec![0; 30],
        ..one
    };
    let found = |seed| augmented(&many, &ALL, seed).unwrap();
    let first = found(1);
    assert!(first == found(1) && first != found(2));
    let images: BTreeSet<Vec<u32>> = first
        .chunks(one.shape.values())
        .map(|image| image.iter().map(|value| value.to_bits()).collect())
        .collect();
    assert_eq!(images.len(), 30);
}

#[test]
fn without_any_strength_there_is_nothing_to_do() {
    let samples = samples(2, shape(1, 5, 5), TRIANGLE);
    let augmenter = Augmenter::new(&NONE, samples.shape, TRIANGLE, Device::Cpu).unwrap();
    assert!(augmenter.is_none());
    let same: Vec<f32> = samples.values.iter().map(|&value| value.into()).collect();
    assert_eq!(augmented(&samples, &NONE, 1).unwrap(), same);
    assert_eq!(augment_times(&samples, &NONE, 1, 3).unwrap().len(), 3);
}

#[test]
fn each_strength_alone_is_what_it_is_among_all() {
    let samples = samples(6, shape(3, 20, 20), TRIANGLE);
    let (values, layout) = (tensor(&samples), Layout::new(samples.shape, TRIANGLE));
    let fields = [
        "horizontal_flip",
        "vertical_flip",
        "rotation",
        "crop",
        "translation",
        "cutout",
    ];
    for field in fields.into_iter().chain(["brightness", "contrast", "chroma"]) {
        let alone: Augment = serde_json::from_str(&format!(r#"{{"{field}":0.5}}"#)).unwrap();
        let new = Augmenter::new(&alone, samples.shape, TRIANGLE, Device::Cpu);
        let augmenter = new.unwrap().unwrap();
        let found = augmenter
            .apply(values.shallow_clone(), &mut Random::new(9, "test"))
            .unwrap();
        let sizes = (1..=4).map(|size| [size; 2]).collect();
        let whole = Augmenter::with(layout, Some(&sizes), Device::Cpu).unwrap();
        let mut random = Random::new(9, "test");
        let draws: Vec<Draw> = (0..6).map(|_| augmenter.ranges.draw(&mut random)).collect();
        let expected = whole.apply_draws(values.shallow_clone(), &draws).unwrap();
        assert!(
            (&found - &expected).abs().max().double_value(&[]) < 1e-3,
            "{field}"
        );
        assert!(found != values, "{field}");
    }
}

#[test]
fn what_images_cannot_express_is_refused() {
    let refused = |augment: Augment, shape: InputShape, blocks: Blocks, reason: &str| {
        let error = Augmenter::new(&augment, shape, blocks, Device::Cpu).map(|_| ());
        assert!(
            matches!(&error, Err(EngineError::BadData(text)) if text.contains(reason)),
            "{error:?}"
        );
    };
    let rotation = Augment {
        rotation: 0.5,
        ..NONE
    };
    refused(rotation, shape(3, 20, 15), TRIANGLE, "rotation");
    refused(rotation, shape(3, 20, 18), TRIANGLE, "do not consist of");
    let chroma = Augment { chroma: 0.5, ..NONE };
    refused(chroma, shape(1, 20, 20), TRIANGLE, "chroma");
    let crop = Augment { crop: 0.5, ..NONE };
    refused(crop, shape(3, 5, 5), TRIANGLE, "crop");
    refused(crop, shape(3, 60_000, 60_000), Blocks::PIXELS, "bytes");
    refused(
        Augment { crop: 1.5, ..NONE },
        shape(3, 20, 20),
        TRIANGLE,
        "out of range",
    );
}
