//! Real processes, real faults: coordinators, workers and runners are killed and frozen, lines are cut, a disk is full,
//! the object store fails. A majority of the coordinators always returns; then the build must end by itself, with
//! the result of an undisturbed one, nothing acknowledged lost, nothing committed done again, and nothing in any log
//! that nobody expected.
//!
//! `make faults ROUNDS=n` does many rounds; IMGCALC_TEST_SEED replays them.

mod faults_support;

use faults_support::round::Round;
use faults_support::{Calm, deck};
use imgcalc_tests::dice::{Dice, SEED_VARIABLE};
use imgcalc_tests::disk::where_mounting_works;
use imgcalc_tests::sandbox::Sandbox;
use imgcalc_tests::store::S3Server;

/// How many rounds; a deck of all faults is dealt over each two of them.
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

#[test]
fn whatever_happens_to_a_group_its_build_ends_as_if_nothing_had() {
    let test = "whatever_happens_to_a_group_its_build_ends_as_if_nothing_had";
    where_mounting_works(test, || {
        let sandbox = Sandbox::new();
        let server = S3Server::start();
        let calm = Calm::of(&sandbox);
        let first = Dice::thrown().seed;
        let mut dealt = Vec::new();
        for number in 0..rounds() {
            // Two rounds share a deck; a replay of one round's seed starts with the same half.
            let seed = first.wrapping_add(number);
            let mut dice = Dice::new(seed);
            if dealt.is_empty() {
                dealt = deck(&mut dice);
            }
            let half = dealt.len().div_ceil(if number % 2 == 0 { 2 } else { 1 });
            let strikes: Vec<_> = dealt.drain(..half).collect();
            eprintln!("round {number}, {SEED_VARIABLE}={first}: {strikes:?}");
            Round::new(&sandbox, &server, &calm, number, dice).run(&strikes);
        }
    });
}
