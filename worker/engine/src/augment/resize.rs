//! A crop resized to the whole, on coefficients.
//!
//! Along one axis the kept frequencies of n blocks are composed into one DCT of n·B pixels, which is filled up with zeros to N·B
//! frequencies (what a resize without aliasing adds) and decomposed into N blocks again, of which the kept frequencies are taken.
//! All of it is linear, so it is one matrix for each n. Cutting the triangle afterwards is what makes it an approximation; where all
//! is kept it is the band-limited resize of what the coefficients stand for, to rounding. (Jiang and Feng, "The spatial
//! relationship of DCT coefficients between a block and its sub-blocks", 2002; Mukherjee and Mitra, "Arbitrary resizing of images in
//! DCT space", 2005.)

use super::draw::Draw;
use super::{Layout, masks};
use crate::EngineError;
use std::f64::consts::PI;
use tch::{Device, Kind, Tensor};

/// Bytes of all matrices of one training at most.
const TABLE_BYTES_MAX: u64 = 1 << 30;

/// The matrices of all sizes along one axis: sizes × side × side. Columns beyond a size's blocks are 0.
struct Axis {
    sizes: Vec<i64>,
    matrices: Tensor,
}

pub(super) struct Resize {
    axes: [Axis; 2],
    triangle: Option<Tensor>,
    channels: i64,
    device: Device,
}

impl Resize {
    /// For crops of these sizes in blocks.
    pub(super) fn new(layout: &Layout, sizes: &[[i64; 2]], device: Device) -> Result<Resize, EngineError> {
        let along = |axis: usize| {
            let mut sizes: Vec<i64> = sizes.iter().map(|size| size[axis]).collect();
            sizes.sort_unstable();
            sizes.dedup();
            sizes
        };
        let sizes = [along(0), along(1)];
        let bytes: u64 = (0..2)
            .map(|axis| sizes[axis].len() as u64 * (layout.sides()[axis] as u64).pow(2) * 4)
            .sum();
        if bytes > TABLE_BYTES_MAX {
            let [height, width] = layout.sides();
            return Err(EngineError::BadData(format!(
                "augmentation: crops of {height} × {width} values need {bytes} bytes of matrices, {TABLE_BYTES_MAX} are allowed; \
                 set `crop` to 0, or lower it so that it has fewer sizes"
            )));
        }
        let [rows, columns] = sizes;
        Ok(Resize {
            axes: [
                Axis::new(layout, 0, rows, device)?,
                Axis::new(layout, 1, columns, device)?,
            ],
            triangle: masks::triangle(layout, device)?,
            channels: layout.channels,
            device,
        })
    }

    /// Each image's window, which lies at the upper left, over the whole. What comes to lie outside the triangle is still there.
    pub(super) fn apply(&self, values: &Tensor, draws: &[Draw]) -> Result<Tensor, EngineError> {
        let images = draws.len() as i64;
        let matrices = |axis: usize, times: i64| -> Result<Tensor, EngineError> {
            let of = |draw: &Draw| self.axes[axis].place(draw.crop.size[axis]);
            let places = draws.iter().flat_map(|draw| (0..times).map(move |_| of(draw)));
            let places = places.collect::<Result<Vec<i64>, EngineError>>()?;
            let places = Tensor::f_from_slice(&places)?.f_to_device(self.device)?;
            Ok(self.axes[axis].matrices.f_index_select(0, &places)?)
        };
        let size = values.size();
        let [height, width] = [size[2], size[3]];
        // The columns of all channels at once; the rows need a matrix for each.
        let columns = matrices(1, 1)?.f_transpose(1, 2)?;
        let wide = values
            .f_reshape([images, self.channels * height, width])?
            .f_bmm(&columns)?;
        let rows = matrices(0, self.channels)?;
        let high = rows.f_bmm(&wide.f_view([images * self.channels, height, width])?)?;
        Ok(high.f_view([images, self.channels, height, width])?)
    }

    /// What [`Resize::apply`] leaves to multiply by, if all is not kept.
    pub(super) fn triangle(&self) -> Option<Tensor> {
        self.triangle.as_ref().map(Tensor::shallow_clone)
    }
}

impl Axis {
    fn new(layout: &Layout, axis: usize, sizes: Vec<i64>, device: Device) -> Result<Axis, EngineError> {
        let (blocks, side) = (layout.blocks[axis], layout.sides()[axis]);
        let shape = [sizes.len() as i64, side, side];
        let matrices = Tensor::f_zeros(shape, (Kind::Float, device))?;
        for (place, &size) in sizes.iter().enumerate() {
            // Uncropped images stay what they are to the last bit.
            let matrix = match size == blocks {
                true => Tensor::f_eye(side, (Kind::Double, Device::Cpu))?,
                false => matrix(size, blocks, layout.kind.side.into(), layout.period)?,
            };
            let mut there = matrices
                .f_select(0, place as i64)?
                .f_narrow(1, 0, size * layout.period)?;
            there.f_copy_(&matrix)?;
        }
        Ok(Axis { sizes, matrices })
    }

    fn place(&self, size: i64) -> Result<i64, EngineError> {
        match self.sizes.iter().position(|&known| known == size) {
            Some(place) => Ok(place as i64),
            None => Err(EngineError::BadData(format!(
                "there is no matrix for a crop of {size} blocks"
            ))),
        }
    }
}

/// From the `kept` frequencies of each of n blocks of `side` pixels to those of `blocks` blocks.
fn matrix(n: i64, blocks: i64, side: i64, kept: i64) -> Result<Tensor, EngineError> {
    let pixels = n * side;
    let block = dct(side, kept)?;
    // One DCT of all frequencies from the kept ones of n blocks.
    let composed = dct(pixels, pixels)?
        .f_view([pixels * n, side])?
        .f_matmul(&block.f_transpose(0, 1)?)?
        .f_view([pixels, n * kept])?;
    // The lowest frequencies of the whole, back to blocks.
    let whole = dct(blocks * side, pixels)?;
    let decomposed = whole
        .f_view([pixels * blocks, side])?
        .f_matmul(&block.f_transpose(0, 1)?)?
        .f_view([pixels, blocks * kept])?;
    // A constant stays the constant it is.
    let scale = (blocks as f64 / n as f64).sqrt();
    Ok(decomposed
        .f_transpose(0, 1)?
        .f_matmul(&composed)?
        .f_mul_scalar(scale)?)
}

/// The lowest `kept` rows of the orthonormal DCT-II of so many samples.
fn dct(samples: i64, kept: i64) -> Result<Tensor, EngineError> {
    let n = samples as f64;
    let row = |k: i64| {
        let scale = if k == 0 {
            (1.0 / n).sqrt()
        } else {
            (2.0 / n).sqrt()
        };
        // The angle repeats after four lengths: as an integer it loses nothing.
        (0..samples).map(move |x| scale * (PI * ((2 * x + 1) * k % (4 * samples)) as f64 / (2.0 * n)).cos())
    };
    let values: Vec<f64> = (0..kept).flat_map(row).collect();
    Ok(Tensor::f_from_slice(&values)?.f_view([kept, samples])?)
}
