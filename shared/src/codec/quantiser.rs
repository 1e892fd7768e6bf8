//! Division of many values by one factor.

use multiversion::multiversion;

/// Divides values by a factor as [`super::quantise`] does, many at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantiser {
    quant: u16,
}

impl Quantiser {
    /// A factor of 1 leaves values as they are; it is at least 1, as in every format.
    pub(crate) fn new(quant: u16) -> Quantiser {
        Quantiser { quant }
    }

    /// Divides every value.
    pub(crate) fn apply(self, values: &mut [i16]) {
        if self.quant == 1 {
            return;
        }
        divide(values, self.quant);
    }
}

/// Compiled for AVX2 too, which divides eight at a time.
#[multiversion(targets("x86_64+avx2"))]
fn divide(values: &mut [i16], quant: u16) {
    // (2m + q) / 2q of integers below 2¹⁷: half a unit more in the numerator moves no quotient over the next integer,
    // and is more than the rounding errors of two 24-bit numbers.
    let (offset, factor) = (f32::from(quant) + 0.5, 0.5 / f32::from(quant));
    for value in values {
        let magnitude = f32::from(value.unsigned_abs());
        let quotient = ((2.0 * magnitude + offset) * factor) as i32;
        *value = (if *value < 0 { -quotient } else { quotient }) as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::super::quantise;
    use super::*;

    #[test]
    fn all_values_are_divided_as_one_at_a_time() {
        for quant in (1..=64).chain([99, 100, 127, 128, 255, 1000, 1001, 4095, 4096]) {
            let all: Vec<i16> = (i16::MIN..=i16::MAX).collect();
            let mut divided = all.clone();
            Quantiser::new(quant).apply(&mut divided);
            for (&value, &divided) in all.iter().zip(&divided) {
                assert_eq!(divided, quantise(value, quant), "{value} / {quant}");
            }
        }
    }
}
