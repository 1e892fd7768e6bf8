//! Augmentation of training images on their coefficients: on the device, a whole batch with a few operations.
//!
//! In this order: brightness, contrast and chroma; flips and turns; translation; crop and resize; cutout. Colours come first so
//! that what is brought in or cut out stays mid-grey. Everything but the crop's resizing is what the same operation on pixels
//! gives, exactly; the resizing is the band-limited one (`resize.rs`). Values are neither rounded again nor clamped, as pixels
//! would be: the net sees floats.
//!
//! An image is the sampled one. Flips of a format that skips every other row are flips of the rows that are left.

mod colour;
mod draw;
#[cfg(test)]
mod golden;
mod masks;
mod place;
mod resize;
mod run;
#[cfg(test)]
mod tests;

pub use run::{augment_times, augmented};

use crate::EngineError;
use crate::data::Blocks;
use crate::random::Random;
use draw::{Draw, Ranges};
use imgcalc_shared::training::{Augment, Grid, InputShape};
use tch::{Device, Tensor};

/// Where the blocks of an image lie.
#[derive(Clone, Copy, Debug)]
struct Layout {
    channels: i64,
    /// Blocks along each axis: below each other, beside each other.
    blocks: [i64; 2],
    /// Side of the square that a block fills.
    period: i64,
    /// What the values are.
    kind: Blocks,
}

/// Augments batches of images of one shape.
pub(crate) struct Augmenter {
    layout: Layout,
    ranges: Ranges,
    colour: Option<colour::Colour>,
    /// Whether blocks move at all, and whether signs or zeros come with it.
    moves: bool,
    signs: bool,
    resize: Option<resize::Resize>,
    cutout: bool,
    device: Device,
}

impl Augmenter {
    /// For images of this shape on this device; none if there is nothing to do. What these images cannot express is refused.
    pub(crate) fn new(
        augment: &Augment,
        shape: InputShape,
        blocks: Blocks,
        device: Device,
    ) -> Result<Option<Augmenter>, EngineError> {
        if augment.is_none() {
            return Ok(None);
        }
        let refuse = |reason: String| EngineError::BadData(format!("augmentation: {reason}"));
        let period = u32::from(blocks.period());
        let tiles = |side: u16| period > 0 && side > 0 && u32::from(side) % period == 0;
        if !tiles(shape.height) || !tiles(shape.width) || blocks.quant == 0 {
            return Err(refuse(format!("images of {shape} do not consist of {blocks:?}")));
        }
        let grid = Grid {
            rows: u32::from(shape.height) / period,
            columns: u32::from(shape.width) / period,
        };
        augment
            .check_ranges()
            .and_then(|()| augment.check_grid(&format!("the input {shape}"), grid, shape.channels))
            .map_err(|error| refuse(error.to_string()))?;
        let sizes: Vec<[i64; 2]> = augment
            .crop_sizes(grid)
            .iter()
            .map(|size| [size.rows.into(), size.columns.into()])
            .collect();
        let crop = augment.crop != 0.0;
        let mut augmenter = Augmenter::with(Layout::new(shape, blocks), crop.then_some(&sizes), device)?;
        augmenter.ranges = Ranges::new(augment, grid);
        let colours = [augment.brightness, augment.contrast, augment.chroma];
        if colours == [0.0; 3] {
            augmenter.colour = None;
        }
        let signs = [
            augment.horizontal_flip,
            augment.vertical_flip,
            augment.rotation,
            augment.translation,
        ];
        augmenter.signs = signs != [0.0; 4];
        augmenter.moves = augmenter.signs || crop;
        augmenter.cutout = augment.cutout != 0.0;
        Ok(Some(augmenter))
    }

    /// Does whatever is drawn, with crops of these sizes.
    fn with(layout: Layout, sizes: Option<&Vec<[i64; 2]>>, device: Device) -> Result<Augmenter, EngineError> {
        let [rows, columns] = layout.blocks.map(|blocks| blocks as u32);
        let resize = |sizes| resize::Resize::new(&layout, sizes, device);
        Ok(Augmenter {
            ranges: Ranges::new(&Augment::default(), Grid { rows, columns }),
            colour: colour::Colour::new(&layout, device)?,
            moves: true,
            signs: true,
            resize: sizes.map(|sizes| resize(sizes)).transpose()?,
            cutout: true,
            layout,
            device,
        })
    }

    /// Other images, drawn anew for each: images × channels × rows × columns of floats as they are stored, not standardised.
    /// It draws equally many numbers for every image, whatever they are and whichever augmentations there are.
    pub(crate) fn apply(&self, values: Tensor, random: &mut Random) -> Result<Tensor, EngineError> {
        let images = values.size().first().copied().unwrap_or(0);
        let draws: Vec<Draw> = (0..images).map(|_| self.ranges.draw(random)).collect();
        self.apply_draws(values, &draws)
    }

    /// What was drawn, one for each image.
    fn apply_draws(&self, values: Tensor, draws: &[Draw]) -> Result<Tensor, EngineError> {
        tch::no_grad(|| {
            let mut values = match &self.colour {
                Some(colour) => colour.apply(&values, draws)?,
                None => values,
            };
            // What is left to multiply with: signs, and zeros where an image is mid-grey.
            let mut factor = None;
            if self.moves {
                values = place::gather(&values, draws, &self.layout)?;
                if self.signs {
                    factor = Some(place::factors(draws, &self.layout, self.device)?);
                }
            }
            if let Some(resize) = &self.resize {
                if let Some(factor) = factor.take() {
                    values = values.f_mul_(&factor)?;
                }
                values = resize.apply(&values, draws)?;
                factor = resize.triangle();
            }
            if self.cutout {
                let outside = masks::cutout(draws, &self.layout, self.device)?;
                factor = Some(match factor {
                    Some(factor) => outside.f_mul(&factor)?,
                    None => outside,
                });
            }
            match factor {
                Some(factor) => Ok(values.f_mul(&factor)?),
                None => Ok(values),
            }
        })
    }
}

impl Layout {
    fn new(shape: InputShape, kind: Blocks) -> Layout {
        let period = i64::from(kind.period());
        Layout {
            channels: shape.channels.into(),
            blocks: [i64::from(shape.height) / period, i64::from(shape.width) / period],
            period,
            kind,
        }
    }

    /// Rows and columns of a plane.
    fn sides(&self) -> [i64; 2] {
        self.blocks.map(|blocks| blocks * self.period)
    }
}
