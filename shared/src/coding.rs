//! Lossless coding of a run of values.
//!
//! ```text
//! 0      version, 0
//! 1 ..   one Zstandard frame (level 3, its content size stated) of the values, i16 little-endian
//! ```
//!
//! The version stands in every run, so that runs of one object may be coded differently.

use std::cell::RefCell;
use zstd::bulk::Decompressor;
use zstd::zstd_safe;

/// Most values in one run.
pub const RUN_VALUES_MAX: usize = 1 << 28;

/// The only version so far.
const VERSION: u8 = 0;
const ZSTD_LEVEL: i32 = 3;

/// Why bytes are not a coded run of the expected length.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodingError {
    /// No bytes at all.
    #[error("it is empty")]
    Empty,
    /// A coding this program does not know.
    #[error("it has coding version {found}, this program reads version {VERSION}")]
    Version {
        /// What the first byte says.
        found: u8,
    },
    /// More values than any run may have.
    #[error(
        "a run of {values} values is asked for, at most {RUN_VALUES_MAX} are read; use smaller row groups"
    )]
    TooLong {
        /// As many as asked for.
        values: usize,
    },
    /// Not exactly one frame, or damaged inside.
    #[error("it is damaged")]
    Damaged,
    /// A frame of another length.
    #[error("it does not hold the {expected} values it should")]
    Count {
        /// As many as it should hold.
        expected: usize,
    },
}

/// Codes a run of values. The order is the caller's; equal neighbours cost least.
pub fn encode(values: &[i16]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let frame = zstd::bulk::compress(&raw, ZSTD_LEVEL).expect("a buffer of the bound's size takes any input");
    let mut bytes = Vec::with_capacity(frame.len() + 1);
    bytes.push(VERSION);
    bytes.extend_from_slice(&frame);
    bytes
}

thread_local! {
    /// Making a context takes 15 µs, a hundred times what decoding a small run takes.
    static CONTEXT: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

fn decompress(frame: &[u8], raw_bytes: usize) -> std::io::Result<Vec<u8>> {
    CONTEXT.with_borrow_mut(|context| match context {
        Some(context) => context.decompress(frame, raw_bytes),
        none => none.insert(Decompressor::new()?).decompress(frame, raw_bytes),
    })
}

/// Decodes a run that must hold exactly this many values; allocates for no more than those.
pub fn decode(bytes: &[u8], expected_values: usize) -> Result<Vec<i16>, CodingError> {
    let (&version, frame) = bytes.split_first().ok_or(CodingError::Empty)?;
    if version != VERSION {
        return Err(CodingError::Version { found: version });
    }
    if expected_values > RUN_VALUES_MAX {
        return Err(CodingError::TooLong {
            values: expected_values,
        });
    }
    let raw_bytes = 2 * expected_values;
    // The frame must state the expected length before anything of that length is allocated.
    match zstd_safe::get_frame_content_size(frame) {
        Ok(Some(stated)) if stated == raw_bytes as u64 => {}
        Ok(_) => {
            return Err(CodingError::Count {
                expected: expected_values,
            });
        }
        Err(_) => return Err(CodingError::Damaged),
    }
    if zstd_safe::find_frame_compressed_size(frame) != Ok(frame.len()) {
        return Err(CodingError::Damaged);
    }
    let raw = decompress(frame, raw_bytes).map_err(|_| CodingError::Damaged)?;
    if raw.len() != raw_bytes {
        return Err(CodingError::Count {
            expected: expected_values,
        });
    }
    Ok(raw
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_length_version_or_a_second_frame_is_refused() {
        let bytes = encode(&[1, -2, 3]);
        assert_eq!(decode(&bytes, 3), Ok(vec![1, -2, 3]));
        assert_eq!(decode(&bytes, 2), Err(CodingError::Count { expected: 2 }));
        assert_eq!(
            decode(&bytes, usize::MAX),
            Err(CodingError::TooLong { values: usize::MAX })
        );
        assert_eq!(decode(&[], 0), Err(CodingError::Empty));
        assert_eq!(decode(&[7], 0), Err(CodingError::Version { found: 7 }));
        let twice = [&bytes[..], &bytes[1..]].concat();
        assert_eq!(decode(&twice, 3), Err(CodingError::Damaged));
        assert_eq!(decode(&encode(&[]), 0), Ok(vec![]));
    }
}
