//! Integer images, and how they become the net's input.

use crate::EngineError;
use imgcalc_shared::format::Format;
use imgcalc_shared::training::InputShape;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

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

    pub(crate) fn check(&self, part: &str, classes: u16) -> Result<(), EngineError> {
        let bad = |reason: String| Err(EngineError::BadData(format!("{part}: {reason}")));
        check_shape(self.shape, self.blocks.period()).or_else(&bad)?;
        if self.is_empty() {
            return bad("there is no image".into());
        }
        if self.values.len() as u128 != self.len() as u128 * self.shape.values() as u128 {
            let (values, images) = (self.values.len(), self.len());
            return bad(format!(
                "{values} values are not {images} images of {}",
                self.shape
            ));
        }
        match self
            .labels
            .iter()
            .enumerate()
            .find(|(_, label)| **label >= classes)
        {
            Some((image, label)) => bad(format!(
                "image {image} has label {label}, but there are {classes} classes"
            )),
            None => Ok(()),
        }
    }
}

impl TrainData {
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        let parts = [
            ("train", Some(&self.train)),
            ("validation", Some(&self.validation)),
            ("test", self.test.as_ref()),
        ];
        for (part, samples) in parts
            .into_iter()
            .filter_map(|(part, samples)| Some((part, samples?)))
        {
            samples.check(part, self.classes)?;
            if (samples.shape, samples.blocks) != (self.train.shape, self.train.blocks) {
                return Err(EngineError::BadData(format!(
                    "{part}: images of {} and {:?}, but those of train are {} and {:?}",
                    samples.shape, samples.blocks, self.train.shape, self.train.blocks
                )));
            }
        }
        Ok(())
    }
}

fn check_shape(shape: InputShape, period: u16) -> Result<(), String> {
    let InputShape {
        channels,
        height,
        width,
    } = shape;
    if channels == 0 || height == 0 || width == 0 {
        return Err(format!("images of {shape} have no values"));
    }
    if period == 0 || height % period != 0 || width % period != 0 {
        return Err(format!(
            "images of {shape} do not consist of squares of side {period}"
        ));
    }
    Ok(())
}

/// Mean and reciprocal deviation of each channel and frequency over the training images. Kept with the weights: what is deployed
/// must see the same input.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Standardisation {
    pub(crate) channels: u16,
    pub(crate) period: u16,
    /// Channels × period × period.
    pub(crate) mean: Vec<f32>,
    /// Of the same shape; 1 where a value never varies, so that what is always 0 stays 0.
    pub(crate) scale: Vec<f32>,
}

impl Standardisation {
    /// Sums are exact integers, so the result does not depend on the order of images.
    pub(crate) fn of(samples: &Samples) -> Self {
        let InputShape {
            channels,
            height,
            width,
        } = samples.shape;
        let period = usize::from(samples.blocks.period());
        let cells = channels as usize * period * period;
        let (mut sums, mut squares) = (vec![0_i64; cells], vec![0_u64; cells]);
        for (row, values) in samples.values.chunks_exact(width as usize).enumerate() {
            let channel = row / height as usize % channels as usize;
            let start = (channel * period + row % height as usize % period) * period;
            for values in values.chunks_exact(period) {
                for (cell, &value) in (start..).zip(values) {
                    sums[cell] += i64::from(value);
                    squares[cell] += i64::from(value).unsigned_abs().pow(2);
                }
            }
        }
        let count = (samples.values.len() / cells) as i128;
        let (mut mean, mut scale) = (Vec::with_capacity(cells), Vec::with_capacity(cells));
        for (sum, square) in sums.into_iter().zip(squares) {
            let spread = count * i128::from(square) - i128::from(sum) * i128::from(sum);
            let deviation = (spread as f64).sqrt() / count as f64;
            mean.push((sum as f64 / count as f64) as f32);
            scale.push(if spread == 0 {
                1.0
            } else {
                (1.0 / deviation) as f32
            });
        }
        Standardisation {
            channels,
            period: samples.blocks.period(),
            mean,
            scale,
        }
    }

    pub(crate) fn shape(&self) -> [i64; 3] {
        [self.channels.into(), self.period.into(), self.period.into()]
    }

    /// Ready to be applied to batches of images of this shape.
    pub(crate) fn on(&self, shape: InputShape, device: Device) -> Result<Input, EngineError> {
        let period = i64::from(self.period);
        let repeats = [
            1,
            i64::from(shape.height) / period,
            i64::from(shape.width) / period,
        ];
        let tile = |values: &[f32]| -> Result<Tensor, EngineError> {
            let square = Tensor::f_from_slice(values)?.f_view(self.shape())?;
            Ok(square.f_repeat(repeats)?.f_unsqueeze(0)?.f_to_device(device)?)
        };
        Ok(Input {
            mean: tile(&self.mean)?,
            scale: tile(&self.scale)?,
        })
    }
}

/// A standardisation laid out over an image on the device.
pub(crate) struct Input {
    mean: Tensor,
    scale: Tensor,
}

