//! Buckets: formats of similar inference time, and which of them are sampled.
//!
//! The feasible formats are put in order of inference time and cut into N equal buckets (Sirin and Idreos, SIGMOD
//! 2024, the search section). Only the critical ones are sampled by training; the rule that names them is [`Choice`].

use crate::format::Format;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Least rise of a stretch that [`Choice::Bend`] counts, as a share of right answers.
const RISE_MIN: f64 = 0.005;

/// Formats in order of inference time, cut into equal parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    formats: Vec<Format>,
    bounds: Vec<Range<usize>>,
}

/// How the sampled buckets are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Both ends first, then one by one where the accuracy curve bends most: see [`next_round`].
    Bend,
    /// Evenly spaced, both ends among them.
    Uniform,
    /// Drawn at random from a seed.
    Random,
}

impl Buckets {
    /// Cuts formats, given with their inference time in µs, into `count` buckets, fastest first; sizes differ by at
    /// most one. Fewer formats than buckets give a bucket each. Equal times go by density, sparsest first.
    pub fn cut(times: &[(Format, f64)], count: usize) -> Buckets {
        let mut times = times.to_vec();
        times.sort_by(|(a, time_a), (b, time_b)| time_a.total_cmp(time_b).then(b.density_order(*a)));
        let formats: Vec<Format> = times.into_iter().map(|(format, _)| format).collect();
        let count = count.min(formats.len());
        let bound = |index: usize| index * formats.len() / count.max(1);
        let bounds = (0..count).map(|index| bound(index)..bound(index + 1)).collect();
        Buckets { formats, bounds }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.bounds.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bounds.is_empty()
    }

    /// The formats of bucket `index`, fastest first.
    pub fn formats(&self, index: usize) -> &[Format] {
        &self.formats[self.bounds[index].clone()]
    }

    /// All formats with the index of their bucket, fastest first.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Format)> + '_ {
        (0..self.len()).flat_map(|index| self.formats(index).iter().map(move |&format| (index, format)))
    }
}

/// The buckets to sample next, given those sampled so far with the best accuracy found in each; empty when `wanted`
/// are sampled or nothing is left.
///
/// [`Choice::Bend`] takes both ends, then the middle of the widest stretch between sampled neighbours, from then on
/// the middle of the stretch where linear interpolation is least to be trusted: the one with the largest
/// `bend × width × rise`. The bend is the larger change of slope (accuracy per bucket) at its two ends, the width is
/// in buckets, and the rise is the difference of accuracy between its ends, taken as at least half a point so that a
/// flat stretch is not above suspicion. Ties go to the faster stretch. Buckets without an accuracy (everything in
/// them failed) count as sampled but bend nothing.
pub fn next_round(
    choice: Choice,
    seed: u64,
    count: usize,
    wanted: usize,
    sampled: &[(usize, Option<f64>)],
) -> Vec<usize> {
    let wanted = wanted.min(count);
    if sampled.len() >= wanted {
        return Vec::new();
    }
    match choice {
        Choice::Uniform if wanted == 1 => vec![count - 1],
        Choice::Uniform => (0..wanted)
            .map(|index| index * (count - 1) / (wanted - 1))
            .collect(),
        Choice::Random => shuffled(count, seed).into_iter().take(wanted).collect(),
        Choice::Bend if sampled.is_empty() && wanted == 1 => vec![count - 1],
        Choice::Bend if sampled.is_empty() => vec![0, count - 1],
        Choice::Bend => bend(count, sampled).into_iter().collect(),
    }
}

