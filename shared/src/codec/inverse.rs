//! From values back to a picture, for people to look at.

use super::{CodecError, Layout, Picture, colour};
use crate::format::diagonal_positions;
use ndarray::{Array2, Array3, ArrayView3};
use rustdct::{DctPlanner, TransformType2And3};
use std::sync::Arc;

/// The inverse of one family's transform. Holds the planned DCT and its buffers.
pub(super) struct Inverse {
    layout: Layout,
    dct: Arc<dyn TransformType2And3<f64>>,
    /// Factors that make the DCT orthonormal, by frequency.
    scale: Vec<f64>,
    /// One block of pixels, rows × columns.
    pixels: Array2<f64>,
    /// One block of frequencies (i, j), stored at [j, i] so that both passes run along memory.
    frequencies: Array2<f64>,
    scratch: Vec<f64>,
}

impl Inverse {
    /// The inverse for images of this layout.
    pub(super) fn new(layout: Layout) -> Inverse {
        let side = usize::from(layout.family().block);
        let dct = DctPlanner::new().plan_dct3(side);
        let scale = (0..side)
            // √(1 / side) and √(2 / side); the library's DCT-III halves the first coefficient.
            .map(|frequency| if frequency == 0 { 4.0 } else { 2.0 } / side as f64)
            .map(f64::sqrt)
            .collect();
        Inverse {
            layout,
            scale,
            pixels: Array2::zeros((side, side)),
            frequencies: Array2::zeros((side, side)),
            scratch: vec![0.0; dct.get_scratch_len()],
            dct,
        }
    }

    /// The picture these values describe, for people to look at; left-out rows and columns repeat their neighbour.
    pub(super) fn picture(&mut self, values: &[i16], keep: u16, quant: u16) -> Result<Picture, CodecError> {
        self.layout.format(keep, quant)?;
        if values.len() != self.layout.values(keep) {
            return Err(CodecError::Count {
                expected: self.layout.values(keep),
                found: values.len(),
            });
        }
        let (block, blocks) = (self.layout.family().block, self.layout.blocks());
        let side = usize::from(block);
        let sampled = self.layout.family().sampling.sampled(self.layout.size());
        let channels = usize::from(self.layout.channels());
        let mut planes = Array3::zeros((channels, sampled.height as usize, sampled.width as usize));
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
                    samples.push(colour::sample_of(level(0)));
                }
            }
        }
        Picture {
            size,
            channels,
            samples,
        }
    }

    /// `frequencies` to `pixels`; spoils `frequencies`.
    fn inverse(&mut self) {
        for (j, column) in rows_mut(&mut self.frequencies).enumerate() {
            for (i, level) in column.iter_mut().enumerate() {
                *level *= self.scale[i] * self.scale[j];
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
