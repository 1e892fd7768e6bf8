//! Transfer strategies side by side: what the same formats came to, and what it cost.

use super::TrainedLink;
use crate::build::Build;
use crate::chain::Strategy;
use crate::format::Format;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The longest sequence of trainings that wait for one another: what no number of workers shortens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CriticalPath {
    /// Trainings that wait for one another.
    pub trainings: usize,
    /// Their cost in epochs on pixels.
    pub cost: f64,
}

/// What one strategy came to. Cost is told as if it had been trained alone; a training two strategies share is done
/// once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrategyFacts {
    /// Which.
    pub strategy: Strategy,
    /// Its trainings, in order.
    pub trainings: Vec<StrategyTraining>,
    /// Their cost in epochs on pixels: see [`Build::epoch_cost`].
    pub cost_epochs: f64,
    /// Seconds of training.
    pub seconds: f64,
    /// The most of them that waited for one another.
    pub in_sequence: usize,
}

/// One training of a strategy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrategyTraining {
    /// What was trained.
    pub format: Format,
    /// Whose weights it started from, if any format's.
    pub parent: Option<Format>,
    /// Validation accuracy.
    pub accuracy: f64,
    /// Test accuracy, where the build has test images.
    pub test_accuracy: Option<f64>,
}

impl StrategyFacts {
    pub(super) fn of(build: &Build, strategy: Strategy, links: &[TrainedLink]) -> StrategyFacts {
        let training = |link: &TrainedLink| StrategyTraining {
            format: link.link.format,
            parent: link.link.parent,
            accuracy: link.trained.accuracy,
            test_accuracy: link.trained.test_accuracy,
        };
        let costs = links.iter().map(|link| build.link_cost(&link.link));
        StrategyFacts {
            strategy,
            trainings: links.iter().map(training).collect(),
            cost_epochs: costs.sum(),
            seconds: links.iter().map(|link| link.trained.seconds).sum(),
            in_sequence: critical_path(build, links).trainings,
        }
    }

    /// Mean validation accuracy.
    pub fn mean(&self) -> Option<f64> {
        mean(self.trainings.iter().map(|training| training.accuracy))
    }

    /// The best validation accuracy and the format that has it.
    pub fn best(&self) -> Option<(Format, f64)> {
        let all = self
            .trainings
            .iter()
            .map(|training| (training.format, training.accuracy));
        all.max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// How much more accurate it is than another, in the mean over the formats that both trained; and how many those
    /// are.
    pub fn difference(&self, other: &StrategyFacts) -> Option<(f64, usize)> {
        let others = other.trainings.iter();
        let others: BTreeMap<Format, f64> = others
            .map(|training| (training.format, training.accuracy))
            .collect();
        let both = self.trainings.iter();
        let both: Vec<f64> = both
            .filter_map(|training| Some(training.accuracy - others.get(&training.format)?))
            .collect();
        Some((mean(both.iter().copied())?, both.len()))
    }
}

/// The critical path of trainings, round after round: a round waits for all of the one before it. A parent comes before
/// its children.
pub fn critical_path(build: &Build, links: &[TrainedLink]) -> CriticalPath {
    let mut rounds: BTreeMap<usize, CriticalPath> = BTreeMap::new();
    let mut paths: BTreeMap<Format, (usize, CriticalPath)> = BTreeMap::new();
    for link in links {
        let parent = link.link.parent.and_then(|parent| paths.get(&parent));
        let before = parent.filter(|(round, _)| *round == link.round);
        let before = before.map_or(CriticalPath::default(), |(_, path)| *path);
        let path = CriticalPath {
            trainings: before.trainings + 1,
            cost: before.cost + build.link_cost(&link.link),
        };
        paths.insert(link.link.format, (link.round, path));
        let longest = rounds.entry(link.round).or_default();
        longest.trainings = longest.trainings.max(path.trainings);
        longest.cost = longest.cost.max(path.cost);
    }
    CriticalPath {
        trainings: rounds.values().map(|path| path.trainings).sum(),
        cost: rounds.values().map(|path| path.cost).sum(),
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(strategy: Strategy, accuracies: &[(&str, f64)]) -> StrategyFacts {
        let training = |&(format, accuracy): &(&str, f64)| StrategyTraining {
            format: format.parse().unwrap(),
            parent: None,
            accuracy,
            test_accuracy: None,
        };
        StrategyFacts {
            strategy,
            trainings: accuracies.iter().map(training).collect(),
            cost_epochs: 1.0,
            seconds: 1.0,
            in_sequence: 1,
        }
    }

    #[test]
    fn strategies_are_compared_over_the_formats_both_trained() {
        let main = facts(
            Strategy::DenseToSparse,
            &[("1x1-b8-k8-q20", 0.9), ("1x1-b8-k4-q20", 0.5)],
        );
        let other = facts(
            Strategy::Scratch,
            &[("1x1-b8-k4-q20", 0.75), ("1x1-b8-k1-q20", 0.25)],
        );
        assert_eq!(other.difference(&main), Some((0.25, 1)));
        assert_eq!(other.mean(), Some(0.5));
        assert_eq!(main.best(), Some(("1x1-b8-k8-q20".parse().unwrap(), 0.9)));
        let none = facts(Strategy::FromDensest, &[]);
        assert_eq!(
            (none.difference(&main), none.mean(), none.best()),
            (None, None, None)
        );
    }
}
