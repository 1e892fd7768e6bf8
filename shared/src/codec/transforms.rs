//! The transforms of several families at once, as columns are made.

use super::forward::Forward;
use super::planes::Planes;
use super::{CodecError, Layout, Picture, round_coefficient};
use crate::format::{Family, Size};

/// Turns pictures of one size into the coefficients of several families; what they share is computed once.
pub struct Transforms {
    /// One for each sampling.
    planes: Vec<Planes>,
    families: Vec<(Forward, u16)>,
}

impl Transforms {
    /// The transforms of these families, each to its keep, for images of this shape; or why one does not fit them.
    pub fn new(families: &[(Family, u16)], size: Size, channels: u16) -> Result<Transforms, CodecError> {
        let mut planes: Vec<Planes> = Vec::new();
        let mut forwards = Vec::with_capacity(families.len());
        for &(family, keep) in families {
            let layout = Layout::new(family, size, channels)?;
            layout.format(keep, 1)?;
            if planes.iter().all(|planes| planes.sampling() != family.sampling) {
                planes.push(Planes::new(family.sampling, size, channels));
            }
            forwards.push((Forward::new(layout), keep));
        }
        Ok(Transforms {
            planes,
            families: forwards,
        })
    }

    /// For each family, in the order they were given, the coefficients i + j < keep of a picture in storage order,
    /// rounded: what columns hold.
    pub fn coefficients(&mut self, picture: &Picture) -> Result<Vec<Vec<i16>>, CodecError> {
        let mut all = vec![Vec::new(); self.families.len()];
        for planes in &mut self.planes {
            planes.fill(picture)?;
            for ((forward, keep), values) in self.families.iter_mut().zip(&mut all) {
                if forward.layout().family().sampling == planes.sampling() {
                    *values = forward.coefficients(planes, *keep, round_coefficient);
                }
            }
        }
        Ok(all)
    }
}
