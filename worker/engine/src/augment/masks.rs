//! Factors of places that are a product of one along each axis.

use super::Layout;
use super::draw::Draw;
use crate::EngineError;
use tch::{Device, Tensor};

/// The products of what `along` gives for each row and for each column: images × 1 × rows × columns.
pub(super) fn outer<I: Iterator<Item = f32>>(
    draws: &[Draw],
    layout: &Layout,
    device: Device,
    along: impl Fn(usize, &Draw) -> I,
) -> Result<Tensor, EngineError> {
    let side = |axis| -> Result<Tensor, EngineError> {
        let factors: Vec<f32> = draws.iter().flat_map(|draw| along(axis, draw)).collect();
        Ok(Tensor::f_from_slice(&factors)?.f_to_device(device)?)
    };
    let (images, [height, width]) = (draws.len() as i64, layout.sides());
    let rows = side(0)?.f_view([images, 1, height, 1])?;
    let columns = side(1)?.f_view([images, 1, 1, width])?;
    Ok(rows.f_mul(&columns)?)
}

/// 0 in the rectangle that is cut out of each image and 1 elsewhere: images × 1 × rows × columns.
pub(super) fn cutout(draws: &[Draw], layout: &Layout, device: Device) -> Result<Tensor, EngineError> {
    let inside = outer(draws, layout, device, |axis, draw| {
        let (start, size) = (draw.cutout.start[axis], draw.cutout.size[axis]);
        let period = layout.period;
        (0..layout.sides()[axis])
            .map(move |place| f32::from(u8::from((start..start + size).contains(&(place / period)))))
    })?;
    Ok(inside.f_neg()?.f_add_scalar(1.0)?)
}

/// 1 where a coefficient is kept and 0 elsewhere, rows × columns; none where all are.
pub(super) fn triangle(layout: &Layout, device: Device) -> Result<Option<Tensor>, EngineError> {
    let keep = i64::from(layout.kind.keep);
    let period = layout.period;
    if keep > 2 * period - 2 {
        return Ok(None);
    }
    let square: Vec<f32> = (0..period * period)
        .map(|cell| f32::from(u8::from(cell / period + cell % period < keep)))
        .collect();
    let square = Tensor::f_from_slice(&square)?.f_view([period, period])?;
    Ok(Some(square.f_repeat(layout.blocks)?.f_to_device(device)?))
}
