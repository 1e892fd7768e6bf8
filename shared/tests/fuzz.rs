//! The fuzz targets on what was found to matter, and on a fixed number of mutations of it. `make fuzz` searches on.

mod common;
#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code, reason = "the programs of the fuzzer use the rest")]
mod fuzz;

use common::Numbers;
use fuzz::TARGETS;
use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Mutations of a target. Each is a function of its number and of the inputs there are.
const MUTATIONS: u64 = 1000;
/// Most of a committed corpus, files and bytes: it is replayed in every test run.
const CORPUS_MAX: (usize, usize) = (200, 500_000);

/// What a field is often wrong by.
const EDGES: [u8; 8] = [0, 1, 15, 16, 127, 128, 254, 255];

/// What a target allocates is counted for the whole program: no test runs beside another.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// One input with a few of its bytes changed, left out or taken from another.
fn mutation(inputs: &[Vec<u8>], number: u64) -> Vec<u8> {
    let mut numbers = Numbers(number);
    let mut below = |bound: usize| numbers.next() as usize % bound.max(1);
    let mut input = inputs[below(inputs.len())].clone();
    for _ in 0..1 + below(4) {
        let at = below(input.len() + 1);
        let end = (at + 1 + below(8)).min(input.len());
        match below(6) {
            0 if at < end => input[at] ^= 1 << below(8),
            1 if at < end => input[at] = EDGES[below(EDGES.len())],
            2 => input[at..end]
                .iter_mut()
                .for_each(|byte| *byte = below(256) as u8),
            3 => drop(input.drain(at..end)),
            4 => {
                let other = &inputs[below(inputs.len())];
                let from = below(other.len());
                let to = (from + 1 + below(40)).min(other.len());
                input.splice(at..end, other[from..to].iter().copied());
            }
            _ => input.splice(at..at, (0..1 + below(4)).map(|_| 0)).for_each(drop),
        }
    }
    input
}

#[test]
fn no_input_of_the_corpus_and_no_mutation_of_one_shows_a_fault() {
    let _alone = alone();
    for target in TARGETS {
        let mut inputs = (target.seeds)();
        inputs.extend(corpus(target.name));
        let mutations = (0..MUTATIONS).map(|number| mutation(&inputs, number));
        for input in inputs.iter().cloned().chain(mutations) {
            if catch_unwind(|| fuzz::check(target.name, &input)).is_err() {
                let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("finding-{}", target.name));
                std::fs::write(&path, &input).unwrap();
                panic!(
                    "{} shows a fault of the target {}, see above; once it is cured, add the file to the corpus",
                    path.display(),
                    target.name
                );
            }
        }
    }
}

#[test]
fn the_seeds_of_runs_have_every_coding() {
    let _alone = alone();
    let runs = TARGETS.iter().find(|target| target.name == "run").unwrap();
    let heads: BTreeSet<u8> = (runs.seeds)().iter().map(|seed| seed[4]).collect();
    assert!((0..5).all(|coding| heads.contains(&coding)), "{heads:?}");
    assert!(
        (17..21).any(|of_differences| heads.contains(&of_differences)),
        "{heads:?}"
    );
}

#[test]
fn the_corpus_is_small() {
    let _alone = alone();
    let inputs: Vec<Vec<u8>> = TARGETS.iter().flat_map(|target| corpus(target.name)).collect();
    let size = (inputs.len(), inputs.iter().map(Vec::len).sum::<usize>());
    assert!(
        size.0 <= CORPUS_MAX.0 && size.1 <= CORPUS_MAX.1,
        "{size:?}; merge it anew"
    );
    assert!(size.0 > TARGETS.len(), "{size:?}");
}
