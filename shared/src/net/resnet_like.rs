//! A residual network of which every stage is said by itself: basic blocks of two convolutions (He et al., "Deep Residual
//! Learning for Image Recognition", section 3.3) with windows of any odd side.
//!
//! The first block of every stage has a convolution in its short way, also where nothing changes its shape: so the variables
//! of a smaller net are parts of those of a larger one, name by name.

use super::stages::{check, conv, head, relu, stem};
use super::{Layer, NetError, Window};
use crate::training::ResnetStage;

pub(super) fn layers(
    first: u16,
    stages: &[ResnetStage],
    channels: u32,
    classes: u32,
) -> Result<Vec<Layer>, NetError> {
    let sizes: Vec<_> = stages
        .iter()
        .map(|stage| (stage.width, stage.depth, stage.kernel))
        .collect();
    check("resnet_like", first, &sizes)?;
    let mut input = first.into();
    let mut layers = stem(channels, input);
    for (number, stage) in stages.iter().enumerate() {
        let output = stage.width.into();
        for block in 0..stage.depth {
            let stride = if number > 0 && block == 0 { 2 } else { 1 };
            let part = |part: &str, input: u32, side: u16, stride| {
                let name = format!("stages.{number}.{block}.{part}");
                conv(&name, (input, output), Window::centred(side.into(), stride), 1)
            };
            let mut body = part("first", input, stage.kernel, stride);
            body.push(relu());
            body.extend(part("second", output, stage.kernel, 1));
            let shortcut = (block == 0).then(|| part("shortcut", input, 1, stride));
            layers.push(Layer::Sum {
                body,
                shortcut: shortcut.unwrap_or_default(),
                drop: 0.0,
            });
            layers.push(relu());
            input = output;
        }
    }
    layers.extend(head(input, classes));
    Ok(layers)
}

#[cfg(test)]
mod tests {
    use crate::net::{facts, parameters, side_min};
    use crate::training::{InputShape, Net, ResnetStage};

    fn net(stages: &[(u16, u16, u16)]) -> Net {
        let stage = |&(width, depth, kernel): &(u16, u16, u16)| ResnetStage { width, depth, kernel };
        Net::ResnetLike {
            stem: 2,
            stages: stages.iter().map(stage).collect(),
        }
    }

    #[test]
    fn parameters_are_counted_as_by_hand() {
        // Stem 9·1·2 + 4; first block 9·2·3 + 6, 9·3·3 + 6 and 2·3 + 6; head 3·5 + 5.
        let (stem, first) = (22, 60 + 87 + 12);
        assert_eq!(parameters(&net(&[(3, 1, 3)]), 1, 5).unwrap(), stem + first + 20);
        // Another block has no shortcut; the next stage: 25·3·4 + 8, 25·4·4 + 8 and 3·4 + 8; head 4·5 + 5.
        let second = 2 * (81 + 6);
        let next = 308 + 408 + 20;
        assert_eq!(
            parameters(&net(&[(3, 2, 3), (4, 1, 5)]), 1, 5).unwrap(),
            stem + first + second + next + 25
        );
    }

    #[test]
    fn operations_are_counted_as_by_hand() {
        let shape = InputShape {
            channels: 1,
            height: 5,
            width: 4,
        };
        // 20 places, then 3 · 2.
        let first = 20 * (9 * 2 + 9 * 2 * 3 + 9 * 3 * 3 + 2 * 3);
        let next = 6 * (25 * 3 * 4 + 25 * 4 * 4 + 3 * 4);
        let found = facts(&net(&[(3, 1, 3), (4, 1, 5)]), shape, 5).unwrap();
        assert_eq!(found.flops, 2 * (first + next + 4 * 5));
    }

    #[test]
    fn a_single_pixel_is_enough_for_it() {
        assert_eq!(side_min(&net(&[(3, 1, 15); 8])), Ok(1));
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_to_do() {
        for (stages, reason) in [
            (&[][..], "0 stages; name 1 to 8"),
            (&[(1, 1, 3); 9], "9 stages"),
            (&[(1, 1, 3), (0, 1, 3)], "stage 2 has width = 0"),
            (&[(1, 0, 3)], "stage 1 has depth = 0"),
            (&[(1, 1, 17)], "kernel = 17, which must be from 1 to 15"),
            (&[(1, 1, 4)], "take 3 or 5"),
            (&[(1, 400, 3); 2], "800 blocks are more than 512"),
            (&[(u16::MAX, 1, 15)], "make it narrower"),
        ] {
            let error = parameters(&net(stages), 1, 5).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        let stages = vec![ResnetStage {
            width: 1,
            depth: 1,
            kernel: 3,
        }];
        let net = Net::ResnetLike { stem: 0, stages };
        assert!(side_min(&net).unwrap_err().to_string().contains("stem = 0"));
    }
}
