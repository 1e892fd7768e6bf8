//! Reads the end of a column object without doing I/O.

use super::{
    ColumnError, ENTRY_BYTES, End, FOOTER_BYTES_MAX, FOOTER_HEAD_BYTES, Header, MAGIC, TAIL_BYTES,
    TRAILER_BYTES, check_magic,
};
use crate::codec::{LAYOUT_BYTES, Layout};
use std::ops::Range;
use twox_hash::XxHash3_64;

/// What [`Footer::read`] made of the bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read this range of the object, which ends with it, and ask again with those bytes.
    NeedMore(Range<u64>),
    /// The footer.
    Done(Footer),
}

/// What an object holds and where: all that is needed to read and decode any prefix of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footer {
    pub(super) header: Header,
    pub(super) layout: Layout,
    /// In prefix order.
    pub(super) chunks: Vec<Chunk>,
}

/// One chunk as the table describes it; anti-diagonal and channel follow from its place in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub bytes: Range<u64>,
    pub values: usize,
    pub checksum: u64,
}

impl Footer {
    /// Reads the footer from the last bytes of an object of this length. Start with an empty `tail`; the first
    /// answer is then the range to read.
    pub fn read(object_length: u64, tail: &[u8]) -> Result<Step, ColumnError> {
        if object_length < (MAGIC.len() + FOOTER_HEAD_BYTES + TRAILER_BYTES) as u64 {
            return Err(ColumnError::NotAColumn(End::End));
        }
        if tail.len() as u64 > object_length {
            return Err(ColumnError::Tail {
                found: tail.len() as u64,
                object_length,
            });
        }
        let Some((before, trailer)) = tail.split_last_chunk::<TRAILER_BYTES>() else {
            return Ok(Step::NeedMore(
                object_length.saturating_sub(TAIL_BYTES)..object_length,
            ));
        };
        let (mut fields, magic) = trailer.split_at(TRAILER_BYTES - MAGIC.len());
        check_magic(magic, End::End)?;
        let footer_bytes = u64::from(u32::from_le_bytes(take(&mut fields)?));
        let checksum = u64::from_le_bytes(take(&mut fields)?);
        let needed = footer_bytes + TRAILER_BYTES as u64;
        let impossible = footer_bytes > FOOTER_BYTES_MAX
            || footer_bytes < FOOTER_HEAD_BYTES as u64
            || needed + MAGIC.len() as u64 > object_length;
        if impossible {
            return Err(ColumnError::FooterLength { bytes: footer_bytes });
        }
        let Some(start) = before.len().checked_sub(footer_bytes as usize) else {
            return Ok(Step::NeedMore(object_length - needed..object_length));
        };
        let footer = &before[start..];
        if XxHash3_64::oneshot(footer) != checksum {
            return Err(ColumnError::FooterChecksum);
        }
        Footer::parse(footer, object_length - needed).map(Step::Done)
    }

    /// What the object holds.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Where each value of an image lies.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The bytes of the object that hold everything up to this keep: one range, from its start.
    pub fn prefix(&self, keep: u16) -> Result<Range<u64>, ColumnError> {
        if keep == 0 || keep > self.header.keep {
            return Err(ColumnError::Keep {
                asked: keep,
                stored: self.header.keep,
            });
        }
        let last = usize::from(keep) * usize::from(self.header.channels) - 1;
        Ok(0..self.chunks[last].bytes.end)
    }

    /// Reads an intact footer that begins at `footer_at`; intact is not the same as true.
    fn parse(mut fields: &[u8], footer_at: u64) -> Result<Footer, ColumnError> {
        let layout = Layout::from_bytes(take::<LAYOUT_BYTES>(&mut fields)?)?;
        let header = Header {
            family: layout.family(),
            size: layout.size(),
            channels: layout.channels(),
            quant: u16::from_le_bytes(take(&mut fields)?),
            keep: u16::from_le_bytes(take(&mut fields)?),
            first_image: u32::from_le_bytes(take(&mut fields)?),
            images: u32::from_le_bytes(take(&mut fields)?),
        };
        header.checked_layout()?;
        let count = u32::from_le_bytes(take(&mut fields)?) as usize;
        let expected = usize::from(header.keep) * usize::from(header.channels);
        if count != expected || fields.len() != count * ENTRY_BYTES {
            return Err(ColumnError::Footer(
                "its chunk table has not the length its keep asks for",
            ));
        }
        let mut chunks = Vec::with_capacity(count);
        let mut at = MAGIC.len() as u64;
        for (diagonal, _) in layout.runs(header.keep) {
            let offset = u64::from_le_bytes(take(&mut fields)?);
            let bytes = u64::from(u32::from_le_bytes(take(&mut fields)?));
            let values = u32::from_le_bytes(take(&mut fields)?) as usize;
            let checksum = u64::from_le_bytes(take(&mut fields)?);
            if offset != at {
                return Err(ColumnError::Footer("its chunks do not follow each other"));
            }
            // Both factors are bounded by the header's checks: their product is below 2³⁰.
            if values != layout.run_values(diagonal) * header.images as usize {
                return Err(ColumnError::Footer("a chunk has not the values its images have"));
            }
            at = offset
                .checked_add(bytes)
                .ok_or(ColumnError::Footer("a chunk ends nowhere"))?;
            chunks.push(Chunk {
                bytes: offset..at,
                values,
                checksum,
            });
        }
        if at != footer_at {
            return Err(ColumnError::Footer("its chunks do not fill the object"));
        }
        Ok(Footer {
            header,
            layout,
            chunks,
        })
    }
}

/// The next N bytes.
fn take<const N: usize>(fields: &mut &[u8]) -> Result<[u8; N], ColumnError> {
    let (first, rest) = fields
        .split_first_chunk()
        .ok_or(ColumnError::Footer("it is too short"))?;
    *fields = rest;
    Ok(*first)
}
