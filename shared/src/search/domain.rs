//! What one parameter of a search may be.

use super::SearchError;
use serde::{Deserialize, Serialize};

/// Significant digits of a real value. Fewer than a float has, so that the value reads well and does not depend on the
/// last bit of a machine's logarithm.
const DIGITS: usize = 6;
/// Whole numbers up to this are exact as floats.
const INTEGER_MAX: i64 = 1 << 53;
const CHOICES_MAX: usize = 256;

/// The values a parameter may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// Real, evenly by its logarithm: `{ log = [1e-4, 1.0] }`.
    Log([f64; 2]),
    /// Real, evenly: `{ linear = [0.8, 0.99] }`.
    Linear([f64; 2]),
    /// Whole, evenly, both ends among them: `{ integer = [1, 5] }`.
    Integer([i64; 2]),
    /// Whole, evenly by its logarithm, both ends among them: `{ log_integer = [16, 256] }`.
    LogInteger([i64; 2]),
    /// One of these, in no order: `{ choice = ["sgd", "adamw"] }`.
    Choice(Vec<Value>),
}

/// A value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a number, a text, true or false")]
pub enum Value {
    /// Yes or no.
    Switch(bool),
    /// A whole number.
    Integer(i64),
    /// A real number.
    Real(f64),
    /// A name.
    Text(String),
}

impl Domain {
    /// Whether there is anything in it, and what to do where there is not.
    pub(super) fn check(&self, field: &str) -> Result<(), SearchError> {
        let refuse = |value: String, allowed: &str| Err(SearchError::new(field, value, allowed));
        match self {
            Domain::Log([low, high]) | Domain::Linear([low, high]) => {
                let value = format!("[{low}, {high}]");
                if !low.is_finite() || !high.is_finite() || !(high - low).is_finite() {
                    return refuse(value, "both ends must be finite numbers");
                }
                if matches!(self, Domain::Log(_)) && *low <= 0.0 {
                    let allowed = "a logarithmic range lies above 0; raise its first end, for example to 1e-5, or use \
                                   `linear`";
                    return refuse(value, allowed);
                }
                if low >= high {
                    return refuse(value, EMPTY);
                }
            }
            Domain::Integer([low, high]) | Domain::LogInteger([low, high]) => {
                let value = format!("[{low}, {high}]");
                if low.unsigned_abs().max(high.unsigned_abs()) >= INTEGER_MAX as u64 {
                    return refuse(value, "both ends must lie within ±2^53");
                }
                if matches!(self, Domain::LogInteger(_)) && *low < 1 {
                    let allowed =
                        "a logarithmic range lies above 0; raise its first end to 1 or use `integer`";
                    return refuse(value, allowed);
                }
                if low >= high {
                    return refuse(value, EMPTY);
                }
            }
            Domain::Choice(values) => {
                let shown = |value: &Value| value.to_string();
                if values.is_empty() || values.len() > CHOICES_MAX {
                    let allowed = format!("name 1 to {CHOICES_MAX} values, for example choice = [32, 64]");
                    return refuse(format!("{} values", values.len()), &allowed);
                }
                for (at, value) in values.iter().enumerate() {
                    if matches!(value, Value::Real(real) if !real.is_finite()) {
                        return refuse(shown(value), "must be a finite number");
                    }
                    if values[..at].contains(value) {
                        return refuse(shown(value), "is named twice; name every value once");
                    }
                }
            }
        }
        Ok(())
    }

    /// How many values there are; none where they are real.
    pub fn count(&self) -> Option<u64> {
        match self {
            Domain::Log(_) | Domain::Linear(_) => None,
            Domain::Integer([low, high]) | Domain::LogInteger([low, high]) => Some(low.abs_diff(*high) + 1),
            Domain::Choice(values) => Some(values.len() as u64),
        }
    }

    /// How many values there are where they have no order.
    pub fn categories(&self) -> Option<usize> {
        match self {
            Domain::Choice(values) => Some(values.len()),
            _ => None,
        }
    }

    /// The value at a place of the unit interval.
    pub fn decode(&self, place: f64) -> Value {
        let place = place.clamp(0.0, 1.0);
        let cell = |count: usize| ((place * count as f64) as usize).min(count - 1);
        match self {
            Domain::Linear([low, high]) => Value::Real(rounded(low + place * (high - low), *low, *high)),
            Domain::Log([low, high]) => {
                let logarithm = low.ln() + place * (high.ln() - low.ln());
                Value::Real(rounded(logarithm.exp(), *low, *high))
            }
            Domain::Integer([low, high]) => {
                let count = (high - low + 1) as f64;
                Value::Integer((low + (place * count) as i64).min(*high))
            }
            Domain::LogInteger([low, high]) => {
                let [first, last] = cells(*low, *high);
                let drawn = (first + place * (last - first)).exp().round() as i64;
                Value::Integer(drawn.clamp(*low, *high))
            }
            Domain::Choice(values) => values[cell(values.len())].clone(),
        }
    }

