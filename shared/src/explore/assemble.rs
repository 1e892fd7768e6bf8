//! Puts an answer together from what is known so far.

use super::{
    Answer, Baseline, BucketFacts, Candidate, ChainLink, NetSearchFacts, SearchFound, StrategyFacts,
};
use crate::bucket::Buckets;
use crate::build::Build;
use crate::chain::{Link, Strategy};
use crate::embedding::EmbeddingFacts;
use crate::format::Format;
use crate::performance::{PerformanceModel, bucket_maxima, measured};
use crate::profile::{AccessProfile, ExecuteProfile, InferenceTime};
use crate::task::{BatchTiming, Jpeg, Trained};
use crate::training::InputShape;
use std::collections::BTreeMap;

/// A link of the chain with what came out of it.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainedLink {
    /// What was trained, from what.
    pub link: Link,
    /// In which round, from 1.
    pub round: usize,
    /// What came out.
    pub trained: Trained,
}

/// What a build found out so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// Access profiles by format.
    pub access: BTreeMap<Format, AccessProfile>,
    /// Execution profiles by shape.
    pub execute: BTreeMap<InputShape, ExecuteProfile>,
    /// Access profiles of the JPEG baseline.
    pub jpegs: Vec<(Jpeg, AccessProfile)>,
    /// Images per step that trainings are planned with, where that is measured and known.
    pub batch: Option<u32>,
    /// The buckets, once the profile is whole.
    pub buckets: Option<Buckets>,
    /// Buckets chosen for sampling, with their round from 1; one that was refined and never sampled before counts too.
    pub sampled: Vec<(usize, usize)>,
    /// Buckets refined after that, with their round.
    pub refined: Vec<(usize, usize)>,
    /// Trainings of the chain, in order.
    pub chain: Vec<TrainedLink>,
    /// Trainings of the same formats by the strategies compared, in order.
    pub compared: Vec<(Strategy, Vec<TrainedLink>)>,
    /// The training on pixels.
    pub pixels: Option<Trained>,
    /// What a search by embedding found.
    pub embedding: Option<EmbeddingFacts>,
    /// The search over nets, once it has begun.
    pub nets: Option<NetSearchFacts>,
    /// The search over hyper-parameters, once it has begun.
    pub hyper: Option<SearchFound>,
    /// What failed for good, in words.
    pub missing: Vec<String>,
}

/// The batch to train with: the largest whose time per image is within 2 % of the least, so that the hardware is used
/// well and no more steps are lost to size than that needs.
pub fn best_batch(rows: &[BatchTiming]) -> Option<u32> {
    let least = rows.iter().map(|row| row.step.median_us).min_by(f64::total_cmp)?;
    let good = rows.iter().filter(|row| row.step.median_us <= 1.02 * least);
    good.map(|row| row.batch).max()
}

impl Findings {
    /// Median inference time of a format by the batch, µs per image, if its profile is known.
    pub fn time_us(&self, build: &Build, format: Format) -> Option<f64> {
        let access = self.access.get(&format)?;
        let execute = self.execute.get(&build.shape(format))?;
        Some(InferenceTime::median(&access.batch, &execute.batch).total_us())
    }

    /// The answer these findings give. `feasible` are the formats of the build's space, densest first.
    pub fn answer(&self, build: &Build, feasible: &[Format]) -> Answer {
        let images = build.images.validation;
        let accuracies: Vec<(Format, f64)> = self
            .chain
            .iter()
            .map(|link| (link.link.format, link.trained.accuracy))
            .collect();
        let by_format: BTreeMap<Format, f64> = accuracies.iter().copied().collect();
        let model = PerformanceModel::fit(&accuracies, images);
        let bucket_of: BTreeMap<Format, usize> = self
            .buckets
            .iter()
            .flat_map(|buckets| buckets.iter().map(|(index, format)| (format, index)))
            .collect();

        let candidate = |&format: &Format| {
            let (access, execute) = (self.access.get(&format)?, self.execute.get(&build.shape(format))?);
            let parts = InferenceTime::median(&access.batch, &execute.batch);
            let predicted = model.as_ref().map(|model| model.predict(format));
            let found = by_format.get(&format).map(|&accuracy| measured(accuracy, images));
            let best = found.or(predicted);
            Some(Candidate {
                format,
                bucket: bucket_of.get(&format).copied().unwrap_or(0),
                time_us: parts.total_us(),
                time_us_p95: InferenceTime::p95(&access.batch, &execute.batch).total_us(),
                latency_us: InferenceTime::median(&access.single, &execute.single).total_us(),
                latency_us_p95: InferenceTime::p95(&access.single, &execute.single).total_us(),
                parts,
                bytes: access.batch.bytes,
                image_bytes: access.single.bytes,
                accuracy: best.map(|prediction| prediction.accuracy),
                accuracy_low: best.map(|prediction| prediction.low),
                accuracy_high: best.map(|prediction| prediction.high),
                measured: found.is_some(),
                accuracy_predicted: predicted.map(|prediction| prediction.accuracy),
            })
        };
        Answer {
            build: build.id(),
            dataset: build.dataset_name.clone(),
            hardware: build.hardware.clone(),
            batch: build.batch,
            validation_images: images,
            candidates: feasible.iter().filter_map(candidate).collect(),
            baselines: self.baselines(build),
            buckets: self.bucket_facts(build, &accuracies),
            chain: self
                .chain
                .iter()
                .map(|link| chain_link(link, &bucket_of))
                .collect(),
            strategies: self.strategies(build),
            embedding: self.embedding.clone(),
            nets: self.nets.clone(),
            hyper: self.hyper.as_ref().map(|found| found.facts.clone()),
            missing: self.missing.clone(),
        }
    }

