//! Seeds that run, days that pass, and faults in the code that are found.

mod day;
mod faults;

use super::{Options, Report, simulate};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Seeds of an ordinary run of the tests.
const SEEDS: u64 = 500;

fn number(variable: &str, otherwise: u64) -> u64 {
    let said = std::env::var(variable).ok();
    said.map_or(otherwise, |text| text.parse().expect("a number"))
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
