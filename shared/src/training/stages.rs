//! Stages of the nets that are put together from numbers: what a search over nets chooses.

use serde::{Deserialize, Serialize};

/// Blocks of one width of a `resnet_like`; written `w16-d2-k3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResnetStage {
    /// Channels.
    pub width: u16,
    /// Blocks one after the other.
    pub depth: u16,
    /// Side of both windows of a block; odd.
    pub kernel: u16,
}

/// Blocks of one width of a `mobile_like`; written `w16-d2-k3-e4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MobileStage {
    /// Channels between blocks.
    pub width: u16,
    /// Blocks one after the other.
    pub depth: u16,
    /// Side of the window each channel is seen through by itself; odd.
    pub kernel: u16,
    /// How many times more channels a block has inside than come in; with 1 it does not widen.
    pub expansion: u16,
}

impl std::fmt::Display for ResnetStage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("w{}-d{}-k{}", self.width, self.depth, self.kernel))
    }
}

impl std::fmt::Display for MobileStage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let MobileStage {
            width,
            depth,
            kernel,
            expansion,
        } = self;
        f.pad(&format!("w{width}-d{depth}-k{kernel}-e{expansion}"))
    }
}
