//! See the module `manifest` of the library.
#![no_main]

libfuzzer_sys::fuzz_target!(init: imgcalc_fuzz::write_seeds("manifest"), |input: &[u8]| imgcalc_fuzz::check("manifest", input));
