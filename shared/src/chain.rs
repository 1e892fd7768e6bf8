//! The chain: trainings that hand weights from the densest sampled format to the sparsest.
//!
//! ```text
//! one segment       A ─▶ B ─▶ C ─▶ D ─▶ E ─▶ F        6 links in sequence
//!
//! two segments      A ─▶ B ─▶ C                       the first round of a build: 1 + ⌈(n − 1) ÷ s⌉ = 4 links
//!                   └──▶ D ─▶ E ─▶ F
//!
//! two, later round  trained ─▶ A ─▶ B ─▶ C            a later round: ⌈n ÷ s⌉ = 3 links
//!                   trained ─▶ D ─▶ E ─▶ F
//! ```
//!
//! A round's n formats, densest first, are cut into s segments: runs of equal length, the longer ones first. Inside a
//! segment every format starts from the one before it; the head of a segment starts from the nearest denser format of
//! an earlier round and in a build's first round, where there is none, from the densest. So segments wait for nothing
//! but what was trained before them, and can run on as many workers. What it costs: a head may start from farther off
//! than its predecessor would be. One segment is the published chain.

use crate::format::Format;
use serde::{Deserialize, Serialize};
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

/// One training of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// What is trained.
    pub format: Format,
    /// Whose weights it starts from; none for the root, which is trained from scratch.
    pub parent: Option<Format>,
}

/// Adds a round to a chain. `trained` are the formats of earlier rounds, `added` may come in any order.
///
/// Every link is given to `train`, densest format first, so that a parent comes before its children; a format of which
/// `train` says false is nobody's parent. Each format starts from the nearest denser one in density order, among
/// `trained` and those of its own segment; one denser than all of these from the densest of them; and where there is
/// none at all from the densest of the round. Only the very first format of a build is trained from scratch.
pub fn extend(trained: &[Format], added: &[Format], segments: usize, mut train: impl FnMut(Link) -> bool) {
    let earlier: BTreeSet<Format> = trained.iter().copied().collect();
    let mut added: Vec<Format> = added.to_vec();
    added.retain(|format| !earlier.contains(format));
    added.sort_by(|a, b| a.density_order(*b));
    added.dedup();
    let mut ancestors: Vec<Format> = trained.to_vec();
    ancestors.sort_by(|a, b| a.density_order(*b));
    let mut densest = None;
    for segment in cut(&added, segments) {
        let mut there = ancestors.clone();
        for &format in segment {
            let place = there.partition_point(|other| other.density_order(format).is_lt());
            let nearest = place.checked_sub(1).map(|index| there[index]);
            let parent = nearest.or(there.first().copied()).or(densest);
            if train(Link { format, parent }) {
                there.insert(place, format);
                densest = densest.or(Some(format));
            }
        }
    }
}

/// The most links of a round that wait for one another, whatever number of workers there is. They are fewer where a
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
mod tests {
    use super::*;
    use crate::format::Size;
    use crate::space::Space;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn formats(texts: &[&str]) -> Vec<Format> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn links(trained: &[Format], added: &[Format], segments: usize, failed: &[Format]) -> Vec<Link> {
        let mut links = Vec::new();
        extend(trained, added, segments, |link| {
            links.push(link);
            !failed.contains(&link.format)
        });
        links
    }

    /// Links that wait for one another, this one included.
    fn depths(links: &[Link]) -> Vec<usize> {
        let mut depth: BTreeMap<Format, usize> = BTreeMap::new();
        for link in links {
            let before = link.parent.and_then(|parent| depth.get(&parent)).unwrap_or(&0);
            depth.insert(link.format, before + 1);
        }
        links.iter().map(|link| depth[&link.format]).collect()
    }

    fn parents(links: &[Link]) -> Vec<(String, String)> {
        let text = |format: Option<Format>| format.map_or("scratch".to_string(), |format| format.to_string());
        links
            .iter()
            .map(|link| (link.format.to_string(), text(link.parent)))
            .collect()
    }

