//! Times the steps of a training on made-up images: what a batch is chosen by.

use crate::data::Feeds;
use crate::train::{Course, Run};
use crate::{Blocks, Definition, EngineError, Samples, TrainData, device};
use imgcalc_shared::training::{Hyper, InputShape, Precision};
use std::time::{Duration, Instant};

/// Wall times of whole steps of a training: images to the net's input, forward, backward and optimiser. After `warmup` unmeasured
/// steps it measures until `repeats` are done or `budget` is spent, but once at least.
pub fn step_times(
    net: impl Into<Definition>,
    shape: InputShape,
    classes: u16,
    precision: Precision,
    batch: u32,
    (warmup, repeats): (usize, usize),
    budget: Duration,
) -> Result<Vec<Duration>, EngineError> {
    let hyper = Hyper {
        batch_size: batch,
        precision,
        ..Hyper::default()
    };
    let samples = |images: u32| {
        let values = images as usize * shape.values();
        Samples {
            shape,
            blocks: Blocks::PIXELS,
            values: (0..values)
                .map(|index| (index * 7919 % 255) as i16 - 127)
                .collect(),
            labels: (0..images)
                .map(|image| (image % u32::from(classes)) as u16)
                .collect(),
        }
    };
    let data = TrainData {
        train: samples(batch),
        validation: samples(1),
        test: None,
        classes,
    };
    let mut feeds = Feeds::try_from(&data)?;
    let mut run = Run::new(&net.into(), Course::from(&hyper), &mut feeds)?;
    run.network.fill_from_seed(0)?;
    let mut epoch = feeds.train.epoch(0, 1, u64::MAX, 0)?;
    let begin = Instant::now();
    let mut times = Vec::with_capacity(repeats.clamp(1, 1 << 16));
    for number in 0.. {
        let start = Instant::now();
        let (values, labels) = epoch.batch(0..batch.into())?;
        let loss = run.step(&values, &labels, number)?;
        device::synchronize(loss.device());
        if number >= warmup as u64 {
            times.push(start.elapsed());
        }
        let is_enough = times.len() >= repeats || begin.elapsed() >= budget;
        if is_enough && !times.is_empty() {
            break;
        }
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgcalc_shared::training::Net;

    #[test]
    fn steps_are_timed_as_often_as_asked_or_as_the_budget_allows() {
        let net = Net::SmallResnet {
            width: 4,
            blocks: vec![1, 1],
        };
        let shape = InputShape {
            channels: 3,
            height: 8,
            width: 8,
        };
        let times =
            |repeats, budget| step_times(&net, shape, 10, Precision::F32, 4, (1, repeats), budget).unwrap();
        assert_eq!(times(5, Duration::from_secs(60)).len(), 5);
        assert_eq!(times(5, Duration::ZERO).len(), 1);
    }
}
