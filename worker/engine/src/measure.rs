//! Times what an inference consists of: bringing images to the device, and running the net over them.

use crate::data::{Standardisation, upload};
use crate::net::{Definition, Network, Pass};
use crate::random::Random;
use crate::{EngineError, device};
use imgcalc_shared::training::InputShape;
use std::time::{Duration, Instant};
use tch::Tensor;

/// Values of a batch at most: 4 GiB of floats.
const BATCH_VALUES_MAX: u64 = 1 << 30;

/// Wall times of the net's forward pass over one batch that lies on the device, in evaluation mode. After `warmup` unmeasured passes it measures until
/// `repeats` are done or `budget` is spent, but once at least.
pub fn execute_times(
    net: impl Into<Definition>,
    shape: InputShape,
    classes: u16,
    batch: u32,
    warmup: usize,
    repeats: usize,
    budget: Duration,
) -> Result<Vec<Duration>, EngineError> {
    let values = check_batch(shape, batch)?;
    // An inference may use the fastest algorithms, whatever the training before it asked for.
    device::set_deterministic(false);
    let device = device::device();
    let mut network = Network::new(&net.into(), shape, classes, device)?;
    network.fill_from_seed(0)?;
    let mut random = Random::new(0, "input of a measurement");
    let numbers: Vec<f32> = (0..values)
        .map(|_| random.symmetric(3.0_f64.sqrt()) as f32)
        .collect();
    let size = [
        batch.into(),
        shape.channels.into(),
        shape.height.into(),
        shape.width.into(),
    ];
    let input = Tensor::f_from_slice(&numbers)?
        .f_view(size)?
        .f_to_device(device)?;
    tch::no_grad(|| {
        times(warmup, repeats, Some(budget), || {
            network.forward(&input, Pass::Evaluate)
        })
    })
}

/// Wall times of bringing one batch from the host to the device as the net's input: copy, conversion and standardisation.
pub fn transfer_times(
    values: &[i16],
    shape: InputShape,
    batch: u32,
    warmup: usize,
    repeats: usize,
) -> Result<Vec<Duration>, EngineError> {
    let expected = check_batch(shape, batch)?;
    if values.len() as u64 != expected {
        return Err(EngineError::BadData(format!(
            "{} values are not {batch} images of {shape}",
            values.len()
        )));
    }
    let device = device::device();
    let channels = shape.channels;
    let cells = usize::from(channels);
    let standard = Standardisation {
        channels,
        period: 1,
        mean: vec![0.5; cells],
        scale: vec![0.1; cells],
    };
    let input = standard.on(shape, device)?;
    tch::no_grad(|| {
        times(warmup, repeats, None, || {
            input.standardise(upload(values, shape, device)?.f_to_kind(tch::Kind::Float)?)
        })
    })
}

fn check_batch(shape: InputShape, batch: u32) -> Result<u64, EngineError> {
    let values = shape.values() as u128 * u128::from(batch);
    if values == 0 || values > u128::from(BATCH_VALUES_MAX) {
        return Err(EngineError::BadData(format!(
            "a batch of {batch} images of {shape} has {values} values; 1 to {BATCH_VALUES_MAX} can be measured"
        )));
    }
    Ok(values as u64)
}

fn times(
    warmup: usize,
    repeats: usize,
    budget: Option<Duration>,
    mut work: impl FnMut() -> Result<Tensor, EngineError>,
) -> Result<Vec<Duration>, EngineError> {
    let begin = Instant::now();
    let spent = || budget.is_some_and(|budget| begin.elapsed() >= budget);
    for _ in 0..warmup {
        let _ = work()?;
        if spent() {
            break;
        }
    }
    device::synchronize(device::device());
    let mut times = Vec::with_capacity(repeats.clamp(1, 1 << 16));
    while times.is_empty() || times.len() < repeats && !spent() {
        let start = Instant::now();
        let result = work()?;
        device::synchronize(result.device());
        times.push(start.elapsed());
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgcalc_shared::training::Net;

    const SHAPE: InputShape = InputShape {
        channels: 3,
        height: 8,
        width: 8,
    };

    fn net() -> Net {
        Net::SmallResnet {
            width: 4,
            blocks: vec![1, 1],
        }
    }

    #[test]
    fn execution_is_timed_as_often_as_asked_or_as_the_budget_allows() {
        let times = execute_times(&net(), SHAPE, 10, 2, 1, 5, Duration::from_secs(60)).unwrap();
        assert!(times.len() == 5 && times.iter().all(|time| !time.is_zero()));
        assert_eq!(
            execute_times(&net(), SHAPE, 10, 2, 9, 5, Duration::ZERO)
                .unwrap()
                .len(),
            1
        );
    }

    #[test]
    fn transfer_is_timed_as_often_as_asked() {
        assert_eq!(
            transfer_times(&vec![1; 3 * 64 * 4], SHAPE, 4, 1, 3)
                .unwrap()
                .len(),
            3
        );
    }

    #[test]
    fn impossible_batches_are_refused() {
        let huge = InputShape {
            channels: u16::MAX,
            height: u16::MAX,
            width: u16::MAX,
        };
        assert!(matches!(
            transfer_times(&[0; 5], SHAPE, 4, 1, 3),
            Err(EngineError::BadData(_))
        ));
        assert!(matches!(
            transfer_times(&[], SHAPE, 0, 1, 3),
            Err(EngineError::BadData(_))
        ));
        let times = execute_times(&net(), huge, 10, u32::MAX, 1, 5, Duration::ZERO);
        assert!(matches!(times, Err(EngineError::BadData(_))));
    }
}
