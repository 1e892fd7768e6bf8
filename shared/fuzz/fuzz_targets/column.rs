//! See the module `column` of the library.
#![no_main]

libfuzzer_sys::fuzz_target!(init: imgcalc_fuzz::write_seeds("column"), |input: &[u8]| imgcalc_fuzz::check("column", input));
