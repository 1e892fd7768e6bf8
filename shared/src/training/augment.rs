//! What is done to training images at random, on coefficients.

mod check;
mod grid;

pub use check::AugmentError;
pub use grid::{CROP_SIZES_MAX, Grid};

use serde::{Deserialize, Serialize};

/// Strengths of the augmentations; 0 is none. Each is drawn anew for every image and step.
///
/// What is moved, cut or cropped is whole blocks, so the same strength can be more or less than that of another format, and
/// a format whose image is a single block cannot express it: [`Augment::check`] tells.
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

impl Augment {
    /// Whether nothing is done at all.
    pub fn is_none(&self) -> bool {
        *self == Augment::default()
    }

    /// Every strength with its name in a spec, in the order of the fields.
    pub fn strengths(&self) -> [(&'static str, f64); 9] {
        // Taken apart whole, so that no strength can be left out.
        let Augment {
            horizontal_flip,
            vertical_flip,
            rotation,
            crop,
            translation,
            cutout,
            brightness,
            contrast,
            chroma,
        } = *self;
        [
            ("horizontal_flip", horizontal_flip),
            ("vertical_flip", vertical_flip),
            ("rotation", rotation),
            ("crop", crop),
            ("translation", translation),
            ("cutout", cutout),
            ("brightness", brightness),
            ("contrast", contrast),
            ("chroma", chroma),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_strength_is_enough_to_do_something() {
        assert!(Augment::default().is_none());
        for field in [
            "horizontal_flip",
            "vertical_flip",
            "rotation",
            "crop",
            "translation",
            "cutout",
            "brightness",
            "contrast",
            "chroma",
        ] {
            let augment: Augment = serde_json::from_str(&format!(r#"{{"{field}":0.1}}"#)).unwrap();
            assert!(!augment.is_none(), "{field}");
            let on = augment
                .strengths()
                .into_iter()
                .filter(|(_, strength)| *strength != 0.0);
            assert!(on.eq([(field, 0.1)]), "{field}");
        }
    }
}
