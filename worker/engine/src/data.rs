//! Integer images, and how they become the net's input.
//!
//! - [`Samples`], [`TrainData`]: images in the host's memory.
//! - [`planes`]: images on the device; one copy serves every smaller keep.
//! - [`feed`]: what a training takes batches from, at hand or window by window, in an order that the seed decides.
//! - [`standard`]: from integers to what the net sees.

mod feed;
mod order;
mod planes;
mod standard;

pub use feed::{Feed, Feeds, Stream};
use imgcalc_shared::format::Format;
use imgcalc_shared::training::InputShape;
pub use planes::Planes;
pub(crate) use planes::upload;
use serde::{Deserialize, Serialize};
pub(crate) use standard::{Input, Standardisation};

/// What the values of an image are: the kept coefficients of its blocks, divided by a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocks {
    /// Pixels on a side of a block.
    pub side: u16,
    /// Coefficient (i, j) is kept when i + j is below this; what is not kept is 0 where it lies in the plane.
    pub keep: u16,
    /// The quantisation factor.
    pub quant: u16,
}

impl Blocks {
    /// Of level-shifted pixels.
    pub const PIXELS: Blocks = Blocks {
        side: 1,
        keep: 1,
        quant: 1,
    };

    /// Side of the square in which frequencies repeat: coefficient (i, j) of every block lies where row % period = i and
    /// column % period = j.
    pub fn period(self) -> u16 {
        self.keep.min(self.side)
    }
}

impl From<Format> for Blocks {
    fn from(format: Format) -> Self {
        Blocks {
            side: format.block(),
            keep: format.keep(),
            quant: format.quant(),
        }
    }
}

/// Labelled integer images of one shape.
#[derive(Clone, Debug)]
pub struct Samples {
    /// Shape of one image.
    pub shape: InputShape,
    /// What the values are.
    pub blocks: Blocks,
    /// Images × channels × rows × columns, the last fastest.
    pub values: Vec<i16>,
    /// The class of each image.
    pub labels: Vec<u16>,
}

/// What a net is trained on, chosen by and tested on.
#[derive(Clone, Debug)]
pub struct TrainData {
    /// Images the weights are fitted to.
    pub train: Samples,
    /// Images the curve's accuracy is measured on.
    pub validation: Samples,
    /// Images the final weights are tested on once, if any.
    pub test: Option<Samples>,
    /// Number of classes; labels are below it.
    pub classes: u16,
}

impl Samples {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// Refuses a shape that cannot be one of images of these blocks.
fn check_shape(shape: InputShape, blocks: Blocks) -> Result<(), String> {
    let InputShape {
        channels,
        height,
        width,
    } = shape;
    if channels == 0 || height == 0 || width == 0 {
        return Err(format!("images of {shape} have no values"));
    }
    let period = blocks.period();
    if period == 0 || height % period != 0 || width % period != 0 {
        return Err(format!(
            "images of {shape} do not consist of squares of side {period}"
        ));
    }
    Ok(())
}
