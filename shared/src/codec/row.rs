//! Numbers that are computed with side by side.

use std::ops::{Add, Mul, Sub};

/// Numbers in a row; one register of AVX-512, two of AVX2.
pub(super) const LANES: usize = 8;

/// One number of each of [`LANES`] signals.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
pub(super) struct Row(pub(super) [f64; LANES]);

impl Add for Row {
    type Output = Row;

    #[inline(always)]
    fn add(mut self, other: Row) -> Row {
        for lane in 0..LANES {
            self.0[lane] += other.0[lane];
        }
        self
    }
}

impl Sub for Row {
    type Output = Row;

    #[inline(always)]
    fn sub(mut self, other: Row) -> Row {
        for lane in 0..LANES {
            self.0[lane] -= other.0[lane];
        }
        self
    }
}

impl Mul<f64> for Row {
    type Output = Row;

    #[inline(always)]
    fn mul(mut self, factor: f64) -> Row {
        for lane in 0..LANES {
            self.0[lane] *= factor;
        }
        self
    }
}
