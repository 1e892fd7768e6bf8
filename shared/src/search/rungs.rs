//! How epochs are shared out: the levels of successive halving and the brackets of Hyperband.
//!
//! Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, "Hyperband: A Novel Bandit-Based Approach to Hyperparameter
//! Optimization" (JMLR 18, 2018), algorithm 1, with R the most epochs of a trial and η the part that goes on:
//!
//! ```text
//! s_max = ⌊log_η (R ÷ least)⌋              brackets s = s_max, …, 0, and again from the first
//! n     = ⌈(s_max + 1) η^s ÷ (s + 1)⌉      trials that start in bracket s (line 3, with B = (s_max + 1) R)
//! r_i   = R η^(i − s)                      epochs of its rung i = 0, …, s
//! n_i   = ⌊n η^(−i)⌋                       trials that come to rung i
//! ```
//!
//! With R = 81, η = 3 and one epoch at least it is the paper's table 1:
//!
//! ```text
//!   s = 4       s = 3       s = 2       s = 1       s = 0
//! n_i r_i     n_i r_i     n_i r_i     n_i r_i     n_i r_i
//!  81   1      34   3      15   9       8  27       5  81
//!  27   3      11   9       5  27       2  81
//!   9   9       3  27       1  81
//!   3  27       1  81
//!   1  81
//! ```
//!
//! Epochs are whole, so r_i is rounded down. Levels are counted from R downwards, so that the last one is always R; the
//! asynchronous algorithm counts them from the least upwards, which is the same where R is the least times a power of η.

use super::{Epochs, TrialId};

/// One run of successive halving: so many trials, of which ever fewer go on for ever longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bracket {
    /// Epochs at which its trials pause, rising; the last is the most a trial may have.
    pub levels: Vec<u32>,
    /// How many trials come to each.
    pub trials: Vec<u32>,
}

/// Epochs at which trials pause, rising.
pub fn levels(epochs: Epochs, eta: u32) -> Vec<u32> {
    let mut levels = Vec::new();
    let mut level = epochs.max;
    while level >= epochs.min.max(1) {
        levels.push(level);
        // A part of 1 would never end; `Search::check` refuses it.
        level /= eta.max(2);
    }
    levels.reverse();
    levels
}

/// The brackets of one round of Hyperband, the one that begins with fewest epochs first.
pub fn brackets(epochs: Epochs, eta: u32) -> Vec<Bracket> {
    let levels = levels(epochs, eta);
    let count = levels.len() as u64;
    let eta = u64::from(eta.max(2));
    let bracket = |first: usize| {
        let s = (levels.len() - 1 - first) as u32;
        let started = (count * eta.saturating_pow(s)).div_ceil(u64::from(s) + 1);
        let at_rung = |rung: u32| u32::try_from(started / eta.saturating_pow(rung)).unwrap_or(u32::MAX);
        Bracket {
            levels: levels[first..].to_vec(),
            trials: (0..=s).map(at_rung).collect(),
        }
    };
    (0..levels.len()).map(bracket).collect()
}

/// The bracket a trial belongs to: its number from 0 over all rounds, its first trial, and which of the round's it is.
pub(super) fn bracket_of(brackets: &[Bracket], trial: TrialId) -> (u32, TrialId, &Bracket) {
    let round: u32 = brackets.iter().map(|bracket| bracket.trials[0]).sum();
    let rounds = trial.0 / round;
    let mut first = rounds * round;
    let mut at = 0;
    while trial.0 >= first + brackets[at].trials[0] {
        first += brackets[at].trials[0];
        at += 1;
    }
    (
        rounds * brackets.len() as u32 + at as u32,
        TrialId(first),
        &brackets[at],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn epochs(min: u32, max: u32) -> Epochs {
        Epochs { min, max }
    }

    #[test]
    fn brackets_are_those_of_the_paper() {
        let table: [(&[u32], &[u32]); 5] = [
            (&[1, 3, 9, 27, 81], &[81, 27, 9, 3, 1]),
            (&[3, 9, 27, 81], &[34, 11, 3, 1]),
            (&[9, 27, 81], &[15, 5, 1]),
            (&[27, 81], &[8, 2]),
            (&[81], &[5]),
        ];
        let found = brackets(epochs(1, 81), 3);
        assert_eq!(found.len(), table.len());
        for (bracket, (levels, trials)) in found.iter().zip(table) {
            assert_eq!((&bracket.levels[..], &bracket.trials[..]), (levels, trials));
        }
    }

    #[test]
    fn the_last_level_is_the_most_epochs_even_where_they_do_not_divide() {
        assert_eq!(levels(epochs(1, 100), 3), [1, 3, 11, 33, 100]);
        assert_eq!(levels(epochs(4, 100), 3), [11, 33, 100]);
        assert_eq!(levels(epochs(100, 100), 3), [100]);
        assert_eq!(levels(epochs(1, 8), 2), [1, 2, 4, 8]);
    }

    #[test]
    fn trials_fill_bracket_after_bracket_and_round_after_round() {
        let brackets = brackets(epochs(1, 9), 3);
        assert_eq!(
            brackets
                .iter()
                .map(|bracket| bracket.trials[0])
                .collect::<Vec<_>>(),
            [9, 5, 3]
        );
        let at = |trial: u32| {
            let (number, first, bracket) = bracket_of(&brackets, TrialId(trial));
            (number, first.0, bracket.levels[0])
        };
        assert_eq!(
            [at(0), at(8), at(9), at(13)],
            [(0, 0, 1), (0, 0, 1), (1, 9, 3), (1, 9, 3)]
        );
        assert_eq!(
            [at(14), at(16), at(17), at(26)],
            [(2, 14, 9), (2, 14, 9), (3, 17, 1), (4, 26, 3)]
        );
    }

    proptest! {
        #[test]
        fn every_bracket_costs_about_as_much_and_ends_with_at_least_one(min in 1..5u32, max in 5..2000u32, eta in 2..6u32) {
            let found = brackets(epochs(min, max), eta);
            let count = found.len() as f64;
            for bracket in &found {
                prop_assert_eq!(*bracket.levels.last().unwrap(), max);
                prop_assert!(bracket.levels[0] >= min);
                prop_assert!(*bracket.trials.last().unwrap() >= 1);
                // Algorithm 1: B = (s_max + 1) R each, up to what rounding up to whole trials adds.
                let cost: f64 = bracket.levels.iter().zip(&bracket.trials).map(|(&r, &n)| f64::from(r) * f64::from(n)).sum();
                let rungs = bracket.levels.len() as f64;
                prop_assert!(cost <= count * f64::from(max) + rungs * f64::from(max));
            }
        }
    }
}
