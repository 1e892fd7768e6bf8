//! The chain: trainings that hand weights from the densest sampled format to the sparsest.

use crate::format::Format;
use serde::{Deserialize, Serialize};

/// Where the first weights of the sampled formats come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The densest from scratch, each other from the nearest denser one: the chain.
    #[default]
    DenseToSparse,
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

/// Adds formats to a chain. `trained` are those already in it, `added` may come in any order; the links come densest
/// first, so that a parent stands before its children.
///
/// Each format starts from the nearest denser one in density order, among those trained and those added before it:
/// within one round that is simply its predecessor. A format denser than all trained ones starts from the densest
/// of them. Only the very first format of a build is trained from scratch.
pub fn extend(trained: &[Format], added: &[Format]) -> Vec<Link> {
    let mut added: Vec<Format> = added
        .iter()
        .copied()
        .filter(|format| !trained.contains(format))
        .collect();
    added.sort_by(|a, b| a.density_order(*b));
    added.dedup();
    let mut there: Vec<Format> = trained.to_vec();
    there.sort_by(|a, b| a.density_order(*b));
    let mut links = Vec::with_capacity(added.len());
    for format in added {
        let place = there.partition_point(|other| other.density_order(format).is_lt());
        let parent = place
            .checked_sub(1)
            .or(if there.is_empty() { None } else { Some(0) })
            .map(|index| there[index]);
        links.push(Link { format, parent });
        there.insert(place, format);
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formats(texts: &[&str]) -> Vec<Format> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn parents(links: &[Link]) -> Vec<(String, String)> {
        let text = |format: Option<Format>| format.map_or("scratch".to_string(), |format| format.to_string());
        links
            .iter()
            .map(|link| (link.format.to_string(), text(link.parent)))
            .collect()
    }

    #[test]
    fn a_first_round_is_a_sequence_from_the_densest() {
        let links = extend(
            &[],
            &formats(&["1x1-b8-k1-q20", "1x1-b8-k8-q20", "1x1-b8-k4-q20"]),
        );
        let expected = [
            ("1x1-b8-k8-q20", "scratch"),
            ("1x1-b8-k4-q20", "1x1-b8-k8-q20"),
            ("1x1-b8-k1-q20", "1x1-b8-k4-q20"),
        ];
        assert_eq!(
            parents(&links),
            expected.map(|(a, b)| (a.to_string(), b.to_string()))
        );
    }

    #[test]
    fn later_rounds_start_from_the_nearest_denser_ancestor() {
        let trained = formats(&["1x1-b8-k7-q20", "1x1-b8-k1-q20"]);
        let links = extend(
            &trained,
            &formats(&["1x1-b8-k3-q20", "1x1-b8-k8-q20", "1x1-b8-k4-q20", "1x1-b8-k7-q20"]),
        );
        let expected = [
            ("1x1-b8-k8-q20", "1x1-b8-k7-q20"),
            ("1x1-b8-k4-q20", "1x1-b8-k7-q20"),
            ("1x1-b8-k3-q20", "1x1-b8-k4-q20"),
        ];
        assert_eq!(
            parents(&links),
            expected.map(|(a, b)| (a.to_string(), b.to_string()))
        );
    }
}
