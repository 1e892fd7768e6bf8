//! The parameters of a search by name, and points of their space.

use super::{Domain, SearchError, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const PARAMETERS_MAX: usize = 32;
const NAME_BYTES_MAX: usize = 64;

/// Every parameter that is searched with what it may be. They stand in the order of their names, so that a search does
/// not depend on the order in which they were written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parameters(pub BTreeMap<String, Domain>);

/// A point of the space: a value for every parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Point(pub BTreeMap<String, Value>);

impl Parameters {
    pub(super) fn check(&self) -> Result<(), SearchError> {
        let count = self.0.len();
        if count == 0 || count > PARAMETERS_MAX {
            let allowed =
                format!("name 1 to {PARAMETERS_MAX}, for example learning_rate = {{ log = [1e-3, 1.0] }}");
            return Err(SearchError::new(
                "parameters",
                format!("{count} parameters"),
                &allowed,
            ));
        }
        for (name, domain) in &self.0 {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
            if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(plain) {
                let shown = format!("{:?}", name.chars().take(NAME_BYTES_MAX).collect::<String>());
                let allowed = format!("a name has 1 to {NAME_BYTES_MAX} letters, digits, '_' or '.'");
                return Err(SearchError::new("parameters", shown, &allowed));
            }
            domain.check(&format!("parameters.{name}"))?;
        }
        Ok(())
    }

    /// How many points there are; none where a parameter is real or they are beyond counting.
    pub fn count(&self) -> Option<u64> {
        self.0
            .values()
            .try_fold(1_u64, |product, domain| product.checked_mul(domain.count()?))
    }

    /// The point at a place of the unit cube, whose sides stand in the order of the names.
    pub fn decode(&self, places: &[f64]) -> Point {
        let values = self.0.iter().zip(places);
        Point(
            values
                .map(|((name, domain), &place)| (name.clone(), domain.decode(place)))
                .collect(),
        )
    }

    /// The place of a point in the unit cube; none where it is not of this space.
    pub fn encode(&self, point: &Point) -> Option<Vec<f64>> {
        if point.0.len() != self.0.len() {
            return None;
        }
        let place = |(name, domain): (&String, &Domain)| domain.encode(point.0.get(name)?);
        self.0.iter().map(place).collect()
    }

    /// Points of the grid with at most `steps` values of a range; none where they are beyond counting.
    pub fn grid_count(&self, steps: u32) -> Option<u64> {
        let mut sides = self.0.values().map(|domain| domain.grid(steps).len() as u64);
        sides.try_fold(1_u64, u64::checked_mul)
    }

    /// Point `index` of that grid; the last name changes fastest. None past the end.
    pub fn grid_point(&self, steps: u32, index: u64) -> Option<Point> {
        let mut rest = index;
        let mut values = BTreeMap::new();
        for (name, domain) in self.0.iter().rev() {
            let side = domain.grid(steps);
            values.insert(name.clone(), side[(rest % side.len() as u64) as usize].clone());
            rest /= side.len() as u64;
        }
        (rest == 0).then_some(Point(values))
    }
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, (name, value)) in self.0.iter().enumerate() {
            let gap = if at == 0 { "" } else { ", " };
            write!(f, "{gap}{name} = {value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(text: &str) -> Parameters {
        toml::from_str(text).unwrap()
    }

    fn refused(text: &str) -> String {
        parameters(text).check().unwrap_err().to_string()
    }

    #[test]
    fn a_space_is_written_as_a_spec_is_and_its_order_does_not_matter() {
        let text = "learning_rate = { log = [1e-3, 1] }\nbatch_size = { choice = [32, 64] }";
        let space = parameters(text);
        assert_eq!(space.check(), Ok(()));
        assert_eq!(
            serde_json::to_string(&space).unwrap(),
            r#"{"batch_size":{"choice":[32,64]},"learning_rate":{"log":[0.001,1.0]}}"#
        );
        let other = "batch_size = { choice = [32, 64] }\nlearning_rate = { log = [1e-3, 1] }";
        assert_eq!(parameters(other), space);
        let point = space.decode(&[0.9, 0.5]);
        assert_eq!(point.to_string(), "batch_size = 64, learning_rate = 0.0316228");
        assert_eq!(
            serde_json::to_string(&point).unwrap(),
            r#"{"batch_size":64,"learning_rate":0.0316228}"#
        );
    }

    #[test]
    fn bad_spaces_are_refused_with_field_and_remedy() {
        for (text, field, remedy) in [
            ("", "parameters = 0 parameters", "name 1 to 32"),
            (
                "a = { log = [0.0, 1.0] }",
                "parameters.a = [0, 1]",
                "raise its first end",
            ),
            (
                "a = { log = [-1.0, 1.0] }",
                "parameters.a = [-1, 1]",
                "use `linear`",
            ),
            (
                "a = { linear = [1.0, 1.0] }",
                "parameters.a = [1, 1]",
                "choice = [value]",
            ),
            (
                "a = { linear = [2.0, 1.0] }",
                "parameters.a = [2, 1]",
                "below the second",
            ),
            ("a = { linear = [0.0, inf] }", "parameters.a = [0, inf]", "finite"),
            ("a = { log = [nan, 1.0] }", "parameters.a = [NaN, 1]", "finite"),
            ("a = { linear = [-1e308, 1e308] }", "parameters.a = [", "finite"),
            (
                "a = { integer = [3, 3] }",
                "parameters.a = [3, 3]",
                "choice = [value]",
            ),
            (
                "a = { integer = [0, 9007199254740993] }",
                "parameters.a = [0,",
                "2^53",
            ),
            (
                "a = { log_integer = [0, 8] }",
                "parameters.a = [0, 8]",
                "to 1 or use `integer`",
            ),
            ("a = { choice = [] }", "parameters.a = 0 values", "name 1 to 256"),
            ("a = { choice = [1, 2, 1] }", "parameters.a = 1", "named twice"),
            ("a = { choice = [nan] }", "parameters.a = NaN", "finite"),
            ("\"a b\" = { choice = [1] }", "parameters = \"a b\"", "letters"),
        ] {
            let error = refused(text);
            assert!(
                error.starts_with(field) && error.contains(remedy),
                "{text}: {error}"
            );
        }
        let many: String = (0..33)
            .map(|at| format!("p{at} = {{ linear = [0, 1] }}\n"))
            .collect();
        assert!(refused(&many).starts_with("parameters = 33 parameters"));
    }

    #[test]
    fn an_unknown_kind_of_domain_names_those_there_are() {
        let error = toml::from_str::<Parameters>("a = { uniform = [0, 1] }")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("uniform") && error.contains("log_integer"),
            "{error}"
        );
    }

    #[test]
    fn a_grid_covers_exactly_every_combination_once() {
        let space = parameters(
            "a = { linear = [0, 1] }\nb = { integer = [1, 2] }\nc = { choice = [\"x\", \"y\", \"z\"] }\nd = { log = [1, 100] }",
        );
        let count = space.grid_count(3).unwrap();
        assert_eq!(count, 3 * 2 * 3 * 3);
        let points: Vec<Point> = (0..count)
            .map(|index| space.grid_point(3, index).unwrap())
            .collect();
        let distinct: std::collections::BTreeSet<String> = points.iter().map(Point::to_string).collect();
        assert_eq!(distinct.len() as u64, count);
        assert_eq!(space.grid_point(3, count), None);
        for (name, values) in [("a", vec![0.0, 0.5, 1.0]), ("d", vec![1.0, 10.0, 100.0])] {
            for value in values.into_iter().map(Value::Real) {
                let with = points.iter().filter(|point| point.0[name] == value).count() as u64;
                assert_eq!(with, count / 3, "{name} = {value}");
            }
        }
    }

    #[test]
    fn points_beyond_counting_are_not_counted() {
        let space = parameters("a = { integer = [0, 4] }\nb = { choice = [1, 2] }");
        assert_eq!(space.count(), Some(10));
        let many: String = (0..20)
            .map(|at| format!("p{at} = {{ integer = [0, 99] }}\n"))
            .collect();
        assert_eq!(
            (parameters(&many).count(), parameters(&many).grid_count(10)),
            (None, None)
        );
        assert_eq!(parameters("a = { log = [1, 2] }").count(), None);
    }
}
