//! What a net consists of, as plain values: layers, their variables by name, and what follows from them without running it.
//! The engine runs what this describes; whoever only plans reads it.

mod efficientnet;
mod foreign;
mod layer;
mod mobile_like;
mod mobilenet_v3;
mod resnet;
mod resnet_like;
mod script;
mod shares;
mod shufflenet_v2;
mod small_resnet;
mod stages;
mod walk;

pub use foreign::{
    WEIGHTS_BYTES_MAX, WEIGHTS_NAMES, WeightsFacts, open_weights, seal_weights, weights_file_key,
    weights_name_key,
};
pub use layer::{Activation, Convolution, Layer, Role, Variable, Window};
pub use script::{
    SCRIPT_BYTES_MAX, SCRIPT_NAMES, SCRIPT_SIDE_MAX, ScriptFacts, Sides, open_script, script_key,
    script_name_key, seal_script,
};
pub use shares::{NETS_OF_A_STEP, SHARING_MAX, Shares, shared_name};

use crate::training::{InputShape, Net};
use walk::Extent;

/// More parameters than any net for small images has, and few enough to be allocated twice over.
const PARAMETERS_MAX: u64 = 1 << 30;
/// A net that needs images larger than this is for no format.
const SIDE_MAX: u16 = 1024;

/// A net that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NetError(String);

/// What a net costs at one input shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetFacts {
    /// Fitted numbers.
    pub parameters: u64,
    /// Floating-point operations of one image's forward pass: two for each multiply-add of a convolution or linear layer. Norms,
    /// activations, pooling and sums are not counted, as is usual.
    pub flops: u64,
    /// The smallest height and width it takes.
    pub side_min: u16,
}

/// Parameters, operations and smallest input of a net.
pub fn facts(net: &Net, shape: InputShape, classes: u16) -> Result<NetFacts, NetError> {
    check_shape(net, shape)?;
    Ok(NetFacts {
        parameters: parameters(net, shape.channels, classes)?,
        flops: walk::flops(&layers(net, shape.channels, classes)?, Extent::of(shape))?,
        side_min: side_min(net)?,
    })
}

/// Number of fitted numbers of a net for this many channels and classes.
pub fn parameters(net: &Net, channels: u16, classes: u16) -> Result<u64, NetError> {
    let variables = variables(net, channels, classes)?;
    let fitted = variables.iter().filter(|variable| !variable.is_buffer());
    Ok(fitted.map(Variable::len).sum())
}

/// The smallest height and width a net takes.
pub fn side_min(net: &Net) -> Result<u16, NetError> {
    let layers = layers(net, 1, 1)?;
    walk::side_min(&layers, SIDE_MAX).ok_or_else(|| {
        NetError(format!(
            "{} takes no image of {SIDE_MAX}x{SIDE_MAX} or less",
            net.name()
        ))
    })
}

/// Refuses images that are too small for a net.
pub fn check_shape(net: &Net, shape: InputShape) -> Result<(), NetError> {
    let side = side_min(net)?;
    if shape.height < side || shape.width < side {
        return Err(NetError(format!(
            "images of {shape} are too small for {}: the smallest it takes are {}x{side}x{side}",
            net.name(),
            shape.channels
        )));
    }
    Ok(())
}

/// The variables of a net, in the order of its layers; refuses a net that is empty or too large.
pub fn variables(net: &Net, channels: u16, classes: u16) -> Result<Vec<Variable>, NetError> {
    let variables = walk::variables(&layers(net, channels, classes)?);
    let sides = |variable: &Variable| {
        let sides = variable.shape.iter().map(|&side| side as u128);
        sides.product::<u128>()
    };
    let total: u128 = variables.iter().map(sides).sum();
    if total > u128::from(PARAMETERS_MAX) {
        return Err(NetError(format!(
            "the net has {total} parameters, more than {PARAMETERS_MAX}; make it narrower"
        )));
    }
    Ok(variables)
}

