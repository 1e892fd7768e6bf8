//! Values as a Zstandard frame: for what repeats.
//!
//! ```text
//! u8      bytes of a value, 1 or 2
//!         one Zstandard frame, its content size stated, of the zigzag of the values: first the low bytes of all, then
//!         the high bytes of all if there are two
//! ```

use super::CodingError;
use super::reader::{Reader, unzigzag, zigzag};
use std::cell::RefCell;
use zstd::bulk::Decompressor;
use zstd::zstd_safe;

/// Higher levels are slower and gain little on numbers.
const LEVEL: i32 = 9;
const LEVEL_TRIAL: i32 = 1;

/// Appends values as a frame.
pub(super) fn encode(values: &[i16], out: &mut Vec<u8>) {
    let is_narrow = values.iter().all(|&value| zigzag(value) < 256);
    let mut raw: Vec<u8> = values.iter().map(|&value| zigzag(value) as u8).collect();
    if !is_narrow {
        raw.extend(values.iter().map(|&value| (zigzag(value) >> 8) as u8));
    }
    out.push(if is_narrow { 1 } else { 2 });
    out.extend(zstd::bulk::compress(&raw, LEVEL).expect("a buffer of the bound's size takes any input"));
}

/// About the bytes [`encode`] appends, quickly.
pub(super) fn trial_bytes(values: &[i16]) -> usize {
    let raw: Vec<u8> = values.iter().map(|&value| zigzag(value).min(255) as u8).collect();
    zstd::bulk::compress(&raw, LEVEL_TRIAL).map_or(usize::MAX, |frame| frame.len())
}

/// A frame, decoded as a whole and handed out piece by piece.
#[derive(Debug)]
pub(super) struct FrameDecoder {
    raw: Vec<u8>,
    values: usize,
    at: usize,
}

impl FrameDecoder {
    /// Takes all that is left of the bytes.
    pub(super) fn open(bytes: &mut Reader, values: usize) -> Result<Self, CodingError> {
        let width = usize::from(bytes.byte()?);
        let frame = bytes.bytes(bytes.0.len())?;
        if !matches!(width, 1 | 2) {
            return Err(CodingError::Damaged);
        }
        // The frame must state the expected length before anything of that length is allocated.
        let stated = zstd_safe::get_frame_content_size(frame).map_err(|_| CodingError::Damaged)?;
        if stated != Some((values * width) as u64) {
            return Err(CodingError::Count { expected: values });
        }
        if zstd_safe::find_frame_compressed_size(frame) != Ok(frame.len()) {
            return Err(CodingError::Damaged);
        }
        let raw = decompress(frame, values * width).map_err(|_| CodingError::Damaged)?;
        match raw.len() == values * width {
            true => Ok(FrameDecoder { raw, values, at: 0 }),
            false => Err(CodingError::Count { expected: values }),
        }
    }

    pub(super) fn read(&mut self, out: &mut [i16]) -> Result<(), CodingError> {
        let there = self.at..self.at + out.len();
        self.at = there.end;
        let (low, high) = self.raw.split_at(self.values);
        let low = low.get(there.clone()).ok_or(CodingError::Damaged)?;
        match high.get(there) {
            Some(high) => {
                for ((value, &low), &high) in out.iter_mut().zip(low).zip(high) {
                    *value = unzigzag(u16::from_le_bytes([low, high]));
                }
            }
            None => {
                for (value, &low) in out.iter_mut().zip(low) {
                    *value = unzigzag(low.into());
                }
            }
        }
        Ok(())
    }
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
