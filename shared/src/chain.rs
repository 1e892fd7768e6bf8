//! The chain: trainings that hand weights from the densest sampled format to the sparsest, and the other strategies by
//! which the sampled formats can come to their first weights.
//!
//! ```text
//! one segment       A ─▶ B ─▶ C ─▶ D ─▶ E ─▶ F        6 links in sequence
//!
//! two segments      A ─▶ B ─▶ C                       the first round of a build: 1 + ⌈(n − 1) ÷ s⌉ = 4 links
//!                   └──▶ D ─▶ E ─▶ F
//!
//! two, later round  trained ─▶ A ─▶ B ─▶ C            a later round: ⌈n ÷ s⌉ = 3 links
//!                   trained ─▶ D ─▶ E ─▶ F
//!
//! from densest      A ─▶ B, A ─▶ C, … A ─▶ F          2 links in sequence, and 1 in a later round
//!
//! scratch           A, B, C, D, E, F                  1 in every round
//! ```
//!
//! A round's n formats, densest first, are cut into s segments: runs of equal length, the longer ones first. Inside a
//! segment every format starts from the one before it; the head of a segment starts from the nearest denser format of
//! an earlier round and in a build's first round, where there is none, from the densest. So segments wait for nothing
//! but what was trained before them, and can run on as many workers. What it costs: a head may start from farther off
//! than its predecessor would be. One segment is the published chain. Sparse to dense is the same in the mirror.

use crate::format::Format;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Where the first weights of the sampled formats come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The densest from scratch, each other from the nearest denser one: the chain.
    #[default]
    DenseToSparse,
    /// The sparsest from scratch, each other from the nearest sparser one.
    SparseToDense,
    /// The densest from scratch, all others from it.
    FromDensest,
    /// The sparsest from scratch, all others from it.
    FromSparsest,
    /// Every format from scratch: what the chain is compared with.
    Scratch,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Strategy; 5] = [
        Strategy::DenseToSparse,
        Strategy::SparseToDense,
        Strategy::FromDensest,
        Strategy::FromSparsest,
        Strategy::Scratch,
    ];

    /// Its name in a spec.
    pub fn name(self) -> &'static str {
        match self {
            Strategy::DenseToSparse => "dense_to_sparse",
            Strategy::SparseToDense => "sparse_to_dense",
            Strategy::FromDensest => "from_densest",
            Strategy::FromSparsest => "from_sparsest",
            Strategy::Scratch => "scratch",
        }
    }

    /// Its name for people.
    pub fn words(self) -> &'static str {
        match self {
            Strategy::DenseToSparse => "dense to sparse",
            Strategy::SparseToDense => "sparse to dense",
            Strategy::FromDensest => "all from the densest",
            Strategy::FromSparsest => "all from the sparsest",
            Strategy::Scratch => "all from scratch",
        }
    }

    /// The order in which it trains formats: the root of a round comes first.
    pub fn order(self, a: Format, b: Format) -> Ordering {
        match self {
            Strategy::DenseToSparse | Strategy::FromDensest | Strategy::Scratch => a.density_order(b),
            Strategy::SparseToDense | Strategy::FromSparsest => b.density_order(a),
        }
    }

    /// The most trainings of a round that wait for one another: see [`links_in_sequence`].
    pub fn in_sequence(self, formats: usize, segments: usize, first: bool) -> usize {
        match self {
            Strategy::DenseToSparse | Strategy::SparseToDense => links_in_sequence(formats, segments, first),
            Strategy::FromDensest | Strategy::FromSparsest => formats.min(if first { 2 } else { 1 }),
            Strategy::Scratch => formats.min(1),
        }
    }
}

/// One training of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// What is trained.
    pub format: Format,
    /// Whose weights it starts from; none for the root, which is trained from scratch.
    pub parent: Option<Format>,
}

/// Adds a round to what a strategy trained. `trained` are the formats of earlier rounds in the order in which they were
/// given to `train`, `added` may come in any order.
///
/// Every link is given to `train`, in the strategy's order, so that a parent comes before its children; a format of
/// which `train` says false is nobody's parent. What is trained from scratch is the first format of a build, and after
/// it, should it fail, the next:
///
/// - dense to sparse, each starts from the nearest denser one in density order, among `trained` and those of its own
///   segment; one denser than all of these from the densest of them; and where there is none at all from the densest
///   of the round. Sparse to dense is its mirror;
/// - from the densest, or the sparsest, each starts from the one that was trained from scratch, in later rounds too;
/// - from scratch none has a parent.
pub fn extend(
    strategy: Strategy,
    trained: &[Format],
    added: &[Format],
    segments: usize,
    mut train: impl FnMut(Link) -> bool,
) {
    let earlier: BTreeSet<Format> = trained.iter().copied().collect();
    let mut added: Vec<Format> = added.to_vec();
    added.retain(|format| !earlier.contains(format));
    added.sort_by(|a, b| strategy.order(*a, *b));
    added.dedup();
    match strategy {
        Strategy::DenseToSparse | Strategy::SparseToDense => {
            one_after_the_other(strategy, trained, &added, segments, train);
        }
        Strategy::FromDensest | Strategy::FromSparsest => {
            let mut root = trained.first().copied();
            for format in added {
                if train(Link { format, parent: root }) {
                    root = root.or(Some(format));
                }
            }
        }
        Strategy::Scratch => {
            for format in added {
                train(Link { format, parent: None });
            }
        }
    }
}

/// Densest first, or sparsest: `added` come in that order.
fn one_after_the_other(
    strategy: Strategy,
    trained: &[Format],
    added: &[Format],
    segments: usize,
    mut train: impl FnMut(Link) -> bool,
) {
    let mut ancestors: Vec<Format> = trained.to_vec();
    ancestors.sort_by(|a, b| strategy.order(*a, *b));
    let mut first = None;
    for segment in cut(added, segments) {
        let mut there = ancestors.clone();
        for &format in segment {
            let place = there.partition_point(|other| strategy.order(*other, format).is_lt());
            let nearest = place.checked_sub(1).map(|index| there[index]);
            let parent = nearest.or(there.first().copied()).or(first);
            if train(Link { format, parent }) {
                there.insert(place, format);
                first = first.or(Some(format));
            }
        }
    }
}

/// The most links of a round of a chain that wait for one another, whatever number of workers there is. They are fewer where a
/// format of an earlier round lies inside a segment: what follows starts from that one. `first` is a build's first
/// round.
pub fn links_in_sequence(formats: usize, segments: usize, first: bool) -> usize {
    let segments = segments.max(1);
    if first && formats > 0 {
        1 + (formats - 1).div_ceil(segments)
    } else {
        formats.div_ceil(segments)
    }
}

/// Cuts a list into parts whose lengths differ by at most one, the longer ones first, none of them empty.
fn cut(formats: &[Format], parts: usize) -> impl Iterator<Item = &[Format]> {
    let parts = parts.clamp(1, formats.len().max(1));
    let (length, longer) = (formats.len() / parts, formats.len() % parts);
    let bound = move |part: usize| part * length + part.min(longer);
    (0..parts).map(move |part| &formats[bound(part)..bound(part + 1)])
}

#[cfg(test)]
mod tests;
