//! The two-dimensional transform of all blocks of an image of one family.

use super::Layout;
use super::dct::Dct;
use super::planes::Planes;
use super::row::{LANES, Row};
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
    /// For images of this layout.
    pub(super) fn new(layout: Layout) -> Forward {
        let side = usize::from(layout.family().block);
        Forward {
            layout,
            dct: Dct::new(side),
            tile: vec![Row::default(); side],
            turned: Vec::new(),
        }
    }

    /// Family, size and channels.
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
        if across < LANES {
            across.next_power_of_two()
        } else {
            across.next_multiple_of(LANES)
        }
    }

    /// The first pass over a row of blocks.
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
                row.0.copy_from_slice(&pixels[start..start + LANES]);
            }
            self.dct.forward(&mut self.tile, kept);
            for (i, &place) in self.dct.places().iter().enumerate().take(kept) {
                let scale = if i == 0 { unit * FRAC_1_SQRT_2 } else { unit };
                let target = &mut self.turned[column * turned_width + i * lanes + block..];
                for (level, target) in self.tile[place]
                    .0
                    .iter()
                    .zip(target.iter_mut().step_by(turned_width))
                {
                    *target = level * scale;
                }
            }
        }
    }

    /// The second pass over a row of blocks, the first of which is block `first` of the image.
    #[inline(always)]
    fn rows<T: Copy + Default>(
        &mut self,
        places: &[usize],
        first: usize,
        values: &mut [T],
        finish: impl Fn(f64) -> T + Copy,
    ) {
        let (side, keep) = (self.tile.len(), places.len());
        let lanes = self.lanes_of_blocks();
        let turned_width = self.turned.len() / side;
        for start in (0..turned_width).step_by(LANES) {
            let (i, v) = (start / lanes, start % lanes);
            for (row, turned) in self.tile.iter_mut().zip(self.turned.chunks_exact(turned_width)) {
                row.0.copy_from_slice(&turned[start..start + LANES]);
            }
            let kept = (keep - i).min(side);
            self.dct.forward(&mut self.tile, kept);
            let target = Target {
                places: &places[i..],
                rows: side - i,
                blocks: self.layout.blocks(),
                start: i * self.layout.blocks() + first + v,
                length: self.layout.grid().width as usize - v,
            };
            for (j, &place) in self.dct.places().iter().enumerate().take(kept) {
                let scale = if j == 0 { FRAC_1_SQRT_2 } else { 1.0 };
                let mut finished = [T::default(); LANES];
                for (finished, level) in finished.iter_mut().zip(&self.tile[place].0) {
                    *finished = finish(level * scale);
                }
                match lanes {
                    1 => target.scatter::<T, 1>(j, &finished, values),
                    2 => target.scatter::<T, 2>(j, &finished, values),
                    4 => target.scatter::<T, 4>(j, &finished, values),
                    _ => target.scatter::<T, LANES>(j, &finished, values),
                }
            }
        }
    }
}

/// Where the coefficients of a tile of rows go.
struct Target<'a> {
    /// By anti-diagonal, from the tile's first row's on.
    places: &'a [usize],
    /// Rows of frequencies from the tile's first on.
    rows: usize,
    /// Blocks of a channel, by which rows of one anti-diagonal lie apart.
    blocks: usize,
    /// What the tile's first row and block add to a place.
    start: usize,
    /// Blocks to the end of the row of blocks.
    length: usize,
}

impl Target<'_> {
    /// The coefficients (i, j) of `GROUP` blocks each, with i rising.
    #[inline(always)]
    fn scatter<T: Copy, const GROUP: usize>(&self, j: usize, finished: &[T; LANES], values: &mut [T]) {
        let (groups, _) = finished.as_chunks::<GROUP>();
        for (nth, (group, place)) in groups.iter().zip(&self.places[j..]).enumerate().take(self.rows) {
            let values = &mut values[place + nth * self.blocks + self.start..];
            match values.first_chunk_mut::<GROUP>() {
                Some(values) if self.length >= GROUP => *values = *group,
                _ => values[..self.length].copy_from_slice(&group[..self.length]),
            }
        }
    }
}

/// All of an image. Compiled for AVX2 too, which takes about 0.75 of the time; AVX-512 would gain nothing more.
#[multiversion(targets("x86_64+avx2"))]
fn transform<T: Copy + Default, F: Fn(f64) -> T + Copy>(
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
