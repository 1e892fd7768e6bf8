//! The network between peers, workers and people: late, lossy, doubled, out of order, cut.

use super::dice::Dice;
use crate::replica::PeerId;
use std::collections::BTreeMap;

/// Who is at an end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    Peer(PeerId),
    Worker(usize),
    Person,
}

/// How good the network is now.
#[derive(Debug, Default)]
pub(super) struct Net {
    pub(super) loss_per_mille: u64,
    pub(super) twice_per_mille: u64,
    /// Longest ordinary delay.
    pub(super) delay_ms: u64,
    /// What is held up for much longer, so that others overtake it.
    pub(super) late_per_mille: u64,
    cuts: BTreeMap<(Place, Place), u64>,
}

impl Net {
    pub(super) fn good() -> Net {
        Net {
            delay_ms: 5,
            ..Net::default()
        }
    }

    /// Nothing goes from one to the other for a while.
    pub(super) fn cut(&mut self, from: Place, to: Place, until_ms: u64) {
        self.cuts.insert((from, to), until_ms);
    }

    pub(super) fn is_cut(&self, from: Place, to: Place, now_ms: u64) -> bool {
        self.cuts.get(&(from, to)).is_some_and(|until| *until > now_ms)
    }

    /// After how long a message arrives: once, twice, or never.
    pub(super) fn delays(&self, dice: &mut Dice, from: Place, to: Place, now_ms: u64) -> Vec<u64> {
        if self.is_cut(from, to, now_ms) || dice.chance(self.loss_per_mille) {
            return Vec::new();
        }
        let copies = 1 + u64::from(dice.chance(self.twice_per_mille));
        let delay = |_| match dice.chance(self.late_per_mille) {
            true => dice.between(self.delay_ms, 2_000),
            false => dice.between(1, self.delay_ms.max(1)),
        };
        (0..copies).map(delay).collect()
    }
}
