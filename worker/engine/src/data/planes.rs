//! Images on the device, as the integers they are, in half the space of floats.

use super::{Blocks, check_shape};
use crate::{EngineError, device};
use imgcalc_shared::training::InputShape;
use tch::{Device, Kind, Tensor};

/// Images on the device, seen as a format: their own, or one that is a part of it. Clones share the memory.
#[derive(Debug)]
pub struct Planes {
    /// 16-bit integers, images × channels × rows × columns.
    held: Tensor,
    held_blocks: Blocks,
    shape: InputShape,
    blocks: Blocks,
    /// 1 where i + j is below the keep, rows × columns; none where nothing is to be cut away.
    mask: Option<Tensor>,
}

impl Planes {
    /// Brings images to the device: images × channels × rows × columns.
    pub fn new(values: &[i16], shape: InputShape, blocks: Blocks) -> Result<Self, EngineError> {
        check_shape(shape, blocks).map_err(EngineError::BadData)?;
        if values.is_empty() || !values.len().is_multiple_of(shape.values()) {
            let values = values.len();
            return Err(EngineError::BadData(format!(
                "{values} values are not a number of images of {shape}"
            )));
        }
        Ok(Planes {
            held: upload(values, shape, device::device())?,
            held_blocks: blocks,
            shape,
            blocks,
            mask: None,
        })
    }

    /// Shape of one image.
    pub fn shape(&self) -> InputShape {
        self.shape
    }

