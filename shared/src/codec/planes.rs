//! From pixels to the level-shifted, sampled channels a transform works on.

use super::{CodecError, Picture, colour, shape_text};
use crate::format::{Sampling, Size};

/// The sampled, level-shifted channels of one picture, one after the other.
pub(super) struct Planes {
    sampling: Sampling,
    size: Size,
    channels: u16,
    levels: Vec<f64>,
}

impl Planes {
    /// For pictures of this shape; empty as yet.
    pub(super) fn new(sampling: Sampling, size: Size, channels: u16) -> Planes {
        Planes {
            sampling,
            size,
            channels,
            levels: Vec::new(),
        }
    }

    /// Which rows and columns they hold.
    pub(super) fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// The levels of each channel, row-major.
    pub(super) fn channels(&self) -> impl Iterator<Item = &[f64]> {
        self.levels
            .chunks_exact(self.levels.len() / usize::from(self.channels))
    }

    /// Takes the levels of a picture, or says why it is not of the shape expected.
    pub(super) fn fill(&mut self, picture: &Picture) -> Result<(), CodecError> {
        picture.check()?;
        if (picture.size, picture.channels) != (self.size, self.channels) {
            return Err(CodecError::Shape {
                expected: shape_text(self.channels, self.size),
                found: shape_text(picture.channels, picture.size),
            });
        }
        let sampled = self.sampling.sampled(self.size);
        let (width, area) = (
            sampled.width as usize,
            sampled.height as usize * sampled.width as usize,
        );
        self.levels.resize(usize::from(self.channels) * area, 0.0);
        let column_step = self.sampling.column_step() as usize;
        let rows = picture
            .samples
            .chunks_exact(self.size.width as usize * usize::from(self.channels))
            .step_by(self.sampling.row_step() as usize);
        if self.channels == 1 {
            for (levels, samples) in self.levels.chunks_exact_mut(width).zip(rows) {
                for (level, &sample) in levels.iter_mut().zip(samples.iter().step_by(column_step)) {
                    *level = colour::level_of(sample);
                }
            }
            return Ok(());
        }
        let (luma, chroma) = self.levels.split_at_mut(area);
        let (cb, cr) = chroma.split_at_mut(area);
        let levels = luma
            .chunks_exact_mut(width)
            .zip(cb.chunks_exact_mut(width))
            .zip(cr.chunks_exact_mut(width));
        for (((luma, cb), cr), samples) in levels.zip(rows) {
            let (pixels, _) = samples.as_chunks::<3>();
            if column_step == 1 {
                colour_row(luma, cb, cr, pixels.iter());
            } else {
                colour_row(luma, cb, cr, pixels.iter().step_by(column_step));
            }
        }
        Ok(())
    }
}

/// One row of a colour picture.
#[inline(always)]
fn colour_row<'a>(
    luma: &mut [f64],
    cb: &mut [f64],
    cr: &mut [f64],
    pixels: impl Iterator<Item = &'a [u8; 3]>,
) {
    for (((luma, cb), cr), pixel) in luma.iter_mut().zip(cb).zip(cr).zip(pixels) {
        [*luma, *cb, *cr] = colour::ycbcr_of(*pixel);
    }
}
