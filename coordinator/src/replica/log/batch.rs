//! A batch: the records of one write, under one checksum. Drawn in [`super`].
//!
//! The question a reader must answer is whether a batch that does not match its checksum was torn by a crash, and so
//! never acknowledged, or altered later. A torn write leaves whole sectors as they were before, and before they were
//! zero. So every sector of a batch is written with at least two bytes that are not zero: one flipped bit never makes
//! a written sector look like one that was not.

use super::bytes::{checksum, mixed, put_u32, put_u64, u32_at, u64_at};
use super::error::{Fault, damaged};
use super::record::{self, Record};
use super::segment::SECTOR_BYTES;

const MAGIC: [u8; 4] = *b"btch";
const TRAILER: [u8; 8] = *b"endbatch";

/// Bytes of a batch before its body.
pub(super) const HEADER_BYTES: u64 = 48;

/// Where a batch stands: what its checksum covers beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Of the segment.
    pub sequence: u64,
    /// Bytes from the segment's start.
    pub position: u64,
    /// Of the batch, from 1, through all segments.
    pub number: u64,
    /// The running checksum: of the batch before, which covers that of the one before, and so on.
    pub before: u64,
}

impl Place {
    /// Where the header goes: never across two sectors, so that a crash leaves all of it or nothing.
    pub fn fitted(self) -> Place {
        let left = SECTOR_BYTES - self.position % SECTOR_BYTES;
        Place {
            position: if left < HEADER_BYTES {
                self.position + left
            } else {
                self.position
            },
            ..self
        }
    }

    /// The place after a batch of so many bytes here, with that checksum.
    pub fn after(self, bytes: u64, before: u64) -> Place {
        Place {
            position: self.position + bytes,
            number: self.number + 1,
            before,
            ..self
        }
    }
}

/// Bytes of a batch whose records have so many.
pub(super) fn bytes(records_bytes: usize) -> u64 {
    HEADER_BYTES + (records_bytes as u64).next_multiple_of(8) + TRAILER.len() as u64
}

/// Writes the batch of a fitted place into the buffer and gives the place after it.
pub(super) fn write(buffer: &mut Vec<u8>, place: Place, records: impl FnOnce(&mut Vec<u8>) -> u32) -> Place {
    buffer.clear();
    buffer.resize(HEADER_BYTES as usize, 0);
    let count = records(buffer);
    buffer.resize(buffer.len().next_multiple_of(8), 0);
    let body = HEADER_BYTES as usize..buffer.len();
    buffer.extend_from_slice(&TRAILER);
    let mut mask = 0;
    while has_bare_sector(buffer, place.position) {
        apply_mask(&mut buffer[body.clone()], mask);
        mask += 1;
        apply_mask(&mut buffer[body.clone()], mask);
    }
    buffer[..4].copy_from_slice(&MAGIC);
    let total = buffer.len();
    put_u32(buffer, 4, total as u32);
    put_u64(buffer, 8, place.number);
    put_u64(buffer, 16, place.before);
    put_u32(buffer, 24, mask);
    put_u32(buffer, 28, count);
    let body_sum = checksum(&buffer[HEADER_BYTES as usize..]);
    put_u64(buffer, 32, body_sum);
    let sum = header_sum(buffer, place.sequence, place.position);
    put_u64(buffer, 40, sum);
    place.after(total as u64, sum)
}

/// What stands at a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing was written here, or nothing of its first sector arrived.
    Nothing,
    /// A batch of which whole sectors did not arrive.
    Torn,
    /// A whole batch, and the place after it.
    Batch(Vec<Record>, Place),
}