    /// What the values are.
    pub fn blocks(&self) -> Blocks {
        self.blocks
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.held.size().first().map_or(0, |&images| images as usize)
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the device's memory; clones share them.
    pub fn bytes(&self) -> u64 {
        2 * self.held.numel() as u64
    }

    /// The same images seen as these blocks: as many coefficients or fewer, by the same factor, or any if they are undivided.
    pub fn seen_as(&self, blocks: Blocks) -> Result<Planes, EngineError> {
        let held = self.held_blocks;
        let divides = held.quant == blocks.quant || held.quant == 1;
        if held.side != blocks.side || held.keep < blocks.keep || blocks.keep == 0 || !divides {
            return Err(EngineError::BadData(format!("{held:?} do not serve {blocks:?}")));
        }
        let size = self.held.size();
        let (from, to) = (i64::from(held.period()), i64::from(blocks.period()));
        let [_, channels, height, width] = size[..] else {
            return Err(EngineError::BadData(format!("images of {size:?}")));
        };
        let side = |held: i64| (held / from * to) as u16;
        let shape = InputShape {
            channels: channels as u16,
            height: side(height),
            width: side(width),
        };
        // Cut away beyond the diagonal only where more than the square itself was kept.
        let cuts = blocks.keep < held.keep && i64::from(blocks.keep) < 2 * to - 1;
        Ok(Planes {
            held: self.held.shallow_clone(),
            held_blocks: held,
            shape,
            blocks,
            mask: cuts
                .then(|| triangle(shape, blocks, self.held.device()))
                .transpose()?,
        })
    }

    /// Integers of the images with these numbers.
    pub(crate) fn select(&self, images: &Tensor) -> Result<Tensor, EngineError> {
        self.narrow(self.held.f_index_select(0, images)?)
    }

    /// Integers of a run of images.
    pub(crate) fn range(&self, start: usize, len: usize) -> Result<Tensor, EngineError> {
        self.narrow(self.held.f_narrow(0, start as i64, len as i64)?)
    }

    /// The wanted part of images as they are held.
    fn narrow(&self, images: Tensor) -> Result<Tensor, EngineError> {
        if self.blocks == self.held_blocks {
            return Ok(images);
        }
        let (from, to) = (
            i64::from(self.held_blocks.period()),
            i64::from(self.blocks.period()),
        );
        let [n, channels, rows, columns] = self.sizes();
        let blocks = images.f_view([n, channels, rows / to, from, columns / to, from])?;
        let part = blocks.f_narrow(3, 0, to)?.f_narrow(5, 0, to)?;
        let mut part = part.f_reshape([n, channels, rows, columns])?;
        if let Some(mask) = &self.mask {
            part = part.f_mul(mask)?;
        }
        match (self.held_blocks.quant, self.blocks.quant) {
            (held, wanted) if held == wanted => Ok(part),
            (_, wanted) => divide(&part, wanted),
        }
    }

    /// Any number of images × channels × rows × columns as they are seen.
    fn sizes(&self) -> [i64; 4] {
        let InputShape {
            channels,
            height,
            width,
        } = self.shape;
        [-1, channels.into(), height.into(), width.into()]
    }
}

impl Clone for Planes {
    fn clone(&self) -> Self {
        Planes {
            held: self.held.shallow_clone(),
            mask: self.mask.as_ref().map(Tensor::shallow_clone),
            ..*self
        }
    }
}

/// Integers from the host, copied to the device.
pub(crate) fn upload(values: &[i16], shape: InputShape, device: Device) -> Result<Tensor, EngineError> {
    let InputShape {
        channels,
        height,
        width,
    } = shape;
    let size = [-1, channels.into(), height.into(), width.into()];
    let host = Tensor::f_from_slice(values)?.f_view(size)?;
    if !device.is_cuda() {
        return Ok(host);
    }
    // Out of pinned memory the copy runs beside the host, which already decodes what comes next.
    Ok(host
        .f_pin_memory(device)?
        .f_to_device_(device, Kind::Int16, true, false)?)
}

/// round(x / quant), ties away from zero, of undivided integers.
fn divide(values: &Tensor, quant: u16) -> Result<Tensor, EngineError> {
    let quant = i64::from(quant);
    // Wide before the sign goes: −32,768 has no positive in 16 bits.
    let mut size = values.f_to_kind(Kind::Int)?.f_abs()?;
    let rounded = size
        .f_multiply_scalar_(2)?
        .f_add_scalar_(quant)?
        .f_div_scalar_mode(2 * quant, "trunc")?;
    Ok(rounded.f_mul(&values.f_sign()?)?.f_to_kind(Kind::Int16)?)
}

fn triangle(shape: InputShape, blocks: Blocks, device: Device) -> Result<Tensor, EngineError> {
    let InputShape { height, width, .. } = shape;
    let period = blocks.period();
    let kept = |row: u16, column: u16| i16::from(row % period + column % period < blocks.keep);
    let mask: Vec<i16> = (0..height)
        .flat_map(|row| (0..width).map(move |column| kept(row, column)))
        .collect();
    Ok(Tensor::f_from_slice(&mask)?
        .f_view([i64::from(height), width.into()])?
        .f_to_device(device)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgcalc_shared::codec::{place, quantise};
    use imgcalc_shared::format::{Family, Format, Size};

    fn placed(format: Format, size: Size, quant: u16) -> Vec<i16> {
        let Size { height, width } = format.plane(size);
        let all = 2 * 3 * format.values(size) as usize;
        let values: Vec<i16> = (0..all)
            .map(|index| quantise((index * 37 % 1001) as i16 - 500, quant))
            .collect();
        let mut planes = vec![0; 2 * 3 * (height * width) as usize];
        let family = format.family();
        let images = values.chunks_exact(values.len() / 2);
        for (values, planes) in images.zip(planes.chunks_exact_mut(3 * (height * width) as usize)) {
            place(values, family, size, 3, format.keep(), planes).unwrap();
        }
        planes
    }

    fn shape(format: Format, size: Size) -> InputShape {
        let Size { height, width } = format.plane(size);
        InputShape {
            channels: 3,
            height: height as u16,
            width: width as u16,
        }
    }

    #[test]
    fn planes_of_a_larger_keep_serve_every_smaller_one() {
        let family: Family = "2x2-r-b8".parse().unwrap();
        let size = Size {
            height: 32,
            width: 24,
        };
        for (stored, quant) in [(15, 1), (9, 7), (8, 1), (5, 7)] {
            let held = family.format(stored, quant).unwrap();
            let values = placed(held, size, quant);
            let planes = Planes::new(&values, shape(held, size), held.into()).unwrap();
            for keep in 1..=stored {
                let format = family.format(keep, 7).unwrap();
                // What a smaller keep leaves is the start of each value run, so it is made anew from the same numbers.
                let seen = planes.seen_as(format.into()).unwrap();
                assert_eq!(seen.shape(), shape(format, size));
                let found: Vec<i16> = Vec::try_from(seen.range(0, 2).unwrap().contiguous().view(-1)).unwrap();
                assert_eq!(
                    found,
                    narrowed(&values, held, format, size),
                    "{format} out of {held}"
                );
            }
        }
    }

    /// The same, value by value.
    fn narrowed(values: &[i16], held: Format, format: Format, size: Size) -> Vec<i16> {
        let (from, to) = (usize::from(held.side()), usize::from(format.side()));
        let quant = if held.quant() == format.quant() {
            1
        } else {
            format.quant()
        };
        let wide = held.plane(size).width as usize;
        let at = |row: usize, column: usize| {
            let (i, j) = (row % to, column % to);
            match i + j < usize::from(format.keep()) {
                true => quantise(
                    values[(row / to * from + i) * wide + column / to * from + j],
                    quant,
                ),
                false => 0,
            }
        };
        let (rows, columns) = (values.len() / wide / from * to, wide / from * to);
        (0..rows)
            .flat_map(|row| (0..columns).map(move |column| (row, column)))
            .map(|(row, column)| at(row, column))
            .collect()
    }

    #[test]
    fn what_is_not_there_is_refused() {
        let format: Format = "1x1-b8-k4-q20".parse().unwrap();
        let size = Size {
            height: 16,
            width: 16,
        };
        let planes = Planes::new(&placed(format, size, 20), shape(format, size), format.into()).unwrap();
        for other in ["1x1-b8-k5-q20", "1x1-b8-k4-q50", "1x1-b16-k4-q20"] {
            let other: Format = other.parse().unwrap();
            assert!(planes.seen_as(other.into()).is_err(), "{other}");
        }
        assert!(Planes::new(&[0; 7], shape(format, size), format.into()).is_err());
    }
}
