//! What the nets that are put together stage by stage have in common: limits, the convolution in front and the last layer.

use super::{Activation, Convolution, Layer, NetError, Window};
use std::ops::RangeInclusive;

const STAGES_MAX: usize = 8;
const BLOCKS_MAX: u32 = 512;
/// Wider windows than that see a whole plane of the smallest formats many times over.
const KERNEL_MAX: u16 = 15;
pub(super) const EXPANSION_MAX: u16 = 16;

/// What is limited of a stage: width, depth and kernel.
pub(super) type Size = (u16, u16, u16);

/// Refuses what cannot be before anything is made of it.
pub(super) fn check(net: &str, stem: u16, sizes: &[Size]) -> Result<(), NetError> {
    if stem == 0 {
        return Err(NetError(format!("{net}: stem = 0 must be 1 or more")));
    }
    if sizes.is_empty() || sizes.len() > STAGES_MAX {
        let count = sizes.len();
        return Err(NetError(format!("{net}: {count} stages; name 1 to {STAGES_MAX}")));
    }
    for (number, &(width, depth, kernel)) in (1..).zip(sizes) {
        within(net, number, "width", width, 1..=u16::MAX)?;
        within(net, number, "depth", depth, 1..=u16::MAX)?;
        within(net, number, "kernel", kernel, 1..=KERNEL_MAX)?;
        if kernel % 2 == 0 {
            return Err(NetError(format!(
                "{net}: stage {number} has kernel = {kernel}, which must be odd; take {} or {}",
                kernel - 1,
                kernel + 1
            )));
        }
    }
    let blocks: u32 = sizes.iter().map(|&(_, depth, _)| u32::from(depth)).sum();
    if blocks > BLOCKS_MAX {
        return Err(NetError(format!(
            "{net}: {blocks} blocks are more than {BLOCKS_MAX}; make its stages less deep"
        )));
    }
    Ok(())
}

/// Refuses a number of a stage, counted from 1, that lies outside.
pub(super) fn within(
    net: &str,
    number: usize,
    field: &str,
    value: u16,
    allowed: RangeInclusive<u16>,
) -> Result<(), NetError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    let (least, most) = (allowed.start(), allowed.end());
    Err(NetError(format!(
        "{net}: stage {number} has {field} = {value}, which must be from {least} to {most}"
    )))
}

/// The convolution in front, which keeps the resolution: planes are small already.
pub(super) fn stem(channels: u32, stem: u32) -> Vec<Layer> {
    let mut layers = conv("stem", (channels, stem), Window::centred(3, 1), 1);
    layers.push(relu());
    layers
}

/// What makes classes of the channels of the last plane.
pub(super) fn head(features: u32, classes: u32) -> [Layer; 2] {
    [Layer::Mean, Layer::linear("head", features, classes)]
}

/// A convolution and the norm after it.
pub(super) fn conv(name: &str, channels: (u32, u32), window: Window, groups: u32) -> Vec<Layer> {
    let conv = Convolution::he(format!("{name}.conv"), channels, window, groups);
    let norm = Layer::norm(format!("{name}.norm"), channels.1);
    vec![Layer::Convolution(conv), norm]
}

pub(super) fn relu() -> Layer {
    Layer::Activation(Activation::Relu)
}
