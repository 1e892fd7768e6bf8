//! JPEG's colour matrix (JFIF: BT.601 over the full range) in exact form, without rounding.

/// Weight of red in luma.
const RED: f64 = 0.299;
/// Weight of green in luma.
const GREEN: f64 = 0.587;
/// Weight of blue in luma.
const BLUE: f64 = 0.114;

/// Middle of the range of a sample, which the level shift moves to 0.
const MIDDLE: f64 = 128.0;

/// The level-shifted sample of a grey picture.
#[inline(always)]
pub(super) fn level_of(sample: u8) -> f64 {
    f64::from(sample) - MIDDLE
}

/// The sample of a level, rounded and clamped.
pub(super) fn sample_of(level: f64) -> u8 {
    // A float-to-integer cast clamps.
    (level + MIDDLE).round() as u8
}

/// Level-shifted luma and the two chroma differences of an RGB pixel, all centred at 0.
#[inline(always)]
pub fn ycbcr_of([red, green, blue]: [u8; 3]) -> [f64; 3] {
    let [red, green, blue] = [red, green, blue].map(f64::from);
    let luma = RED * red + GREEN * green + BLUE * blue;
    // JFIF prints these as decimal fractions (-0.1687 R - 0.3313 G + 0.5 B); this is what they abbreviate.
    [
        luma - MIDDLE,
        (blue - luma) * (0.5 / (1.0 - BLUE)),
        (red - luma) * (0.5 / (1.0 - RED)),
    ]
}

/// The RGB pixel of centred YCbCr, rounded and clamped.
pub fn rgb_of([luma, cb, cr]: [f64; 3]) -> [u8; 3] {
    let luma = luma + MIDDLE;
    let red = luma + 2.0 * (1.0 - RED) * cr;
    let blue = luma + 2.0 * (1.0 - BLUE) * cb;
    let green = (luma - RED * red - BLUE * blue) / GREEN;
    // A float-to-integer cast clamps.
    [red, green, blue].map(|level| level.round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_return_from_ycbcr() {
        for red in (0..=255).step_by(5) {
            for green in (0..=255).step_by(5) {
                for blue in (0..=255).step_by(5) {
                    assert_eq!(rgb_of(ycbcr_of([red, green, blue])), [red, green, blue]);
                }
            }
        }
    }

    #[test]
    fn colours_outside_the_cube_are_clamped() {
        assert_eq!(rgb_of([500.0, 0.0, 0.0]), [255; 3]);
        assert_eq!(rgb_of([-500.0, 0.0, 0.0]), [0; 3]);
    }
}
