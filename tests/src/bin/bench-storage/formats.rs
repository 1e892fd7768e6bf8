//! The formats that are measured: twelve triangles of full sampling, from 900 to 110,592 values an image.

use imgcalc_shared::codec::Layout;
use imgcalc_shared::format::{Family, Sampling, Size};

/// Rows and columns of every image.
pub const SIDE: u32 = 256;
/// The same as a size.
pub const SIZE: Size = Size {
    height: SIDE,
    width: SIDE,
};
/// Luma and two chroma differences.
pub const CHANNELS: u16 = 3;
/// Quantisation factors.
pub const QUANTS: [u16; 3] = [20, 50, 100];

/// Block side and keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub block: u16,
    pub keep: u16,
}

const ALL: [(u16, u16); 12] = [
    (8, 1),
    (8, 4),
    (8, 8),
    (16, 8),
    (32, 3),
    (32, 8),
    (32, 16),
    (64, 32),
    (128, 16),
    (128, 64),
    (256, 24),
    (256, 128),
];
const QUICK: [(u16, u16); 4] = [(8, 4), (32, 3), (32, 16), (256, 24)];

/// The shapes of a run, in groups of one family.
pub fn shapes(quick: bool) -> Vec<Shape> {
    let chosen = if quick { &QUICK[..] } else { &ALL[..] };
    chosen
        .iter()
        .map(|&(block, keep)| Shape { block, keep })
        .collect()
}

/// Each family of some shapes once, with its largest keep.
pub fn families(shapes: &[Shape]) -> Vec<(u16, u16)> {
    let families = shapes.chunk_by(|a, b| a.block == b.block);
    families
        .map(|family| {
            let keeps = family.iter().map(|shape| shape.keep);
            (family[0].block, keeps.max().unwrap_or(1))
        })
        .collect()
}

/// The family of full-sampled images with blocks of this side.
pub fn family(block: u16) -> Family {
    Family {
        sampling: Sampling::Full,
        block,
    }
}

/// Its layout.
pub fn layout(block: u16) -> anyhow::Result<Layout> {
    Ok(Layout::new(family(block), SIZE, CHANNELS)?)
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.block, self.keep)
    }
}
