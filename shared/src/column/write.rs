//! The bytes of a column object. All numbers are little-endian.
//!
//! ```text
//! head      "imgcalc-column" u16 version            16 bytes
//! chunks    for each anti-diagonal d < keep, rising
//!             for each channel
//!               one coded run (module coding) of the values
//!                 for each image
//!                   for each coefficient (i, j) of d, i rising
//!                     for each block, row-major
//! footer    layout (codec::Layout)                  16
//!           u16 quant, u16 keep                      4
//!           u32 first image, u32 images              8
//!           u32 chunks                               4
//!           for each chunk, in the order above      24
//!             u64 offset, u32 bytes, u32 values, u64 xxh3-64 of the bytes
//! trailer   u32 bytes of the footer                  4
//!           u64 xxh3-64 of the footer                8
//!           "imgcalc-column" u16 version            16
//! ```
//!
//! The prefix of a keep is everything from offset 0 to the end of its last chunk; the chunks have no gaps. Images
//! are outermost in a chunk, so that an image's values of a chunk are a run of its storage order.

use super::decode::shape;
use super::{ColumnError, Header, MAGIC};
use crate::codec::{CodecError, Quantiser};
use crate::coding;
use twox_hash::XxHash3_64;

/// The object that holds these images: for each its values in storage order, at the header's keep and divided by
/// the header's factor.
pub fn write(header: &Header, images: &[Vec<i16>]) -> Result<Vec<u8>, ColumnError> {
    let expected = header.checked_layout()?.values(header.keep);
    if let Some(image) = images.iter().find(|image| image.len() != expected) {
        let found = image.len();
        return Err(CodecError::Count { expected, found }.into());
    }
    write_runs(header, images, Quantiser::new(1))
}

/// The same of undivided coefficients, to the header's keep or a larger one: divides them by the header's factor.
pub fn write_coefficients(header: &Header, images: &[Vec<i16>]) -> Result<Vec<u8>, ColumnError> {
    let expected = header.checked_layout()?.values(header.keep);
    if let Some(image) = images.iter().find(|image| image.len() < expected) {
        let found = image.len();
        return Err(CodecError::Count { expected, found }.into());
    }
    write_runs(header, images, Quantiser::new(header.quant))
}

fn write_runs(header: &Header, images: &[Vec<i16>], quantiser: Quantiser) -> Result<Vec<u8>, ColumnError> {
    let layout = header.checked_layout()?;
    if images.len() as u64 != u64::from(header.images) {
        return Err(ColumnError::Images {
            images: images.len() as u64,
        });
    }
    let mut object = MAGIC.to_vec();
    let mut table = Vec::new();
    let mut chunks = 0u32;
    for (diagonal, channel) in layout.runs(header.keep) {
        let (start, length) = (layout.run_start(diagonal, channel), layout.run_values(diagonal));
        if length * images.len() > coding::RUN_VALUES_MAX {
            let values = (length * images.len()) as u64;
            return Err(ColumnError::TooManyValues { values });
        }
        let mut values: Vec<i16> = images
            .iter()
            .flat_map(|image| &image[start..start + length])
            .copied()
            .collect();
        quantiser.apply(&mut values);
        let chunk = coding::encode(&values, shape(layout));
        // Fits: a run has at most 2²⁸ values, and the coding adds less than 1 % to data it cannot shrink.
        table.extend_from_slice(&(object.len() as u64).to_le_bytes());
        table.extend_from_slice(&(chunk.len() as u32).to_le_bytes());
        table.extend_from_slice(&(values.len() as u32).to_le_bytes());
        table.extend_from_slice(&XxHash3_64::oneshot(&chunk).to_le_bytes());
        object.extend_from_slice(&chunk);
        chunks += 1;
    }

    let mut footer = layout.to_bytes().to_vec();
    footer.extend_from_slice(&header.quant.to_le_bytes());
    footer.extend_from_slice(&header.keep.to_le_bytes());
    footer.extend_from_slice(&header.first_image.to_le_bytes());
    footer.extend_from_slice(&header.images.to_le_bytes());
    footer.extend_from_slice(&chunks.to_le_bytes());
    footer.extend_from_slice(&table);

    object.extend_from_slice(&footer);
    object.extend_from_slice(&(footer.len() as u32).to_le_bytes());
    object.extend_from_slice(&XxHash3_64::oneshot(&footer).to_le_bytes());
    object.extend_from_slice(&MAGIC);
    Ok(object)
}
