//! The log against a plain list, over disks that lose, tear, fail and flip.

mod damage;
mod golden;
mod model;
mod refusals;

use super::*;
use crate::replica::log::bytes::mixed;

/// Segments so small that a test goes through many.
const SMALL_SEGMENT_BYTES: u64 = 4096;

fn entry(index: u64, term: u64, data: impl Into<Vec<u8>>) -> Entry {
    Entry {
        index,
        term,
        kind: if index.is_multiple_of(7) {
            EntryKind::Members
        } else {
            EntryKind::Commands
        },
        data: data.into(),
    }
}

fn snapshot(index: u64, term: u64, data: impl Into<Vec<u8>>) -> Snapshot {
    Snapshot {
        index,
        term,
        members: format!("members at {index}").into(),
        data: data.into(),
    }
}

/// Numbers that come back with their seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        (mixed(self.0) >> 16) % limit
    }

    fn data(&mut self) -> Vec<u8> {
        let bytes = match self.below(12) {
            0 => 0,
            1 => 3000,
            2 => 700,
            _ => self.below(120),
        };
        // Zeros, single bits and text: what a lost sector could be taken for.
        match self.below(3) {
            0 => vec![0; bytes as usize],
            1 => (0..bytes).map(|at| u8::from(at % 512 == 9)).collect(),
            _ => (0..bytes).map(|_| b'a' + self.below(26) as u8).collect(),
        }
    }
}
