//! In which order candidates are taken, and where an import stands in it.

use super::source::{Part, Source};
use imgcalc_shared::digest::Digest;
use rayon::prelude::*;
use std::sync::Arc;

const PARTS: [Part; 2] = [Part::Main, Part::Test];

/// All candidates in their order, and how many of them are behind. Each part gives at most `limit` good images.
#[derive(Clone)]
pub(super) struct Walk {
    orders: Arc<[Vec<u32>; 2]>,
    limit: usize,
    /// The part it stands in; 2 at the end.
    part: usize,
    /// The candidate of that part it stands before.
    at: usize,
    good: [usize; 2],
}

impl Walk {
    pub(super) fn new(source: &Source, seed: u64, limit: Option<u32>) -> Walk {
        let mut walk = Walk {
            orders: Arc::new(PARTS.map(|part| order(source, part, seed))),
            limit: limit.map_or(usize::MAX, |limit| limit as usize),
            part: 0,
            at: 0,
            good: [0; 2],
        };
        walk.settle();
        walk
    }

    /// The next candidate.
    pub(super) fn next(&self) -> Option<(Part, u32)> {
        let part = *PARTS.get(self.part)?;
        Some((part, self.orders[self.part][self.at]))
    }

    /// All candidates of the part it stands in that are still to come, and how many good ones are wanted of them.
    pub(super) fn rest(&self) -> Option<(Part, &[u32], usize)> {
        let part = *PARTS.get(self.part)?;
        Some((part, &self.orders[self.part][self.at..], self.wanted(part)))
    }

    /// How many good images of a part are still wanted.
    pub(super) fn wanted(&self, part: Part) -> usize {
        match PARTS.get(self.part) {
            Some(&now) if now == part => self.limit - self.good[self.part],
            _ => 0,
        }
    }

    /// Passes the next candidate, which is used or left out.
    pub(super) fn pass(&mut self, good: bool) {
        self.good[self.part] += usize::from(good);
        self.at += 1;
        self.settle();
    }

    /// Good images of a part so far.
    pub(super) fn good(&self, part: Part) -> u32 {
        self.good[usize::from(part == Part::Test)] as u32
    }

    /// Candidates of both parts.
    pub(super) fn len(&self) -> u64 {
        self.orders
            .iter()
            .map(|order| order.len().min(self.limit) as u64)
            .sum()
    }

    /// Leaves a part that has no more to give.
    fn settle(&mut self) {
        while self.part < PARTS.len()
            && (self.at == self.orders[self.part].len() || self.good[self.part] == self.limit)
        {
            self.part += 1;
            self.at = 0;
        }
    }
}

/// Candidates by a hash of seed and name: as good as shuffled, and none moves when another one is left out.
fn order(source: &Source, part: Part, seed: u64) -> Vec<u32> {
    let mut order: Vec<u32> = (0..source.len(part)).collect();
    order.par_sort_by_cached_key(|&index| {
        let name = source.name(part, index);
        (Digest::of(format!("{seed} {name}").as_bytes()), name)
    });
    order
}
