//! Which net is worth its training: an ensemble of small networks that learn from those trained what others will come to.
//!
//! White, Neiswanger and Savani, "BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture Search"
//! (AAAI 2021): an ensemble of five feed-forward networks, candidates that are small changes of the best nets so far, and
//! independent Thompson sampling (their algorithm 1), which chooses several at once without making them all alike. That
//! nets trained at random suffice to begin with is also Wen et al., "Neural Predictor for Neural Architecture Search"
//! (ECCV 2020). Unlike there, what is predicted from is how far up the lists of the space each choice stands, beside the
//! zero-cost proxies, where a net has them: in White et al., "How Powerful are Performance Predictors in Neural
//! Architecture Search?" (NeurIPS 2021), section 4, both together predict better than either.

mod network;
#[cfg(test)]
mod tests;

use super::draw::Draws;
use super::nets::NetSpace;
use super::{Point, TrialId};
use crate::task::Proxies;
use network::Network;

const NETWORKS: u32 = 5;
/// Results with which prediction begins; before, nets are trained at random (BANANAS, algorithm 1: t0 = 10).
pub(super) const RESULTS_MIN: usize = 10;
/// Trained nets that candidates are changes of.
const BEST: usize = 8;
/// Features are cut off at so many deviations: beyond what was trained, nothing is known.
const FEATURE_MAX: f64 = 4.0;
/// Part of a mean that may be nothing but rounding.
const ROUNDING: f64 = 1e-12;
/// Draws for each candidate before a space is taken to have no more.
const DRAWS_MAX: u32 = 16;
/// A space of no more nets is gone through for those left.
const COUNTED_MAX: u64 = 4096;

/// A net that was trained, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The net's point of the space.
    pub point: Point,
    /// What was seen of it untrained, if anyone looked.
    pub proxies: Option<Proxies>,
    /// Share of validation images classified rightly.
    pub accuracy: f64,
}

/// Predicts the accuracy of the nets of a space.
#[derive(Clone, Debug)]
pub struct Predictor<'a> {
    space: &'a NetSpace,
    /// Mean and deviation of each feature over the trained nets.
    features: Vec<(f64, f64)>,
    /// The same of their accuracies.
    accuracies: (f64, f64),
    networks: Vec<Network>,
}

/// What a net is expected to come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Mean over the networks.
    pub accuracy: f64,
    /// How far they disagree.
    pub deviation: f64,
}

impl<'a> Predictor<'a> {
    /// Learns from the nets of the space that were trained; none where they are too few or all came to the same.
    pub fn fit(space: &'a NetSpace, judged: &[Judged], seed: u64) -> Option<Predictor<'a>> {
        let mut judged: Vec<&Judged> = judged.iter().filter(|net| net.accuracy.is_finite()).collect();
        // Sums depend on their order.
        judged.sort_by_cached_key(|net| net.point.to_string());
        let mut rows = Vec::new();
        for net in judged {
            rows.extend(features(space, &net.point, net.proxies.as_ref()).map(|row| (row, net.accuracy)));
        }
        if rows.len() < RESULTS_MIN {
            return None;
        }
        let of_rows = |at: usize| moments(rows.iter().map(|(row, _)| row[at]));
        let accuracies = moments(rows.iter().map(|(_, accuracy)| *accuracy));
        let mut predictor = Predictor {
            space,
            features: (0..rows[0].0.len()).map(of_rows).collect(),
            accuracies: (accuracies.1 > 0.0).then_some(accuracies)?,
            networks: Vec::new(),
        };
        let places: Vec<Vec<f64>> = rows.iter().map(|(row, _)| predictor.place(row)).collect();
        let (mean, deviation) = accuracies;
        let values: Vec<f64> = rows.iter().map(|(_, value)| (value - mean) / deviation).collect();
        let fitted = |number: u32| {
            let mut draws = Draws::of("network", seed, TrialId(number), rows.len() as u32);
            Network::fit(&places, &values, &mut draws)
        };
        predictor.networks = (0..NETWORKS).map(fitted).collect();
        Some(predictor)
    }

    /// Of a net, trained or not; none where it is not of the space.
    pub fn predict(&self, point: &Point, proxies: Option<&Proxies>) -> Option<Prediction> {
        let place = self.place(&features(self.space, point, proxies)?);
        let (mean, deviation) = moments(self.networks.iter().map(|network| network.at(&place)));
        Some(Prediction {
            accuracy: self.accuracies.0 + self.accuracies.1 * mean,
            deviation: self.accuracies.1 * deviation,
        })
    }

    /// Features by their deviations; what is not known or never differed is like the mean.
    fn place(&self, row: &[f64]) -> Vec<f64> {
        let standard = |(value, (mean, deviation)): (&f64, &(f64, f64))| match *deviation > 0.0 {
            true if value.is_finite() => ((value - mean) / deviation).clamp(-FEATURE_MAX, FEATURE_MAX),
            _ => 0.0,
        };
        row.iter().zip(&self.features).map(standard).collect()
    }
}

impl NetSpace {
    /// Nets that were not trained, at most so many, none twice: small changes of the best trained so far, and others drawn
    /// at random, turn about. The same for the same nets trained, in whatever order they are given.
    pub fn candidates(&self, judged: &[Judged], count: usize, seed: u64) -> Vec<Point> {
        let mut best: Vec<&Judged> = judged.iter().filter(|net| net.accuracy.is_finite()).collect();
        best.sort_by_cached_key(|net| net.point.to_string());
        best.sort_by(|a, b| b.accuracy.total_cmp(&a.accuracy));
        best.truncate(BEST);
        let mut found: Vec<Point> = Vec::new();
        let is_new = |found: &[Point], point: &Point| {
            !found.contains(point) && judged.iter().all(|net| net.point != *point)
        };
        for number in 0..count {
            for again in 0..DRAWS_MAX {
                let (trial, at) = (TrialId(number as u32), judged.len() as u32);
                let turn = Draws::of("candidate", seed, trial, at * DRAWS_MAX + again);
                let point = match best.is_empty() || number % 2 == 1 {
                    true => self.draw(seed, trial, at * DRAWS_MAX + again),
                    false => match self.changed(&best, turn) {
                        Some(point) => point,
                        None => continue,
                    },
                };
                if is_new(&found, &point) {
                    found.push(point);
                    break;
                }
            }
        }
        if let Some(all) = self.count().filter(|&all| all <= COUNTED_MAX) {
            let mut left = (0..all).filter_map(|index| self.nth(index));
            while found.len() < count
                && let Some(point) = left.next()
            {
                if is_new(&found, &point) {
                    found.push(point);
                }
            }
        }
        found
    }

