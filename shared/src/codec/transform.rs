//! The transform of one family: colour, level shift, sampling and block DCT.

use super::{CodecError, Layout, Picture, colour, quantise, shape_text};
use crate::format::{Family, Format, Size, diagonal_positions};
use ndarray::{Array2, Array3, ArrayView3};
use rustdct::{DctPlanner, TransformType2And3};
use std::sync::Arc;

/// Coefficients are snapped to multiples of 2⁻²⁰ before they are rounded.
const SNAPS_PER_UNIT: f64 = (1u32 << 20) as f64;

/// Rounds a coefficient to an integer, ties away from zero, after snapping it to the nearest multiple of 2⁻²⁰.
///
/// Exact ties k + ½ are common by construction: the DC of a block of integers is a multiple of 1/B. Algorithms that
/// compute the same DCT differ in the last bits, about 1e-12, and would fall to either side of a tie. The snap is
/// far coarser than their differences and far finer than anything else, so they agree on the integer.
pub fn round_coefficient(coefficient: f64) -> i16 {
    // f64::round takes ties away from zero. With the level shift every coefficient fits; the cast saturates.
    ((coefficient * SNAPS_PER_UNIT).round() / SNAPS_PER_UNIT).round() as i16
}

/// Turns pictures of one size into coefficients of one family. Holds the planned DCT and its buffers.
pub struct Transform {
    layout: Layout,
    dct: Arc<dyn TransformType2And3<f64>>,
    /// Factors that make the DCT orthonormal, by frequency.
    scale: Vec<f64>,
    /// One block of pixels, rows × columns.
    pixels: Array2<f64>,
    /// One block of frequencies (i, j), stored at [j, i] so that the second pass runs along memory too.
    frequencies: Array2<f64>,
    scratch: Vec<f64>,
}

impl Transform {
    /// The transform for images of this shape, or why the family does not fit them.
    pub fn new(family: Family, size: Size, channels: u16) -> Result<Transform, CodecError> {
        let layout = Layout::new(family, size, channels)?;
        let side = usize::from(family.block);
        let dct = DctPlanner::new().plan_dct2(side);
        let scale = (0..side)
            .map(|frequency| if frequency == 0 { 1.0 } else { 2.0 } / side as f64)
            .map(f64::sqrt)
            .collect();
        Ok(Transform {
            layout,
            scale,
            pixels: Array2::zeros((side, side)),
            frequencies: Array2::zeros((side, side)),
            scratch: vec![0.0; dct.get_scratch_len()],
            dct,
        })
    }

    /// Family, size and channels.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The coefficients i + j < keep in storage order, rounded: what columns hold.
    pub fn coefficients(&mut self, picture: &Picture, keep: u16) -> Result<Vec<i16>, CodecError> {
        Ok(self
            .spectrum(picture, keep)?
            .into_iter()
            .map(round_coefficient)
            .collect())
    }

    /// The values of a format of this family in storage order: coefficients, rounded and quantised.
    pub fn values(&mut self, picture: &Picture, format: Format) -> Result<Vec<i16>, CodecError> {
        if format.family() != self.layout.family() {
            return Err(CodecError::Family {
                expected: self.layout.family(),
                found: format.family(),
            });
        }
        let mut values = self.coefficients(picture, format.keep())?;
        for value in &mut values {
            *value = quantise(*value, format.quant());
        }
        Ok(values)
    }

    /// The coefficients i + j < keep in storage order, before any rounding.
    pub fn spectrum(&mut self, picture: &Picture, keep: u16) -> Result<Vec<f64>, CodecError> {
        self.layout.format(keep, 1)?;
        let planes = self.sampled_planes(picture)?;
        let (block, blocks) = (self.layout.family().block, self.layout.blocks());
        let side = usize::from(block);
        let mut spectrum = vec![0.0; self.layout.values(keep)];
        for (channel, plane) in (0u16..).zip(planes.outer_iter()) {
            for (at, pixels) in plane.exact_chunks((side, side)).into_iter().enumerate() {
                self.pixels.assign(&pixels);
                self.forward(keep);
                for diagonal in 0..keep {
                    let start = self.layout.run_start(diagonal, channel);
                    for (nth, (i, j)) in diagonal_positions(block, diagonal).enumerate() {
                        spectrum[start + nth * blocks + at] = self.frequencies[[j.into(), i.into()]];
                    }
                }
            }
        }
        Ok(spectrum)
    }

