//! From the values of one image to the planes a net sees.

use super::Layout;
use crate::format::{Size, diagonal_positions};

/// Where the values of every run of an image go in its planes.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// For each run, in storage order, the place of the first block's value of each of its coefficients.
    firsts: Vec<Vec<u32>>,
    /// Blocks in a row and rows of them.
    grid: (usize, usize),
    /// From a block's place to that of the next one to the right, and below.
    steps: (usize, usize),
}

impl Places {
    /// The places at a keep that the layout has.
    pub(crate) fn new(layout: Layout, keep: u16) -> Places {
        let block = layout.family().block;
        let side = usize::from(keep.min(block));
        let Size { height, width } = layout.plane(keep);
        let (height, width) = (height as usize, width as usize);
        let firsts = layout.runs(keep).map(|(diagonal, channel)| {
            let plane = usize::from(channel) * height * width;
            let place = |(i, j): (u16, u16)| (plane + usize::from(i) * width + usize::from(j)) as u32;
            diagonal_positions(block, diagonal).map(place).collect()
        });
        Places {
            firsts: firsts.collect(),
            grid: (layout.grid().width as usize, layout.grid().height as usize),
            steps: (side, side * width),
        }
    }

    /// Puts the runs of an image into its planes, whose other values are left as they are.
    pub(crate) fn fill(&self, runs: &[&[i16]], planes: &mut [i16]) {
        let (across, down) = self.steps;
        let (columns, rows) = self.grid;
        for (run, firsts) in runs.iter().zip(&self.firsts) {
            if columns * rows == 1 {
                for (&value, &first) in run.iter().zip(firsts) {
                    planes[first as usize] = value;
                }
                continue;
            }
            for (blocks, &first) in run.chunks_exact(columns * rows).zip(firsts) {
                for (row, values) in blocks.chunks_exact(columns).enumerate() {
                    let places = planes[first as usize + row * down..].iter_mut().step_by(across);
                    for (place, &value) in places.zip(values) {
                        *place = value;
                    }
                }
            }
        }
    }
}
