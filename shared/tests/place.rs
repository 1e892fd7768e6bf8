//! Placing values in planes, against its definition: every kind of family, all keeps of small blocks.

use imgcalc_shared::codec::{Layout, place};
use imgcalc_shared::format::{Family, Sampling, Size, diagonal_positions};
use proptest::prelude::*;

/// Value by value, as the words of the format have it.
fn by_definition(values: &[i16], layout: Layout, keep: u16) -> Vec<i16> {
    let (block, grid) = (layout.family().block, layout.grid());
    let side = usize::from(keep.min(block));
    let (rows, columns) = (grid.height as usize * side, grid.width as usize * side);
    let mut planes = vec![0; usize::from(layout.channels()) * rows * columns];
    let mut values = values.iter();
    for (diagonal, channel) in layout.runs(keep) {
        for (i, j) in diagonal_positions(block, diagonal) {
            for u in 0..grid.height as usize {
                for v in 0..grid.width as usize {
                    let row = usize::from(channel) * rows + u * side + usize::from(i);
                    planes[row * columns + v * side + usize::from(j)] = *values.next().unwrap();
                }
            }
        }
    }
    assert!(values.next().is_none());
    planes
}

fn check(family: Family, size: Size, channels: u16, keep: u16) {
    let layout = Layout::new(family, size, channels).unwrap();
    // Neighbours differ, and hardly any value is that of a place nobody wrote to.
    let values: Vec<i16> = (0..layout.values(keep) as u32)
        .map(|at| (at.wrapping_mul(40_503) + 1) as i16)
        .collect();
    let mut out = vec![7; layout.plane_values(keep)];
    place(&values, family, size, channels, keep, &mut out).unwrap();
    assert!(
        out == by_definition(&values, layout, keep),
        "{family}, {size:?}, {channels} channels, keep {keep}"
    );
}

#[test]
fn every_keep_of_small_blocks_is_placed_as_defined() {
    for block in [8u16, 16, 32] {
        for (down, across) in [(1, 1), (1, 3), (3, 5), (4, 4), (6, 7)] {
            let size = Size {
                height: u32::from(block) * down,
                width: u32::from(block) * across,
            };
            let family = Family {
                sampling: Sampling::Full,
                block,
            };
            for keep in 1..2 * block {
                check(family, size, 3, keep);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_family_is_placed_as_defined(
        sampling in prop::sample::select(&Sampling::ALL[..]),
        block in prop::sample::select(&[8u16, 16, 32, 64, 128, 256][..]),
        keep in any::<prop::sample::Index>(),
        channels in prop::sample::select(&[1u16, 3][..]),
        (down, across) in (1u32..5, 1u32..5),
    ) {
        let size = Size {
            height: u32::from(block) * sampling.row_step() * down,
            width: u32::from(block) * sampling.column_step() * across,
        };
        check(Family { sampling, block }, size, channels, keep.index(2 * usize::from(block) - 1) as u16 + 1);
    }
}
