//! How a net is trained: which net, on what input shape, with which hyper-parameters.

mod augment;
mod embedding;
mod hyper;
mod stages;

pub use augment::{Augment, AugmentError, CROP_SIZES_MAX, Grid};
pub use embedding::{BadEmbedding, Embedding};
pub use hyper::{Hyper, HyperError, Optimizer, Precision, Schedule};
pub use stages::{MobileStage, ResnetStage};

use serde::{Deserialize, Serialize};

/// The neural network being trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Net {
    /// A residual network with a 3×3 stem and no initial pooling, for images of at most about 64×64
    /// (He et al., "Deep Residual Learning for Image Recognition", section 4.2, the CIFAR variant).
    SmallResnet {
        /// Channels of the first stage; stage s has `width << s`.
        width: u16,
        /// Residual blocks of each stage; every stage after the first halves the resolution.
        blocks: Vec<u16>,
    },
    /// Basic blocks as in a ResNet, with every stage said by itself; takes images from 1×1 up.
    ResnetLike {
        /// Channels of the 3×3 convolution in front, which keeps the resolution.
        stem: u16,
        /// Each after the first halves the resolution.
        stages: Vec<ResnetStage>,
    },
    /// Blocks as in a MobileNetV2 that widen, see each channel by itself and narrow, with every stage said by itself; takes
    /// images from 1×1 up.
    MobileLike {
        /// Channels of the 3×3 convolution in front, which keeps the resolution.
        stem: u16,
        /// Each after the first halves the resolution.
        stages: Vec<MobileStage>,
    },
    // Braces without fields: without them serde would let any other key pass.
    /// ResNet-18 (He et al., "Deep Residual Learning for Image Recognition").
    Resnet18 {},
    /// ResNet-50 with the stride in the middle convolution of a block, as torchvision has it.
    Resnet50 {},
    /// MobileNetV3-Small (Howard et al., "Searching for MobileNetV3").
    MobilenetV3Small {},
    /// EfficientNet-B3 (Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks").
    EfficientnetB3 {},
    /// ShuffleNet V2 of width 1.0 (Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design").
    ShufflenetV2X1_0 {},
    /// Any net, as a TorchScript file that was put into the base.
    Torchscript {
        /// In a spec the name it was given there, in a build the digest of its bytes.
        script: String,
    },
}

impl Net {
    /// The nets that their name alone decides.
    pub const PUBLISHED: [Net; 5] = [
        Net::Resnet18 {},
        Net::Resnet50 {},
        Net::MobilenetV3Small {},
        Net::EfficientnetB3 {},
        Net::ShufflenetV2X1_0 {},
    ];

    /// Its name in a spec.
    pub fn name(&self) -> &'static str {
        match self {
            Net::SmallResnet { .. } => "small_resnet",
            Net::ResnetLike { .. } => "resnet_like",
            Net::MobileLike { .. } => "mobile_like",
            Net::Resnet18 {} => "resnet18",
            Net::Resnet50 {} => "resnet50",
            Net::MobilenetV3Small {} => "mobilenet_v3_small",
            Net::EfficientnetB3 {} => "efficientnet_b3",
            Net::ShufflenetV2X1_0 {} => "shufflenet_v2_x1_0",
            Net::Torchscript { .. } => "torchscript",
        }
    }
}

/// Shape of one net input: channels × height × width, as the net sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InputShape {
    /// 1 for grey, 3 for colour.
    pub channels: u16,
    /// Rows.
    pub height: u16,
    /// Columns.
    pub width: u16,
}

impl InputShape {
    /// Values of one image.
    pub fn values(self) -> usize {
        self.channels as usize * self.height as usize * self.width as usize
    }
}

impl std::fmt::Display for InputShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}
