//! Strategies over any formats, rounds and failures.

use super::*;
use crate::format::Size;
use crate::space::Space;
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
use std::collections::BTreeMap;

fn formats(texts: &[&str]) -> Vec<Format> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn links(trained: &[Format], added: &[Format], segments: usize, failed: &[Format]) -> Vec<Link> {
    links_by(Strategy::DenseToSparse, trained, added, segments, failed)
}

fn links_by(
    strategy: Strategy,
    trained: &[Format],
    added: &[Format],
    segments: usize,
    failed: &[Format],
) -> Vec<Link> {
    let mut links = Vec::new();
    extend(strategy, trained, added, segments, |link| {
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

#[test]
fn sparse_to_dense_is_the_mirror_of_the_chain() {
    let added = formats(&["1x1-b8-k1-q20", "1x1-b8-k8-q20", "1x1-b8-k4-q20"]);
    expect(
        &links_by(Strategy::SparseToDense, &[], &added, 1, &[]),
        &[
            ("1x1-b8-k1-q20", "scratch"),
            ("1x1-b8-k4-q20", "1x1-b8-k1-q20"),
            ("1x1-b8-k8-q20", "1x1-b8-k4-q20"),
        ],
    );
    let trained = formats(&["1x1-b8-k2-q20", "1x1-b8-k7-q20"]);
    expect(
        &links_by(Strategy::SparseToDense, &trained, &added, 1, &[]),
        &[
            ("1x1-b8-k1-q20", "1x1-b8-k2-q20"),
            ("1x1-b8-k4-q20", "1x1-b8-k2-q20"),
            ("1x1-b8-k8-q20", "1x1-b8-k7-q20"),
        ],
    );
}

#[test]
fn all_start_from_the_one_root_in_later_rounds_too() {
    let added = formats(&["1x1-b8-k1-q20", "1x1-b8-k7-q20", "1x1-b8-k4-q20"]);
    let sparsest = links_by(Strategy::FromSparsest, &[], &added, 4, &[]);
    expect(
        &sparsest,
        &[
            ("1x1-b8-k1-q20", "scratch"),
            ("1x1-b8-k4-q20", "1x1-b8-k1-q20"),
            ("1x1-b8-k7-q20", "1x1-b8-k1-q20"),
        ],
    );
    let densest: Vec<Format> = links_by(Strategy::FromDensest, &[], &added, 1, &[])
        .iter()
        .map(|link| link.format)
        .collect();
    let later = formats(&["1x1-b8-k8-q20", "1x1-b8-k2-q20"]);
    expect(
        &links_by(Strategy::FromDensest, &densest, &later, 1, &[]),
        &[
            ("1x1-b8-k8-q20", "1x1-b8-k7-q20"),
            ("1x1-b8-k2-q20", "1x1-b8-k7-q20"),
        ],
    );
    let failed = &added[1..2];
    expect(
        &links_by(Strategy::FromDensest, &[], &added, 1, failed),
        &[
            ("1x1-b8-k7-q20", "scratch"),
            ("1x1-b8-k4-q20", "scratch"),
            ("1x1-b8-k1-q20", "1x1-b8-k4-q20"),
        ],
    );
}

#[test]
fn a_strategy_is_written_as_it_is_named() {
    for strategy in Strategy::ALL {
        let written = serde_json::to_string(&strategy).unwrap();
        assert_eq!(written, format!("{:?}", strategy.name()));
    }
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
    fn every_strategy_trains_each_format_once_from_parents_that_exist(
        picks in prop::collection::vec(0..384usize, 1..60),
        earlier in 0..20usize,
        segments in 1..12usize,
        failing in any::<u64>(),
    ) {
        let space = space();
        let picked: Vec<Format> = picks.iter().map(|&index| space[index]).collect();
        let (first, second) = picked.split_at(earlier.min(picked.len()));
        let fails = |format: &Format| (failing >> (space.iter().position(|other| other == format).unwrap() % 64)) & 1 == 1;
        let failed: Vec<Format> = picked.iter().copied().filter(fails).collect();
        for strategy in Strategy::ALL {
            let mut trained: Vec<Format> = Vec::new();
            let mut given: BTreeSet<Format> = BTreeSet::new();
            for round in [first, second] {
                for link in links_by(strategy, &trained.clone(), round, segments, &failed) {
                    prop_assert!(!trained.contains(&link.format), "none twice");
                    prop_assert!(round.contains(&link.format), "none but those of the round");
                    given.insert(link.format);
                    match link.parent {
                        None => prop_assert!(strategy == Strategy::Scratch || trained.is_empty()),
                        Some(parent) => {
                            prop_assert!(strategy != Strategy::Scratch);
                            prop_assert!(trained.contains(&parent), "a parent exists");
                        }
                    }
                    if matches!(strategy, Strategy::FromDensest | Strategy::FromSparsest) {
                        prop_assert_eq!(link.parent, trained.first().copied(), "one root");
                    }
                    if !failed.contains(&link.format) {
                        trained.push(link.format);
                    }
                }
            }
            prop_assert_eq!(given, picked.iter().copied().collect::<BTreeSet<_>>());
            // The root is the densest, or the sparsest, that did not fail in the first round that had one.
            if let (Some(root), false) = (trained.first(), strategy == Strategy::Scratch) {
                let of_round = if first.iter().any(|format| !failed.contains(format)) { first } else { second };
                let alive = of_round.iter().filter(|format| !failed.contains(format));
                prop_assert_eq!(Some(root), alive.min_by(|a, b| strategy.order(**a, **b)));
            }
        }
    }

    #[test]
    fn sparse_to_dense_mirrors_dense_to_sparse_over_mirrored_densities(
        keeps in prop::collection::btree_set(1..9u16, 1..8),
        earlier in prop::collection::btree_set(1..9u16, 0..4),
        segments in 1..5usize,
    ) {
        // Among formats of one family and factor the density order is that of the keeps, so a mirror is at hand.
        let format = |keep: u16| Format::new(crate::format::Sampling::Full, 8, keep, 20).unwrap();
        let mirror = |mirrored: Format| format(9 - mirrored.keep());
        let trained: Vec<Format> = earlier.iter().map(|&keep| format(keep)).collect();
        let added: Vec<Format> = keeps.iter().map(|&keep| format(keep)).collect();
        let mirrored = |formats: &[Format]| formats.iter().copied().map(mirror).collect::<Vec<_>>();
        let found = links_by(Strategy::SparseToDense, &trained, &added, segments, &[]);
        let expected = links(&mirrored(&trained), &mirrored(&added), segments, &[]);
        let expected: Vec<Link> = expected
            .into_iter()
            .map(|link| Link { format: mirror(link.format), parent: link.parent.map(mirror) })
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn the_longest_sequence_of_any_strategy_is_as_the_arithmetic_says(
        picks in prop::collection::btree_set(0..384usize, 1..40),
        segments in 1..50usize,
    ) {
        let space = space();
        let added: Vec<Format> = picks.iter().map(|&index| space[index]).collect();
        for strategy in Strategy::ALL {
            let first = links_by(strategy, &[], &added, segments, &[]);
            let longest = depths(&first).into_iter().max().unwrap();
            prop_assert_eq!(longest, strategy.in_sequence(added.len(), segments, true));
        }
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
