//! Mean and deviation of each frequency over the training images: what the net's input is standardised by.

use super::{Blocks, Planes};
use crate::EngineError;
use imgcalc_shared::training::InputShape;
use tch::{Device, Kind, Tensor};

/// Values summed at a time: what a sum takes besides is bounded by it.
const VALUES_AT_ONCE: usize = 1 << 22;

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

/// Sums of values and of their squares, by channel and frequency. They are exact integers, so nothing depends on the order of
/// images.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    channels: u16,
    period: u16,
    sums: Vec<i64>,
    squares: Vec<i64>,
    /// Values behind each sum.
    count: i64,
}

impl Moments {
    pub(crate) fn new(shape: InputShape, blocks: Blocks) -> Self {
        let (channels, period) = (shape.channels, blocks.period());
        let cells = usize::from(channels) * usize::from(period).pow(2);
        Moments {
            channels,
            period,
            sums: vec![0; cells],
            squares: vec![0; cells],
            count: 0,
        }
    }

    /// Adds all of these images.
    pub(crate) fn add(&mut self, planes: &Planes) -> Result<(), EngineError> {
        let at_once = (VALUES_AT_ONCE / planes.shape().values()).max(1);
        for start in (0..planes.len()).step_by(at_once) {
            self.add_batch(&planes.range(start, at_once.min(planes.len() - start))?)?;
        }
        Ok(())
    }

    /// Adds images × channels × rows × columns.
    pub(crate) fn add_batch(&mut self, images: &Tensor) -> Result<(), EngineError> {
        let [n, channels, rows, columns] = images.size()[..] else {
            return Err(EngineError::BadData(format!("images of {:?}", images.size())));
        };
        let period = i64::from(self.period);
        let (high, wide) = (rows / period, columns / period);
        let cells = [n, channels, high, period, wide, period];
        let sum = |values: &Tensor| -> Result<Vec<i64>, EngineError> {
            let sums = values.f_sum_dim_intlist([0, 2, 4].as_slice(), false, Kind::Int64)?;
            Ok(Vec::try_from(sums.f_reshape([-1])?.f_to_device(Device::Cpu)?)?)
        };
        let values = images.f_reshape(cells)?.f_to_kind(Kind::Int)?;
        let sums = sum(&values)?;
        // At most 2^30: a product of two 16-bit integers.
        let squares = sum(&values.f_mul(&values)?)?;
        for (all, more) in [(&mut self.sums, sums), (&mut self.squares, squares)] {
            for (all, more) in all.iter_mut().zip(more) {
                *all += more;
            }
        }
        self.count += n * high * wide;
        Ok(())
    }

    /// Whether no value ever varies: there is nothing to learn from.
    pub(crate) fn are_constant(&self) -> bool {
        self.sums.iter().zip(&self.squares).all(|(&sum, &square)| {
            i128::from(self.count) * i128::from(square) == i128::from(sum) * i128::from(sum)
        })
    }

    pub(crate) fn standardisation(&self) -> Standardisation {
        let count = i128::from(self.count);
        let cells = self.sums.len();
        let (mut mean, mut scale) = (Vec::with_capacity(cells), Vec::with_capacity(cells));
        for (&sum, &square) in self.sums.iter().zip(&self.squares) {
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
            channels: self.channels,
            period: self.period,
            mean,
            scale,
        }
    }
}

impl Standardisation {
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
    /// From numbers on the device, which may be changed in their place, to what the net sees.
    pub(crate) fn standardise(&self, mut values: Tensor) -> Result<Tensor, EngineError> {
        Ok(values.f_sub_(&self.mean)?.f_mul_(&self.scale)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_frequency_of_each_channel_is_standardised_by_itself() {
        // Two images of two channels, 2 × 4, period 2: frequency (0, 0) varies, (1, 1) is always 0, (0, 1) always 5.
        let plane = |a: i16, b: i16| vec![a, 5, b, 5, -a, 0, 3 * b, 0];
        let values = [plane(1, 2), plane(100, 200), plane(3, 4), plane(300, 400)].concat();
        let shape = InputShape {
            channels: 2,
            height: 2,
            width: 4,
        };
        let blocks = Blocks {
            side: 2,
            keep: 3,
            quant: 1,
        };
        let planes = Planes::new(&values, shape, blocks).unwrap();
        let mut moments = Moments::new(shape, blocks);
        moments.add(&planes).unwrap();
        assert!(!moments.are_constant());
        let standard = moments.standardisation();
        assert_eq!(
            standard.mean[..4],
            [2.5, 5.0, (-1 + 6 - 3 + 12) as f32 / 4.0, 0.0]
        );
        assert_eq!(standard.scale[0], (1.0 / 1.25_f64.sqrt()) as f32);
        assert_eq!(
            (standard.scale[1], standard.scale[3], standard.mean[4]),
            (1.0, 1.0, 250.0)
        );

        let images = planes.range(0, 2).unwrap().to_kind(Kind::Float);
        let input = standard
            .on(shape, Device::Cpu)
            .unwrap()
            .standardise(images)
            .unwrap();
        let of = |i: i64, j: i64| input.slice(2, i, None, 2).slice(3, j, None, 2);
        let largest = |values: Tensor| values.abs().max().double_value(&[]);
        let dims = [0, 2, 3];
        assert!(largest(of(0, 0).mean_dim(dims.as_slice(), false, Kind::Float)) < 1e-6);
        assert!(largest(of(0, 0).std_dim(dims.as_slice(), false, false) - 1.0) < 1e-6);
        assert_eq!((largest(of(1, 1)), largest(of(0, 1))), (0.0, 0.0));
    }

    #[test]
    fn what_never_varies_is_constant() {
        let shape = InputShape {
            channels: 1,
            height: 1,
            width: 2,
        };
        let constant = |values: &[i16]| {
            let mut moments = Moments::new(shape, Blocks::PIXELS);
            moments
                .add(&Planes::new(values, shape, Blocks::PIXELS).unwrap())
                .unwrap();
            moments.are_constant()
        };
        assert!(constant(&[-32768; 6]) && !constant(&[7, 7, 7, 8]));
    }
}
