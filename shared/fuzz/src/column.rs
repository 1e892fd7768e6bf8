//! Column objects around any chunks: a true header, a table and checksums that are right, and chunks from the input.
//!
//! ```text
//! u8      sampling (bits 0-1), three channels (bit 2), block 8 << (bits 3-5) mod 6
//! u8      rows of blocks - 1 (bits 0-2), blocks in a row - 1 (bits 3-5); bit 6: values are divided;
//!         bit 7: write again what decodes
//! u8      images - 1
//! u16     keep - 1, modulo what the block has
//! u16     factor - 1, modulo what there is
//! pieces  a chunk's run without its number of values; of what is missing all values are 0
//! ```

use super::input::{Input, numbered};
use super::memory::VALUES_MAX;
use super::object::inspect;
use imgcalc_shared::codec::Layout;
use imgcalc_shared::format::{Family, QUANT_MAX, Sampling, Size};
use twox_hash::XxHash3_64;

const MAGIC: &[u8; 16] = b"imgcalc-column\x01\0";

/// Panics if reading this object shows a fault.
pub fn check(input: &[u8]) {
    let mut input = Input(input);
    let (first, second) = (input.byte(), input.byte());
    let images = 1 + usize::from(input.byte());
    let family = Family {
        sampling: Sampling::ALL[usize::from(first & 3)],
        block: 8 << ((first >> 3 & 7) % 6),
    };
    let block = u32::from(family.block);
    let size = Size {
        height: (1 + u32::from(second & 7)) * block * family.sampling.row_step(),
        width: (1 + u32::from(second >> 3 & 7)) * block * family.sampling.column_step(),
    };
    let channels = if first & 4 == 0 { 1 } else { 3 };
    let layout = Layout::new(family, size, channels).expect("eight blocks of 256, sampled, are 4096 pixels");
    let keep = 1 + input.short() % (2 * family.block - 1);
    let factor = input.short() % QUANT_MAX;
    if layout.values(keep) * images > VALUES_MAX {
        return;
    }
    // Of undivided values the first image's number says what they are to be divided by.
    let (quant, first_image) = match second & 64 {
        0 => (1, factor),
        _ => (1 + factor, 0),
    };
    let mut object = MAGIC.to_vec();
    let mut table = Vec::new();
    for (diagonal, _) in layout.runs(keep) {
        let values = layout.run_values(diagonal) * images;
        let run = if input.0.is_empty() { &[0] } else { input.piece() };
        let chunk = numbered(run, values);
        table.extend_from_slice(&(object.len() as u64).to_le_bytes());
        table.extend_from_slice(&(chunk.len() as u32).to_le_bytes());
        table.extend_from_slice(&(values as u32).to_le_bytes());
        table.extend_from_slice(&XxHash3_64::oneshot(&chunk).to_le_bytes());
        object.extend_from_slice(&chunk);
    }
    let mut footer = layout.to_bytes().to_vec();
    footer.extend_from_slice(&quant.to_le_bytes());
    footer.extend_from_slice(&keep.to_le_bytes());
    footer.extend_from_slice(&u32::from(first_image).to_le_bytes());
    footer.extend_from_slice(&(images as u32).to_le_bytes());
    footer.extend_from_slice(&u32::from(keep * channels).to_le_bytes());
    footer.extend_from_slice(&table);
    object.extend_from_slice(&footer);
    object.extend_from_slice(&(footer.len() as u32).to_le_bytes());
    object.extend_from_slice(&XxHash3_64::oneshot(&footer).to_le_bytes());
    object.extend_from_slice(MAGIC);
    inspect(&object, second & 128 != 0);
}
