//! Values of one width, side by side: for values without any order to them, and where bytes do not matter.
//!
//! ```text
//! u8      bits of a value, 0 to 16
//!         the zigzag of each value, packed (module bits)
//! ```

use super::CodingError;
use super::bits;
use super::reader::{Reader, unzigzag, zigzag};

/// Appends packed values.
pub(super) fn encode(values: &[i16], out: &mut Vec<u8>) {
    let width = width(values);
    out.push(width as u8);
    if width > 0 {
        bits::pack(values.iter().map(|&value| zigzag(value)), width, out);
    }
}

/// Bytes [`encode`] appends.
pub(super) fn bytes(values: &[i16]) -> usize {
    1 + bits::packed_bytes(values.len(), width(values))
}

/// Decodes packed values piece by piece.
#[derive(Debug)]
pub(super) struct PackedDecoder<'a> {
    width: u32,
    packed: &'a [u8],
}

impl<'a> PackedDecoder<'a> {
    pub(super) fn open(bytes: &mut Reader<'a>, values: usize) -> Result<Self, CodingError> {
        let width = u32::from(bytes.byte()?);
        if width > 16 {
            return Err(CodingError::Damaged);
        }
        let packed = bytes.bytes(bits::packed_bytes(values, width))?;
        Ok(PackedDecoder { width, packed })
    }

    /// Decodes the next values. All pieces but the last are whole blocks.
    pub(super) fn read(&mut self, out: &mut [i16]) -> Result<(), CodingError> {
        for values in out.chunks_mut(bits::BLOCK) {
            let (block, rest) = self
                .packed
                .split_at_checked(bits::block_bytes(self.width))
                .ok_or(CodingError::Damaged)?;
            self.packed = rest;
            for (value, number) in values.iter_mut().zip(bits::unpack(block, self.width)) {
                *value = unzigzag(number);
            }
        }
        Ok(())
    }
}

fn width(values: &[i16]) -> u32 {
    let all = values.iter().fold(0, |all, &value| all | zigzag(value));
    u16::BITS - all.leading_zeros()
}
