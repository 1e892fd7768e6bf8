//! How a coefficient becomes an integer.

/// 2³² + ½. A number from 2³² to 2³³ has 20 bits behind the point.
const SNAP_AND_HALF: f64 = 4_294_967_296.5;

/// Bits behind the point of such a number.
const SNAP_BITS: u32 = 20;

/// Far outside `i16` and far below 2³².
const MAGNITUDE_MAX: f64 = 65_536.0;

/// Rounds a coefficient to an integer, ties away from zero, after snapping it to the nearest multiple of 2⁻²⁰.
///
/// Exact ties k + ½ are common by construction: the DC of a block of integers is a multiple of 1/B. Algorithms that
/// compute the same DCT differ in the last bits, about 1e-12, and would fall to either side of a tie. The snap is
/// far coarser than their differences and far finer than anything else, so they agree on the integer.
///
/// What is outside of `i16` saturates; with the level shift no coefficient is, and none is NaN.
#[inline(always)]
pub fn round_coefficient(coefficient: f64) -> i16 {
    // The addition snaps the magnitude and adds the half that turns cutting into rounding, and what is left of the
    // point lies above SNAP_BITS. It snaps its own ties to even, that is to k + ½ where one is its neighbour, as
    // k + ½ is an even number of steps. No comparison and no call: f64::round is one where there is no SSE 4.1.
    let magnitude = coefficient.abs();
    let bounded = if magnitude < MAGNITUDE_MAX {
        magnitude
    } else {
        MAGNITUDE_MAX
    };
    let whole = ((bounded + SNAP_AND_HALF).to_bits() >> SNAP_BITS) as u32 as i32;
    let sign = (coefficient.to_bits() >> 32) as u32 as i32 >> 31;
    ((whole ^ sign) - sign).clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition.
    fn defined(coefficient: f64) -> i16 {
        let steps = f64::from(1 << SNAP_BITS);
        ((coefficient * steps).round() / steps).round() as i16
    }

    #[test]
    fn every_tie_and_its_neighbours_round_as_defined() {
        let step = 1.0 / f64::from(1 << SNAP_BITS);
        for whole in -33_000..33_000 {
            for half in [0.0, 0.5] {
                let centre = f64::from(whole) + half;
                for steps in [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5] {
                    let edge = centre + steps * step;
                    for coefficient in [edge.next_down(), edge, edge.next_up(), edge - 1e-12, edge + 1e-12] {
                        assert_eq!(
                            round_coefficient(coefficient),
                            defined(coefficient),
                            "{coefficient:e}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn every_step_around_zero_and_numbers_of_all_magnitudes_round_as_defined() {
        let half_step = 0.5 / f64::from(1 << SNAP_BITS);
        for nth in -5_000_000..5_000_000 {
            let coefficient = f64::from(nth) * half_step;
            assert_eq!(
                round_coefficient(coefficient),
                defined(coefficient),
                "{coefficient:e}"
            );
        }
        // All exponents below infinity, with bits of every kind behind them.
        for exponent in 0..0x7ff_u64 {
            for nth in 0..512_u64 {
                let mantissa = nth.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12;
                let positive = f64::from_bits(exponent << 52 | mantissa);
                for coefficient in [positive, -positive] {
                    assert_eq!(
                        round_coefficient(coefficient),
                        defined(coefficient),
                        "{coefficient:e}"
                    );
                }
            }
        }
        for (coefficient, expected) in [
            (f64::INFINITY, i16::MAX),
            (f64::NEG_INFINITY, i16::MIN),
            (-0.0, 0),
        ] {
            assert_eq!(round_coefficient(coefficient), expected);
        }
    }
}
