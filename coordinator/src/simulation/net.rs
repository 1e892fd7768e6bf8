//! The network between peers, workers and people: late, lossy, doubled, out of order, cut, stalled.

use super::dice::Dice;
use crate::replica::PeerId;
use std::collections::BTreeMap;

/// Keep-alive gives a line up that was silent so long.
const NOTICED_MS: u64 = 15_000;
/// A line that was given up is opened anew for so long before the next try.
const CONNECT_LIMIT_MS: u64 = 3_000;

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
    /// Since when and until when.
    stalls: BTreeMap<(Place, Place), (u64, u64)>,
}

/// What a message meets on a line.
enum Way {
    Open,
    /// Nothing moves, and nobody has noticed.
    Stalled {
        until_ms: u64,
    },
    /// Both ends gave the line up, and no other can be opened.
    GivenUp,
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

    /// What goes from one to the other stands still for a while; what was under way may go on afterwards.
    pub(super) fn stall(&mut self, from: Place, to: Place, since_ms: u64, until_ms: u64) {
        self.stalls.insert((from, to), (since_ms, until_ms));
    }

    pub(super) fn is_cut(&self, from: Place, to: Place, now_ms: u64) -> bool {
        self.cuts.get(&(from, to)).is_some_and(|until| *until > now_ms)
    }

    /// After how long a message arrives: once, twice, or never.
    pub(super) fn delays(&self, dice: &mut Dice, from: Place, to: Place, now_ms: u64) -> Vec<u64> {
        match self.way(from, to, now_ms) {
            Way::Open => {}
            // The line is given up before it moves again; what it holds is still delivered then, or dropped with it.
            Way::Stalled { until_ms } if dice.chance(500) => {
                return vec![until_ms - now_ms + dice.between(1, 3_000)];
            }
            Way::Stalled { .. } | Way::GivenUp => return Vec::new(),
        }
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

    /// After how long both ends of a line that stalls give up what they wait for now.
    pub(super) fn gives_up_after(&self, a: Place, b: Place, now_ms: u64) -> Option<u64> {
        let noticed_ms = self.since(a, b, now_ms)? + NOTICED_MS;
        Some(match noticed_ms > now_ms {
            true => noticed_ms - now_ms,
            false => CONNECT_LIMIT_MS,
        })
    }

    fn way(&self, from: Place, to: Place, now_ms: u64) -> Way {
        match (self.since(from, to, now_ms), self.stalled(from, to, now_ms)) {
            (Some(since), _) if since + NOTICED_MS <= now_ms => Way::GivenUp,
            (_, Some((_, until_ms))) => Way::Stalled { until_ms },
            // Whether the other direction stalls or not: this one does not, and the line is still there.
            _ => Way::Open,
        }
    }

    fn stalled(&self, from: Place, to: Place, now_ms: u64) -> Option<(u64, u64)> {
        let stall = self.stalls.get(&(from, to)).copied();
        stall.filter(|(since, until)| (*since..*until).contains(&now_ms))
    }

    /// Since when a line stalls in any direction.
    fn since(&self, a: Place, b: Place, now_ms: u64) -> Option<u64> {
        let both = [self.stalled(a, b, now_ms), self.stalled(b, a, now_ms)];
        both.into_iter().flatten().map(|(since, _)| since).min()
    }
}
