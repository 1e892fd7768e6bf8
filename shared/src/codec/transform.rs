//! The transform of one family, of single images and back.

use super::forward::Forward;
use super::inverse::Inverse;
use super::planes::Planes;
use super::{CodecError, Layout, Picture, quantise, round_coefficient};
use crate::format::{Family, Format, Size};

/// Turns pictures of one size into coefficients of one family, and back to look at them. Holds its buffers.
pub struct Transform {
    planes: Planes,
    forward: Forward,
}

impl Transform {
    /// The transform for images of this shape, or why the family does not fit them.
    pub fn new(family: Family, size: Size, channels: u16) -> Result<Transform, CodecError> {
        let layout = Layout::new(family, size, channels)?;
        Ok(Transform {
            planes: Planes::new(family.sampling, size, channels),
            forward: Forward::new(layout),
        })
    }

    /// Family, size and channels.
    pub fn layout(&self) -> Layout {
        self.forward.layout()
    }

    /// The coefficients i + j < keep in storage order, rounded: what columns hold.
    pub fn coefficients(&mut self, picture: &Picture, keep: u16) -> Result<Vec<i16>, CodecError> {
        self.finished(picture, keep, round_coefficient)
    }

    /// The values of a format of this family in storage order: coefficients, rounded and quantised.
    pub fn values(&mut self, picture: &Picture, format: Format) -> Result<Vec<i16>, CodecError> {
        if format.family() != self.layout().family() {
            return Err(CodecError::Family {
                expected: self.layout().family(),
                found: format.family(),
            });
        }
        let mut values = self.coefficients(picture, format.keep())?;
        for value in &mut values {
            *value = quantise(*value, format.quant());
        }
        Ok(values)
    }

    /// The coefficients i + j < keep in storage order, before any rounding.
    pub fn spectrum(&mut self, picture: &Picture, keep: u16) -> Result<Vec<f64>, CodecError> {
        self.finished(picture, keep, |coefficient| coefficient)
    }

    /// The picture these values describe, for people to look at; left-out rows and columns repeat their neighbour.
    pub fn picture(&mut self, values: &[i16], keep: u16, quant: u16) -> Result<Picture, CodecError> {
        Inverse::new(self.layout()).picture(values, keep, quant)
    }

    fn finished<T: Copy + Default>(
        &mut self,
        picture: &Picture,
        keep: u16,
        finish: impl Fn(f64) -> T + Copy,
    ) -> Result<Vec<T>, CodecError> {
        self.layout().format(keep, 1)?;
        self.planes.fill(picture)?;
        Ok(self.forward.coefficients(&self.planes, keep, finish))
    }
}
