//! The answer of a build: every feasible format with its cost and accuracy, and questions to it.

mod assemble;
mod bytes;
mod nets;
mod strategies;
mod trials;

use crate::build::BuildId;
use crate::embedding::EmbeddingFacts;
use crate::format::Format;
use crate::profile::InferenceTime;
use crate::task::{EpochPoint, Jpeg};
use serde::{Deserialize, Serialize};

pub use assemble::{Findings, TrainedLink, best_batch};
pub use bytes::{BytesRead, TrainingBytes};
pub use nets::{NetCandidate, NetSearchFacts, NetStanding};
pub use strategies::{CriticalPath, StrategyFacts, StrategyTraining, critical_path};
pub use trials::{BestTrial, Scored, SearchFacts, SearchFound, TrialFacts, TrialStanding};

/// Everything a finished (or running) build can say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Which build.
    pub build: BuildId,
    /// Dataset the build is about, by name.
    pub dataset: String,
    /// Hardware class of every time.
    pub hardware: String,
    /// Images of a profile's batch.
    pub batch: u32,
    /// Validation images behind every measured accuracy.
    pub validation_images: u32,
    /// Every feasible format whose profile is known, densest first.
    pub candidates: Vec<Candidate>,
    /// The JPEG baseline.
    pub baselines: Vec<Baseline>,
    /// The buckets, fastest first.
    pub buckets: Vec<BucketFacts>,
    /// The chain in order of training.
    pub chain: Vec<ChainLink>,
    /// Where strategies are compared: the build's own, then each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strategies: Vec<StrategyFacts>,
    /// What a search by embedding found, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<EmbeddingFacts>,
    /// The search over nets, once it has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nets: Option<NetSearchFacts>,
    /// The search over hyper-parameters, once it has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hyper: Option<SearchFacts>,
    /// What is missing because it failed, in words.
    pub missing: Vec<String>,
}

/// One format with what it costs and what it is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The format.
    pub format: Format,
    /// Index of its bucket, fastest first.
    pub bucket: usize,
    /// Inference time by the batch, µs per image: read + decode + transfer + execute, median.
    pub time_us: f64,
    /// The same, 95th percentile.
    pub time_us_p95: f64,
    /// Inference time of one image alone, µs, median.
    pub latency_us: f64,
    /// The same, 95th percentile.
    pub latency_us_p95: f64,
    /// Where `time_us` goes.
    pub parts: InferenceTime,
    /// Bytes per image in columns.
    pub bytes: f64,
    /// Bytes of a single-image file.
    pub image_bytes: f64,
    /// Measured accuracy where the format was trained, else predicted; 0 to 1. Absent while nothing is trained.
    pub accuracy: Option<f64>,
    /// Lower end of its 95 % interval.
    pub accuracy_low: Option<f64>,
    /// Upper end of its 95 % interval.
    pub accuracy_high: Option<f64>,
    /// Whether `accuracy` was measured by a training.
    pub measured: bool,
    /// What the performance model expects, trained or not.
    pub accuracy_predicted: Option<f64>,
}

/// The JPEG baseline: the same net on pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Which files.
    pub jpeg: Jpeg,
    /// Inference time by the batch, µs per image, median.
    pub time_us: f64,
    /// The same, 95th percentile.
    pub time_us_p95: f64,
    /// Inference time of one image alone, µs, median.
    pub latency_us: f64,
    /// Where `time_us` goes.
    pub parts: InferenceTime,
    /// Bytes per image.
    pub bytes: f64,
    /// Accuracy of the net trained on pixels from scratch, 0 to 1.
    pub accuracy: Option<f64>,
}

/// One bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketFacts {
    /// Formats in it.
    pub formats: usize,
    /// Inference time of its fastest format, µs.
    pub time_us_low: f64,
    /// Inference time of its slowest format, µs.
    pub time_us_high: f64,
    /// In which round formats of it were first chosen for training, from 1.
    pub round: Option<usize>,
    /// In which round it was refined last, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refined: Option<usize>,
    /// Formats of it that were trained.
    #[serde(default)]
    pub trained: usize,
    /// Best accuracy measured in it.
    pub best_measured: Option<f64>,
    /// Best accuracy by linear interpolation between sampled buckets.
    pub best_interpolated: Option<f64>,
}

