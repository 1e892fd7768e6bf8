//! Repeats, medians and the variance gate of an access measurement.

use crate::failure::Failure;
use imgcalc_shared::profile::{Access, Timing};
use std::time::{Duration, Instant};

/// Unmeasured repeats: caches fill and memory is mapped.
const WARMUP: usize = 3;
/// Measured repeats of batches and of single images, which are short and vary more. The slowest one is then not yet
/// the p95.
const REPEATS: usize = 31;
const REPEATS_SINGLE: usize = 63;
/// Repeats measured even if they take longer than the budget.
const REPEATS_MIN: usize = 15;
/// What the repeats of a round may take: a space has thousands of formats.
const BUDGET: Duration = Duration::from_millis(300);
/// A measurement whose p95 is above this many medians was disturbed.
const UNSTEADY: f64 = 3.0;
/// Rounds until a steady one is found.
const ROUNDS_MAX: usize = 3;

/// Where the time of one repeat went.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::stages) struct Spent {
    pub read: Duration,
    pub decode: Duration,
    /// What is added to the transfer: conversions on the host.
    pub convert: Duration,
}

/// Measures access to `images` images of `bytes` stored bytes each. `once` reads and decodes and returns the integers;
/// `transfer` times how they get to the device, after some warm-up as often as asked.
///
/// A disturbed round is measured again; the steadiest one counts.
pub(in crate::stages) fn access(
    images: u32,
    bytes: f64,
    mut once: impl FnMut(usize) -> Result<(Spent, Vec<i16>), Failure>,
    mut transfer: impl FnMut(&[i16], usize, usize) -> Result<Vec<Duration>, Failure>,
) -> Result<Access, Failure> {
    let repeats = if images == 1 { REPEATS_SINGLE } else { REPEATS };
    let mut best: Option<(f64, Access)> = None;
    for _ in 0..ROUNDS_MAX {
        let mut spent = Vec::with_capacity(repeats);
        let mut planes = Vec::new();
        let start = Instant::now();
        for repeat in 0..WARMUP + repeats {
            if spent.len() >= REPEATS_MIN && start.elapsed() > BUDGET {
                break;
            }
            let (times, integers) = once(repeat)?;
            if repeat >= WARMUP {
                spent.push(times);
            }
            planes = integers;
        }
        let transfers = transfer(&planes, WARMUP, spent.len())?;
        let (unsteadiness, access) = summary(images, bytes, &spent, &transfers);
        if best.as_ref().is_none_or(|(least, _)| unsteadiness < *least) {
            best = Some((unsteadiness, access));
        }
        if unsteadiness <= UNSTEADY {
            break;
        }
    }
    best.map(|(_, access)| access)
        .ok_or_else(|| Failure::application("nothing was measured"))
}

/// The p95 of the whole over its median, and the parts.
fn summary(images: u32, bytes: f64, spent: &[Spent], transfers: &[Duration]) -> (f64, Access) {
    let us = |time: Duration| time.as_secs_f64() * 1e6;
    let parts: Vec<[f64; 3]> = spent
        .iter()
        .zip(transfers)
        .map(|(spent, transfer)| [us(spent.read), us(spent.decode), us(spent.convert + *transfer)])
        .collect();
    let timing = |part: usize| Timing::of(parts.iter().map(|parts| parts[part]).collect(), images);
    let whole = Timing::of(parts.iter().map(|parts| parts.iter().sum()).collect(), images);
    let access = Access {
        read: timing(0),
        decode: timing(1),
        transfer: timing(2),
        bytes,
    };
    (whole.p95_us / whole.median_us.max(f64::MIN_POSITIVE), access)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disturbed_round_is_measured_again_and_the_steady_one_counts() {
        let mut calls = 0;
        let once = |_| {
            calls += 1;
            // The first round: half of it a hundred times slower.
            let slow = calls <= WARMUP + REPEATS && calls % 4 == 0;
            let read = Duration::from_micros(if slow { 10_000 } else { 100 });
            Ok((
                Spent {
                    read,
                    ..Spent::default()
                },
                vec![1, 2],
            ))
        };
        let transfer = |planes: &[i16], _, repeats| {
            assert_eq!(planes, [1, 2]);
            Ok(vec![Duration::from_micros(40); repeats])
        };
        let access = access(4, 12.5, once, transfer).unwrap();
        assert_eq!(calls, 2 * (WARMUP + REPEATS));
        assert_eq!((access.read.median_us, access.read.p95_us), (25.0, 25.0));
        assert_eq!((access.transfer.median_us, access.bytes), (10.0, 12.5));
        assert_eq!(access.read.repeats as usize, REPEATS);
    }
}
