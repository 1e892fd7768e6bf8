//! From the values of one image to the planes a net sees.
//!
//! A run has one value after the other of neighbouring blocks; a plane has the values of neighbouring frequencies beside
//! each other. So values are taken from several runs at a time, one of each, and written side by side (module `tuples`):
//! in blocks that are many, for a row i the values j … j + 8 of every block; in blocks that are few, for eight
//! anti-diagonals all their coefficients.

use super::Layout;
use super::tuples::{TUPLE, one_by_one, side_by_side};
use multiversion::multiversion;

/// From so many blocks on, one row of a coefficient in all blocks is long enough.
const MANY_BLOCKS: usize = 32;

/// Where the values of every run of an image go in its planes.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    block: usize,
    keep: usize,
    channels: usize,
    blocks: usize,
    /// Rows and columns of a block in a plane.
    side: usize,
    /// Columns of a plane, and values of one.
    width: usize,
    plane: usize,
    /// Where coefficient (0, 0) of each block goes; where there are few blocks, on from there where a coefficient (i, −i)
    /// would go: its anti-diagonal is what is missing.
    places: Vec<u32>,
    /// What is taken for a run outside the triangle.
    zeros: Vec<i16>,
}

impl Places {
    /// The places at a keep that the layout has.
    pub(crate) fn new(layout: Layout, keep: u16) -> Places {
        let block = usize::from(layout.family().block);
        let side = usize::from(keep).min(block);
        let (across, blocks) = (layout.grid().width as usize, layout.blocks());
        let width = layout.plane(keep).width as usize;
        let rows = if blocks < MANY_BLOCKS { side } else { 1 };
        let mut places = Vec::with_capacity(rows * blocks);
        for i in 0..rows {
            for u in 0..layout.grid().height as usize {
                let first = (u * side * width + i * (width - 1)) as u32;
                places.extend((0..across as u32).map(|v| first + v * side as u32));
            }
        }
        Places {
            block,
            keep: keep.into(),
            channels: layout.channels().into(),
            blocks,
            side,
            width,
            plane: layout.plane(keep).height as usize * width,
            places,
            zeros: vec![0; blocks],
        }
    }

    /// Puts the runs of an image, in storage order, into its planes, and zeros where there are no values.
    pub(crate) fn fill(&self, runs: &[&[i16]], planes: &mut [i16]) {
        fill(self, runs, planes);
    }

    /// Row after row of coefficients, in all blocks.
    #[inline(always)]
    fn by_rows(&self, runs: &[&[i16]], plane: &mut [i16]) {
        for i in 0..self.side {
            for j in (0..self.side).step_by(TUPLE) {
                let of_column = |j: usize| match runs.get((i + j) * self.channels) {
                    Some(run) => &run[(i - self.first(i + j)) * self.blocks..][..self.blocks],
                    None => &self.zeros,
                };
                let width = self.side - j;
                side_by_side(
                    width,
                    |nth| of_column(j + nth),
                    &self.places,
                    i * self.width + j,
                    plane,
                );
            }
        }
    }

    /// Eight anti-diagonals after the other; what not all of them have goes value by value.
    #[inline(always)]
    fn by_diagonals(&self, runs: &[&[i16]], plane: &mut [i16]) {
        plane.fill(0);
        for start in (0..self.keep).step_by(TUPLE) {
            let end = self.keep.min(start + TUPLE);
            // Rows that all of them have: there are some, as a block has a tuple of rows at least.
            let common = self.first(end - 1)..(start + 1).min(self.block);
            for diagonal in start..end {
                let (run, first) = (runs[diagonal * self.channels], self.first(diagonal));
                let behind = (diagonal + 1).min(self.block);
                for rows in [first..common.start, common.end..behind] {
                    let values = (rows.start - first) * self.blocks..(rows.end - first) * self.blocks;
                    let places = rows.start * self.blocks..rows.end * self.blocks;
                    one_by_one(&run[values], &self.places[places], diagonal, plane);
                }
            }
            let of_diagonal = |nth: usize| {
                let (run, first) = (runs[(start + nth) * self.channels], self.first(start + nth));
                &run[(common.start - first) * self.blocks..(common.end - first) * self.blocks]
            };
            let places = &self.places[common.start * self.blocks..common.end * self.blocks];
            side_by_side(end - start, of_diagonal, places, start, plane);
        }
    }

    /// The first row of an anti-diagonal.
    #[inline(always)]
    fn first(&self, diagonal: usize) -> usize {
        (diagonal + 1).saturating_sub(self.block)
    }
}

/// All planes. Compiled for AVX2 too, which takes half the time; AVX-512 would gain little more.
#[multiversion(targets("x86_64+avx2+bmi2"))]
fn fill(places: &Places, runs: &[&[i16]], planes: &mut [i16]) {
    for (channel, plane) in planes.chunks_exact_mut(places.plane).enumerate() {
        let Some(runs) = runs.get(channel..) else { break };
        if places.side == 1 {
            plane.copy_from_slice(runs[0]);
        } else if places.blocks < MANY_BLOCKS {
            places.by_diagonals(runs, plane);
        } else {
            places.by_rows(runs, plane);
        }
    }
}
