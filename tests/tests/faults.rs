//! Real processes, real faults: coordinators, workers and runners are killed and frozen, lines are cut, a disk is full,
//! the object store fails. A majority of the coordinators always returns; then the build must end by itself, with
//! the result of an undisturbed one, nothing acknowledged lost, nothing committed done again, and nothing in any log
//! that nobody expected.
//!
//! `make faults ROUNDS=n` does many rounds; a round that fails says with which seed it is the first of a replay.

mod faults_support;

use faults_support::round::Round;
use faults_support::{Calm, deck};
use imgcalc_tests::dice::{Dice, SEED_VARIABLE};
use imgcalc_tests::disk::where_mounting_works;
use imgcalc_tests::sandbox::Sandbox;
use imgcalc_tests::store::S3Server;

/// How many rounds.
const ROUNDS_VARIABLE: &str = "IMGCALC_FAULT_ROUNDS";
const ROUNDS: u64 = 2;

fn rounds() -> u64 {
    match std::env::var(ROUNDS_VARIABLE) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{ROUNDS_VARIABLE}={text} is no number")),
        Err(_) => ROUNDS,
    }
}

/// Even, so that two rounds have all faults, unless one round is to be replayed.
fn first_seed() -> u64 {
    let seed = Dice::thrown().seed;
    let is_replay = std::env::var_os(SEED_VARIABLE).is_some();
    if is_replay { seed } else { seed & !1 }
}

#[test]
fn whatever_happens_to_a_group_its_build_ends_as_if_nothing_had() {
    let test = "whatever_happens_to_a_group_its_build_ends_as_if_nothing_had";
    where_mounting_works(test, || {
        let sandbox = Sandbox::new();
        let server = S3Server::start();
        let calm = Calm::of(&sandbox);
        for (number, seed) in (0..rounds()).zip(first_seed()..) {
            // Two rounds share a deck of all faults, and each can be replayed alone.
            let mut strikes = deck(&mut Dice::new(seed & !1));
            let half = strikes.split_off(strikes.len() / 2);
            let strikes = if seed % 2 == 0 { strikes } else { half };
            eprintln!("round {number}, {SEED_VARIABLE}={seed}: {strikes:?}");
            Round::new(&sandbox, &server, &calm, number, Dice::new(seed)).run(&strikes);
        }
    });
}
