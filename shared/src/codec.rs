//! From pixels to quantised coefficients, and back only to look at them.
//!
//! Image → YCbCr → level shift → sampling → B×B orthonormal DCT-II → keep i + j < keep → round → ÷ quant, round.
//! Every path to a format's values goes through [`Transform`] or [`Transforms`], which share their code, and through
//! [`quantise`], so that what a net is trained on is what is deployed.
//!
//! The values of one image lie in **storage order**: for each anti-diagonal d, for each channel, for each
//! coefficient (i, j) of d with i rising, for each block in row-major order. The values at a smaller keep are
//! therefore a prefix of those at a larger one.

mod colour;
mod dct;
mod forward;
mod inverse;
mod layout;
mod place;
mod places;
mod planes;
mod quantiser;
mod round;
mod row;
mod transform;
mod transforms;
mod tuples;

use crate::dataset::SIDE_MAX;
use crate::format::{BadFormat, Family, Size};
use crate::space::Infeasible;

pub use colour::{rgb_of, ycbcr_of};
pub use layout::{LAYOUT_BYTES, Layout};
pub use place::place;
pub(crate) use places::Places;
pub(crate) use quantiser::Quantiser;
pub use round::round_coefficient;
pub use transform::Transform;
pub use transforms::Transforms;

/// An image as pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Rows and columns.
    pub size: Size,
    /// 1 (grey) or 3 (RGB).
    pub channels: u16,
    /// Row-major, the channels of a pixel beside each other.
    pub samples: Vec<u8>,
}

/// Why pixels or values do not fit what they are used for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// No such block, keep or quantisation factor.
    #[error(transparent)]
    Format(#[from] BadFormat),
    /// The family's blocks do not tile the image.
    #[error(transparent)]
    Infeasible(#[from] Infeasible),
    /// A sampling code no version of this program wrote.
    #[error("sampling code {code} is unknown")]
    Sampling {
        /// The code.
        code: u16,
    },
    /// A side out of range.
    #[error("an image of {height}x{width} is not 1 to {SIDE_MAX} pixels a side; scale it down first")]
    Side {
        /// Rows.
        height: u32,
        /// Columns.
        width: u32,
    },
    /// Neither grey nor RGB.
    #[error("{channels} channels are neither 1 (grey) nor 3 (RGB)")]
    Channels {
        /// The number.
        channels: u16,
    },
    /// Two images, or an image and a transform, of different shape.
    #[error("an image of {found} is used where {expected} is expected")]
    Shape {
        /// `channels x height x width` expected.
        expected: String,
        /// `channels x height x width` found.
        found: String,
    },
    /// A format of another family than the transform's.
    #[error("a format of family {found} is used where {expected} is expected")]
    Family {
        /// The transform's.
        expected: Family,
        /// The format's.
        found: Family,
    },
    /// A run of values or samples of the wrong length.
    #[error("there are {found} values where {expected} are expected")]
    Count {
        /// As many as the shape says.
        expected: usize,
        /// As many as there are.
        found: usize,
    },
}

impl Picture {
    /// A picture whose samples fill its size exactly.
    pub fn new(size: Size, channels: u16, samples: Vec<u8>) -> Result<Picture, CodecError> {
        let picture = Picture {
            size,
            channels,
            samples,
        };
        picture.check()?;
        Ok(picture)
    }

    /// What [`Picture::new`] checks; the fields are public, so whoever computes with them asks again.
    pub(crate) fn check(&self) -> Result<(), CodecError> {
        let Size { height, width } = self.size;
        if !(1..=SIDE_MAX).contains(&height) || !(1..=SIDE_MAX).contains(&width) {
            return Err(CodecError::Side { height, width });
        }
        if self.channels != 1 && self.channels != 3 {
            return Err(CodecError::Channels {
                channels: self.channels,
            });
        }
        let expected = height as usize * width as usize * usize::from(self.channels);
        if self.samples.len() != expected {
            return Err(CodecError::Count {
                expected,
                found: self.samples.len(),
            });
        }
        Ok(())
    }
}

/// `round(value / quant)` with ties away from zero, in integers. `quant` is at least 1, as in every format.
pub fn quantise(value: i16, quant: u16) -> i16 {
    debug_assert!(quant > 0);
    let (magnitude, quant) = (u32::from(value.unsigned_abs()), u32::from(quant));
    // i16::MIN / 1 is the only quotient of magnitude 2^15, and it is negative.
    let quotient = ((2 * magnitude + quant) / (2 * quant)) as i32;
    (if value < 0 { -quotient } else { quotient }) as i16
}

/// Peak signal-to-noise ratio of two pictures of one shape, decibels; infinite when they are equal.
pub fn psnr(a: &Picture, b: &Picture) -> Result<f64, CodecError> {
    a.check()?;
    b.check()?;
    if (a.size, a.channels) != (b.size, b.channels) {
        return Err(CodecError::Shape {
            expected: shape_text(a.channels, a.size),
            found: shape_text(b.channels, b.size),
        });
    }
    let squares: u64 = a
        .samples
        .iter()
        .zip(&b.samples)
        .map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2))
        .sum();
    let mean = squares as f64 / a.samples.len() as f64;
    Ok(10.0 * (255.0 * 255.0 / mean).log10())
}

fn shape_text(channels: u16, size: Size) -> String {
    format!("{channels}x{}x{}", size.height, size.width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_quantised_as_the_exact_quotient_with_ties_away_from_zero() {
        for quant in [1, 2, 3, 20, 50, 99, 100, 4096] {
            for value in i16::MIN..=i16::MAX {
                // A quotient of integers this small is exact in f64 wherever it is a tie.
                let expected = (f64::from(value) / f64::from(quant)).round() as i16;
                assert_eq!(quantise(value, quant), expected, "{value} / {quant}");
            }
        }
    }

    #[test]
    fn a_picture_has_as_many_samples_as_its_size_says() {
        let size = Size { height: 2, width: 3 };
        assert!(Picture::new(size, 3, vec![0; 18]).is_ok());
        assert!(Picture::new(size, 3, vec![0; 17]).is_err());
        assert!(Picture::new(size, 2, vec![0; 12]).is_err());
        assert!(Picture::new(Size { height: 0, width: 3 }, 1, vec![]).is_err());
        assert!(
            Picture::new(
                Size {
                    height: u32::MAX,
                    width: u32::MAX
                },
                3,
                vec![]
            )
            .is_err()
        );
    }

    #[test]
    fn psnr_falls_with_the_error_and_is_infinite_without_one() {
        let size = Size { height: 1, width: 4 };
        let black = Picture::new(size, 1, vec![0; 4]).unwrap();
        let white = Picture::new(size, 1, vec![255; 4]).unwrap();
        assert_eq!(psnr(&black, &white), Ok(0.0));
        assert_eq!(psnr(&black, &black), Ok(f64::INFINITY));
    }
}
