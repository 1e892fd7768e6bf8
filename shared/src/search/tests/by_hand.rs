//! Small searches followed step by step.

use super::*;

const LINE: &str = "x = { linear = [0, 1] }";

/// Runs a search with one slot, every trial scoring the same at any epoch; gives its decisions in words.
fn followed(search: &Search, scores: &[f64], steps: usize) -> (History, Vec<String>) {
    let (mut history, mut words) = (History::default(), Vec::new());
    for _ in 0..steps {
        for Decided { decision, .. } in search.decide(&history, 1 - history.running()) {
            words.push(match &decision {
                Decision::Start { trial, until, .. } => format!("start {} to {until}", trial.0),
                Decision::Promote { trial, until } => format!("promote {} to {until}", trial.0),
                Decision::Stop { trial } => format!("stop {}", trial.0),
                Decision::Copy { from, to, until, .. } => format!("copy {} to {} to {until}", from.0, to.0),
            });
            history.push(&Event::Decided(decision)).unwrap();
        }
        let running = history.trials().find(|(_, trial)| trial.is_running());
        let Some((id, until)) = running.map(|(id, trial)| (id, trial.until())) else {
            break;
        };
        history
            .push(&reported(id.0, until, scores[id.0 as usize]))
            .unwrap();
    }
    (history, words)
}

#[test]
fn asha_promotes_as_by_hand() {
    // Rungs at 1, 3 and 9 epochs. The first comes with the third trial: ⌊3 ÷ 3⌋ = 1, and trial 1 leads. With six the
    // best two go on, so trial 4 follows. Trial 6 leads at once, and as the third to reach 3 epochs goes on to 9.
    let scores = [0.1, 0.9, 0.5, 0.2, 0.8, 0.3, 0.95, 0.4];
    let (history, words) = followed(&search(LINE, Algorithm::Asha { eta: 3 }, 1, 9), &scores, 11);
    assert_eq!(
        words,
        [
            "start 0 to 1",
            "start 1 to 1",
            "start 2 to 1",
            "promote 1 to 3",
            "start 3 to 1",
            "start 4 to 1",
            "start 5 to 1",
            "promote 4 to 3",
            "start 6 to 1",
            "promote 6 to 3",
            "promote 6 to 9",
        ]
    );
    let best = history.best().unwrap();
    assert_eq!(
        (best.trial, best.at, best.score),
        (TrialId(6), 1, 0.95),
        "of equal scores the earliest epoch"
    );
    assert_eq!(history.epochs(), 4 + 3 + 3 + 9);
}

#[test]
fn a_promotion_says_its_rank_and_how_many_go_on() {
    let search = search(LINE, Algorithm::Asha { eta: 3 }, 1, 9);
    let (history, _) = followed(&search, &[0.1, 0.9, 0.5], 3);
    let decided = search.decide(&history, 1);
    let place = Place {
        at: 1,
        score: Some(0.9),
        rank: 1,
        of: 3,
        kept: 1,
    };
    assert_eq!(decided[0].why, Why::AmongBest(place));
    assert_eq!(
        decided[0].why.to_string(),
        "rank 1 of 3 at epoch 1 (score 0.9000), of which 1 go on: it goes on"
    );
}

#[test]
fn a_failed_trial_counts_in_its_rung_and_never_goes_on() {
    let search = search(LINE, Algorithm::Asha { eta: 3 }, 1, 9);
    let mut history = History::default();
    for decided in search.decide(&history.clone(), 3) {
        history.push(&Event::Decided(decided.decision)).unwrap();
    }
    for event in [
        reported(0, 1, 0.2),
        Event::Failed { trial: TrialId(1) },
        Event::Failed { trial: TrialId(2) },
    ] {
        assert!(
            !search
                .decide(&history, 1)
                .iter()
                .any(|next| matches!(next.decision, Decision::Promote { .. }))
        );
        history.push(&event).unwrap();
    }
    let next = search.decide(&history, 1).remove(0).decision;
    assert_eq!(
        next,
        Decision::Promote {
            trial: TrialId(0),
            until: 3
        }
    );
}

