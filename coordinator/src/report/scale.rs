//! From values to places on the page, and the round values between.

/// What a log axis can show: no time or size is smaller or larger.
const PLACES: std::ops::RangeInclusive<f64> = 1e-9..=1e18;

/// An axis: values from `low` to `high` lie from `from` to `to`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    log: bool,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Even steps over these values, with a little air.
    pub(super) fn linear(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Scale {
        let (low, high) = extent(values.into_iter().filter(|value| value.is_finite())).unwrap_or((0.0, 1.0));
        let air = if high > low {
            0.05 * (high - low)
        } else {
            (0.1 * high.abs()).max(1e-6)
        };
        Scale {
            log: false,
            low: low - air,
            high: high + air,
            from,
            to,
        }
    }

    /// Even steps over shares: never beyond 0 or 1 by more than a mark needs.
    pub(super) fn share(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Scale {
        let scale = Scale::linear(values, from, to);
        let middle = (scale.low + scale.high) / 2.0;
        let least = 0.01;
        Scale {
            low: scale.low.min(middle - least).max(-0.02),
            high: scale.high.max(middle + least).min(1.02),
            ..scale
        }
    }

    /// Even steps from zero.
    pub(super) fn from_zero(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Scale {
        let high = extent(values.into_iter().filter(|value| value.is_finite())).map_or(1.0, |(_, high)| high);
        Scale {
            log: false,
            low: 0.0,
            high: if high > 0.0 { high } else { 1.0 },
            from,
            to,
        }
    }

    /// Even ratios over these values, with a little air. Values beyond [`PLACES`] have no place.
    pub(super) fn log(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Scale {
        let positive = values.into_iter().filter(|value| PLACES.contains(value));
        let (low, high) = extent(positive).unwrap_or((1.0, 10.0));
        let air = (high / low).powf(0.04).max(1.05);
        Scale {
            log: true,
            low: low / air,
            high: high * air,
            from,
            to,
        }
    }

    /// Where a value lies; what lies beyond the ends is drawn at the end, what has no place nowhere.
    pub(super) fn at(&self, value: f64) -> Option<f64> {
        if !value.is_finite() || (self.log && !PLACES.contains(&value)) {
            return None;
        }
        let share = match self.log {
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        let place = self.from + share.clamp(0.0, 1.0) * (self.to - self.from);
        place.is_finite().then_some(place)
    }

    /// Round values within, about `wanted` of them, rising.
    pub(super) fn ticks(&self, wanted: usize) -> Vec<f64> {
        if !self.log {
            return self.even_ticks(wanted);
        }
        for factors in [&[1.0, 2.0, 5.0][..], &[1.0, 3.0][..], &[1.0][..]] {
            let ticks = self.decade_ticks(factors);
            if ticks.len() < 3 {
                // Less than a decade or so: even steps read better than one lone power of ten.
                return if factors.len() == 3 {
                    self.even_ticks(wanted)
                } else {
                    ticks
                };
            }
            if ticks.len() <= wanted + 2 {
                return ticks;
            }
        }
        let ticks = self.decade_ticks(&[1.0]);
        let every = ticks.len().div_ceil(wanted.max(1));
        ticks.into_iter().step_by(every).collect()
    }

    fn decade_ticks(&self, factors: &[f64]) -> Vec<f64> {
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let ticks = (first..=last).flat_map(|power| factors.iter().map(move |f| f * 10f64.powi(power)));
        ticks
            .filter(|tick| (self.low..=self.high).contains(tick))
            .collect()
    }

    fn even_ticks(&self, wanted: usize) -> Vec<f64> {
        let rough = (self.high - self.low) / wanted.max(1) as f64;
        let power = 10f64.powf(rough.log10().floor());
        if !power.is_normal() {
            return Vec::new();
        }
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .find(|f| f * power >= rough * 0.999);
        let step = step.unwrap_or(10.0) * power;
        let (first, last) = ((self.low / step).ceil() as i64, (self.high / step).floor() as i64);
        (first..=last.min(first.saturating_add(50)))
            .map(|index| index as f64 * step)
            .collect()
    }
}

fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |extent, value| {
        let (low, high) = extent.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_not_too_many() {
        assert_eq!(
            Scale::log([10.0, 1000.0], 0.0, 1.0).ticks(8),
            [10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0]
        );
        assert_eq!(Scale::log([1.0, 1e6], 0.0, 1.0).ticks(8).len(), 7);
        assert_eq!(
            Scale::log([100.0, 120.0], 0.0, 1.0).ticks(4),
            [100.0, 110.0, 120.0]
        );
        let shares: Vec<String> = Scale::share([0.5, 0.9], 0.0, 1.0)
            .ticks(5)
            .iter()
            .map(|t| format!("{t:.1}"))
            .collect();
        assert_eq!(shares, ["0.5", "0.6", "0.7", "0.8", "0.9"]);
    }

    #[test]
    fn no_values_or_one_still_make_an_axis() {
        for values in [
            vec![],
            vec![3.0],
            vec![0.0],
            vec![f64::NAN],
            vec![f64::MIN_POSITIVE, f64::MAX],
        ] {
            for scale in [
                Scale::linear(values.clone(), 0.0, 9.0),
                Scale::log(values.clone(), 0.0, 9.0),
                Scale::share(values, 0.0, 9.0),
            ] {
                assert!(scale.ticks(5).len() <= 51);
                assert!(scale.at(3.0).is_none_or(|place| (0.0..=9.0).contains(&place)));
                assert_eq!(scale.at(f64::NAN), None);
            }
        }
    }
}
