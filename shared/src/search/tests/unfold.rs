//! A search unfolded from its results: with more of them its story is only longer.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A stretch of a trial.
type Stretch = (TrialId, u32);

/// What a made-up training comes to, from numbers alone; one in eleven fails.
fn result(salt: u64, decision: &Decision) -> Option<Vec<Report>> {
    let (trial, until) = (decision.trial().0, decision.until()?);
    let mixed = (u64::from(trial) * 31 + u64::from(until) + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    (!mixed.is_multiple_of(11)).then(|| {
        let score = (mixed % 17) as f64;
        vec![Report { at: until, score }]
    })
}

/// Runs a search on workers that finish in the order the dice say; gives the story after every result.
fn driven(search: &Search, slots: usize, salt: u64, dice: &[u8]) -> Vec<(BTreeMap<Stretch, u64>, Unfolded)> {
    let mut known: BTreeMap<Stretch, u64> = BTreeMap::new();
    let mut steps = Vec::new();
    for (order, roll) in (1..).zip(dice) {
        let unfolded = unfold(search, slots, salt, &known);
        let running: Vec<Stretch> = unfolded
            .history
            .trials()
            .filter(|(_, trial)| trial.is_running())
            .map(|(id, trial)| (id, trial.until()))
            .collect();
        steps.push((known.clone(), unfolded));
        if running.is_empty() {
            break;
        }
        known.insert(running[usize::from(*roll) % running.len()], order);
    }
    steps
}

fn limited(search: Search) -> Search {
    let budget = Budget {
        trainings: Some(17),
        ..Budget::default()
    };
    Search { budget, ..search }
}

/// Limits by what was started and by what was taken of the machines.
fn limits() -> [Budget; 4] {
    let none = Budget::default();
    let minutes = |minutes: f64| Some(Hours::new(minutes / 60.0).unwrap());
    [
        limited(all().remove(0)).budget,
        Budget {
            epochs: Some(40),
            ..none
        },
        Budget {
            wall_hours: minutes(20.0),
            ..none
        },
        Budget {
            gpu_hours: minutes(45.0),
            ..none
        },
    ]
}

fn unfold(search: &Search, slots: usize, salt: u64, known: &BTreeMap<Stretch, u64>) -> Unfolded {
    unfold_in(search, &slots.into(), salt, known)
}

fn unfold_in(search: &Search, slots: &Slots, salt: u64, known: &BTreeMap<Stretch, u64>) -> Unfolded {
    search.unfold(slots, |decision| {
        let order = *known.get(&(decision.trial(), decision.until()?))?;
        let reports = result(salt, decision);
        // A minute from result to result, and three minutes each.
        let (from_ms, until_ms) = (60_000 * order.saturating_sub(3), 60_000 * order);
        let took = Took {
            from_ms,
            until_ms,
            device_ms: until_ms - from_ms,
        };
        Some(Ended {
            order,
            took: Some(took),
            reports,
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_prefix_of_the_results_gives_a_prefix_of_the_story(
        limit in 0..4usize,
        slots in 1..5usize,
        salt in any::<u64>(),
        dice in prop::collection::vec(any::<u8>(), 1..60),
    ) {
        for search in all() {
            let search = Search { budget: limits()[limit], ..search };
            let steps = driven(&search, slots, salt, &dice);
            let (_, last) = steps.last().unwrap();
            for (known, unfolded) in &steps {
                prop_assert!(last.story.starts_with(&unfolded.story), "{} results", known.len());
                prop_assert!(unfolded.history.running() <= slots);
            }
        }
    }

    #[test]
    fn slots_that_become_more_leave_what_was_decided_before(
        slots in 1..5usize,
        changes in prop::collection::vec((0u64..40, 1..9usize), 1..4),
        salt in any::<u64>(),
        dice in prop::collection::vec(any::<u8>(), 1..60),
    ) {
        for search in all() {
            let mut changes = changes.clone();
            changes.sort_unstable();
            let (mut slots, mut changes) = (Slots::new(slots), changes.into_iter().peekable());
            let (mut known, mut story) = (BTreeMap::new(), Vec::new());
            for (order, roll) in (1..).zip(&dice) {
                let before = unfold_in(&search, &slots, salt, &known);
                prop_assert!(before.story.starts_with(&story));
                // Made between two results: what runs goes on, and what is free is used at once.
                while let Some((after, now)) = changes.next_if(|(after, _)| *after < order) {
                    slots.raise(order - 1, now);
                    prop_assert!(after < order && slots.now() >= now);
                }
                let unfolded = unfold_in(&search, &slots, salt, &known);
                prop_assert!(unfolded.story.starts_with(&before.story));
                let running: Vec<Stretch> = unfolded
                    .history
                    .trials()
                    .filter(|(_, trial)| trial.is_running())
                    .map(|(id, trial)| (id, trial.until()))
                    .collect();
                prop_assert!(running.len() <= slots.now().max(before.history.running()));
                story = unfolded.story;
                if running.is_empty() {
                    break;
                }
                known.insert(running[usize::from(*roll) % running.len()], order);
            }
        }
    }

    #[test]
    fn results_that_were_there_before_the_search_began_are_taken_as_they_come(
        salt in any::<u64>(),
        dice in prop::collection::vec(any::<u8>(), 1..60),
    ) {
        // Another build searched with a larger budget: this one reads as much of it as its own allows.
        for search in all() {
            let small = limited(search.clone());
            let steps = driven(&search, 1, salt, &dice);
            let (known, live) = steps.last().unwrap();
            let read = unfold(&small, 1, salt, known);
            prop_assert!(live.story.starts_with(&read.story));
        }
    }
}

#[test]
fn a_search_that_has_used_up_its_hours_hears_what_runs_and_goes_on_with_more() {
    let [_, _, wall, gpu] = limits();
    for (budget, stopped) in [(wall, 20), (gpu, 16)] {
        let search = search(
            "learning_rate = { linear = [0.0, 1.0] }",
            Algorithm::Random {},
            1,
            9,
        );
        let little = Search {
            budget,
            ..search.clone()
        };
        let dice = [0; 100];
        let steps = driven(&little, 2, 1, &dice);
        let (known, last) = steps.last().unwrap();
        // The one that runs beside the last that fits is heard too.
        assert_eq!(known.len(), stopped + 1, "{budget}");
        assert!(last.is_over);
        let more = Search {
            budget: budget.raised(Budget {
                wall_hours: Some(Hours::new(1.0).unwrap()),
                gpu_hours: Some(Hours::new(2.0).unwrap()),
                ..Budget::default()
            }),
            ..search
        };
        let goes_on = unfold(&more, 2, 1, known);
        assert!(!goes_on.is_over);
        let began = |unfolded: &Unfolded| unfolded.history.started();
        assert!(began(&goes_on) > began(last));
    }
}
