//! Targets for a fuzzer: one function for each kind of bytes that `shared` reads. Whatever the bytes, there must be no
//! panic, no work or memory beyond what their header states, and an error that says what is wrong; and what does decode
//! has to be the same by every way there is to decode it, and after it was written again.
//!
//! Checksums would keep a fuzzer out: random bytes never have the right ones. So most targets read their input as a recipe,
//! of which they make an object whose checksums are right. How much memory is too much is said in the module `memory`.
//!
//! The functions are used in two ways. `make fuzz` searches with libFuzzer, led by which code an input reaches; it needs a
//! C++ compiler, but no other Rust than the rest. `shared/tests/fuzz.rs` replays `corpus` in every test run, with a fixed
//! number of mutations of it.
//!
//! **A finding** is a file under `target/fuzz/findings/TARGET`. The program it was found by, under `target/fuzz`, shows
//! the fault again when it is given the file's path. Once it is cured, the file is put into `corpus/TARGET` as
//! `found-WHAT-IT-WAS`: the tests replay it, and `make fuzz MERGE=1`, which chooses the rest of the corpus anew, leaves it.

mod column;
mod image;
mod input;
mod manifest;
mod memory;
mod object;
mod run;
mod seeds;
mod values;

use std::path::Path;

/// What is searched, by name.
pub const TARGETS: [Target; 6] = [
    Target {
        name: "run",
        check: run::check,
        seeds: seeds::runs,
    },
    Target {
        name: "values",
        check: values::check,
        seeds: seeds::values,
    },
    Target {
        name: "column",
        check: column::check,
        seeds: seeds::columns,
    },
    Target {
        name: "object",
        check: object::check,
        seeds: seeds::objects,
    },
    Target {
        name: "image",
        check: image::check,
        seeds: seeds::images,
    },
    Target {
        name: "manifest",
        check: manifest::check,
        seeds: seeds::manifests,
    },
];

/// One kind of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of its program and of its folder of `corpus`.
    pub name: &'static str,
    /// Panics if the input shows a fault.
    pub check: fn(&[u8]),
    /// Inputs made of what the encoders write today, for mutations to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Runs the target of this name, which is one of [`TARGETS`].
pub fn check(name: &str, input: &[u8]) {
    (target(name).check)(input);
}

/// Writes the seeds of this target into the folder that the variable `IMGCALC_FUZZ_SEEDS` names, if it is set: what a
/// search starts from.
pub fn write_seeds(name: &str) {
    let Some(folder) = std::env::var_os("IMGCALC_FUZZ_SEEDS") else {
        return;
    };
    for (number, seed) in (target(name).seeds)().iter().enumerate() {
        let path = Path::new(&folder).join(format!("seed-{number}"));
        std::fs::write(&path, seed).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

fn target(name: &str) -> Target {
    let target = TARGETS.into_iter().find(|target| target.name == name);
    target.expect("a program is named as its target")
}