#[test]
fn hyperband_halves_a_bracket_as_by_hand_and_stops_whoever_stays_behind() {
    // Nine start with 1 epoch, three go on to 3, one to 9; then five start with 3, one goes on; then three run to 9.
    let search = Search {
        budget: Budget {
            trainings: Some(17),
            ..Budget::default()
        },
        ..search(LINE, Algorithm::Hyperband { eta: 3 }, 1, 9)
    };
    let scores: Vec<f64> = [5, 1, 9, 3, 7, 2, 8, 4, 6, 5, 4, 3, 2, 1, 1, 2, 3]
        .map(f64::from)
        .to_vec();
    let (history, words) = followed(&search, &scores, 100);
    let of = |verb: &str| -> Vec<&str> { words.iter().filter_map(|word| word.strip_prefix(verb)).collect() };
    assert_eq!(of("promote "), ["2 to 3", "6 to 3", "4 to 3", "2 to 9", "9 to 9"]);
    assert_eq!(
        of("stop "),
        ["8", "0", "7", "3", "5", "1", "6", "4", "10", "11", "12", "13"]
    );
    let untils: Vec<u32> = history.trials().map(|(_, trial)| trial.legs()[0].until).collect();
    assert_eq!(untils, [[1; 9].as_slice(), &[3; 5], &[9; 3]].concat());
    assert_eq!(
        [0, 8, 9, 14, 17].map(|trial| search.bracket(TrialId(trial))),
        [0, 0, 1, 2, 3]
    );
    assert_eq!(history.running(), 0);
    assert_eq!(history.epochs(), 9 + 3 * 2 + 6 + 5 * 3 + 6 + 27);
}

#[test]
fn a_trial_that_fails_while_it_waits_holds_up_no_bracket() {
    let search = search(LINE, Algorithm::Hyperband { eta: 3 }, 1, 9);
    let mut history = History::default();
    let take = |history: &mut History| {
        for next in search.decide(history, 9 - history.running()) {
            history.push(&Event::Decided(next.decision)).unwrap();
        }
    };
    take(&mut history);
    for trial in 0..9 {
        history.push(&reported(trial, 1, f64::from(trial))).unwrap();
    }
    // Trials 6, 7 and 8 are to go on, and the last of them cannot.
    history.push(&Event::Failed { trial: TrialId(8) }).unwrap();
    take(&mut history);
    for trial in 6..8 {
        history.push(&reported(trial, 3, f64::from(trial))).unwrap();
    }
    let next = search.decide(&history, 1);
    let place = Place {
        at: 3,
        score: Some(6.0),
        rank: 2,
        of: 3,
        kept: 1,
    };
    assert_eq!(next[0].why, Why::NotAmongBest(place));
    assert_eq!(
        next[1].decision,
        Decision::Promote {
            trial: TrialId(7),
            until: 9
        }
    );
    assert_eq!(search.places(&history, TrialId(7)).len(), 2);
}

#[test]
fn a_trial_that_waits_can_be_asked_where_it_stands() {
    let search = search(LINE, Algorithm::Asha { eta: 3 }, 1, 9);
    let (history, _) = followed(&search, &[0.1, 0.9, 0.5, 0.2, 0.8, 0.3], 6);
    let place = |at, score, rank, of, kept| Place {
        at,
        score: Some(score),
        rank,
        of,
        kept,
    };
    assert_eq!(search.places(&history, TrialId(2)), [place(1, 0.5, 3, 5, 1)]);
    assert_eq!(
        search.places(&history, TrialId(1)),
        [place(1, 0.9, 1, 5, 1), place(3, 0.9, 1, 1, 0)]
    );
    let random = Search {
        algorithm: Algorithm::Random {},
        ..search
    };
    assert!(random.places(&history, TrialId(1)).is_empty());
}

#[test]
fn stops_need_no_free_slot() {
    let search = search(LINE, Algorithm::Hyperband { eta: 3 }, 1, 9);
    let mut history = History::default();
    for decided in search.decide(&history.clone(), 9) {
        history.push(&Event::Decided(decided.decision)).unwrap();
    }
    for trial in 0..9 {
        history.push(&reported(trial, 1, f64::from(trial))).unwrap();
    }
    let decided = search.decide(&history, 0);
    assert_eq!(decided.len(), 6);
    assert!(
        decided
            .iter()
            .all(|next| matches!(next.decision, Decision::Stop { .. }))
    );
}

#[test]
fn pbt_copies_the_first_fifth_over_the_last() {
    let search = search(
        LINE,
        Algorithm::Pbt {
            population: 5,
            interval: 1,
        },
        1,
        3,
    );
    let (history, words) = followed(&search, &[0.5, 0.9, 0.1, 0.4, 0.6], 100);
    // Scores never change here, so trial 2 is the last and trial 1 the first at every pause.
    let copies: Vec<&String> = words.iter().filter(|word| word.starts_with("copy")).collect();
    assert_eq!(copies, ["copy 1 to 2 to 2", "copy 1 to 2 to 3"]);
    let copied = history.trial(TrialId(2)).unwrap();
    assert_eq!(copied.legs()[1].copied, Some((TrialId(1), 1)));
    assert_eq!(copied.legs()[2].copied, Some((TrialId(1), 2)));
    assert_ne!(
        copied.legs()[1].point,
        history.trial(TrialId(1)).unwrap().legs()[0].point
    );
    assert_eq!(
        (history.started(), history.epochs(), history.running()),
        (5, 15, 0)
    );
    assert!(
        search.decide(&history, 5).is_empty(),
        "a population that came to its end is done"
    );
}

