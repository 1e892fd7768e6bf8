//! Which images a script takes, found by trying.

use crate::tools::interrupt;
use crate::tools::progress::Progress;
use anyhow::bail;
use imgcalc_engine::{EngineError, Trial};
use imgcalc_shared::net::Sides;
use imgcalc_shared::training::InputShape;
use std::time::{Duration, Instant};

/// Channels that images have.
const CHANNELS: [u16; 2] = [3, 1];

/// What a script takes and gives.
pub(super) struct Found {
    pub(super) channels: u16,
    pub(super) classes: u16,
    pub(super) sides: Vec<Sides>,
    /// The largest side there was time for.
    pub(super) tried: u16,
}

/// Tries square images of every side up to `side_max`, the smallest first, as long as there is time. Channels and classes are
/// those of the first that passes.
pub(super) fn find(
    trial: &Trial,
    channels: Option<u16>,
    side_max: u16,
    budget: Duration,
) -> anyhow::Result<Found> {
    let begin = Instant::now();
    let candidates: Vec<u16> = channels.map_or(CHANNELS.to_vec(), |channels| vec![channels]);
    let mut progress = Progress::new("trying", "sides", side_max.into());
    let mut found: Option<Found> = None;
    let (mut refusal, mut tried) = (None, 0);
    for side in 1..=side_max {
        interrupt::check()?;
        if side > 1 && begin.elapsed() >= budget {
            break;
        }
        let candidates = match &found {
            Some(found) => vec![found.channels],
            None => candidates.clone(),
        };
        for channels in candidates {
            match trial.classes(square(channels, side)) {
                Ok(classes) => {
                    let found = found.get_or_insert(Found {
                        channels,
                        classes,
                        sides: Vec::new(),
                        tried,
                    });
                    if found.classes == classes {
                        add(&mut found.sides, side);
                    }
                    break;
                }
                Err(EngineError::BadData(reason)) => refusal = Some(reason),
                Err(error) => return Err(error.into()),
            }
        }
        tried = side;
        progress.add(1, 0);
    }
    progress.finish();
    match found {
        Some(found) => Ok(Found { tried, ..found }),
        None => bail!(
            "it takes no square images of {candidates:?} channels and 1 to {tried} pixels a side; of the last it says: {}",
            refusal.unwrap_or_default()
        ),
    }
}

/// An image of this side.
pub(super) fn square(channels: u16, side: u16) -> InputShape {
    InputShape {
        channels,
        height: side,
        width: side,
    }
}

/// Sides come in ascending order.
fn add(sides: &mut Vec<Sides>, side: u16) {
    match sides.last_mut() {
        Some(last) if last.last + 1 == side => last.last = side,
        _ => sides.push(Sides {
            first: side,
            last: side,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_that_follow_each_other_are_one_run() {
        let mut sides = Vec::new();
        for side in [1, 4, 5, 6, 8] {
            add(&mut sides, side);
        }
        let runs: Vec<(u16, u16)> = sides.iter().map(|run| (run.first, run.last)).collect();
        assert_eq!(runs, [(1, 1), (4, 6), (8, 8)]);
    }
}