    /// The place of a value in the unit interval; none where it is not of this domain. Of a whole number or a choice it
    /// is the middle of its cell.
    pub fn encode(&self, value: &Value) -> Option<f64> {
        match (self, value) {
            (Domain::Linear([low, high]), Value::Real(real)) if (*low..=*high).contains(real) => {
                Some((real - low) / (high - low))
            }
            (Domain::Log([low, high]), Value::Real(real)) if (*low..=*high).contains(real) => {
                Some(((real.ln() - low.ln()) / (high.ln() - low.ln())).clamp(0.0, 1.0))
            }
            (Domain::Integer([low, high]), Value::Integer(whole)) if (*low..=*high).contains(whole) => {
                Some(((whole - low) as f64 + 0.5) / (high - low + 1) as f64)
            }
            (Domain::LogInteger([low, high]), Value::Integer(whole)) if (*low..=*high).contains(whole) => {
                let [first, last] = cells(*low, *high);
                let [start, end] = cells(*whole, *whole);
                Some((f64::midpoint(start, end) - first) / (last - first))
            }
            (Domain::Choice(values), value) => {
                let at = values.iter().position(|other| other == value)?;
                Some((at as f64 + 0.5) / values.len() as f64)
            }
            _ => None,
        }
    }

    /// At most `steps` values spread evenly, both ends among them; every choice. One step is the middle.
    pub fn grid(&self, steps: u32) -> Vec<Value> {
        let all = self
            .count()
            .filter(|&count| self.categories().is_some() || count <= u64::from(steps));
        let count = all.unwrap_or(u64::from(steps));
        let place = |at: u64| match all {
            Some(count) => match self {
                // Cells of a logarithmic range are not equally wide.
                Domain::LogInteger([low, _]) => self.encode(&Value::Integer(low + at as i64)).unwrap_or(0.5),
                _ => (at as f64 + 0.5) / count as f64,
            },
            None if count == 1 => 0.5,
            None => at as f64 / (count - 1) as f64,
        };
        let mut values: Vec<Value> = (0..count).map(|at| self.decode(place(at))).collect();
        values.dedup();
        values
    }
}

/// Said of a range with nothing in it.
const EMPTY: &str = "the first end must be below the second; for a single value use choice = [value]";

/// Logarithms of the ends of a range of whole numbers, half a number wider on both sides so that its ends are as likely
/// as any.
fn cells(low: i64, high: i64) -> [f64; 2] {
    [(low as f64 - 0.5).ln(), (high as f64 + 0.5).ln()]
}

fn rounded(value: f64, low: f64, high: f64) -> f64 {
    let text = format!("{value:.*e}", DIGITS - 1);
    text.parse().unwrap_or(value).clamp(low, high)
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Switch(yes) => yes.fmt(f),
            Value::Integer(whole) => whole.fmt(f),
            // Few people count zeros.
            Value::Real(real) if *real != 0.0 && real.abs() < 1e-3 => write!(f, "{real:e}"),
            Value::Real(real) => real.fmt(f),
            Value::Text(text) => f.pad(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(names: &[&str]) -> Domain {
        Domain::Choice(names.iter().map(|name| Value::Text((*name).into())).collect())
    }

    #[test]
    fn ends_and_middles_are_where_they_belong() {
        assert_eq!(Domain::Log([1e-4, 1.0]).decode(0.5), Value::Real(0.01));
        assert_eq!(Domain::Linear([0.8, 1.0]).decode(0.5), Value::Real(0.9));
        assert_eq!(Domain::Integer([1, 5]).decode(1.0), Value::Integer(5));
        assert_eq!(Domain::LogInteger([16, 256]).decode(0.5), Value::Integer(63));
        assert_eq!(texts(&["a", "b"]).decode(0.49), Value::Text("a".into()));
    }

    #[test]
    fn a_grid_has_both_ends_and_every_choice_and_no_value_twice() {
        let reals = Domain::Log([0.001, 0.1]).grid(3);
        assert_eq!(reals, [0.001, 0.01, 0.1].map(Value::Real));
        assert_eq!(Domain::Integer([1, 3]).grid(5), [1, 2, 3].map(Value::Integer));
        assert_eq!(
            Domain::Integer([0, 100]).grid(3),
            [0, 50, 100].map(Value::Integer)
        );
        assert_eq!(
            Domain::LogInteger([1, 4]).grid(4),
            [1, 2, 3, 4].map(Value::Integer)
        );
        assert_eq!(texts(&["a", "b", "c"]).grid(1).len(), 3);
        assert_eq!(Domain::Linear([0.0, 1.0]).grid(1), [Value::Real(0.5)]);
    }

    #[test]
    fn what_is_not_of_a_domain_has_no_place() {
        assert_eq!(Domain::Linear([0.0, 1.0]).encode(&Value::Real(1.5)), None);
        assert_eq!(Domain::Linear([0.0, 1.0]).encode(&Value::Integer(1)), None);
        assert_eq!(texts(&["a"]).encode(&Value::Text("b".into())), None);
    }

    proptest! {
        #[test]
        fn a_value_returns_from_its_place(place in 0.0..=1.0f64, low in 1..50i64, wide in 1..200i64) {
            let real = [low as f64 / 7.0, (low + wide) as f64 / 7.0];
            let whole = [low, low + wide];
            let domains = [
                Domain::Log(real),
                Domain::Linear(real),
                Domain::Integer(whole),
                Domain::LogInteger(whole),
                texts(&["a", "b", "c"]),
            ];
            for domain in domains {
                prop_assert!(domain.check("x").is_ok());
                let value = domain.decode(place);
                let again = domain.encode(&value).unwrap();
                prop_assert!((0.0..=1.0).contains(&again));
                let close = match (domain.decode(again), &value) {
                    (Value::Real(a), Value::Real(b)) => (a - b).abs() <= 2e-5 * b.abs(),
                    (a, b) => a == *b,
                };
                prop_assert!(close, "{:?} {:?}", domain, value);
                let json = serde_json::to_string(&value).unwrap();
                prop_assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
            }
        }
    }
}