    /// Which of some candidates to train next, at most so many, the most promising first: by independent Thompson sampling
    /// where enough is known to predict, in the order given before.
    pub fn propose(
        &self,
        judged: &[Judged],
        candidates: &[(Point, Option<Proxies>)],
        count: usize,
        seed: u64,
    ) -> Vec<Point> {
        let Some(predictor) = Predictor::fit(self, judged, seed) else {
            let first = candidates.iter().take(count);
            return first.map(|(point, _)| point.clone()).collect();
        };
        let mut scored: Vec<(f64, &Point)> = Vec::new();
        for (number, (point, proxies)) in (0..).zip(candidates) {
            let Some(prediction) = predictor.predict(point, proxies.as_ref()) else {
                continue;
            };
            let mut draws = Draws::of("thompson", seed, TrialId(number), judged.len() as u32);
            let drawn = prediction.accuracy + prediction.deviation * normal(&mut draws);
            scored.push((drawn, point));
        }
        // Stable: equals stay in the order given.
        scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let first = scored.into_iter().take(count);
        first.map(|(_, point)| point.clone()).collect()
    }

    /// One of the best with one choice made otherwise; none where that makes no difference.
    fn changed(&self, best: &[&Judged], mut draws: Draws) -> Option<Point> {
        let parent = &best[draws.below(best.len())].point;
        let parameters = self.parameters();
        let places: Vec<f64> = parameters.0.iter().map(|_| draws.unit()).collect();
        // What the parent does not have, its child may come to have.
        let mut child = parameters.decode(&places);
        let (name, drawn) = child
            .0
            .iter()
            .nth(draws.below(child.0.len()))
            .map(|(name, value)| (name.clone(), value.clone()))?;
        child.0.extend(parent.0.clone());
        child.0.insert(name, drawn);
        self.trimmed(&child).filter(|child| child != parent)
    }
}

/// What is predicted from: the choices, then the proxies.
fn features(space: &NetSpace, point: &Point, proxies: Option<&Proxies>) -> Option<Vec<f64>> {
    let mut row = space.features(point)?;
    row.extend(proxies.map_or([f64::NAN; 4], Proxies::all));
    Some(row)
}

/// Mean and deviation of the numbers that are any; equal numbers have none, whatever rounding makes of their mean.
fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let values = values.filter(|value| value.is_finite());
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    let squares = values.map(|value| (value - mean) * (value - mean));
    let deviation = (squares.sum::<f64>() / count).sqrt();
    (
        mean,
        if deviation > ROUNDING * mean.abs() {
            deviation
        } else {
            0.0
        },
    )
}

/// Nearly normal, from sums alone: the same on every machine.
fn normal(draws: &mut Draws) -> f64 {
    (0..12).map(|_| draws.unit()).sum::<f64>() - 6.0
}