/// Looks at a fitted place of a segment.
pub(super) fn read(segment: &[u8], place: Place) -> Result<Seen, Fault> {
    let at = place.position;
    let Some(header) = segment[at as usize..].first_chunk::<{ HEADER_BYTES as usize }>() else {
        return Ok(Seen::Nothing);
    };
    if header.iter().all(|byte| *byte == 0) {
        return Ok(Seen::Nothing);
    }
    if !header_is_intact(header, place.sequence, at) {
        return damaged(format!(
            "the header of the batch at byte {at} does not match its checksum"
        ));
    }
    let bytes = u32_at(header, 4) as usize;
    if (u64_at(header, 8), u64_at(header, 16)) != (place.number, place.before) {
        return damaged(format!(
            "the batch at byte {at} does not follow the one before it"
        ));
    }
    let batch = segment[at as usize..].get(HEADER_BYTES as usize + TRAILER.len()..bytes);
    if batch.is_none() {
        return damaged(format!("the batch at byte {at} says it has {bytes} bytes"));
    }
    let body = &segment[at as usize + HEADER_BYTES as usize..at as usize + bytes];
    if checksum(body) != u64_at(header, 32) {
        let ends = at + bytes as u64;
        return if has_blank_sector(segment, at, ends) {
            Ok(Seen::Torn)
        } else {
            damaged(format!("the batch at byte {at} does not match its checksum"))
        };
    }
    let mut plain;
    let mut rest = &body[..body.len() - TRAILER.len()];
    if u32_at(header, 24) != 0 {
        plain = rest.to_vec();
        apply_mask(&mut plain, u32_at(header, 24));
        rest = &plain;
    }
    let mut records = Vec::new();
    for _ in 0..u32_at(header, 28) {
        records.push(record::next(&mut rest)?);
    }
    if rest.len() >= 8 {
        return damaged(format!("the batch at byte {at} holds more than its records"));
    }
    Ok(Seen::Batch(
        records,
        place.after(bytes as u64, u64_at(header, 40)),
    ))
}

/// Where, from there on, a header stands of a batch later than a number: before it nothing may be missing.
pub(super) fn find_later(segment: &[u8], sequence: u64, from: u64, number: u64) -> Option<u64> {
    let written = segment.iter().rposition(|byte| *byte != 0)? as u64;
    (from.next_multiple_of(8)..written).step_by(8).find(|at| {
        let rest = &segment[*at as usize..];
        rest.starts_with(&MAGIC)
            && rest
                .first_chunk::<{ HEADER_BYTES as usize }>()
                .is_some_and(|header| u64_at(header, 8) > number && header_is_intact(header, sequence, *at))
    })
}

fn header_is_intact(header: &[u8], sequence: u64, position: u64) -> bool {
    header.starts_with(&MAGIC) && u64_at(header, 40) == header_sum(header, sequence, position)
}

fn header_sum(header: &[u8], sequence: u64, position: u64) -> u64 {
    let mut covered = [0; 56];
    put_u64(&mut covered, 0, sequence);
    put_u64(&mut covered, 8, position);
    covered[16..].copy_from_slice(&header[..40]);
    checksum(&covered)
}

/// Changes bytes so that the same again changes them back; the mask 0 changes nothing.
fn apply_mask(body: &mut [u8], mask: u32) {
    if mask == 0 {
        return;
    }
    for (chunk, number) in body.chunks_mut(8).zip(u64::from(mask) << 32..) {
        for (byte, other) in chunk.iter_mut().zip(mixed(number).to_le_bytes()) {
            *byte ^= other;
        }
    }
}

/// Whether a sector after the header's would be written with less than two bytes that are not zero. The last one has
/// the trailer.
fn has_bare_sector(batch: &[u8], position: u64) -> bool {
    let header_sector = (SECTOR_BYTES - position % SECTOR_BYTES) as usize;
    let rest = batch.get(header_sector..).unwrap_or_default();
    rest.chunks(SECTOR_BYTES as usize)
        .any(|sector| sector.iter().filter(|byte| **byte != 0).take(2).count() < 2)
}

/// Whether of a sector after the header's nothing was written.
fn has_blank_sector(segment: &[u8], from: u64, to: u64) -> bool {
    let second = (from / SECTOR_BYTES + 1) * SECTOR_BYTES;
    let rest = segment.get(second as usize..to as usize).unwrap_or_default();
    rest.chunks(SECTOR_BYTES as usize)
        .any(|sector| sector.iter().all(|byte| *byte == 0))
}
