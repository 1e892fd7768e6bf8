//! What the tests of this crate share.
#![allow(dead_code, reason = "every test program uses its own part")]

use imgcalc_shared::codec::Picture;
use imgcalc_shared::format::Size;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Numbers that look random and are the same on every run (SplitMix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// A picture with smooth parts and noise, so that small and large coefficients of both signs appear.
pub fn picture(height: u32, width: u32, channels: u16, seed: u64) -> Picture {
    let mut numbers = Numbers(seed);
    let mut samples = Vec::new();
    for row in 0..height {
        for column in 0..width {
            for channel in 0..u32::from(channels) {
                let smooth = (seed as u32 * 31 + row * 5 + column * 3 + channel * 40) % 256;
                let noise = numbers.next() % 48;
                samples.push((smooth as u64 + noise).min(255) as u8);
            }
        }
    }
    Picture::new(Size { height, width }, channels, samples).unwrap()
}

/// Runs a script of `tests/oracle` with the packages of `.deps/python`.
///
/// A missing oracle fails the test: one that skips itself is one nobody notices is gone.
pub fn oracle(script: &str, arguments: &[usize], input: &[u8]) -> Vec<u8> {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = crate_root.join("../.deps/python");
    assert!(
        packages.join("scipy").is_dir(),
        "the Python oracle is not installed in {}; run `make setup-test`",
        packages.display()
    );
    let mut python = Command::new("python3")
        .arg(crate_root.join("tests/oracle").join(script))
        .args(arguments.iter().map(usize::to_string))
        .env("PYTHONPATH", &packages)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 does not start; install it and run `make setup-test`");
    // The scripts read all their input before they write: this cannot block for ever.
    python.stdin.take().unwrap().write_all(input).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{script} fails; its packages may be damaged: run `make setup-test`"
    );
    output.stdout
}
