//! Finds everything that is wrong with an object, not only the first thing a reader would stop at.

use super::decode::shape;
use super::{ChunkFault, ColumnError, End, Footer, MAGIC, check_magic};
use crate::coding::{CodingError, PIECE_VALUES, RunDecoder, Workspace};
use twox_hash::XxHash3_64;

/// Values decoded at a time, to be forgotten.
const AT_ONCE: usize = 64 * PIECE_VALUES;

impl Footer {
    /// What is wrong with the object whose bytes these are: an error for each damaged chunk, in prefix order; none if all
    /// checksums match and all chunks decode.
    pub fn faults(&self, object: &[u8]) -> Vec<ColumnError> {
        let mut faults = Vec::new();
        if let Err(error) = check_magic(object.get(..MAGIC.len()).unwrap_or_default(), End::Start) {
            faults.push(error);
        }
        let mut workspace = Workspace::default();
        let mut values = vec![0; AT_ONCE];
        let runs = self.layout.runs(self.header.keep);
        for ((diagonal, channel), chunk) in runs.zip(&self.chunks) {
            let (start, end) = (chunk.bytes.start as usize, chunk.bytes.end as usize);
            let mut decode = |bytes: &[u8]| -> Result<(), CodingError> {
                let mut decoder = RunDecoder::open(bytes, shape(self.layout), chunk.values, &mut workspace)?;
                let mut left = chunk.values;
                while left > 0 {
                    let piece = left.min(AT_ONCE);
                    decoder.read(&mut values[..piece])?;
                    left -= piece;
                }
                decoder.finish()
            };
            let fault = match object.get(start..end) {
                None => {
                    let (expected, found) = (chunk.bytes.end, object.len() as u64);
                    faults.push(ColumnError::Prefix { expected, found });
                    break;
                }
                Some(bytes) if XxHash3_64::oneshot(bytes) != chunk.checksum => Some(ChunkFault::Checksum),
                Some(bytes) => decode(bytes).err().map(ChunkFault::Coding),
            };
            faults.extend(fault.map(|fault| ColumnError::Chunk {
                diagonal,
                channel,
                fault,
            }));
        }
        faults
    }
}
