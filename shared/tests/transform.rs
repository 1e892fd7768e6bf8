//! The transform against its definition: every coefficient as a plain sum over rows and columns, in `f64`.

mod common;

use common::Numbers;
use imgcalc_shared::codec::{Picture, Transform, Transforms};
use imgcalc_shared::format::{Family, Sampling, Size, diagonal_positions};
use proptest::prelude::*;
use std::f64::consts::PI;

const BLOCKS: [u16; 6] = [8, 16, 32, 64, 128, 256];

/// What is in a picture.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Random,
    /// Every block of 8×8 pixels has one colour.
    Constant,
    /// Every block is grey, and half a row of it one level lighter: two coefficients of its luma are exactly k + ½.
    Halves,
    /// Every sample is one of two levels.
    TwoLevels,
}

const KINDS: [Kind; 4] = [Kind::Random, Kind::Constant, Kind::Halves, Kind::TwoLevels];

fn picture(kind: Kind, family: Family, size: Size, channels: u16, seed: u64) -> Picture {
    let block = usize::from(family.block);
    let (row_step, column_step) = (
        family.sampling.row_step() as usize,
        family.sampling.column_step() as usize,
    );
    let mut numbers = Numbers(seed);
    let (low, high) = (numbers.next() as u8, numbers.next() as u8);
    let colours = numbers.bytes(4096);
    let mut samples = Vec::new();
    for row in 0..size.height as usize {
        for column in 0..size.width as usize {
            for channel in 0..usize::from(channels) {
                samples.push(match kind {
                    Kind::Random => numbers.next() as u8,
                    Kind::Constant => colours[(row / 8 * 131 + column / 8 * 7 + channel) % colours.len()],
                    Kind::Halves => {
                        let (row, column) = (row / row_step, column / column_step);
                        let grey = colours[(row / block * 131 + column / block) % colours.len()] / 2 * 2;
                        grey + u8::from(row % block == 0 && column % block < block / 2)
                    }
                    Kind::TwoLevels if numbers.next().is_multiple_of(2) => low,
                    Kind::TwoLevels => high,
                });
            }
        }
    }
    Picture::new(size, channels, samples).unwrap()
}

/// Level-shifted luma and chroma as JFIF defines them, or the level-shifted grey.
fn levels(pixel: &[u8]) -> Vec<f64> {
    let [red, green, blue] = match *pixel {
        [grey] => return vec![f64::from(grey) - 128.0],
        [red, green, blue] => [red, green, blue].map(f64::from),
        _ => panic!("neither grey nor RGB"),
    };
    let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
    vec![luma - 128.0, (blue - luma) / 1.772, (red - luma) / 1.402]
}

/// All coefficients of a picture: by channel, row of blocks, block, i and j.
fn defined(picture: &Picture, family: Family) -> Vec<Vec<Vec<Vec<f64>>>> {
    let (side, channels) = (usize::from(family.block), usize::from(picture.channels));
    let basis: Vec<Vec<f64>> = (0..side)
        .map(|k| {
            let scale = if k == 0 { 1.0 } else { 2.0_f64 } / side as f64;
            let angle = |n: usize| ((2 * n + 1) * k % (4 * side)) as f64 * PI / (2 * side) as f64;
            (0..side).map(|n| scale.sqrt() * angle(n).cos()).collect()
        })
        .collect();
    let sum = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let pixels: Vec<Vec<Vec<f64>>> = picture
        .samples
        .chunks_exact(picture.size.width as usize * channels)
        .step_by(family.sampling.row_step() as usize)
        .map(|row| {
            let step = family.sampling.column_step() as usize;
            row.chunks_exact(channels).step_by(step).map(levels).collect()
        })
        .collect();
    let block_of = |channel: usize, top: usize, left: usize| -> Vec<f64> {
        // By column of pixels, then by vertical frequency.
        let columns: Vec<Vec<f64>> = (left..left + side)
            .map(|column| {
                let column: Vec<f64> = (top..top + side)
                    .map(|row| pixels[row][column][channel])
                    .collect();
                basis.iter().map(|row| sum(row, &column)).collect()
            })
            .collect();
        let at = |i: usize| -> Vec<f64> { columns.iter().map(|column| column[i]).collect() };
        (0..side)
            .flat_map(|i| {
                let along = at(i);
                basis
                    .iter()
                    .map(move |row| sum(row, &along))
                    .collect::<Vec<f64>>()
            })
            .collect()
    };
    let sampled = family.sampling.sampled(picture.size);
    (0..channels)
        .map(|channel| {
            (0..sampled.height as usize)
                .step_by(side)
                .map(|top| {
                    (0..sampled.width as usize)
                        .step_by(side)
                        .map(|left| block_of(channel, top, left))
                        .collect()
                })
                .collect()
        })
        .collect()
}

/// Those below this keep, in storage order.
fn in_storage_order(defined: &[Vec<Vec<Vec<f64>>>], block: u16, keep: u16) -> Vec<f64> {
    let mut values = Vec::new();
    for diagonal in 0..keep {
        for channel in defined {
            for (i, j) in diagonal_positions(block, diagonal) {
                let at = usize::from(i) * usize::from(block) + usize::from(j);
                values.extend(channel.iter().flatten().map(|block| block[at]));
            }
        }
    }
    values
}

/// Snapped to 2⁻²⁰, then ties away from zero.
fn rounded(coefficient: f64) -> i16 {
    ((coefficient * 1_048_576.0).round() / 1_048_576.0).round() as i16
}

