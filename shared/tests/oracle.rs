//! The transform against independent implementations: SciPy's DCT, NumPy's matrix product, Pillow's YCbCr.

mod common;

use common::{Numbers, oracle};
use imgcalc_shared::codec::{Picture, Transform, round_coefficient, ycbcr_of};
use imgcalc_shared::format::{Family, Sampling, Size, diagonal_positions};

const BLOCKS: [u16; 6] = [8, 16, 32, 64, 128, 256];

/// Compares every coefficient of these blocks; returns how many integers were compared exactly.
fn compare_with_scipy(block: u16, channels: u16, pixels: &[u8]) -> usize {
    let side = usize::from(block);
    let area = side * side;
    let answer = oracle("dct.py", &[side, usize::from(channels)], pixels);
    let expected: Vec<f64> = answer
        .chunks_exact(8)
        .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    assert_eq!(expected.len(), pixels.len());

    let size = Size {
        height: u32::from(block),
        width: u32::from(block),
    };
    let family = Family {
        sampling: Sampling::Full,
        block,
    };
    let mut transform = Transform::new(family, size, channels).unwrap();
    let layout = transform.layout();
    let keep = 2 * block - 1;
    let mut exact = 0;
    let of_a_block = area * usize::from(channels);
    for (pixels, expected) in pixels
        .chunks_exact(of_a_block)
        .zip(expected.chunks_exact(of_a_block))
    {
        let picture = Picture::new(size, channels, pixels.to_vec()).unwrap();
        let spectrum = transform.spectrum(&picture, keep).unwrap();
        let coefficients = transform.coefficients(&picture, keep).unwrap();
        for (diagonal, channel) in layout.runs(keep) {
            for (nth, (i, j)) in diagonal_positions(block, diagonal).enumerate() {
                let at = layout.run_start(diagonal, channel) + nth;
                let theirs = expected[usize::from(channel) * area + usize::from(i) * side + usize::from(j)];
                let ours = spectrum[at];
                let what = format!("block {block}, channel {channel}, ({i}, {j})");
                assert!(
                    (ours - theirs).abs() <= 1e-9 * f64::from(block),
                    "{what}: {ours} against {theirs}"
                );
                if (theirs.abs().fract() - 0.5).abs() > 1e-6 {
                    assert_eq!(f64::from(coefficients[at]), theirs.round(), "{what}: {theirs}");
                    exact += 1;
                } else {
                    // What the snap is for: the true value is a tie, and goes away from zero.
                    assert_eq!(coefficients[at], round_coefficient(theirs), "{what}: {theirs}");
                }
            }
        }
    }
    exact
}

/// So many blocks that every size is compared on about the same number of coefficients.
fn blocks_of(block: u16) -> usize {
    (131_072 / usize::from(block).pow(2)).clamp(2, 256)
}

#[test]
fn random_blocks_have_the_coefficients_scipy_computes() {
    for block in BLOCKS {
        for channels in [1u16, 3] {
            let count = blocks_of(block) * usize::from(block).pow(2) * usize::from(channels);
            let pixels = Numbers(u64::from(block)).bytes(count);
            let exact = compare_with_scipy(block, channels, &pixels);
            assert!(
                exact * 10 > count * 9,
                "block {block}: only {exact} of {count} are no ties"
            );
        }
    }
}

#[test]
fn blocks_of_photographs_have_the_coefficients_scipy_computes() {
    for block in BLOCKS {
        for channels in [1usize, 3] {
            let pixels = oracle(
                "photographs.py",
                &[block.into(), channels, blocks_of(block), 7],
                &[],
            );
            compare_with_scipy(block, channels as u16, &pixels);
        }
    }
}

#[test]
fn extreme_blocks_have_the_coefficients_scipy_computes_and_fit_sixteen_bits() {
    for block in BLOCKS {
        let side = usize::from(block);
        let black = vec![0; side * side];
        let white = vec![255; side * side];
        let checks: Vec<u8> = (0..side * side)
            .map(|at| if (at / side + at) % 2 == 0 { 0 } else { 255 })
            .collect();
        let halves: Vec<u8> = (0..side * side)
            .map(|at| if at % side < side / 2 { 0 } else { 255 })
            .collect();
        compare_with_scipy(block, 1, &[black, white, checks, halves].concat());
        let saturated: Vec<u8> = [
            [255, 0, 0],
            [0, 255, 0],
            [0, 0, 255],
            [255, 255, 0],
            [0, 255, 255],
        ]
        .iter()
        .flat_map(|colour| colour.repeat(side * side))
        .collect();
        compare_with_scipy(block, 3, &saturated);
    }
}

#[test]
fn colours_are_those_of_pillow_before_its_rounding() {
    let rgb = Numbers(3).bytes(3 * 20_000);
    let theirs = oracle("ycbcr.py", &[], &rgb);
    assert_eq!(theirs.len(), rgb.len());
    for (pixel, theirs) in rgb.chunks_exact(3).zip(theirs.chunks_exact(3)) {
        let ours = ycbcr_of([pixel[0], pixel[1], pixel[2]]).map(|level| level + 128.0);
        for (ours, &theirs) in ours.into_iter().zip(theirs) {
            // Pillow sums table entries of 6 fractional bits and cuts: up to a level and a little below.
            assert!(
                (ours - f64::from(theirs)).abs() < 1.1,
                "{pixel:?}: {ours} against {theirs}"
            );
        }
    }
}
