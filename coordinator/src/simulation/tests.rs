//! Seeds that run, and faults in the code that they find.

use super::day::{DayReport, simulate_day};
use super::{Options, Report, simulate};
use crate::leader::Terms;
use crate::peer::node::Bugs;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Seeds of an ordinary run of the tests.
const SEEDS: u64 = 500;

fn number(variable: &str, otherwise: u64) -> u64 {
    let said = std::env::var(variable).ok();
    said.map_or(otherwise, |text| text.parse().expect("a number"))
}

/// The first seed that fails, and what it says.
fn first_failure(seeds: impl Iterator<Item = u64>, options: Options) -> Option<(u64, String)> {
    for seed in seeds {
        let run = AssertUnwindSafe(|| simulate(seed, options));
        if let Err(panic) = catch_unwind(run) {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
            return Some((seed, text.unwrap_or_default()));
        }
    }
    None
}

#[test]
fn a_build_without_faults_ends_as_it_would_undisturbed() {
    let calm = Options {
        calm: true,
        members: false,
        ..Options::default()
    };
    let Report {
        looks, taken_alive, ..
    } = simulate(1, calm);
    assert!(looks > 0 && taken_alive == 0);
}

#[test]
fn the_same_seed_does_the_same_again() {
    for seed in [3, 4, 5] {
        assert_eq!(
            simulate(seed, Options::default()),
            simulate(seed, Options::default())
        );
    }
}

#[test]
fn whatever_goes_wrong_nothing_acknowledged_is_lost_and_every_build_ends() {
    let from = number("IMGCALC_SIMULATE_FROM", 1);
    let seeds = number("IMGCALC_SIMULATE_SEEDS", SEEDS);
    let (mut simulated_ms, mut entries, mut looks, mut taken) = (0, 0, 0, 0);
    for seed in from..from + seeds {
        let run = AssertUnwindSafe(|| simulate(seed, Options::default()));
        let Ok(report) = catch_unwind(run) else {
            panic!("seed {seed} fails; replay it: make simulate FROM={seed} SEEDS=1");
        };
        simulated_ms += report.simulated_ms;
        entries += report.entries;
        looks += report.looks;
        taken += report.taken_alive;
        if (seed - from + 1).is_multiple_of(100) {
            println!("{} seeds", seed - from + 1);
        }
    }
    println!(
        "{seeds} seeds from {from}: {} simulated minutes, {entries} entries, {looks} looks, {taken} tasks of silent \
         workers opened again",
        simulated_ms / 60_000
    );
}

#[test]
fn an_answer_before_its_commit_is_found() {
    let bugs = Bugs {
        answers_early: true,
        ..Bugs::default()
    };
    let found = first_failure(
        1..=100,
        Options {
            bugs,
            ..Options::default()
        },
    );
    println!("{:?}", found.expect("found within 100 seeds"));
}

#[test]
fn a_disk_that_acknowledges_what_it_does_not_keep_is_found() {
    let options = Options {
        disks_lie: true,
        ..Options::default()
    };
    let found = first_failure(1..=100, options);
    println!("{:?}", found.expect("found within 100 seeds"));
}

#[test]
fn a_day_of_network_stalls_takes_no_attempt_from_a_worker_that_is_at_it() {
    let (from, days) = (
        number("IMGCALC_SIMULATE_FROM", 1),
        number("IMGCALC_SIMULATE_DAYS", 2),
    );
    println!("{}", DayReport::HEADER);
    for seed in from..from + days {
        let began = std::time::Instant::now();
        let report = simulate_day(seed, 24, Terms::default());
        println!("{report} {:?}", began.elapsed());
        assert_eq!(report.false_recoveries, 0);
    }
}