/// The layers of a net, first to last.
pub fn layers(net: &Net, channels: u16, classes: u16) -> Result<Vec<Layer>, NetError> {
    if channels == 0 || classes == 0 {
        return Err(NetError("a net needs at least one channel and one class".into()));
    }
    let (channels, classes) = (channels.into(), classes.into());
    match net {
        Net::SmallResnet { width, blocks } => {
            small_resnet::layers((*width).into(), blocks, channels, classes)
        }
        Net::ResnetLike { stem, stages } => resnet_like::layers(*stem, stages, channels, classes),
        Net::MobileLike { stem, stages } => mobile_like::layers(*stem, stages, channels, classes),
        Net::Resnet18 {} => Ok(resnet::resnet18(channels, classes)),
        Net::Resnet50 {} => Ok(resnet::resnet50(channels, classes)),
        Net::MobilenetV3Small {} => Ok(mobilenet_v3::small(channels, classes)),
        Net::EfficientnetB3 {} => Ok(efficientnet::b3(channels, classes)),
        Net::ShufflenetV2X1_0 {} => Ok(shufflenet_v2::x1_0(channels, classes)),
        Net::Torchscript { script } => Err(NetError(format!(
            "what the script {script} consists of is known only where it runs"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(width: u16, blocks: &[u16]) -> Net {
        let blocks = blocks.to_vec();
        Net::SmallResnet { width, blocks }
    }

    fn shape(channels: u16, side: u16) -> InputShape {
        InputShape {
            channels,
            height: side,
            width: side,
        }
    }

    #[test]
    fn parameters_are_counted_as_by_hand() {
        // Stem 9·2 + 4; a block 2·(9·2·2 + 4); head 2·3 + 3.
        assert_eq!(parameters(&small(2, &[1]), 1, 3).unwrap(), 22 + 80 + 9);
        // The second stage: 9·2·4 + 8 + 9·4·4 + 8, its shortcut 2·4 + 8; head 4·3 + 3.
        let two = parameters(&small(2, &[1, 1]), 1, 3).unwrap();
        assert_eq!(two, 22 + 80 + 232 + 16 + 15);
    }

    #[test]
    fn operations_are_counted_as_by_hand() {
        // At 4×4: stem 9·2 and two convolutions 9·2·2 at 16 places each; the second stage at 4 places; head.
        let two = facts(&small(2, &[1, 1]), shape(1, 4), 3).unwrap();
        let first = 16 * (9 * 2 + 2 * 9 * 2 * 2);
        let second = 4 * (9 * 2 * 4 + 9 * 4 * 4 + 2 * 4);
        assert_eq!(two.flops, 2 * (first + second + 4 * 3));
    }

    #[test]
    fn published_nets_have_the_published_parameters_and_operations() {
        // Multiply-adds in millions as torchvision's documentation rounds them, at its evaluation size.
        for (net, side, parameters, millions) in PUBLISHED {
            let facts = facts(&net, shape(3, side), 1000).unwrap();
            assert_eq!(facts.parameters, parameters, "{net:?}");
            assert_eq!((facts.flops / 2 + 500_000) / 1_000_000, millions, "{net:?}");
        }
    }

    const PUBLISHED: [(Net, u16, u64, u64); 5] = [
        (Net::Resnet18 {}, 224, 11_689_512, 1814),
        (Net::Resnet50 {}, 224, 25_557_032, 4089),
        (Net::MobilenetV3Small {}, 224, 2_542_856, 57),
        (Net::EfficientnetB3 {}, 300, 12_233_232, 1827),
        (Net::ShufflenetV2X1_0 {}, 224, 2_278_604, 145),
    ];

    #[test]
    fn each_net_takes_the_smallest_input_it_states_and_none_below() {
        for (net, ..) in PUBLISHED {
            let side = side_min(&net).unwrap();
            assert!(facts(&net, shape(1, side), 10).is_ok(), "{net:?}");
            let error = facts(&net, shape(1, side - 1), 10).unwrap_err().to_string();
            assert!(error.ends_with(&format!("1x{side}x{side}")), "{error}");
        }
    }

    #[test]
    fn absurd_nets_are_refused_before_anything_is_allocated() {
        for net in [
            small(0, &[1]),
            small(8, &[]),
            small(8, &[0]),
            small(8, &[1; 99]),
            small(u16::MAX, &[u16::MAX]),
            small(30_000, &[1]),
        ] {
            assert!(variables(&net, 1, 10).is_err(), "{net:?}");
        }
        assert!(variables(&small(8, &[1]), 0, 10).is_err());
        assert!(variables(&small(8, &[1]), 1, 0).is_err());
    }
}