    fn expect(links: &[Link], expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(a, b)| (a.to_string(), b.to_string()))
            .collect();
        assert_eq!(parents(links), expected);
    }

    #[test]
    fn a_first_round_is_a_sequence_from_the_densest() {
        let added = formats(&["1x1-b8-k1-q20", "1x1-b8-k8-q20", "1x1-b8-k4-q20"]);
        expect(
            &links(&[], &added, 1, &[]),
            &[
                ("1x1-b8-k8-q20", "scratch"),
                ("1x1-b8-k4-q20", "1x1-b8-k8-q20"),
                ("1x1-b8-k1-q20", "1x1-b8-k4-q20"),
            ],
        );
    }

    #[test]
    fn later_rounds_start_from_the_nearest_denser_ancestor() {
        let trained = formats(&["1x1-b8-k7-q20", "1x1-b8-k1-q20"]);
        let added = formats(&["1x1-b8-k3-q20", "1x1-b8-k8-q20", "1x1-b8-k4-q20", "1x1-b8-k7-q20"]);
        expect(
            &links(&trained, &added, 1, &[]),
            &[
                ("1x1-b8-k8-q20", "1x1-b8-k7-q20"),
                ("1x1-b8-k4-q20", "1x1-b8-k7-q20"),
                ("1x1-b8-k3-q20", "1x1-b8-k4-q20"),
            ],
        );
    }

    #[test]
    fn segments_start_from_what_is_trained_and_the_first_round_from_its_densest() {
        let added = formats(&["1x1-b8-k8-q20", "1x1-b8-k7-q20", "1x1-b8-k4-q20", "1x1-b8-k3-q20"]);
        expect(
            &links(&[], &added, 2, &[]),
            &[
                ("1x1-b8-k8-q20", "scratch"),
                ("1x1-b8-k7-q20", "1x1-b8-k8-q20"),
                ("1x1-b8-k4-q20", "1x1-b8-k8-q20"),
                ("1x1-b8-k3-q20", "1x1-b8-k4-q20"),
            ],
        );
        let trained = formats(&["1x1-b8-k8-q50", "1x1-b8-k6-q20"]);
        expect(
            &links(&trained, &added[1..], 3, &[]),
            &[
                ("1x1-b8-k7-q20", "1x1-b8-k8-q50"),
                ("1x1-b8-k4-q20", "1x1-b8-k6-q20"),
                ("1x1-b8-k3-q20", "1x1-b8-k6-q20"),
            ],
        );
    }

    #[test]
    fn a_failed_head_leaves_its_segment_to_the_next_ancestor() {
        let added = formats(&["1x1-b8-k8-q20", "1x1-b8-k7-q20", "1x1-b8-k4-q20", "1x1-b8-k3-q20"]);
        let failed = [added[0], added[2]];
        expect(
            &links(&[], &added, 2, &failed),
            &[
                ("1x1-b8-k8-q20", "scratch"),
                ("1x1-b8-k7-q20", "scratch"),
                ("1x1-b8-k4-q20", "1x1-b8-k7-q20"),
                ("1x1-b8-k3-q20", "1x1-b8-k7-q20"),
            ],
        );
    }

    fn space() -> Vec<Format> {
        let size = Size {
            height: 32,
            width: 32,
        };
        Space::preset("sigmod24").unwrap().split(size).0
    }

    proptest! {
        #[test]
        fn however_it_is_cut_a_chain_has_the_same_trainings_and_parents_that_exist(
            picks in prop::collection::vec(0..384usize, 1..60),
            earlier in 0..20usize,
            segments in 1..12usize,
            failing in any::<u64>(),
        ) {
            let space = space();
            let picked: Vec<Format> = picks.iter().map(|&index| space[index]).collect();
            let (trained, added) = picked.split_at(earlier.min(picked.len()));
            let failed: Vec<Format> =
                added.iter().enumerate().filter(|(at, _)| (failing >> (at % 64)) & 1 == 1).map(|(_, f)| *f).collect();
            let cut = links(trained, added, segments, &failed);
            let whole = links(trained, added, 1, &failed);
            let names = |links: &[Link]| links.iter().map(|link| link.format).collect::<Vec<_>>();
            prop_assert_eq!(names(&cut), names(&whole));
            let mut there: BTreeSet<Format> = trained.iter().copied().collect();
            for link in &cut {
                match link.parent {
                    None => prop_assert!(there.is_empty(), "only while nothing is trained"),
                    Some(parent) => {
                        prop_assert!(there.contains(&parent), "a parent exists");
                        let denser = parent.density_order(link.format).is_lt();
                        let none_denser = trained.iter().all(|other| other.density_order(link.format).is_gt());
                        prop_assert!(denser || none_denser);
                    }
                }
                if !failed.contains(&link.format) {
                    there.insert(link.format);
                }
            }
            let mut shuffled = added.to_vec();
            shuffled.reverse();
            prop_assert_eq!(links(trained, &shuffled, segments, &failed), cut);
        }

        #[test]
        fn the_longest_sequence_is_as_the_arithmetic_says(
            picks in prop::collection::btree_set(0..384usize, 1..60),
            segments in 1..70usize,
        ) {
            let space = space();
            let added: Vec<Format> = picks.iter().map(|&index| space[index]).collect();
            let first = links(&[], &added, segments, &[]);
            let longest = depths(&first).into_iter().max().unwrap();
            prop_assert_eq!(longest, links_in_sequence(added.len(), segments, true));
            // The densest was trained in an earlier round.
            let later = links(&added[..1], &added[1..], segments, &[]);
            let longest = depths(&later).into_iter().max().unwrap_or(0);
            prop_assert_eq!(longest, links_in_sequence(added.len() - 1, segments, false));
        }
    }
}
