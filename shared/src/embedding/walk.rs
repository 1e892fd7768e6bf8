//! The walk from the densest format to ever cheaper ones.

use super::vectors::{common, cosine, unit};
use crate::bucket::Buckets;
use crate::format::Format;
use crate::task::FormatVector;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a format costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FormatCost {
    /// The format.
    pub format: Format,
    /// Inference time of an image, µs.
    pub time_us: f64,
    /// Stored bytes of an image.
    pub bytes: f64,
}

/// A recommended format, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The format.
    pub format: Format,
    /// Inference time of an image, µs.
    pub time_us: f64,
    /// Stored bytes of an image.
    pub bytes: f64,
    /// Its bucket of inference time, the fastest 0.
    pub bucket: usize,
    /// Formats of that bucket the walk could take: those cheaper than the densest.
    pub of: usize,
    /// Its place among them by agreement, from 1.
    pub rank: usize,
    /// Cosine to what all formats see in common: by this it was chosen.
    pub agreement: f64,
    /// Cosine to the densest format.
    pub to_densest: f64,
    /// Cosine to the step before; of the first, which is the densest, 1.
    pub to_previous: f64,
}

/// Why there is nothing to walk over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// A vector that is no vector.
    #[error(
        "the vector of {format} has {found} finite numbers where {expected} are expected; embed the formats again"
    )]
    Vector {
        /// Whose.
        format: Format,
        /// Finite numbers it has.
        found: usize,
        /// Numbers of the first vector.
        expected: usize,
    },
    /// A format without a vector.
    #[error("{format} has no vector; embed it together with the others")]
    NoVector {
        /// Which.
        format: Format,
    },
    /// A format without a cost, or with one that is no number.
    #[error("{format} has no time; profile it first")]
    NoTime {
        /// Which.
        format: Format,
    },
}

/// The walk: from `densest`, in each of `count` buckets of inference time from the slowest to the fastest, to the format that
/// agrees most with all formats (ties: the one more like the step before, then the faster); and from the last of them to the
/// fastest format, so that every budget a format can keep has an answer.
///
/// Each step is faster than the one before; of equally fast ones the sparser counts as faster. Of the buckets only formats faster
/// than the densest are taken. Formats without a cost have a say in what all agree on, but are not walked to.
pub fn trace(
    rows: &[FormatVector],
    densest: Format,
    costs: &[FormatCost],
    count: usize,
) -> Result<Vec<Step>, TraceError> {
    let expected = rows.first().map_or(0, |row| row.vector.len());
    let mut vectors = BTreeMap::new();
    for row in rows {
        let found = row.vector.iter().filter(|number| number.is_finite()).count();
        if row.vector.len() != expected || found != expected {
            let format = row.format;
            return Err(TraceError::Vector {
                format,
                found,
                expected,
            });
        }
        vectors.insert(row.format, unit(row));
    }
    let mut known = BTreeMap::new();
    for cost in costs {
        let format = cost.format;
        if !cost.time_us.is_finite() {
            return Err(TraceError::NoTime { format });
        }
        if !vectors.contains_key(&format) {
            return Err(TraceError::NoVector { format });
        }
        known.insert(format, *cost);
    }
    if !known.contains_key(&densest) {
        return Err(TraceError::NoTime { format: densest });
    }
    let times: Vec<(Format, f64)> = known.values().map(|cost| (cost.format, cost.time_us)).collect();
    let walk = Walk {
        buckets: Buckets::cut(&times, count.max(1)),
        common: common(&vectors),
        vectors,
        costs: known,
        densest,
    };
    Ok(walk.steps())
}

/// The step to take within a time budget: the one that agrees most among those that keep it, of equal ones the faster.
pub fn best_within(steps: &[Step], time_us: f64) -> Option<&Step> {
    let within = steps.iter().filter(|step| step.time_us <= time_us);
    within.max_by(|a, b| {
        a.agreement
            .total_cmp(&b.agreement)
            .then(b.time_us.total_cmp(&a.time_us))
    })
}

struct Walk {
    buckets: Buckets,
    common: Vec<f64>,
    vectors: BTreeMap<Format, Vec<f64>>,
    costs: BTreeMap<Format, FormatCost>,
    densest: Format,
}

impl Walk {
    fn steps(&self) -> Vec<Step> {
        let order: Vec<(usize, Format)> = self.buckets.iter().collect();
        let start = order.iter().position(|(_, format)| *format == self.densest);
        let faster = &order[..start.unwrap_or(0)];
        let mut steps: Vec<Step> = Vec::new();
        if let Some(&(bucket, _)) = start.and_then(|start| order.get(start)) {
            // Its own bucket's formats that are faster, and itself.
            let mut peers: Vec<Format> = of_bucket(faster, bucket).collect();
            peers.push(self.densest);
            steps.push(self.step(self.densest, self.densest, bucket, &peers));
        }
        for bucket in (0..self.buckets.len()).rev() {
            let there: Vec<Format> = of_bucket(faster, bucket).collect();
            let Some(previous) = steps.last().map(|step| step.format) else {
                break;
            };
            let best = there.iter().copied().rev().max_by(|&a, &b| {
                let by = |format| (self.agreement(format), self.alike(format, previous));
                let ((a, like_a), (b, like_b)) = (by(a), by(b));
                a.total_cmp(&b).then(like_a.total_cmp(&like_b))
            });
            steps.extend(best.map(|best| self.step(best, previous, bucket, &there)));
        }
        if let (Some(&(bucket, fastest)), Some(last)) = (faster.first(), steps.last())
            && last.format != fastest
        {
            let there: Vec<Format> = of_bucket(faster, bucket).collect();
            let end = self.step(fastest, last.format, bucket, &there);
            steps.push(end);
        }
        steps
    }

    fn step(&self, format: Format, previous: Format, bucket: usize, there: &[Format]) -> Step {
        let cost = &self.costs[&format];
        let agreement = self.agreement(format);
        let better = |other: &&Format| self.agreement(**other) > agreement;
        Step {
            format,
            time_us: cost.time_us,
            bytes: cost.bytes,
            bucket,
            of: there.len(),
            rank: 1 + there.iter().filter(better).count(),
            agreement,
            to_densest: self.alike(format, self.densest),
            to_previous: self.alike(format, previous),
        }
    }

    fn agreement(&self, format: Format) -> f64 {
        cosine(&self.vectors[&format], &self.common)
    }

    fn alike(&self, a: Format, b: Format) -> f64 {
        match a == b {
            true => 1.0,
            false => cosine(&self.vectors[&a], &self.vectors[&b]),
        }
    }
}

/// Those of one bucket, fastest first.
fn of_bucket(formats: &[(usize, Format)], bucket: usize) -> impl Iterator<Item = Format> + '_ {
    formats
        .iter()
        .filter(move |(of, _)| *of == bucket)
        .map(|(_, format)| *format)
}

#[cfg(test)]
mod tests;
