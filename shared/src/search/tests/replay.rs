//! Whatever comes in whatever order: a record decides what follows.

use super::bench::{Bench, Objective};
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A score at an epoch, from numbers alone.
fn score(salt: u64, trial: u32, at: u32) -> f64 {
    let mixed = (u64::from(trial) * 31 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    // Few distinct values, so that equals occur.
    (mixed % 17) as f64 + f64::from(at) / 4.0
}

/// A search driven by dice: which running trial is heard of next, how far it came, whether it fails. At every step it
/// holds the search to what must always be so.
fn driven(
    search: &Search,
    slots: usize,
    salt: u64,
    dice: &[u8],
) -> Result<(Vec<Event>, History, Vec<Decided>), TestCaseError> {
    let (mut events, mut history, mut all) = (Vec::new(), History::default(), Vec::new());
    let mut started: BTreeSet<TrialId> = BTreeSet::new();
    let mut rolls = dice.iter();
    loop {
        let free = slots - history.running();
        let decided = search.decide(&history, free);
        let taking = decided
            .iter()
            .filter(|next| next.decision.until().is_some())
            .count();
        prop_assert!(taking <= free);

        // The record, as it would be read from a disk, decides the same.
        let json = serde_json::to_string(&events).unwrap();
        let read: Vec<Event> = serde_json::from_str(&json).unwrap();
        let replayed = History::replay(&read).unwrap();
        prop_assert_eq!(&replayed, &history);
        prop_assert_eq!(&search.decide(&replayed, free), &decided);
        // One slot after the other is all slots at once.
        if free > 1 {
            let mut ahead = history.clone();
            let mut stepwise = Vec::new();
            for _ in 0..free {
                for next in search.decide(&ahead, 1) {
                    ahead.push(&Event::Decided(next.decision.clone())).unwrap();
                    stepwise.push(next);
                }
            }
            prop_assert_eq!(&stepwise, &decided);
        }
        for next in decided {
            if let Decision::Start { trial, point, .. } = &next.decision {
                prop_assert!(started.insert(*trial), "none is started twice");
                prop_assert!(
                    search.parameters.encode(point).is_some(),
                    "a point is of the space"
                );
            }
            if let Decision::Promote { trial, .. } = &next.decision {
                let of = history.trial(*trial).unwrap();
                prop_assert!(
                    of.score_at(of.until()).is_some(),
                    "none is promoted without results"
                );
            }
            let event = Event::Decided(next.decision.clone());
            history.push(&event).unwrap();
            events.push(event);
            all.push(next);
        }
        let running: Vec<TrialId> = history
            .trials()
            .filter(|(_, trial)| trial.is_running())
            .map(|(id, _)| id)
            .collect();
        let (Some(&roll), false) = (rolls.next(), running.is_empty()) else {
            return Ok((events, history, all));
        };
        let id = running[usize::from(roll) % running.len()];
        let (reached, until) = (
            history.trial(id).unwrap().reached(),
            history.trial(id).unwrap().until(),
        );
        let event = match roll % 16 {
            0 => Event::Failed { trial: id },
            1..=4 => reported(id.0, reached + 1, score(salt, id.0, reached + 1)),
            _ => reported(id.0, until, score(salt, id.0, until)),
        };
        history.push(&event).unwrap();
        events.push(event);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_prefix_of_every_record_decides_what_followed_it(
        slots in 1..6usize,
        seed in any::<u64>(),
        trainings in 9..40u32,
        dice in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        for search in all() {
            let budget = Budget { trainings: Some(trainings), ..Budget::default() };
            let search = Search { seed, budget, ..search };
            let (events, history, decided) = driven(&search, slots, seed >> 8, &dice)?;
            prop_assert!(history.started() <= trainings);
            // Results alone, in their order, give the same decisions and the same record.
            let results: Vec<Event> = events.iter().filter(|event| !matches!(event, Event::Decided(_))).cloned().collect();
            prop_assert_eq!(replay(&search, slots, &results), (history, decided));
        }
    }

    #[test]
    fn between_the_same_decisions_the_order_of_results_changes_nothing(
        slots in 2..6usize,
        seed in any::<u64>(),
        dice in prop::collection::vec(any::<u8>(), 10..60),
    ) {
        for search in all() {
            let search = Search { seed, ..search };
            let (mut events, history, _) = driven(&search, slots, seed >> 8, &dice)?;
            let about = |event: &Event| match event {
                Event::Reported { trial, .. } | Event::Failed { trial } => Some(*trial),
                Event::Decided(_) | Event::Took(_) => None,
            };
            for at in 1..events.len() {
                let (a, b) = (about(&events[at - 1]), about(&events[at]));
                if a.is_some() && b.is_some() && a != b {
                    events.swap(at - 1, at);
                }
            }
            let swapped = History::replay(&events).unwrap();
            prop_assert_eq!(search.decide(&swapped, slots), search.decide(&history, slots));
        }
    }

    #[test]
    fn an_epoch_budget_is_never_overdrawn(
        slots in 1..6usize,
        seed in any::<u64>(),
        epochs in 9..200u64,
        dice in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        for search in all() {
            let search = Search { seed, budget: Budget { epochs: Some(epochs), ..Budget::default() }, ..search };
            let (_, history, _) = driven(&search, slots, seed >> 8, &dice)?;
            prop_assert!(history.epochs() <= epochs);
        }
    }

    #[test]
    fn where_results_do_not_steer_their_order_changes_nothing_at_all(
        slots in 1..9usize,
        seed in any::<u64>(),
        pace in any::<u64>(),
        trainings in 17..40u32,
    ) {
        for algorithm in [Algorithm::Random {}, Algorithm::Grid { steps: 3 }, Algorithm::Hyperband { eta: 3 }] {
            let budget = Budget { trainings: Some(trainings), ..Budget::default() };
            let search = Search { seed, budget, ..search(SPACE, algorithm, 1, 9) };
            let mut uneven = Bench::new(&search, RISING, slots);
            uneven.pace = pace;
            let one_by_one = Bench::new(&search, RISING, 1).run();
            prop_assert_eq!(uneven.run().history, one_by_one.history);
        }
    }

    #[test]
    fn more_budget_goes_on_as_if_it_had_been_there(
        slots in 1..9usize,
        seed in any::<u64>(),
        first in 17..30u32,
        more in 0..30u32,
    ) {
        let with = |search: &Search, trainings: u32| {
            Search { seed, budget: Budget { trainings: Some(trainings), ..Budget::default() }, ..search.clone() }
        };
        for search in all() {
            let steered = !matches!(search.algorithm, Algorithm::Random {} | Algorithm::Grid { .. } | Algorithm::Hyperband { .. });
            let slots = if steered { 1 } else { slots };
            let (short, long) = (with(&search, first), with(&search, first + more));
            let at_once = Bench::new(&long, RISING, slots).run();
            let in_two = Bench::new(&short, RISING, slots).run().go_on_with(&long).run();
            prop_assert_eq!(in_two.history, at_once.history);
        }
    }

    #[test]
    fn with_one_slot_more_epochs_too_go_on_as_if_they_had_been_there(
        seed in any::<u64>(),
        first in 20..100u64,
        more in 0..100u64,
    ) {
        for search in all() {
            let with = |epochs: u64| {
                Search { seed, budget: Budget { epochs: Some(epochs), ..Budget::default() }, ..search.clone() }
            };
            let (short, long) = (with(first), with(first + more));
            let at_once = Bench::new(&long, RISING, 1).run();
            let in_two = Bench::new(&short, RISING, 1).run().go_on_with(&long).run();
            prop_assert_eq!(in_two.events, at_once.events);
        }
    }
}

const RISING: Objective = Objective {
    ceiling: |place| place.iter().sum(),
    rate: |_| 0.3,
};
