//! Numbers that look random and come back with their seed.

use std::time::{SystemTime, UNIX_EPOCH};

/// Environment variable that replays a failed run.
pub const SEED_VARIABLE: &str = "IMGCALC_TEST_SEED";

/// splitmix64.
#[derive(Clone, Debug)]
pub struct Dice {
    /// Where it started.
    pub seed: u64,
    state: u64,
}

impl Dice {
    /// Numbers of one seed.
    pub fn new(seed: u64) -> Dice {
        Dice { seed, state: seed }
    }

    /// The seed of [`SEED_VARIABLE`], else one of the clock.
    ///
    /// # Panics
    /// If the variable is no number.
    pub fn thrown() -> Dice {
        match std::env::var(SEED_VARIABLE) {
            Ok(text) => Dice::new(
                text.parse()
                    .unwrap_or_else(|_| panic!("{SEED_VARIABLE}={text} is no seed")),
            ),
            Err(_) => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Dice::new(u64::from(since.subsec_nanos()) ^ since.as_secs())
            }
        }
    }

    /// The next number.
    pub fn throw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is above 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.throw() % end
    }

    /// A number from 0 to 1.
    pub fn share(&mut self) -> f64 {
        self.below(1 << 32) as f64 / (1u64 << 32) as f64
    }

    /// Brings a list into another order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}
