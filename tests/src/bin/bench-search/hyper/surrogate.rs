//! The recorded grid as a function of a point: between its points the curves are interpolated.
//!
//! ```text
//! # lines that say where it is from
//! batch_size,label_smoothing,learning_rate,momentum,weight_decay,epoch_1,…,epoch_9
//! 32,0,0.004,0.5,0.00001,0.0885,…
//! ```
//!
//! Interpolation is linear along each range, in the logarithm where the range is logarithmic; choices have nothing between
//! them. So the best point is one of the grid.

use anyhow::{Context, ensure};
use imgcalc_shared::search::{Domain, Epochs, Parameters, Point, Value};
use std::path::{Path, PathBuf};

/// What is searched. The grid covers it, corner to corner.
const SPACE: &str = "learning_rate = { log = [0.004, 4.0] }\nmomentum = { linear = [0.5, 0.98] }\n\
    weight_decay = { log = [1e-5, 1e-1] }\nbatch_size = { choice = [32, 128] }\n\
    label_smoothing = { linear = [0.0, 0.2] }";

/// Where it lies.
pub(super) fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin/bench-search/hyper/table.csv")
}

/// Curves of validation accuracy over a space.
pub(super) struct Surrogate {
    /// The space.
    pub(super) parameters: Parameters,
    /// Of a trial.
    pub(super) epochs: Epochs,
    /// At the end of a whole training.
    pub(super) best: f64,
    /// What a training took where it was recorded.
    pub(super) seconds: f64,
    axes: Vec<Axis>,
    /// In the order of the grid, the last axis fastest.
    curves: Vec<Vec<f64>>,
}

/// One side of the grid.
struct Axis {
    name: String,
    is_log: bool,
    is_choice: bool,
    places: Vec<f64>,
}

impl Surrogate {
    /// Reads the recorded grid.
    pub(super) fn read() -> anyhow::Result<Surrogate> {
        let path = path();
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}; RECORD=1 makes it anew", path.display()))?;
        Surrogate::of(&text).with_context(|| format!("{} is not a grid of trainings", path.display()))
    }

    fn of(text: &str) -> anyhow::Result<Surrogate> {
        let parameters: Parameters = toml::from_str(SPACE).context("the space is TOML")?;
        let (said, rows): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('#'));
        let seconds = said
            .iter()
            .find_map(|line| line.strip_prefix("# seconds of a training: "));
        let seconds = seconds
            .context("no line says how long a training took")?
            .parse()?;
        let header: Vec<&str> = rows.first().context("it is empty")?.split(',').collect();
        let sides = parameters.0.len();
        ensure!(
            header.len() > sides
                && header
                    .iter()
                    .zip(parameters.0.keys())
                    .all(|(word, name)| word == name),
            "its columns are not {} and epochs",
            parameters
                .0
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        );
        let numbers = |row: &&str| row.split(',').map(str::parse).collect::<Result<Vec<f64>, _>>();
        let rows: Vec<Vec<f64>> = rows[1..].iter().map(numbers).collect::<Result<_, _>>()?;
        ensure!(
            rows.iter().all(|row| row.len() == header.len()),
            "a row is too short or too long"
        );
        let axis = |(side, (name, domain)): (usize, (&String, &Domain))| {
            let is_log = matches!(domain, Domain::Log(_));
            let mut places: Vec<f64> = rows.iter().map(|row| placed(is_log, row[side])).collect();
            places.sort_by(f64::total_cmp);
            places.dedup();
            Axis {
                name: name.clone(),
                is_log,
                is_choice: matches!(domain, Domain::Choice(_)),
                places,
            }
        };
        let axes: Vec<Axis> = parameters.0.iter().enumerate().map(axis).collect();
        let count: usize = axes.iter().map(|axis| axis.places.len()).product();
        let mut curves = vec![Vec::new(); count];
        for row in &rows {
            let index = axes.iter().zip(row).fold(0, |index, (axis, &value)| {
                let place = placed(axis.is_log, value);
                index * axis.places.len() + axis.places.iter().position(|&other| other == place).unwrap_or(0)
            });
            curves[index] = row[sides..].to_vec();
        }
        ensure!(
            curves.iter().all(|curve| !curve.is_empty()),
            "it lacks a point of its grid"
        );
        let last = curves.iter().filter_map(|curve| curve.last());
        Ok(Surrogate {
            parameters,
            epochs: Epochs {
                min: 1,
                max: (header.len() - sides) as u32,
            },
            best: last.fold(0.0, |best, &accuracy| accuracy.max(best)),
            seconds,
            axes,
            curves,
        })
    }

    /// Accuracy after each epoch.
    ///
    /// # Panics
    /// If the point is not of the space.
    pub(super) fn curve(&self, point: &Point) -> Vec<f64> {
        // Corners of the cell with their weights.
        let mut corners = vec![(0, 1.0)];
        for axis in &self.axes {
            let sides = axis.sides(&point.0[&axis.name]);
            let with = |&(index, weight): &(usize, f64)| {
                let wide = index * axis.places.len();
                sides
                    .clone()
                    .into_iter()
                    .map(move |(at, share)| (wide + at, weight * share))
            };
            corners = corners.iter().flat_map(with).collect();
        }
        let at = |epoch: usize| {
            corners
                .iter()
                .map(|&(index, weight)| weight * self.curves[index][epoch])
                .sum()
        };
        (0..self.epochs.max as usize).map(at).collect()
    }

    /// At the end of a whole training.
    pub(super) fn value(&self, point: &Point) -> f64 {
        self.curve(point).last().copied().unwrap_or(0.0)
    }
}

impl Axis {
    /// The places beside a value, each with its share.
    fn sides(&self, value: &Value) -> Vec<(usize, f64)> {
        let number = match value {
            Value::Real(real) => *real,
            Value::Integer(whole) => *whole as f64,
            Value::Switch(_) | Value::Text(_) => panic!("{} = {value} is no number", self.name),
        };
        let (place, last) = (placed(self.is_log, number), self.places.len() - 1);
        if self.is_choice {
            let at = self.places.iter().position(|&other| other == place);
            return vec![(at.expect("a choice is one of the grid's"), 1.0)];
        }
        let after = (1..last).find(|&at| place < self.places[at]).unwrap_or(last);
        let (low, high) = (self.places[after - 1], self.places[after]);
        let share = ((place - low) / (high - low)).clamp(0.0, 1.0);
        vec![(after - 1, 1.0 - share), (after, share)]
    }
}

fn placed(is_log: bool, value: f64) -> f64 {
    if is_log { value.ln() } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_of_the_grid_has_its_curve_and_one_between_two_their_mean() {
        let surrogate = Surrogate::read().unwrap();
        let at = |learning_rate: f64| -> Point {
            let rest = "momentum = 0.5\nweight_decay = 1e-5\nbatch_size = 32\nlabel_smoothing = 0.0";
            toml::from_str(&format!("learning_rate = {learning_rate}\n{rest}")).unwrap()
        };
        let [low, middle, high] = [0.004, 0.008, 0.016].map(|rate| surrogate.curve(&at(rate)));
        assert_eq!((low[0], low[8]), (0.068, 0.1435));
        for ((low, middle), high) in low.iter().zip(&middle).zip(&high) {
            assert!((middle - 0.5 * (low + high)).abs() < 1e-12);
        }
        assert!(surrogate.best > high[8]);
    }

    #[test]
    fn a_grid_with_a_hole_is_refused() {
        let text = std::fs::read_to_string(path()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let refused = Surrogate::of(&lines[..lines.len() - 1].join("\n")).map(|_| ());
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("lacks a point"), "{refused}");
    }
}