impl Input {
    /// From integers on the device to what the net sees.
    pub(crate) fn standardise(&self, values: &Tensor) -> Result<Tensor, EngineError> {
        Ok(values
            .f_to_kind(Kind::Float)?
            .f_sub_(&self.mean)?
            .f_mul_(&self.scale)?)
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
    Ok(Tensor::f_from_slice(values)?.f_view(size)?.f_to_device(device)?)
}

/// Samples on the device, as the integers they are, in half the space of floats.
pub(crate) struct Resident {
    values: Tensor,
    labels: Tensor,
    pub(crate) len: i64,
}

impl Resident {
    pub(crate) fn new(samples: &Samples, device: Device) -> Result<Self, EngineError> {
        let labels: Vec<i64> = samples.labels.iter().map(|&label| label.into()).collect();
        Ok(Resident {
            values: upload(&samples.values, samples.shape, device)?,
            labels: Tensor::f_from_slice(&labels)?.f_to_device(device)?,
            len: samples.len() as i64,
        })
    }

    /// Integers and labels of the images with these numbers.
    pub(crate) fn select(&self, images: &Tensor) -> Result<(Tensor, Tensor), EngineError> {
        Ok((
            self.values.f_index_select(0, images)?,
            self.labels.f_index_select(0, images)?,
        ))
    }

    /// Integers and labels of a run of images.
    pub(crate) fn range(&self, start: i64, len: i64) -> Result<(Tensor, Tensor), EngineError> {
        Ok((
            self.values.f_narrow(0, start, len)?,
            self.labels.f_narrow(0, start, len)?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(shape: (u16, u16, u16), period: u16, values: Vec<i16>, labels: Vec<u16>) -> Samples {
        let shape = InputShape {
            channels: shape.0,
            height: shape.1,
            width: shape.2,
        };
        let blocks = Blocks {
            side: period,
            keep: period,
            quant: 1,
        };
        Samples {
            shape,
            blocks,
            values,
            labels,
        }
    }

    #[test]
    fn each_frequency_of_each_channel_is_standardised_by_itself() {
        // Two images of two channels, 2 × 4, period 2: frequency (0, 0) varies, (1, 1) is always 0, (0, 1) always 5.
        let plane = |a: i16, b: i16| vec![a, 5, b, 5, -a, 0, 3 * b, 0];
        let values = [plane(1, 2), plane(100, 200), plane(3, 4), plane(300, 400)].concat();
        let samples = samples((2, 2, 4), 2, values, vec![0, 1]);
        let standard = Standardisation::of(&samples);
        assert_eq!(
            standard.mean[..4],
            [2.5, 5.0, (-1 + 6 - 3 + 12) as f32 / 4.0, 0.0]
        );
        assert_eq!(standard.scale[0], (1.0 / 1.25_f64.sqrt()) as f32);
        assert_eq!(
            (standard.scale[1], standard.scale[3], standard.mean[4]),
            (1.0, 1.0, 250.0)
        );

        let values = upload(&samples.values, samples.shape, Device::Cpu).unwrap();
        let input = standard
            .on(samples.shape, Device::Cpu)
            .unwrap()
            .standardise(&values)
            .unwrap();
        let corner = input
            .f_slice(2, 0, None, 2)
            .unwrap()
            .f_slice(3, 0, None, 2)
            .unwrap();
        assert!(
            corner
                .mean_dim([0, 2, 3].as_slice(), false, Kind::Float)
                .abs()
                .max()
                .double_value(&[])
                < 1e-6
        );
        assert!(
            (corner.std_dim([0, 2, 3].as_slice(), false, false) - 1.0)
                .abs()
                .max()
                .double_value(&[])
                < 1e-6
        );
        assert_eq!(
            input
                .slice(2, 1, None, 2)
                .slice(3, 1, None, 2)
                .abs()
                .max()
                .double_value(&[]),
            0.0
        );
        assert_eq!(
            input
                .slice(2, 0, None, 2)
                .slice(3, 1, None, 2)
                .abs()
                .max()
                .double_value(&[]),
            0.0
        );
    }

    #[test]
    fn samples_that_contradict_themselves_are_refused() {
        let refuse = |samples: Samples, reason: &str| {
            let error = samples.check("train", 2).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        };
        refuse(
            samples((1, 2, 2), 1, vec![0; 7], vec![0, 1]),
            "7 values are not 2 images of 1x2x2",
        );
        refuse(
            samples((1, 2, 2), 1, vec![0; 8], vec![0, 2]),
            "image 1 has label 2",
        );
        refuse(samples((1, 2, 2), 0, vec![0; 8], vec![0, 1]), "side 0");
        refuse(samples((1, 2, 3), 2, vec![0; 6], vec![0]), "side 2");
        refuse(samples((0, 2, 2), 1, vec![], vec![0]), "no values");
        refuse(samples((1, 2, 2), 1, vec![], vec![]), "no image");
    }
}
