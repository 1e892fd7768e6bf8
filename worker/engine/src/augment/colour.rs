//! Brightness, contrast and chroma.
//!
//! Pixels as sums of cosines change by a factor when all coefficients do, and by an addend when the constant one does, which for a
//! B × B block is B times the addend. So, but for the clamping to 0…255, this equals: for brightness d, adding d to red, green
//! and blue; for contrast f, torchvision's `adjust_contrast`; for chroma g, its `adjust_saturation`. Both mix an image with its
//! luma, whose weights there and in JPEG's matrix are the same to 4 digits. Chroma changes no luma, so contrast and
//! brightness may follow it or precede it.

use super::Layout;
use super::draw::Draw;
use crate::EngineError;
use tch::{Device, Kind, Tensor};

/// Weights of red, green and blue in JPEG's luma.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

pub(super) struct Colour {
    layout: Layout,
    /// Of the channels of pixels: a net trained on pixels sees red, green and blue, every other luma and chroma.
    weights: Option<Tensor>,
    device: Device,
}

impl Colour {
    /// None of images that are neither grey nor of three channels.
    pub(super) fn new(layout: &Layout, device: Device) -> Result<Option<Colour>, EngineError> {
        let weights = match (layout.channels, layout.kind.side) {
            (3, 1) => Some(
                Tensor::f_from_slice(&LUMA)?
                    .f_view([1, 3, 1, 1])?
                    .f_to_device(device)?,
            ),
            (1 | 3, _) => None,
            _ => return Ok(None),
        };
        Ok(Some(Colour {
            layout: *layout,
            weights,
            device,
        }))
    }

    /// Other values; those given stay as they are.
    pub(super) fn apply(&self, values: &Tensor, draws: &[Draw]) -> Result<Tensor, EngineError> {
        match &self.weights {
            Some(weights) => self.of_rgb(values, weights, draws),
            None => self.of_luma_and_chroma(values, draws),
        }
    }

    fn of_luma_and_chroma(&self, values: &Tensor, draws: &[Draw]) -> Result<Tensor, EngineError> {
        let gains = draws.iter().flat_map(|draw| {
            let chroma = draw.contrast * draw.chroma;
            [draw.contrast, chroma, chroma]
                .into_iter()
                .take(self.layout.channels as usize)
        });
        let changed = values.f_mul(&self.upload(self.layout.channels, gains)?)?;
        let mean = self
            .constants(values)?
            .f_mean_dim([1_i64, 2].as_slice(), true, Kind::Float)?;
        let rest = self.upload(1, draws.iter().map(|draw| 1.0 - draw.contrast))?;
        let scale = f64::from(self.layout.kind.side) / f64::from(self.layout.kind.quant);
        let shift = self.upload(1, draws.iter().map(|draw| draw.brightness * scale))?;
        let addend = mean.f_mul(&rest.f_view([-1, 1, 1])?)?;
        let addend = addend.f_add(&shift.f_view([-1, 1, 1])?)?;
        let _ = self.constants(&changed)?.f_add_(&addend)?;
        Ok(changed)
    }

    fn of_rgb(&self, values: &Tensor, weights: &Tensor, draws: &[Draw]) -> Result<Tensor, EngineError> {
        let luma = values
            .f_mul(weights)?
            .f_sum_dim_intlist([1_i64].as_slice(), true, Kind::Float)?;
        let mean = luma.f_mean_dim([2_i64, 3].as_slice(), true, Kind::Float)?;
        let own = self.upload(1, draws.iter().map(|draw| draw.contrast * draw.chroma))?;
        let lumas = self.upload(1, draws.iter().map(|draw| draw.contrast * (1.0 - draw.chroma)))?;
        let means = self.upload(1, draws.iter().map(|draw| 1.0 - draw.contrast))?;
        let shift = self.upload(1, draws.iter().map(|draw| draw.brightness))?;
        let addend = luma.f_mul(&lumas)?.f_add_(&mean.f_mul(&means)?)?.f_add_(&shift)?;
        Ok(values.f_mul(&own)?.f_add_(&addend)?)
    }

    /// A view of the constant coefficients of luma: images × rows × columns of blocks.
    fn constants(&self, values: &Tensor) -> Result<Tensor, EngineError> {
        let period = self.layout.period;
        Ok(values
            .f_select(1, 0)?
            .f_slice(1, 0, None, period)?
            .f_slice(2, 0, None, period)?)
    }

    /// So many numbers for each image, as images × numbers × 1 × 1.
    fn upload(&self, each: i64, numbers: impl Iterator<Item = f64>) -> Result<Tensor, EngineError> {
        let numbers: Vec<f32> = numbers.map(|number| number as f32).collect();
        Ok(Tensor::f_from_slice(&numbers)?
            .f_view([-1, each, 1, 1])?
            .f_to_device(self.device)?)
    }
}
