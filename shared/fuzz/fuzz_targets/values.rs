//! See the module `values` of the library.
#![no_main]

libfuzzer_sys::fuzz_target!(init: imgcalc_fuzz::write_seeds("values"), |input: &[u8]| imgcalc_fuzz::check("values", input));
