//! The NumPy file format, version 1.0, for 16-bit integers.
//!
//! ```text
//! magic    "\x93NUMPY" u8 major, u8 minor               8 bytes
//! length   u16 of what follows up to the data            2
//! header   a Python literal that describes the array     …
//!          spaces and a line break up to a multiple of 64
//! data     the numbers, the last dimension fastest       …
//! ```
//!
//! Numbers are little-endian.

const ALIGNMENT: usize = 64;
const FIXED_BYTES: usize = 10;

/// An array of this shape as a file.
pub(super) fn bytes(shape: &[usize], values: &[i16]) -> Vec<u8> {
    let sides: String = shape.iter().map(|side| format!("{side}, ")).collect();
    let mut header = format!(
        "{{'descr': '<i2', 'fortran_order': False, 'shape': ({}), }}",
        sides.trim_end()
    );
    let unpadded = FIXED_BYTES + header.len() + 1;
    header.extend(std::iter::repeat_n(
        ' ',
        unpadded.next_multiple_of(ALIGNMENT) - unpadded,
    ));
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    // At most four sides of 20 digits: far below 64 KiB.
    file.extend_from_slice(&(header.len() as u16).to_le_bytes());
    file.extend_from_slice(header.as_bytes());
    file.reserve_exact(2 * values.len());
    for value in values {
        file.extend_from_slice(&value.to_le_bytes());
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_the_one_numpy_writes() {
        let file = bytes(&[2, 3], &[1, -2, 3, 4, 5, 6]);
        let text = "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3,), }";
        assert_eq!(&file[..10], b"\x93NUMPY\x01\x00\x76\x00");
        assert!(file[10..].starts_with(text.as_bytes()));
        assert_eq!((file.len(), file[127]), (128 + 12, b'\n'));
        assert_eq!(file[128..132], [1, 0, 0xFE, 0xFF]);
    }
}
