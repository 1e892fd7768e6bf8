//! See the module `image` of the library.
#![no_main]

libfuzzer_sys::fuzz_target!(init: imgcalc_fuzz::write_seeds("image"), |input: &[u8]| imgcalc_fuzz::check("image", input));
