//! What is done to training images at random, on coefficients.

use serde::{Deserialize, Serialize};

/// Strengths of the augmentations; 0 is none. Each is drawn anew for every image and step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Probability of a flip of left and right.
    pub horizontal_flip: f64,
    /// Probability of a flip of top and bottom.
    pub vertical_flip: f64,
    /// Probability of a turn by 90, 180 or 270°, one as likely as the others.
    pub rotation: f64,
    /// Largest share of the area that a crop cuts away before the rest is resized to the whole; whole blocks.
    pub crop: f64,
    /// Largest move as a share of a side, in whole blocks; what comes in is mid-grey.
    pub translation: f64,
    /// Side of the rectangle set to mid-grey as a share of the image's, in whole blocks.
    pub cutout: f64,
    /// Largest change of brightness as a share of the range of pixels (255).
    pub brightness: f64,
    /// Largest change of contrast: differences from the image's mean luma are multiplied by 1 ± this.
    pub contrast: f64,
    /// Largest change of colour: chroma is multiplied by 1 ± this.
    pub chroma: f64,
}
