//! See the module `run` of the library.
#![no_main]

libfuzzer_sys::fuzz_target!(init: imgcalc_fuzz::write_seeds("run"), |input: &[u8]| imgcalc_fuzz::check("run", input));
