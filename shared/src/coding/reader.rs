//! Bytes taken one field after the other, none of which may be missing.

use super::CodingError;

/// What is left of some bytes.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn byte(&mut self) -> Result<u8, CodingError> {
        let (&first, rest) = self.0.split_first().ok_or(CodingError::Damaged)?;
        self.0 = rest;
        Ok(first)
    }

    pub(super) fn short(&mut self) -> Result<u16, CodingError> {
        Ok(u16::from_le_bytes([self.byte()?, self.byte()?]))
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], CodingError> {
        let (first, rest) = self.0.split_at_checked(count).ok_or(CodingError::Damaged)?;
        self.0 = rest;
        Ok(first)
    }

    /// A number of at most 35 bits in seven bits a byte, the lowest first, every byte but the last with its top bit set.
    pub(super) fn number(&mut self) -> Result<usize, CodingError> {
        let mut number = 0u64;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return usize::try_from(number).map_err(|_| CodingError::Damaged);
            }
        }
        Err(CodingError::Damaged)
    }
}

/// Appends what [`Reader::number`] reads.
pub(super) fn put_number(mut number: u32, out: &mut Vec<u8>) {
    while number >= 128 {
        out.push(number as u8 | 128);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Small numbers of either sign as small numbers: 0, −1, 1, −2 … become 0, 1, 2, 3 …
pub(super) fn zigzag(value: i16) -> u16 {
    ((value << 1) ^ (value >> 15)) as u16
}

/// What [`zigzag`] was made of.
pub(super) fn unzigzag(number: u16) -> i16 {
    (number >> 1) as i16 ^ -((number & 1) as i16)
}
