//! Faults put into the code, and what of the oracle finds them.

use crate::peer::node::Bugs;
use crate::simulation::oracle::{APART, DAMAGED, LOST, STALE, TAKEN};
use crate::simulation::{Options, simulate};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Within so many seeds a fault must be found.
const SEEDS_MAX: u64 = 200;

/// Runs seeds until one ends with what the oracle says of this kind of fault.
fn find(finding: &str, options: Options) {
    let mut others = Vec::new();
    for seed in 1..=SEEDS_MAX {
        let run = AssertUnwindSafe(|| simulate(seed, options));
        let Err(panic) = catch_unwind(run) else {
            continue;
        };
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
        let text = text.unwrap_or_default();
        if text.starts_with(finding) {
            println!("seed {seed}: {text}; before it {others:?}");
            return;
        }
        others.push((seed, text));
    }
    panic!("{SEEDS_MAX} seeds do not say {finding:?}, but {others:?}");
}

fn with(bugs: Bugs) -> Options {
    Options {
        bugs,
        ..Options::default()
    }
}

#[test]
fn an_answer_before_its_commit_is_found() {
    let bugs = Bugs {
        answers_early: true,
        ..Bugs::default()
    };
    find(LOST, with(bugs));
}

#[test]
fn a_disk_that_acknowledges_what_it_does_not_keep_is_found() {
    let options = Options {
        disks_lie: true,
        ..Options::default()
    };
    find(DAMAGED, options);
}

#[test]
fn a_look_that_nobody_confirmed_is_found() {
    let bugs = Bugs {
        looks_unconfirmed: true,
        ..Bugs::default()
    };
    let options = Options {
        peers_apart: true,
        ..with(bugs)
    };
    find(STALE, options);
}

#[test]
fn a_lease_that_is_taken_without_its_grace_is_found() {
    let options = Options {
        grace_forgotten: true,
        ..Options::default()
    };
    find(TAKEN, options);
}

#[test]
fn a_leader_that_takes_workers_for_gone_is_found() {
    let options = Options {
        workers_forgotten: true,
        ..Options::default()
    };
    find(TAKEN, options);
}

#[test]
fn a_peer_that_leaves_an_entry_out_is_found() {
    let bugs = Bugs {
        leaves_out: true,
        ..Bugs::default()
    };
    find(APART, with(bugs));
}