#[test]
fn pbt_waits_for_nobody() {
    let search = search(
        LINE,
        Algorithm::Pbt {
            population: 5,
            interval: 1,
        },
        1,
        3,
    );
    let mut history = History::default();
    for decided in search.decide(&history.clone(), 5) {
        history.push(&Event::Decided(decided.decision)).unwrap();
    }
    history.push(&reported(4, 1, 0.01)).unwrap();
    let next = search.decide(&history, 1).remove(0);
    assert_eq!(
        next.decision,
        Decision::Promote {
            trial: TrialId(4),
            until: 2
        }
    );
    assert!(
        matches!(next.why, Why::KeepsUp(Place { rank: 1, of: 1, .. })),
        "{:?}",
        next.why
    );
}

#[test]
fn the_grid_is_gone_through_once_and_then_the_search_is_over() {
    let search = search(
        "a = { integer = [1, 3] }\nb = { choice = [\"x\", \"y\"] }",
        Algorithm::Grid { steps: 3 },
        1,
        2,
    );
    let (history, _) = followed(&search, &[0.5; 6], 100);
    let points: Vec<String> = history
        .trials()
        .map(|(_, trial)| trial.point().to_string())
        .collect();
    assert_eq!(
        points,
        [
            "a = 1, b = x",
            "a = 1, b = y",
            "a = 2, b = x",
            "a = 2, b = y",
            "a = 3, b = x",
            "a = 3, b = y"
        ]
    );
    assert!(search.decide(&history, 4).is_empty());
}

#[test]
fn a_small_space_is_gone_through_without_repeats_and_then_the_search_is_over() {
    for algorithm in [
        Algorithm::Random {},
        Algorithm::Asha { eta: 3 },
        Algorithm::Bohb {
            eta: 3,
            halving: Halving::Asha,
        },
    ] {
        let search = search(
            "a = { integer = [1, 30] }\nb = { choice = [1, 2] }",
            algorithm,
            1,
            3,
        );
        let (history, _) = followed(&search, &[0.5; 60], 1000);
        let points: std::collections::BTreeSet<String> = history
            .trials()
            .map(|(_, trial)| trial.legs()[0].point.to_string())
            .collect();
        assert_eq!((history.started(), points.len()), (60, 60), "{algorithm:?}");
    }
}

#[test]
fn a_model_is_asked_once_there_are_results_enough() {
    let search = search(
        SPACE,
        Algorithm::Bohb {
            eta: 3,
            halving: Halving::Asha,
        },
        1,
        9,
    );
    let scores: Vec<f64> = (0..200)
        .map(|trial| f64::from(trial * 37 % 101) / 101.0)
        .collect();
    let results: Vec<Event> = results_of(&search, &scores, 200);
    let (_, decided) = replay(&search, 1, &results);
    let (mut few, mut modelled, mut beside) = (0, 0, 0);
    for next in decided {
        match next.why {
            Why::Room {
                origin: Origin::TooFewResults { results, needed },
                ..
            } => {
                assert!(results < needed && needed == 7, "4 parameters need 4 + 3 results");
                few += 1;
            }
            Why::Room {
                origin: Origin::Modelled { results, good, .. },
                ..
            } => {
                assert!(results >= 7 && good >= 5);
                modelled += 1;
            }
            Why::Room {
                origin: Origin::DrawnBesideModel { .. },
                ..
            } => beside += 1,
            Why::AmongBest(_) => {}
            other => panic!("{other}"),
        }
    }
    assert!(
        (1..=7).contains(&few) && modelled > 40 && beside > 15,
        "{few} {modelled} {beside}"
    );
}

/// What came in a search that is followed.
fn results_of(search: &Search, scores: &[f64], steps: usize) -> Vec<Event> {
    let (mut history, mut results) = (History::default(), Vec::new());
    for _ in 0..steps {
        for next in search.decide(&history, 1) {
            history.push(&Event::Decided(next.decision)).unwrap();
        }
        let (id, trial) = history.trials().find(|(_, trial)| trial.is_running()).unwrap();
        results.push(reported(id.0, trial.until(), scores[id.0 as usize]));
        history.push(&results[results.len() - 1]).unwrap();
    }
    results
}
