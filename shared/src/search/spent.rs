//! Machine time: what a stretch took, what a search took, and how much it may.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most hours a budget may name: a thousand devices for a year are 8.8 million.
const HOURS_MAX: f64 = 1e7;
const SECONDS_AN_HOUR: f64 = 3600.0;

/// A time that may be spent, to the second; written in hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Hours {
    seconds: u64,
}

/// Such a time cannot be a budget.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} hours cannot be a budget: name a number above 0 and up to {HOURS_MAX}")]
pub struct HoursError(f64);

/// What a stretch took of the machines, attempts that failed among it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Took {
    /// When its first attempt began, milliseconds since 1970.
    pub from_ms: u64,
    /// When it ended, milliseconds since 1970.
    pub until_ms: u64,
    /// All its attempts together, each on one device, milliseconds.
    pub device_ms: u64,
}

/// What a search took of the machines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spent {
    /// Times at which something was trained, by their beginning; they do not touch.
    spans: BTreeMap<u64, u64>,
    device_ms: u64,
}

impl Hours {
    /// So many.
    pub fn new(hours: f64) -> Result<Hours, HoursError> {
        let seconds = (hours * SECONDS_AN_HOUR).round();
        if !(hours <= HOURS_MAX && seconds >= 1.0) {
            return Err(HoursError(hours));
        }
        Ok(Hours {
            seconds: seconds as u64,
        })
    }

    /// The same in seconds.
    pub fn seconds(self) -> u64 {
        self.seconds
    }
}

impl Spent {
    /// Something was trained.
    pub fn add(&mut self, took: Took) {
        self.device_ms = self.device_ms.saturating_add(took.device_ms);
        let (mut from, mut until) = (took.from_ms, took.until_ms);
        if until <= from {
            return;
        }
        // All that it touches becomes one with it.
        while let Some((&earlier, &end)) = self.spans.range(..=until).next_back()
            && end >= from
        {
            self.spans.remove(&earlier);
            (from, until) = (from.min(earlier), until.max(end));
        }
        self.spans.insert(from, until);
    }

    /// Seconds in which something was trained, however much at once: pauses and the time before more budget came do not
    /// count.
    pub fn wall_seconds(&self) -> f64 {
        let ms: u64 = self.spans.iter().map(|(from, until)| until - from).sum();
        ms as f64 / 1000.0
    }

    /// Seconds of all devices together.
    pub fn device_seconds(&self) -> f64 {
        self.device_ms as f64 / 1000.0
    }

    /// Whether both are below what they may be.
    pub fn is_within(&self, wall: Option<Hours>, device: Option<Hours>) -> bool {
        let below = |spent: f64, most: Option<Hours>| most.is_none_or(|most| spent < most.seconds as f64);
        below(self.wall_seconds(), wall) && below(self.device_seconds(), device)
    }
}

impl TryFrom<f64> for Hours {
    type Error = HoursError;

    fn try_from(hours: f64) -> Result<Hours, HoursError> {
        Hours::new(hours)
    }
}

impl From<Hours> for f64 {
    fn from(hours: Hours) -> f64 {
        hours.seconds as f64 / SECONDS_AN_HOUR
    }
}

impl std::str::FromStr for Hours {
    type Err = String;

    fn from_str(text: &str) -> Result<Hours, String> {
        let hours: f64 = text
            .parse()
            .map_err(|_| format!("{text} is no number of hours"))?;
        Hours::new(hours).map_err(|error| error.to_string())
    }
}

impl std::fmt::Display for Hours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A second is 0.0003 hours.
        let text = format!("{:.4}", f64::from(*self));
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn took(from_ms: u64, until_ms: u64) -> Took {
        Took {
            from_ms,
            until_ms,
            device_ms: until_ms.saturating_sub(from_ms),
        }
    }

    #[test]
    fn what_runs_at_once_counts_once_on_the_wall_and_twice_on_the_devices() {
        let mut spent = Spent::default();
        for (from, until) in [(0, 10_000), (5_000, 12_000), (3_600_000, 3_601_000)] {
            spent.add(took(from, until));
        }
        assert_eq!((spent.wall_seconds(), spent.device_seconds()), (13.0, 18.0));
        let hours = |seconds: f64| Some(Hours::new(seconds / 3600.0).unwrap());
        assert!(spent.is_within(None, None));
        assert!(spent.is_within(hours(14.0), hours(19.0)));
        assert!(!spent.is_within(hours(13.0), None));
        assert!(!spent.is_within(None, hours(18.0)));
    }

    #[test]
    fn a_budget_of_hours_is_a_number_above_zero() {
        for hours in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert!(Hours::new(hours).is_err(), "{hours}");
        }
        assert_eq!(Hours::new(1.5).unwrap().seconds(), 5400);
        let error = "0".parse::<Hours>().unwrap_err();
        assert!(error.contains("above 0"), "{error}");
    }

    proptest! {
        #[test]
        fn hours_come_back_as_they_were_written(seconds in 1u64..36_000_000_000) {
            let hours = Hours { seconds };
            let text = serde_json::to_string(&hours).unwrap();
            prop_assert_eq!(serde_json::from_str::<Hours>(&text).unwrap(), hours);
        }

        #[test]
        fn the_wall_counts_every_moment_once_in_any_order(spans in prop::collection::vec((0u64..60, 0u64..20), 0..12)) {
            let mut spent = Spent::default();
            let mut busy = [false; 80];
            for (from, length) in spans {
                spent.add(took(1000 * from, 1000 * (from + length)));
                busy[from as usize..(from + length) as usize].fill(true);
            }
            let seconds = busy.iter().filter(|busy| **busy).count();
            prop_assert_eq!(spent.wall_seconds(), seconds as f64);
        }
    }
}
