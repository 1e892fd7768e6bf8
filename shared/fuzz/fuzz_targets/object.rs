//! See the module `object` of the library.
#![no_main]

libfuzzer_sys::fuzz_target!(init: imgcalc_fuzz::write_seeds("object"), |input: &[u8]| imgcalc_fuzz::check("object", input));