/// Compares the transform with the definition at these keeps; returns how many of its coefficients are k + ½.
fn compare(family: Family, keeps: &[u16], picture: &Picture) -> usize {
    let defined = defined(picture, family);
    let mut transform = Transform::new(family, picture.size, picture.channels).unwrap();
    let families: Vec<(Family, u16)> = keeps.iter().map(|&keep| (family, keep)).collect();
    let mut transforms = Transforms::new(&families, picture.size, picture.channels).unwrap();
    let together = transforms.coefficients(picture).unwrap();
    let mut ties = 0;
    for (&keep, together) in keeps.iter().zip(&together) {
        let expected = in_storage_order(&defined, family.block, keep);
        let spectrum = transform.spectrum(picture, keep).unwrap();
        assert_eq!(spectrum.len(), expected.len());
        for (nth, (&ours, &expected)) in spectrum.iter().zip(&expected).enumerate() {
            assert!(
                (ours - expected).abs() < 1e-9,
                "{family} keep {keep}, value {nth}: {ours} against {expected}"
            );
        }
        let integers: Vec<i16> = expected.iter().copied().map(rounded).collect();
        assert_eq!(
            transform.coefficients(picture, keep).unwrap(),
            integers,
            "{family} keep {keep}"
        );
        assert_eq!(*together, integers, "{family} keep {keep} among several");
        ties += expected
            .iter()
            .filter(|level| (level.abs().fract() - 0.5).abs() < 1e-9)
            .count();
    }
    ties
}

fn size_of(family: Family, rows: u32, columns: u32) -> Size {
    Size {
        height: rows * u32::from(family.block) * family.sampling.row_step(),
        width: columns * u32::from(family.block) * family.sampling.column_step(),
    }
}

#[test]
fn every_sampling_and_block_has_the_coefficients_of_the_definition_at_every_kind_of_keep() {
    let mut ties = 0;
    for block in BLOCKS {
        let keeps = [
            1,
            2,
            3,
            4,
            block / 2,
            block - 1,
            block,
            block + block / 2,
            2 * block - 1,
        ];
        for (nth, sampling) in (0u64..).zip(Sampling::ALL) {
            let family = Family { sampling, block };
            for (kind, seed) in KINDS.into_iter().zip(nth..) {
                // The large blocks take turns at having three channels and neighbours: the definition is slow.
                let (rows, columns, channels) = match block {
                    8 | 16 => (2, 3 + 3 * nth as u32, 3),
                    32 => (2, 3, 3),
                    _ if seed % 4 == 1 => (1, 1, 3),
                    64 => (1, 3, 1),
                    128 => (1, 2, 1),
                    _ => (1, 1, 1),
                };
                let picture = picture(kind, family, size_of(family, rows, columns), channels, seed);
                ties += compare(family, &keeps, &picture);
            }
        }
    }
    assert!(ties > 1000, "only {ties} ties: the pictures test no rounding");
}

#[test]
fn families_together_have_the_coefficients_each_has_alone_in_the_order_they_were_given() {
    let size = Size {
        height: 64,
        width: 128,
    };
    let families: Vec<(Family, u16)> = [(32, 40), (8, 5), (16, 16), (8, 15)]
        .into_iter()
        .zip([0, 1, 2, 3, 0, 2, 1, 0].into_iter().cycle())
        .flat_map(|((block, keep), nth)| {
            [nth, (nth + 1) % 4].map(|nth| {
                (
                    Family {
                        sampling: Sampling::ALL[nth],
                        block,
                    },
                    keep,
                )
            })
        })
        .collect();
    let mut transforms = Transforms::new(&families, size, 3).unwrap();
    for seed in 0..3 {
        let picture = common::picture(size.height, size.width, 3, seed);
        let all = transforms.coefficients(&picture).unwrap();
        assert_eq!(all.len(), families.len());
        for (&(family, keep), values) in families.iter().zip(all) {
            let mut transform = Transform::new(family, size, 3).unwrap();
            assert_eq!(
                values,
                transform.coefficients(&picture, keep).unwrap(),
                "{family} keep {keep}"
            );
        }
    }
    let other = common::picture(64, 64, 3, 0);
    assert!(transforms.coefficients(&other).is_err());
}

#[test]
fn families_that_do_not_fit_and_keeps_that_do_not_exist_are_refused() {
    let size = Size {
        height: 24,
        width: 24,
    };
    let family = |text: &str| text.parse::<Family>().unwrap();
    assert!(Transforms::new(&[(family("1x1-b8"), 15)], size, 3).is_ok());
    assert!(Transforms::new(&[(family("1x1-b8"), 15), (family("1x1-b16"), 3)], size, 3).is_err());
    assert!(Transforms::new(&[(family("1x1-b8"), 16)], size, 3).is_err());
    assert!(Transforms::new(&[(family("1x1-b8"), 0)], size, 3).is_err());
    assert!(Transforms::new(&[(family("1x1-b8"), 1)], size, 2).is_err());
    assert!(
        Transforms::new(&[], size, 3)
            .unwrap()
            .coefficients(&common::picture(24, 24, 3, 0))
            .unwrap()
            .is_empty()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn grids_of_any_shape_have_the_coefficients_of_the_definition(
        sampling in 0usize..4,
        block in 0usize..3,
        rows in 1u32..4,
        columns in 1u32..20,
        colour in any::<bool>(),
        kind in 0usize..4,
        keep in 1u16..16,
        seed in any::<u64>(),
    ) {
        let family = Family { sampling: Sampling::ALL[sampling], block: BLOCKS[block] };
        let columns = columns.min(20 >> block);
        let size = size_of(family, rows, columns);
        let picture = picture(KINDS[kind], family, size, if colour { 3 } else { 1 }, seed);
        compare(family, &[keep, keep * (family.block / 8)], &picture);
    }
}
