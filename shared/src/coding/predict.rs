//! Differences of neighbours: the means of neighbouring blocks are alike, so what a block adds to the one on its left, or
//! to the one above at the left edge, is smaller than its value.

use super::Shape;

/// Values to differences. All arithmetic wraps around.
pub(super) fn differences(values: &[i16], shape: Shape) -> Vec<i16> {
    let mut out = Vec::with_capacity(values.len());
    for plane in values.chunks(shape.plane) {
        let mut above = 0;
        for row in plane.chunks(shape.row) {
            let mut left: i16 = above;
            for &value in row {
                out.push(value.wrapping_sub(left));
                left = value;
            }
            above = row[0];
        }
    }
    out
}

/// Undoes [`differences`] of whole planes in place.
pub(super) fn sums(values: &mut [i16], shape: Shape) {
    for plane in values.chunks_mut(shape.plane) {
        let mut above = 0;
        for row in plane.chunks_mut(shape.row) {
            let mut left: i16 = above;
            for value in row.iter_mut() {
                left = left.wrapping_add(*value);
                *value = left;
            }
            above = row[0];
        }
    }
}

/// Whether differences are smaller than the values, by a sample of whole planes.
pub(super) fn pays(values: &[i16], shape: Shape) -> bool {
    const SAMPLE_VALUES: usize = 16_384;
    if shape.row < 2 || values.is_empty() {
        return false;
    }
    let planes = values.len().div_ceil(shape.plane);
    let wanted = (SAMPLE_VALUES / shape.plane).max(1);
    let size = |values: &[i16]| {
        values
            .iter()
            .map(|value| u64::from(value.unsigned_abs()))
            .sum::<u64>()
    };
    let (mut plain, mut predicted) = (0, 0);
    for plane in values.chunks(shape.plane).step_by(planes.div_ceil(wanted)) {
        plain += size(plane);
        predicted += size(&differences(plane, shape));
    }
    predicted < plain
}
