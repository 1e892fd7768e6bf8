//! Turns a verified prefix into values or planes.

use super::{ChunkFault, ColumnError, End, Footer, MAGIC, check_magic};
use crate::codec::quantise;
use crate::coding;
use twox_hash::XxHash3_64;

impl Footer {
    /// All images' values at this keep and factor: image after image, each in storage order.
    ///
    /// `prefix` is what [`Footer::prefix`] names, or a longer one of the same object.
    pub fn decode(&self, prefix: &[u8], keep: u16, quant: u16) -> Result<Vec<i16>, ColumnError> {
        let image_values = self.layout.values(keep.min(self.header.keep));
        let mut values = vec![0; image_values * self.header.images as usize];
        self.each_chunk(prefix, keep, quant, |diagonal, channel, chunk| {
            let (start, length) = (
                self.layout.run_start(diagonal, channel),
                self.layout.run_values(diagonal),
            );
            let images = values.chunks_exact_mut(image_values);
            for (image, run) in images.zip(chunk.chunks_exact(length)) {
                image[start..start + length].copy_from_slice(run);
            }
        })?;
        Ok(values)
    }

    /// All images as a net sees them: images × channels × height × width, zero outside the triangle.
    ///
    /// `prefix` is what [`Footer::prefix`] names, or a longer one of the same object.
    pub fn planes(&self, prefix: &[u8], keep: u16, quant: u16) -> Result<Vec<i16>, ColumnError> {
        let image_values = self.layout.plane_values(keep.min(self.header.keep));
        let mut planes = vec![0; image_values * self.header.images as usize];
        self.each_chunk(prefix, keep, quant, |diagonal, channel, chunk| {
            let length = self.layout.run_values(diagonal);
            let images = planes.chunks_exact_mut(image_values);
            for (image, run) in images.zip(chunk.chunks_exact(length)) {
                self.layout.place_run(diagonal, channel, run, keep, image);
            }
        })?;
        Ok(planes)
    }

    /// Verifies, decodes and quantises one chunk after the other.
    fn each_chunk(
        &self,
        prefix: &[u8],
        keep: u16,
        quant: u16,
        mut visit: impl FnMut(u16, u16, &[i16]),
    ) -> Result<(), ColumnError> {
        let divisor = self.divisor(keep, quant)?;
        let expected = self.prefix(keep)?.end;
        if (prefix.len() as u64) < expected {
            return Err(ColumnError::Prefix {
                expected,
                found: prefix.len() as u64,
            });
        }
        check_magic(&prefix[..MAGIC.len()], End::Start)?;
        for ((diagonal, channel), chunk) in self.layout.runs(keep).zip(&self.chunks) {
            let damaged = |fault| ColumnError::Chunk {
                diagonal,
                channel,
                fault,
            };
            // No chunk of this keep ends behind `expected`, so both ends are inside the slice.
            let bytes = &prefix[chunk.bytes.start as usize..chunk.bytes.end as usize];
            if XxHash3_64::oneshot(bytes) != chunk.checksum {
                return Err(damaged(ChunkFault::Checksum));
            }
            let mut values = coding::decode(bytes, chunk.values).map_err(|error| damaged(error.into()))?;
            if divisor > 1 {
                for value in &mut values {
                    *value = quantise(*value, divisor);
                }
            }
            visit(diagonal, channel, &values);
        }
        Ok(())
    }

    /// What stored values are still to be divided by.
    fn divisor(&self, keep: u16, quant: u16) -> Result<u16, ColumnError> {
        self.layout.format(keep, quant)?;
        match self.header.quant {
            1 => Ok(quant),
            stored if stored == quant => Ok(1),
            stored => Err(ColumnError::Quant { asked: quant, stored }),
        }
    }
}
