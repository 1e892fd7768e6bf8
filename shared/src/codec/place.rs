//! From storage order to the planes a net sees.

use super::{CodecError, Layout, Places};
use crate::format::{Family, Size};

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
    Places::new(layout, keep).fill(&layout.split(values, keep), out);
    Ok(())
}
