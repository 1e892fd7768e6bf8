//! Flips, turns, translation and the cut of a crop: every block goes to another place, and some signs change.
//!
//! The cosines of a DCT are even or odd about the middle of a block: mirrored in an axis, a coefficient changes its sign if its
//! frequency along that axis is odd. A turn is a transposition, which exchanges the two frequencies, and a mirroring. So what lands
//! in a row depends on the row alone, what lands in a column on the column alone, and the place it comes from is a sum of the two.

use super::draw::Draw;
use super::{Layout, masks};
use crate::EngineError;
use tch::{Device, Tensor};

/// First transposed, then mirrored: every one of the eight ways to lay a square.
struct Lie {
    transposed: bool,
    mirrored: [bool; 2],
}

fn lie(draw: &Draw) -> Lie {
    let [rows, columns] = draw.flips;
    // A quarter turn against the clock is a transposition and then an exchange of top and bottom.
    let (transposed, mirrored) = match draw.turns % 4 {
        0 => (false, [rows, columns]),
        1 => (true, [!columns, rows]),
        2 => (false, [!rows, !columns]),
        _ => (true, [columns, !rows]),
    };
    Lie { transposed, mirrored }
}

/// For each place along an axis the place it gets its value from, and a factor: the sign, or 0 where nothing comes.
fn along(axis: usize, draw: &Draw, layout: &Layout) -> impl Iterator<Item = (i64, f32)> + use<> {
    let (blocks, period) = (layout.blocks[axis], layout.period);
    let mirrored = lie(draw).mirrored[axis];
    let offset = draw.crop.start[axis] - draw.shift[axis];
    (0..blocks * period).map(move |place| {
        let (block, frequency) = (place / period + offset, place % period);
        if !(0..blocks).contains(&block) {
            return (0, 0.0);
        }
        let block = if mirrored { blocks - 1 - block } else { block };
        let odd = mirrored && frequency % 2 == 1;
        (block * period + frequency, if odd { -1.0 } else { 1.0 })
    })
}

/// Brings every value to its place; signs and zeros are left to [`factors`].
pub(super) fn gather(values: &Tensor, draws: &[Draw], layout: &Layout) -> Result<Tensor, EngineError> {
    let [height, width] = layout.sides();
    let places = |axis| -> Result<Tensor, EngineError> {
        let mut places = Vec::with_capacity(draws.len() * layout.sides()[axis] as usize);
        for draw in draws {
            // A row of the turned image is a column of the one it was.
            let rows = (axis == 0) != lie(draw).transposed;
            let step = if rows { width } else { 1 };
            places.extend(along(axis, draw, layout).map(|(place, _)| place * step));
        }
        Ok(Tensor::f_from_slice(&places)?.f_to_device(values.device())?)
    };
    let images = draws.len() as i64;
    let (rows, columns) = (places(0)?, places(1)?);
    let (rows, columns) = (
        rows.f_view([images, height, 1])?,
        columns.f_view([images, 1, width])?,
    );
    let index = rows.f_add(&columns)?.f_view([images, 1, height * width])?;
    let index = index.f_expand([images, layout.channels, height * width], false)?;
    let moved = values
        .f_reshape([images, layout.channels, height * width])?
        .f_gather(2, &index, false)?;
    Ok(moved.f_view([images, layout.channels, height, width])?)
}

/// What has to be multiplied by after [`gather`]: images × 1 × rows × columns.
pub(super) fn factors(draws: &[Draw], layout: &Layout, device: Device) -> Result<Tensor, EngineError> {
    masks::outer(draws, layout, device, |axis, draw| {
        along(axis, draw, layout).map(|(_, factor)| factor)
    })
}
