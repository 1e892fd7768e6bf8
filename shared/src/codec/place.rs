//! From storage order to the planes a net sees.

use super::{CodecError, Layout};
use crate::format::{Family, Size, diagonal_positions};

/// Fills C × (H/B·side) × (W/B·side) planes with one image's values: coefficient (i, j) of block (u, v) goes to
/// (u·side + i, v·side + j), with side = min(keep, B). What lies outside the triangle is zero.
pub fn place(
    values: &[i16],
    family: Family,
    size: Size,
    channels: u16,
    keep: u16,
    out: &mut [i16],
) -> Result<(), CodecError> {
    let layout = Layout::new(family, size, channels)?;
    layout.format(keep, 1)?;
    for (expected, found) in [
        (layout.values(keep), values.len()),
        (layout.plane_values(keep), out.len()),
    ] {
        if expected != found {
            return Err(CodecError::Count { expected, found });
        }
    }
    out.fill(0);
    for (diagonal, channel) in layout.runs(keep) {
        let start = layout.run_start(diagonal, channel);
        let run = &values[start..start + layout.run_values(diagonal)];
        layout.place_run(diagonal, channel, run, keep, out);
    }
    Ok(())
}

impl Layout {
    /// Puts one anti-diagonal of one channel of one image into that image's planes.
    pub(crate) fn place_run(self, diagonal: u16, channel: u16, run: &[i16], keep: u16, out: &mut [i16]) {
        let block = self.family().block;
        let side = usize::from(keep.min(block));
        let Size { height, width } = self.plane(keep);
        let (height, width) = (height as usize, width as usize);
        let plane = &mut out[usize::from(channel) * height * width..][..height * width];
        let per_row = self.grid().width as usize;
        for ((i, j), blocks) in diagonal_positions(block, diagonal).zip(run.chunks_exact(self.blocks())) {
            for (u, row_of_blocks) in blocks.chunks_exact(per_row).enumerate() {
                let row = &mut plane[(u * side + usize::from(i)) * width..][..width];
                let places = row[usize::from(j)..].iter_mut().step_by(side);
                for (place, &value) in places.zip(row_of_blocks) {
                    *place = value;
                }
            }
        }
    }
}
