//! Augmentation beside torchvision's and scipy's; `tests/oracle/augment.py` wrote what they say.

use super::draw::{Draw, Window};
use super::{Augmenter, Layout};
use crate::data::Blocks;
use imgcalc_shared::training::InputShape;
use serde::Deserialize;
use tch::{Device, Tensor};

#[derive(Deserialize)]
struct Golden {
    oblong: Vec<Case>,
    square: Vec<Case>,
    coloured: Vec<Case>,
    cropped: Vec<Case>,
}

/// An image, and what becomes of it.
#[derive(Deserialize)]
struct Case {
    side: u16,
    keep: u16,
    quant: u16,
    rows: u16,
    columns: u16,
    channels: u16,
    values: Vec<f32>,
    results: Vec<Expected>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(default)]
    flips: [bool; 2],
    #[serde(default)]
    turns: u8,
    #[serde(default)]
    shift: [i64; 2],
    cutout: Option<[i64; 4]>,
    crop: Option<[i64; 4]>,
    brightness: Option<f64>,
    contrast: Option<f64>,
    chroma: Option<f64>,
    values: Vec<f32>,
    /// What torchvision's bicubic resize of the pixels gives.
    #[serde(default)]
    bicubic: Vec<f32>,
}

impl Case {
    fn layout(&self) -> Layout {
        let Case {
            side, keep, quant, ..
        } = *self;
        let kind = Blocks { side, keep, quant };
        let shape = InputShape {
            channels: self.channels,
            height: self.rows * kind.period(),
            width: self.columns * kind.period(),
        };
        Layout::new(shape, kind)
    }

    fn draws(&self) -> Vec<Draw> {
        let nothing = Draw::nothing(self.layout().blocks);
        let window = |[row, column, rows, columns]: [i64; 4]| Window {
            start: [row, column],
            size: [rows, columns],
        };
        let draw = |expected: &Expected| Draw {
            flips: expected.flips,
            turns: expected.turns,
            shift: expected.shift,
            crop: expected.crop.map_or(nothing.crop, window),
            cutout: expected.cutout.map_or(nothing.cutout, window),
            brightness: expected.brightness.unwrap_or(nothing.brightness),
            contrast: expected.contrast.unwrap_or(nothing.contrast),
            chroma: expected.chroma.unwrap_or(nothing.chroma),
        };
        self.results.iter().map(draw).collect()
    }

    /// All results as one batch, each from a copy of the image.
    fn found(&self) -> Vec<Vec<f32>> {
        let (layout, draws) = (self.layout(), self.draws());
        let [height, width] = layout.sides();
        let image = Tensor::from_slice(&self.values).view([1, layout.channels, height, width]);
        let batch = image.repeat([draws.len() as i64, 1, 1, 1]);
        let sizes: Vec<[i64; 2]> = draws.iter().map(|draw| draw.crop.size).collect();
        let resizes = self.results.iter().any(|expected| expected.crop.is_some());
        let augmenter = Augmenter::with(layout, resizes.then_some(&sizes), Device::Cpu).unwrap();
        let after = augmenter.apply_draws(batch.shallow_clone(), &draws).unwrap();
        assert_eq!(
            batch,
            image.repeat([draws.len() as i64, 1, 1, 1]),
            "the batch given stays"
        );
        let each = |image: i64| Vec::try_from(after.get(image).reshape([-1])).unwrap();
        (0..draws.len() as i64).map(each).collect()
    }

    fn name(&self) -> String {
        let Case {
            side,
            keep,
            quant,
            rows,
            columns,
            channels,
            ..
        } = self;
        format!("{channels} × {rows} × {columns} blocks of {side}, keep {keep}, q {quant}")
    }

    /// Root of the mean squared difference in pixel values between what two sets of coefficients stand for: the transform is
    /// orthonormal.
    fn pixel_error(&self, found: &[f32], expected: &[f32]) -> f64 {
        let pairs = found.iter().zip(expected);
        let sum: f64 = pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum();
        let pixels = f64::from(self.channels * self.rows * self.columns) * f64::from(self.side).powi(2);
        f64::from(self.quant) * (sum / pixels).sqrt()
    }
}

fn golden() -> Golden {
    crate::set_threads(1);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/augment.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn flips_turns_moves_and_cutouts_equal_those_of_pixels_to_the_bit() {
    let golden = golden();
    for case in golden.oblong.iter().chain(&golden.square) {
        for ((found, expected), draw) in case.found().iter().zip(&case.results).zip(case.draws()) {
            assert!(*found == expected.values, "{}: {draw:?}", case.name());
            assert!(*found != case.values, "{}: {draw:?} changes nothing", case.name());
        }
    }
}

#[test]
fn brightness_contrast_and_chroma_equal_those_of_pixels() {
    for case in golden().coloured {
        let largest = case
            .values
            .iter()
            .fold(0.0_f32, |largest, x| largest.max(x.abs()));
        for ((found, expected), draw) in case.found().iter().zip(&case.results).zip(case.draws()) {
            // torchvision's weights of luma have 4 digits: a hundredth of a pixel's value. An addend has none.
            let pixels = if expected.brightness.is_some() { 0.0 } else { 0.012 };
            let tolerance = 0.001 + 1e-6 * largest + pixels * f32::from(case.side) / f32::from(case.quant);
            for (found, expected) in found.iter().zip(&expected.values) {
                let error = (found - expected).abs();
                assert!(
                    error <= tolerance,
                    "{}: {draw:?}: {found} for {expected}",
                    case.name()
                );
            }
        }
    }
}

#[test]
fn a_resized_crop_equals_the_band_limited_resize_of_what_the_coefficients_stand_for() {
    for case in golden().cropped {
        for ((found, expected), draw) in case.found().iter().zip(&case.results).zip(case.draws()) {
            for (found, expected) in found.iter().zip(&expected.values) {
                let error = (found - expected).abs();
                assert!(error <= 0.01, "{}: {draw:?}: {found} for {expected}", case.name());
            }
        }
    }
}

#[test]
fn a_resized_crop_is_near_the_bicubic_one_of_pixels() {
    for case in golden().cropped {
        for (found, expected) in case.found().iter().zip(&case.results) {
            let error = case.pixel_error(found, &expected.bicubic);
            let change = case.pixel_error(&case.values, &expected.bicubic);
            println!("{}: {:?}: {error:.2} of {change:.2}", case.name(), expected.crop);
            assert!(
                error < 9.0 && error < 0.45 * change,
                "{}: {error} of {change}",
                case.name()
            );
        }
    }
}