fn bend(count: usize, sampled: &[(usize, Option<f64>)]) -> Option<usize> {
    let mut all: Vec<usize> = sampled.iter().map(|(index, _)| *index).collect();
    all.sort_unstable();
    let mut known: Vec<(usize, f64)> = sampled
        .iter()
        .filter_map(|&(index, accuracy)| Some((index, accuracy?)))
        .collect();
    known.sort_by_key(|(index, _)| *index);
    let slopes: Vec<f64> = known
        .windows(2)
        .map(|pair| (pair[1].1 - pair[0].1) / (pair[1].0 - pair[0].0) as f64)
        .collect();

    let mut best: Option<(f64, usize)> = None;
    for (index, pair) in known.windows(2).enumerate() {
        let ((left, accuracy_left), (right, accuracy_right)) = (pair[0], pair[1]);
        let Some(middle) = unsampled_middle(left, right, &all) else {
            continue;
        };
        let change = |other: Option<&f64>| other.map_or(0.0, |slope| (slope - slopes[index]).abs());
        let before = index.checked_sub(1).and_then(|index| slopes.get(index));
        let turn = change(before).max(change(slopes.get(index + 1)));
        let rise = (accuracy_right - accuracy_left).abs().max(RISE_MIN);
        let score = turn * (right - left) as f64 * rise;
        if best.is_none_or(|(highest, _)| score > highest) {
            best = Some((score, middle));
        }
    }
    best.map(|(_, middle)| middle)
        .or_else(|| (0..count).find(|index| !all.contains(index)))
}

/// The unsampled bucket strictly between two that is nearest to their middle.
fn unsampled_middle(left: usize, right: usize, sampled: &[usize]) -> Option<usize> {
    let middle = left.midpoint(right);
    (left + 1..right)
        .filter(|index| !sampled.contains(index))
        .min_by_key(|index| index.abs_diff(middle))
}

/// A permutation of 0..count from a seed: sorted by the hash of (seed, index), so that it needs no generator.
fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|index| crate::digest::Digest::of_value(&("bucket-order", seed, index)));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Size;
    use crate::space::Space;

    fn times() -> Vec<(Format, f64)> {
        let (formats, _) = Space::preset("sigmod24").unwrap().split(Size {
            height: 32,
            width: 32,
        });
        formats
            .into_iter()
            .map(|format| (format, f64::from(format.keep() % 7)))
            .collect()
    }

    #[test]
    fn buckets_are_equal_and_hold_every_format_once() {
        let buckets = Buckets::cut(&times(), 16);
        assert!((0..16).all(|index| buckets.formats(index).len() == 24));
        let distinct: std::collections::HashSet<_> = buckets.iter().map(|(_, format)| format).collect();
        assert_eq!(distinct.len(), 384);
        assert_eq!(Buckets::cut(&times()[..3], 16).len(), 3);
        assert!(Buckets::cut(&[], 16).is_empty());
    }

    #[test]
    fn buckets_do_not_depend_on_the_order_given() {
        let mut reversed = times();
        reversed.reverse();
        assert_eq!(Buckets::cut(&times(), 16), Buckets::cut(&reversed, 16));
    }

    #[test]
    fn bend_takes_the_ends_then_the_middle_then_the_knee() {
        // Accuracy rises steeply up to bucket 4 and is flat from there: the knee is sampled densest.
        let curve = |index: usize| 0.5 + 0.1 * index.min(4) as f64;
        let mut sampled: Vec<(usize, Option<f64>)> = Vec::new();
        let mut order: Vec<usize> = Vec::new();
        loop {
            let round = next_round(Choice::Bend, 0, 16, 6, &sampled);
            if round.is_empty() {
                break;
            }
            order.extend(&round);
            sampled.extend(round.into_iter().map(|index| (index, Some(curve(index)))));
        }
        assert_eq!(order, [0, 15, 7, 3, 1, 2]);
    }

    #[test]
    fn every_choice_samples_as_many_as_wanted_even_when_all_fail() {
        for choice in [Choice::Bend, Choice::Uniform, Choice::Random] {
            for wanted in 1..=20 {
                let mut sampled: Vec<(usize, Option<f64>)> = Vec::new();
                loop {
                    let round = next_round(choice, 7, 16, wanted, &sampled);
                    if round.is_empty() {
                        break;
                    }
                    sampled.extend(round.into_iter().map(|index| (index, None)));
                }
                let distinct: std::collections::HashSet<_> = sampled.iter().map(|(index, _)| index).collect();
                assert_eq!(distinct.len(), wanted.min(16), "{choice:?} {wanted}");
                assert_eq!(sampled.len(), distinct.len());
            }
        }
    }
}