/// One training of the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainLink {
    /// What was trained.
    pub format: Format,
    /// Whose weights it started from; none: from scratch.
    pub parent: Option<Format>,
    /// Round it belongs to, from 1.
    pub round: usize,
    /// Bucket of the format.
    pub bucket: usize,
    /// Validation accuracy.
    pub accuracy: f64,
    /// Test accuracy, where the build has test images.
    pub test_accuracy: Option<f64>,
    /// Key of the weights in the base.
    pub weights: String,
    /// Digest of the weights.
    pub weights_digest: crate::digest::Digest,
    /// Seconds of training.
    pub seconds: f64,
    /// Bytes it asked the base for.
    #[serde(default)]
    pub bytes_read: u64,
    /// Images per step, where memory did not suffice for as many as planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_halved_to: Option<u32>,
    /// One point per epoch.
    pub curve: Vec<EpochPoint>,
}

/// A question: which formats keep these budgets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Query {
    /// Most µs per image (median, by the batch).
    pub time_us: Option<f64>,
    /// Most bytes per image.
    pub bytes: Option<f64>,
    /// Least accuracy.
    pub min_accuracy: Option<f64>,
}

/// A budget of the ladder with the format recommended for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rung<'a> {
    /// The budget.
    pub query: Query,
    /// The most accurate format within it, if any fits.
    pub recommended: Option<&'a Candidate>,
}

impl Query {
    /// Whether a format keeps every budget. A format without an accuracy keeps no least accuracy.
    pub fn admits(&self, candidate: &Candidate) -> bool {
        self.time_us.is_none_or(|budget| candidate.time_us <= budget)
            && self.bytes.is_none_or(|budget| candidate.bytes <= budget)
            && self
                .min_accuracy
                .is_none_or(|least| candidate.accuracy.is_some_and(|accuracy| accuracy >= least))
    }
}

impl Answer {
    /// The formats that keep the budgets, best first: more accurate, then faster, then smaller.
    pub fn within(&self, query: Query) -> Vec<&Candidate> {
        let mut admitted: Vec<&Candidate> = self
            .candidates
            .iter()
            .filter(|candidate| query.admits(candidate))
            .collect();
        let accuracy = |candidate: &Candidate| candidate.accuracy.unwrap_or(-1.0);
        admitted.sort_by(|a, b| {
            let better = accuracy(b).total_cmp(&accuracy(a));
            better
                .then(a.time_us.total_cmp(&b.time_us))
                .then(a.bytes.total_cmp(&b.bytes))
                .then(a.format.cmp(&b.format))
        });
        admitted
    }

    /// The Pareto front over accuracy, time and bytes, fastest first: the formats that no other format beats or
    /// equals in all three and beats in one.
    pub fn front(&self) -> Vec<&Candidate> {
        let known: Vec<&Candidate> = self
            .candidates
            .iter()
            .filter(|candidate| candidate.accuracy.is_some())
            .collect();
        let mut front: Vec<&Candidate> = known
            .iter()
            .copied()
            .filter(|candidate| !known.iter().any(|other| dominates(other, candidate)))
            .collect();
        front.sort_by(|a, b| a.time_us.total_cmp(&b.time_us).then(a.format.cmp(&b.format)));
        front
    }

    /// The recommended format for each time budget (any size) and each space budget (any time). Empty lists mean a
    /// ladder: the budgets that 1/16, 1/8, 1/4, 1/2 and all of the formats keep.
    pub fn ladder(&self, times_us: &[f64], spaces: &[f64]) -> Vec<Rung<'_>> {
        let rungs = |given: &[f64], of: fn(&Candidate) -> f64| {
            if !given.is_empty() {
                return given.to_vec();
            }
            let mut values: Vec<f64> = self.candidates.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            let last = |share: usize| {
                values
                    .len()
                    .div_ceil(share)
                    .checked_sub(1)
                    .map(|index| values[index])
            };
            let mut rungs: Vec<f64> = [16, 8, 4, 2, 1].into_iter().filter_map(last).collect();
            // Of few formats several parts end with the same one.
            rungs.dedup();
            rungs
        };
        let times = rungs(times_us, |candidate| candidate.time_us).into_iter();
        let times = times.map(|time| Query {
            time_us: Some(time),
            ..Query::default()
        });
        let spaces = rungs(spaces, |candidate| candidate.bytes).into_iter();
        let spaces = spaces.map(|bytes| Query {
            bytes: Some(bytes),
            ..Query::default()
        });
        let best = |query: Query| {
            self.within(query)
                .into_iter()
                .find(|candidate| candidate.accuracy.is_some())
        };
        times
            .chain(spaces)
            .map(|query| Rung {
                query,
                recommended: best(query),
            })
            .collect()
    }

    /// The fastest time and the smallest size any format has: what to name when a budget fits nothing.
    pub fn least(&self) -> Option<(f64, f64)> {
        let least = |of: fn(&Candidate) -> f64| self.candidates.iter().map(of).min_by(f64::total_cmp);
        Some((
            least(|candidate| candidate.time_us)?,
            least(|candidate| candidate.bytes)?,
        ))
    }
}