    fn strategies(&self, build: &Build) -> Vec<StrategyFacts> {
        if self.compared.is_empty() {
            return Vec::new();
        }
        let others = self.compared.iter();
        let others = others.map(|(strategy, links)| (*strategy, links));
        // Refinements are trained by the build's own strategy alone: they compare with nothing.
        let first_refined = self.refined.iter().map(|(_, round)| *round).min();
        let compared = self
            .chain
            .iter()
            .filter(|link| first_refined.is_none_or(|first| link.round < first));
        let own: Vec<TrainedLink> = compared.cloned().collect();
        let all = std::iter::once((build.strategy, &own)).chain(others);
        all.map(|(strategy, links)| StrategyFacts::of(build, strategy, links))
            .collect()
    }

    /// The round after all those decided so far.
    pub fn next_round(&self) -> usize {
        let rounds = self.sampled.iter().chain(&self.refined);
        1 + rounds.map(|(_, round)| *round).max().unwrap_or(0)
    }

    fn baselines(&self, build: &Build) -> Vec<Baseline> {
        let Some(execute) = self.execute.get(&build.pixel_shape()) else {
            return Vec::new();
        };
        let baseline = |(jpeg, access): &(Jpeg, AccessProfile)| {
            let parts = InferenceTime::median(&access.batch, &execute.batch);
            Baseline {
                jpeg: *jpeg,
                time_us: parts.total_us(),
                time_us_p95: InferenceTime::p95(&access.batch, &execute.batch).total_us(),
                latency_us: InferenceTime::median(&access.single, &execute.single).total_us(),
                parts,
                bytes: access.batch.bytes,
                accuracy: self.pixels.as_ref().map(|trained| trained.accuracy),
            }
        };
        self.jpegs.iter().map(baseline).collect()
    }

    fn bucket_facts(&self, build: &Build, accuracies: &[(Format, f64)]) -> Vec<BucketFacts> {
        let Some(buckets) = &self.buckets else {
            return Vec::new();
        };
        let interpolated = bucket_maxima(buckets, accuracies);
        let facts = |index: usize| {
            let formats = buckets.formats(index);
            let time = |format: Option<&Format>| {
                format
                    .and_then(|&format| self.time_us(build, format))
                    .unwrap_or(0.0)
            };
            let inside = accuracies.iter().filter(|(format, _)| formats.contains(format));
            let of_bucket = |rounds: &[(usize, usize)]| {
                let inside = rounds.iter().filter(|(bucket, _)| *bucket == index);
                inside.map(|(_, round)| *round).collect::<Vec<_>>()
            };
            BucketFacts {
                formats: formats.len(),
                time_us_low: time(formats.first()),
                time_us_high: time(formats.last()),
                round: of_bucket(&self.sampled).into_iter().min(),
                refined: of_bucket(&self.refined).into_iter().max(),
                trained: inside.clone().count(),
                best_measured: inside.map(|(_, accuracy)| *accuracy).max_by(f64::total_cmp),
                best_interpolated: interpolated[index],
            }
        };
        (0..buckets.len()).map(facts).collect()
    }
}

fn chain_link(link: &TrainedLink, bucket_of: &BTreeMap<Format, usize>) -> ChainLink {
    ChainLink {
        format: link.link.format,
        parent: link.link.parent,
        round: link.round,
        bucket: bucket_of.get(&link.link.format).copied().unwrap_or(0),
        accuracy: link.trained.accuracy,
        test_accuracy: link.trained.test_accuracy,
        weights: link.trained.weights.key.clone(),
        weights_digest: link.trained.weights.digest,
        seconds: link.trained.seconds,
        bytes_read: link.trained.bytes_read,
        batch_halved_to: link.trained.batch_halved_to,
        curve: link.trained.curve.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Timing;

    #[test]
    fn the_largest_batch_that_is_as_fast_as_any_is_chosen() {
        let rows = |times: &[(u32, f64)]| -> Vec<BatchTiming> {
            let row = |&(batch, us): &(u32, f64)| BatchTiming {
                batch,
                step: Timing {
                    median_us: us,
                    p95_us: us,
                    repeats: 3,
                },
            };
            times.iter().map(row).collect()
        };
        let falling = rows(&[
            (16, 9.0),
            (32, 5.0),
            (64, 4.05),
            (128, 4.0),
            (256, 4.07),
            (512, 4.2),
        ]);
        assert_eq!(best_batch(&falling), Some(256));
        assert_eq!(best_batch(&rows(&[(16, 1.0), (32, 2.0)])), Some(16));
        assert_eq!(best_batch(&[]), None);
    }
}
