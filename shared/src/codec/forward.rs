//! The two-dimensional transform of all blocks of an image of one family.

use super::Layout;
use super::dct::{Dct, LANES, Row};
use super::planes::Planes;
use multiversion::multiversion;
use std::f64::consts::FRAC_1_SQRT_2;

/// The transform of one family with its buffers.
///
/// A row of blocks is transformed at a time: first along columns, with neighbouring columns of pixels as the lanes;
/// then, turned, along rows, with the lanes running over the blocks and the vertical frequencies i. Only what is
/// kept is computed: k rows by the first pass, k − i coefficients of row i by the second.
pub(super) struct Forward {
    layout: Layout,
    dct: Dct,
    /// A tile of one pass.
    tile: Vec<Row>,
    /// What the first pass leaves, by column in the block, vertical frequency and block.
    turned: Vec<f64>,
}

impl Forward {
    pub(super) fn new(layout: Layout) -> Forward {
        let side = usize::from(layout.family().block);
        Forward {
            layout,
            dct: Dct::new(side),
            tile: vec![[0.0; LANES]; side],
            turned: Vec::new(),
        }
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// The coefficients i + j < keep in storage order, each as `finish` makes it. The planes are of the family's
    /// sampling, the keep is one of its block.
    pub(super) fn coefficients<T: Copy + Default>(
        &mut self,
        planes: &Planes,
        keep: u16,
        finish: impl Fn(f64) -> T + Copy,
    ) -> Vec<T> {
        debug_assert_eq!(planes.sampling(), self.layout.family().sampling);
        let mut values = vec![T::default(); self.layout.values(keep)];
        transform(self, planes, keep, &mut values, finish);
        values
    }

    /// For each anti-diagonal, where the values of a coefficient (0, j) of it would begin.
    fn places(&self, channel: u16, keep: u16) -> Vec<usize> {
        let block = self.layout.family().block;
        (0..keep)
            .map(|diagonal| {
                let first = usize::from(diagonal.saturating_sub(block - 1));
                self.layout.run_start(diagonal, channel) - first * self.layout.blocks()
            })
            .collect()
    }

    /// Blocks side by side as lanes: so many that rows of them and rows of lanes end together.
    fn lanes_of_blocks(&self) -> usize {
        let across = self.layout.grid().width as usize;
        if across < LANES { across.next_power_of_two() } else { across.next_multiple_of(LANES) }
    }

    #[inline(always)]
    fn columns(&mut self, strip: &[f64], keep: u16) {
        let side = self.tile.len();
        let kept = usize::from(keep).min(side);
        let lanes = self.lanes_of_blocks();
        let width = strip.len() / side;
        let turned_width = (kept * lanes).next_multiple_of(LANES);
        self.turned.resize(side * turned_width, 0.0);
        let unit = 2.0 / side as f64;
        for start in (0..width).step_by(LANES) {
            let (block, column) = (start / side, start % side);
            for (row, pixels) in self.tile.iter_mut().zip(strip.chunks_exact(width)) {
                row.copy_from_slice(&pixels[start..start + LANES]);
            }
            self.dct.forward(&mut self.tile, kept);
            for (i, &place) in self.dct.places().iter().enumerate().take(kept) {
                let scale = if i == 0 { unit * FRAC_1_SQRT_2 } else { unit };
                let target = &mut self.turned[column * turned_width + i * lanes + block..];
                for (level, target) in self.tile[place].iter().zip(target.iter_mut().step_by(turned_width)) {
                    *target = level * scale;
                }
            }
        }
    }

    #[inline(always)]
    fn rows<T: Copy>(
        &mut self,
        places: &[usize],
        first: usize,
        values: &mut [T],
        finish: impl Fn(f64) -> T + Copy,
    ) {
        let (side, keep) = (self.tile.len(), places.len());
        let (across, blocks) = (self.layout.grid().width as usize, self.layout.blocks());
        let lanes = self.lanes_of_blocks();
        let group = lanes.min(LANES);
        let turned_width = self.turned.len() / side;
        for start in (0..turned_width).step_by(LANES) {
            let (i, v) = (start / lanes, start % lanes);
            for (row, turned) in self.tile.iter_mut().zip(self.turned.chunks_exact(turned_width)) {
                row.copy_from_slice(&turned[start..start + LANES]);
            }
            let kept = (keep - i).min(side);
            self.dct.forward(&mut self.tile, kept);
            for (j, &place) in self.dct.places().iter().enumerate().take(kept) {
                let scale = if j == 0 { FRAC_1_SQRT_2 } else { 1.0 };
                let finished = self.tile[place].map(|level| finish(level * scale));
                for ((i, &place), group) in (i..).zip(&places[i + j..]).zip(finished.chunks_exact(group)) {
                    if i == side {
                        break;
                    }
                    let length = (across - v).min(group.len());
                    values[place + i * blocks + first + v..][..length].copy_from_slice(&group[..length]);
                }
            }
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+avx2", "x86_64+avx2"))]
fn transform<T: Copy, F: Fn(f64) -> T + Copy>(
    forward: &mut Forward,
    planes: &Planes,
    keep: u16,
    values: &mut [T],
    finish: F,
) {
    let side = forward.tile.len();
    let across = forward.layout.grid().width as usize;
    for (channel, plane) in (0u16..).zip(planes.channels()) {
        let places = forward.places(channel, keep);
        for (u, strip) in plane.chunks_exact(side * side * across).enumerate() {
            forward.columns(strip, keep);
            forward.rows(&places, u * across, values, finish);
        }
    }
}
