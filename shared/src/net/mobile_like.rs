//! A network of inverted residuals of which every stage is said by itself: blocks that widen, see each channel by itself and
//! narrow without an activation (Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", section 3), here with
//! ReLU. In front of the classes the channels are widened once more, as in the paper's table 2, but by the last stage's
//! expansion instead of to 1280: these nets are small.
//!
//! The first block of a stage has no short way, also where nothing would change its shape: so the variables of a smaller net
//! are parts of those of a larger one, name by name.

use super::stages::{EXPANSION_MAX, check, conv, head, relu, stem, within};
use super::{Layer, NetError, Window};
use crate::training::MobileStage;

pub(super) fn layers(
    first: u16,
    stages: &[MobileStage],
    channels: u32,
    classes: u32,
) -> Result<Vec<Layer>, NetError> {
    let sizes: Vec<_> = stages
        .iter()
        .map(|stage| (stage.width, stage.depth, stage.kernel))
        .collect();
    check("mobile_like", first, &sizes)?;
    for (number, stage) in (1..).zip(stages) {
        within(
            "mobile_like",
            number,
            "expansion",
            stage.expansion,
            1..=EXPANSION_MAX,
        )?;
    }
    let mut input = first.into();
    let mut layers = stem(channels, input);
    for (number, stage) in stages.iter().enumerate() {
        for block in 0..stage.depth {
            let stride = if number > 0 && block == 0 { 2 } else { 1 };
            let body = body(&format!("stages.{number}.{block}"), input, stage, stride);
            if block == 0 {
                layers.extend(body);
            } else {
                layers.push(Layer::Sum {
                    body,
                    shortcut: vec![],
                    drop: 0.0,
                });
            }
            input = stage.width.into();
        }
    }
    let wide = stages.last().map_or(input, |stage| wide(input, stage));
    layers.extend(conv("last", (input, wide), Window::centred(1, 1), 1));
    layers.push(relu());
    layers.extend(head(wide, classes));
    Ok(layers)
}

/// Widen, convolve each channel by itself, narrow.
fn body(name: &str, input: u32, stage: &MobileStage, stride: u32) -> Vec<Layer> {
    let (point, wide) = (Window::centred(1, 1), wide(input, stage));
    let mut layers = Vec::new();
    if stage.expansion > 1 {
        layers.extend(conv(&format!("{name}.widen"), (input, wide), point, 1));
        layers.push(relu());
    }
    let window = Window::centred(stage.kernel.into(), stride);
    layers.extend(conv(&format!("{name}.each"), (wide, wide), window, wide));
    layers.push(relu());
    let output = stage.width.into();
    layers.extend(conv(&format!("{name}.narrow"), (wide, output), point, 1));
    layers
}

fn wide(input: u32, stage: &MobileStage) -> u32 {
    input * u32::from(stage.expansion)
}

#[cfg(test)]
mod tests {
    use crate::net::{facts, parameters, side_min};
    use crate::training::{InputShape, MobileStage, Net};

    fn net(stages: &[(u16, u16, u16, u16)]) -> Net {
        let stage = |&(width, depth, kernel, expansion): &(u16, u16, u16, u16)| MobileStage {
            width,
            depth,
            kernel,
            expansion,
        };
        Net::MobileLike {
            stem: 2,
            stages: stages.iter().map(stage).collect(),
        }
    }

    #[test]
    fn parameters_are_counted_as_by_hand() {
        // Stem 9·1·2 + 4; a block that does not widen 9·2 + 4 and 2·3 + 6; last 3·3 + 6; head 3·5 + 5.
        let (stem, first) = (22, 22 + 12);
        let one = parameters(&net(&[(3, 1, 3, 1)]), 1, 5).unwrap();
        assert_eq!(one, stem + first + 15 + 20);
        // The next stage, by 4: 3·12 + 24, 25·12 + 24 and 12·4 + 8; its second block 4·16 + 32, 25·16 + 32 and 16·4 + 8;
        // last 4·16 + 32; head 16·5 + 5.
        let next = 60 + 324 + 56 + 96 + 432 + 72;
        assert_eq!(
            parameters(&net(&[(3, 1, 3, 1), (4, 2, 5, 4)]), 1, 5).unwrap(),
            stem + first + next + 96 + 85
        );
    }

    #[test]
    fn operations_are_counted_as_by_hand() {
        let shape = InputShape {
            channels: 1,
            height: 5,
            width: 4,
        };
        // 20 places; in the next stage it is widened at 20 still, the rest is done at 6.
        let first = 20 * (9 * 2 + 9 * 2 + 2 * 3);
        let next = 20 * 3 * 12 + 6 * (25 * 12 + 12 * 4);
        let last = 6 * 4 * 16 + 16 * 5;
        let found = facts(&net(&[(3, 1, 3, 1), (4, 1, 5, 4)]), shape, 5).unwrap();
        assert_eq!(found.flops, 2 * (first + next + last));
    }

    #[test]
    fn a_single_pixel_is_enough_for_it() {
        assert_eq!(side_min(&net(&[(3, 2, 15, 2); 8])), Ok(1));
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_to_do() {
        for (stages, reason) in [
            (&[][..], "0 stages; name 1 to 8"),
            (
                &[(1, 1, 3, 1), (1, 1, 3, 0)],
                "stage 2 has expansion = 0, which must be from 1 to 16",
            ),
            (&[(1, 1, 3, 17)], "expansion = 17"),
            (&[(1, 1, 2, 1)], "take 1 or 3"),
            (&[(u16::MAX, 1, 15, 16)], "make it narrower"),
        ] {
            let error = parameters(&net(stages), 1, 5).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn it_is_written_as_the_others_are() {
        let net = net(&[(3, 1, 3, 1)]);
        let text =
            r#"{"name":"mobile_like","stem":2,"stages":[{"width":3,"depth":1,"kernel":3,"expansion":1}]}"#;
        assert_eq!(serde_json::to_string(&net).unwrap(), text);
        assert_eq!(serde_json::from_str::<Net>(text).unwrap(), net);
        for (good, bad) in [("expansion", "expanse"), ("stem", "root")] {
            assert!(serde_json::from_str::<Net>(&text.replace(good, bad)).is_err());
        }
        assert!(serde_json::from_str::<Net>(&text.replace("mobile_like", "resnet_like")).is_err());
    }
}
