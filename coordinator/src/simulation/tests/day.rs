//! Days of network stalls.

use super::number;
use crate::leader::Terms;
use crate::simulation::day::{DayReport, simulate_day};
use std::time::Duration;

/// Days of an ordinary run of the tests.
const DAYS: u64 = 2;

#[test]
fn a_day_of_network_stalls_takes_no_attempt_from_a_worker_that_is_at_it() {
    let from = number("IMGCALC_SIMULATE_FROM", 1);
    let days = number("IMGCALC_SIMULATE_DAYS", DAYS);
    println!("{}", DayReport::HEADER);
    let mut taken = 0;
    for seed in from..from + days {
        let day = simulate_day(seed, 24, Terms::default());
        println!("{day}");
        assert!(
            day.stalls > 50 && day.attempts > 100 && day.leader_changes > 10,
            "much happens"
        );
        taken += day.false_recoveries;
    }
    assert_eq!(taken, 0, "attempts were taken from workers that were at them");
}

#[test]
fn a_grace_shorter_than_the_stalls_takes_attempts_from_workers_that_are_at_them() {
    let hasty = Terms {
        lease: Duration::from_secs(10),
        grace: Duration::from_secs(10),
        ..Terms::default()
    };
    let day = simulate_day(1, 3, hasty);
    println!("{}\n{day}", DayReport::HEADER);
    assert!(day.false_recoveries > 0);
}

#[test]
fn the_same_day_passes_again() {
    let hour = || simulate_day(7, 1, Terms::default());
    assert_eq!(hour(), hour());
}
