//! Values as lines of text, tabs between the fields.

use super::Values;
use imgcalc_shared::format::diagonal_positions;
use std::io::{self, Write};

/// One line for each value, in the order they lie in memory, below a heading.
pub(super) fn print(values: &Values, out: &mut impl Write) -> io::Result<()> {
    match values.planes {
        true => planes(values, out),
        false => coefficients(values, out),
    }
}

fn coefficients(values: &Values, out: &mut impl Write) -> io::Result<()> {
    let Values { layout, keep, .. } = *values;
    let columns = layout.grid().width as usize;
    writeln!(out, "image\tchannel\ti\tj\tblock row\tblock column\tvalue")?;
    for (image, of_image) in (values.first..).zip(values.values.chunks_exact(layout.values(keep))) {
        let mut rest = of_image.chunks_exact(layout.blocks());
        for (diagonal, channel) in layout.runs(keep) {
            for ((i, j), blocks) in diagonal_positions(layout.family().block, diagonal).zip(&mut rest) {
                for (block, value) in blocks.iter().enumerate() {
                    let (row, column) = (block / columns, block % columns);
                    writeln!(out, "{image}\t{channel}\t{i}\t{j}\t{row}\t{column}\t{value}")?;
                }
            }
        }
    }
    Ok(())
}

fn planes(values: &Values, out: &mut impl Write) -> io::Result<()> {
    let Values { layout, keep, .. } = *values;
    let plane = layout.plane(keep);
    let plane_values = plane.height as usize * plane.width as usize;
    writeln!(out, "image\tchannel\trow\tcolumn\tvalue")?;
    for (image, of_image) in (values.first..).zip(values.values.chunks_exact(layout.plane_values(keep))) {
        for (channel, of_channel) in of_image.chunks_exact(plane_values).enumerate() {
            for (row, line) in of_channel.chunks_exact(plane.width as usize).enumerate() {
                for (column, value) in line.iter().enumerate() {
                    writeln!(out, "{image}\t{channel}\t{row}\t{column}\t{value}")?;
                }
            }
        }
    }
    Ok(())
}