    /// The picture these values describe, for people to look at; left-out rows and columns repeat their neighbour.
    pub fn picture(&mut self, values: &[i16], keep: u16, quant: u16) -> Result<Picture, CodecError> {
        self.layout.format(keep, quant)?;
        if values.len() != self.layout.values(keep) {
            return Err(CodecError::Count {
                expected: self.layout.values(keep),
                found: values.len(),
            });
        }
        let (block, blocks) = (self.layout.family().block, self.layout.blocks());
        let side = usize::from(block);
        let mut planes = Array3::zeros(self.shape());
        for (channel, mut plane) in (0u16..).zip(planes.outer_iter_mut()) {
            for (at, mut pixels) in plane.exact_chunks_mut((side, side)).into_iter().enumerate() {
                self.frequencies.fill(0.0);
                for diagonal in 0..keep {
                    let start = self.layout.run_start(diagonal, channel);
                    for (nth, (i, j)) in diagonal_positions(block, diagonal).enumerate() {
                        let value = values[start + nth * blocks + at];
                        self.frequencies[[j.into(), i.into()]] = f64::from(value) * f64::from(quant);
                    }
                }
                self.inverse();
                pixels.assign(&self.pixels);
            }
        }
        Ok(self.unsampled(planes.view()))
    }

    /// Channels, sampled rows, sampled columns.
    fn shape(&self) -> (usize, usize, usize) {
        let sampled = self.layout.family().sampling.sampled(self.layout.size());
        (
            self.layout.channels().into(),
            sampled.height as usize,
            sampled.width as usize,
        )
    }

    /// Channels × sampled rows × sampled columns, level-shifted.
    fn sampled_planes(&self, picture: &Picture) -> Result<Array3<f64>, CodecError> {
        picture.check()?;
        let (size, channels) = (self.layout.size(), self.layout.channels());
        if (picture.size, picture.channels) != (size, channels) {
            return Err(CodecError::Shape {
                expected: shape_text(channels, size),
                found: shape_text(picture.channels, picture.size),
            });
        }
        let sampling = self.layout.family().sampling;
        let channels = usize::from(channels);
        let mut planes = Array3::zeros(self.shape());
        let rows = picture.samples.chunks_exact(size.width as usize * channels);
        for (row, samples) in rows.step_by(sampling.row_step() as usize).enumerate() {
            let pixels = samples
                .chunks_exact(channels)
                .step_by(sampling.column_step() as usize);
            for (column, pixel) in pixels.enumerate() {
                match *pixel {
                    [red, green, blue] => {
                        for (channel, level) in colour::ycbcr_of([red, green, blue]).into_iter().enumerate() {
                            planes[[channel, row, column]] = level;
                        }
                    }
                    _ => planes[[0, row, column]] = f64::from(pixel[0]) - 128.0,
                }
            }
        }
        Ok(planes)
    }

    fn unsampled(&self, planes: ArrayView3<f64>) -> Picture {
        let (size, channels) = (self.layout.size(), self.layout.channels());
        let sampling = self.layout.family().sampling;
        let mut samples =
            Vec::with_capacity(size.height as usize * size.width as usize * usize::from(channels));
        for row in 0..size.height {
            for column in 0..size.width {
                let row = (row / sampling.row_step()) as usize;
                let column = (column / sampling.column_step()) as usize;
                let level = |channel: usize| planes[[channel, row, column]];
                if channels == 3 {
                    samples.extend(colour::rgb_of([level(0), level(1), level(2)]));
                } else {
                    samples.push((level(0) + 128.0).round() as u8);
                }
            }
        }
        Picture {
            size,
            channels,
            samples,
        }
    }

    /// `pixels` to `frequencies`; those of columns j ≥ keep are left as they were.
    fn forward(&mut self, keep: u16) {
        let side = self.scale.len();
        for row in rows_mut(&mut self.pixels) {
            self.dct.process_dct2_with_scratch(row, &mut self.scratch);
        }
        let kept = usize::from(keep).min(side);
        for (j, column) in rows_mut(&mut self.frequencies).enumerate().take(kept) {
            for (level, pixel) in column.iter_mut().zip(self.pixels.column(j)) {
                *level = *pixel;
            }
            self.dct.process_dct2_with_scratch(column, &mut self.scratch);
            for (level, scale) in column.iter_mut().zip(&self.scale) {
                *level *= scale * self.scale[j];
            }
        }
    }

    /// `frequencies` to `pixels`; spoils `frequencies`.
    fn inverse(&mut self) {
        // The library's DCT-III halves the first coefficient.
        let factor = |frequency: usize, scale: f64| if frequency == 0 { 2.0 * scale } else { scale };
        for (j, column) in rows_mut(&mut self.frequencies).enumerate() {
            for (i, level) in column.iter_mut().enumerate() {
                *level *= factor(i, self.scale[i]) * factor(j, self.scale[j]);
            }
            self.dct.process_dct3_with_scratch(column, &mut self.scratch);
        }
        for (i, row) in rows_mut(&mut self.pixels).enumerate() {
            for (pixel, level) in row.iter_mut().zip(self.frequencies.column(i)) {
                *pixel = *level;
            }
            self.dct.process_dct3_with_scratch(row, &mut self.scratch);
        }
    }
}

/// The rows of a matrix as slices, which is what the DCT works on.
fn rows_mut(matrix: &mut Array2<f64>) -> impl Iterator<Item = &mut [f64]> {
    let width = matrix.ncols();
    let all = matrix
        .as_slice_mut()
        .expect("a matrix made by zeros is contiguous");
    all.chunks_exact_mut(width)
}
