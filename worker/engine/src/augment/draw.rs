//! What is drawn for each image, on the host.

use crate::random::Random;
use imgcalc_shared::training::{Augment, Grid};

/// Pixel values from black to white.
const PIXEL_RANGE: f64 = 255.0;

/// A rectangle of blocks: along the rows' axis, along the columns'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: [i64; 2],
    pub(super) size: [i64; 2],
}

/// What is done to one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Draw {
    /// Top and bottom, left and right are exchanged.
    pub(super) flips: [bool; 2],
    /// Quarter turns against the clock, after the flips.
    pub(super) turns: u8,
    /// Blocks the image moves down and right.
    pub(super) shift: [i64; 2],
    /// What is resized to the whole.
    pub(super) crop: Window,
    /// What becomes mid-grey; of no size if nothing does.
    pub(super) cutout: Window,
    /// Pixel values added.
    pub(super) brightness: f64,
    /// Differences from the mean luma are multiplied by it.
    pub(super) contrast: f64,
    /// Chroma is multiplied by it.
    pub(super) chroma: f64,
}

/// What is drawn from.
pub(super) struct Ranges {
    augment: Augment,
    blocks: [i64; 2],
    crops: Vec<[i64; 2]>,
    shifts: [i64; 2],
    cutout: [i64; 2],
}

fn sides(grid: Grid) -> [i64; 2] {
    [grid.rows.into(), grid.columns.into()]
}

impl Draw {
    /// What leaves an image of so many blocks as it is.
    pub(super) fn nothing(blocks: [i64; 2]) -> Draw {
        let window = |size| Window { start: [0; 2], size };
        Draw {
            flips: [false; 2],
            turns: 0,
            shift: [0; 2],
            crop: window(blocks),
            cutout: window([0; 2]),
            brightness: 0.0,
            contrast: 1.0,
            chroma: 1.0,
        }
    }
}

impl Ranges {
    pub(super) fn new(augment: &Augment, grid: Grid) -> Ranges {
        Ranges {
            augment: *augment,
            blocks: sides(grid),
            crops: augment.crop_sizes(grid).into_iter().map(sides).collect(),
            shifts: sides(augment.translation_max(grid)),
            cutout: sides(augment.cutout_size(grid)),
        }
    }

    /// Draws for one image: always as many numbers, in the same order.
    pub(super) fn draw(&self, random: &mut Random) -> Draw {
        let augment = &self.augment;
        let horizontal = unit(random) < augment.horizontal_flip;
        let vertical = unit(random) < augment.vertical_flip;
        let turned = unit(random) < augment.rotation;
        let turns = 1 + below(random, 3) as u8;
        let shift = self.shifts.map(|most| below(random, 2 * most + 1) - most);
        let size = self.crops[below(random, self.crops.len() as i64) as usize];
        Draw {
            flips: [vertical, horizontal],
            turns: if turned { turns } else { 0 },
            shift,
            crop: self.window(size, random),
            cutout: self.window(self.cutout, random),
            brightness: random.symmetric(augment.brightness) * PIXEL_RANGE,
            contrast: 1.0 + random.symmetric(augment.contrast),
            chroma: 1.0 + random.symmetric(augment.chroma),
        }
    }

    /// Anywhere within the image.
    fn window(&self, size: [i64; 2], random: &mut Random) -> Window {
        let start = [0, 1].map(|axis| below(random, self.blocks[axis] - size[axis] + 1));
        Window { start, size }
    }
}

/// Uniform in [0, 1).
fn unit(random: &mut Random) -> f64 {
    random.symmetric(0.5) + 0.5
}

/// Uniform in 0..n. One draw, whatever comes of it: the bias for the few numbers there are is far below what could be seen.
fn below(random: &mut Random, n: i64) -> i64 {
    ((unit(random) * n as f64) as i64).min(n - 1)
}