fn dominates(a: &Candidate, b: &Candidate) -> bool {
    let accuracy = |candidate: &Candidate| candidate.accuracy.unwrap_or(-1.0);
    let no_worse = a.time_us <= b.time_us && a.bytes <= b.bytes && accuracy(a) >= accuracy(b);
    no_worse && (a.time_us < b.time_us || a.bytes < b.bytes || accuracy(a) > accuracy(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(format: &str, time_us: f64, bytes: f64, accuracy: f64) -> Candidate {
        let parts = InferenceTime {
            read_us: 0.0,
            decode_us: 0.0,
            transfer_us: 0.0,
            execute_us: time_us,
        };
        Candidate {
            format: format.parse().unwrap(),
            bucket: 0,
            time_us,
            time_us_p95: time_us,
            latency_us: time_us,
            latency_us_p95: time_us,
            parts,
            bytes,
            image_bytes: bytes,
            accuracy: Some(accuracy),
            accuracy_low: None,
            accuracy_high: None,
            measured: true,
            accuracy_predicted: None,
        }
    }

    fn answer() -> Answer {
        Answer {
            build: BuildId("b".into()),
            dataset: "d".into(),
            hardware: "h".into(),
            batch: 1,
            validation_images: 100,
            candidates: vec![
                candidate("1x1-b8-k8-q20", 100.0, 1000.0, 0.90),
                candidate("1x1-b8-k4-q20", 50.0, 500.0, 0.92),
                candidate("1x1-b8-k1-q20", 10.0, 600.0, 0.60),
                candidate("1x1-b8-k2-q20", 20.0, 100.0, 0.60),
            ],
            baselines: vec![],
            buckets: vec![],
            chain: vec![],
            strategies: vec![],
            embedding: None,
            nets: None,
            hyper: None,
            missing: vec![],
        }
    }

    #[test]
    fn the_front_holds_what_nothing_beats() {
        let answer = answer();
        let front: Vec<String> = answer
            .front()
            .iter()
            .map(|candidate| candidate.format.to_string())
            .collect();
        assert_eq!(front, ["1x1-b8-k1-q20", "1x1-b8-k2-q20", "1x1-b8-k4-q20"]);
    }

    #[test]
    fn budgets_admit_and_order_by_accuracy_then_time() {
        let answer = answer();
        let formats = |query: Query| -> Vec<u16> {
            answer
                .within(query)
                .iter()
                .map(|candidate| candidate.format.keep())
                .collect()
        };
        assert_eq!(formats(Query::default()), [4, 8, 1, 2]);
        assert_eq!(
            formats(Query {
                time_us: Some(20.0),
                ..Query::default()
            }),
            [1, 2]
        );
        assert_eq!(
            formats(Query {
                bytes: Some(500.0),
                min_accuracy: Some(0.7),
                ..Query::default()
            }),
            [4]
        );
        assert!(
            formats(Query {
                time_us: Some(1.0),
                ..Query::default()
            })
            .is_empty()
        );
    }

    #[test]
    fn a_ladder_names_the_best_format_of_each_budget() {
        let answer = answer();
        let rungs = answer.ladder(&[20.0, 1.0], &[]);
        assert_eq!(rungs[0].recommended.unwrap().format.keep(), 1);
        assert!(rungs[1].recommended.is_none());
        // Of four formats the first three parts end with the first.
        assert_eq!(rungs.len(), 2 + 3);
    }
}
