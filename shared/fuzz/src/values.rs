//! Any values, coded and decoded: the encoder has to find a way for all of them.
//!
//! ```text
//! u8   values of a row - 1 (bits 0-3), rows of a plane - 1 (bits 4-7)
//! u8   what the values are (bits 0-1): 16 bits, 8 bits, 8 bits and how often, 4 bits; by how much they are shifted
//!      to the left (bits 2-5); how often all of them follow each other (bits 6-7): 1, 2, 16, 128
//! …    the values
//! ```

use super::input::Input;
use super::run::{returns, shape};

/// Few enough for some thousand inputs a second.
const VALUES_MAX: usize = 1_500;
/// For those repeated most: more than an encoder samples.
const VALUES_MANY: usize = 17_000;

/// Panics if these values do not return.
pub fn check(input: &[u8]) {
    let mut input = Input(input);
    let shape = shape(input.byte());
    let how = input.byte();
    let bytes = input.0;
    let small = |byte: u8| i16::from(byte as i8);
    let mut values: Vec<i16> = match how & 3 {
        0 => bytes
            .as_chunks()
            .0
            .iter()
            .map(|&pair| i16::from_le_bytes(pair))
            .collect(),
        1 => bytes.iter().map(|&byte| small(byte)).collect(),
        2 => {
            let pairs = bytes.as_chunks::<2>().0.iter();
            pairs
                .flat_map(|&[value, count]| std::iter::repeat_n(small(value), usize::from(count)))
                .collect()
        }
        _ => bytes
            .iter()
            .flat_map(|&byte| [small(byte) >> 4, small(byte << 4) >> 4])
            .collect(),
    };
    for value in &mut values {
        *value <<= how >> 2 & 15;
    }
    let (times, most) = match how >> 6 {
        0 => (1, VALUES_MAX),
        1 => (2, VALUES_MAX),
        2 => (16, VALUES_MAX),
        _ => (128, VALUES_MANY),
    };
    let all: Vec<i16> = std::iter::repeat_n(values, times).flatten().take(most).collect();
    returns(&all, shape);
}
