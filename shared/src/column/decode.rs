//! Turns a verified prefix into values: chunk by chunk as they are stored, or image by image.
//!
//! The chunks of a prefix hold all images each; module `images` gets at whole images.

mod images;

use super::{ChunkFault, ColumnError, End, Footer, MAGIC, check_magic};
use crate::codec::{CodecError, Layout, Places, Quantiser};
use crate::coding::{Coding, RunDecoder, Shape, Workspace};
use std::ops::Range;
use twox_hash::XxHash3_64;

/// Values that are in the room at a time, unless it is made for less: 64 MiB of them.
const VALUES_MAX: usize = 1 << 25;

/// Room for decoding, to be used again for the next object.
#[derive(Debug)]
pub struct Decoding {
    values_max: usize,
    /// One for each chunk that is being decoded.
    workspaces: Vec<Workspace>,
    /// Values, chunk after chunk.
    batch: Vec<i16>,
    /// Values of a few images.
    few: Vec<i16>,
}

/// Of one chunk: what `imgcalc data stats` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkFacts {
    /// Its anti-diagonal.
    pub diagonal: u16,
    /// Its channel.
    pub channel: u16,
    /// Where it lies in the object.
    pub bytes: Range<u64>,
    /// Values in it.
    pub values: usize,
    /// How they are coded.
    pub coding: Coding,
    /// Whether they are differences of neighbouring blocks.
    pub differences: bool,
}

impl Decoding {
    /// Room for about so many values, if that is enough for one image: of more, whole images take longer to come by.
    pub fn of_at_most(values: usize) -> Decoding {
        Decoding {
            values_max: values,
            workspaces: Vec::new(),
            batch: Vec::new(),
            few: Vec::new(),
        }
    }
}

impl Default for Decoding {
    fn default() -> Self {
        Decoding::of_at_most(VALUES_MAX)
    }
}

impl Footer {
    /// All values at this keep and factor, chunk after chunk in the order they are stored: for each anti-diagonal and
    /// channel, image after image. A device scatters them from there.
    ///
    /// `prefix` is what [`Footer::prefix`] names, or a longer one of the same object.
    pub fn chunks(
        &self,
        prefix: &[u8],
        keep: u16,
        quant: u16,
        room: &mut Decoding,
    ) -> Result<Vec<i16>, ColumnError> {
        self.checked(keep, quant)?;
        let mut values = vec![0; self.layout.values(keep) * self.header.images as usize];
        self.chunks_into(prefix, keep, quant, &mut values, room)?;
        Ok(values)
    }

    /// The same into `out`, which has exactly their size. Memory that is used again makes this several times as fast:
    /// an operating system takes longer to hand out new pages than they take to fill.
    pub fn chunks_into(
        &self,
        prefix: &[u8],
        keep: u16,
        quant: u16,
        out: &mut [i16],
        room: &mut Decoding,
    ) -> Result<(), ColumnError> {
        let quantiser = Quantiser::new(self.divisor(keep, quant)?);
        let chunks = self.verified(prefix, keep)?;
        let expected = self.layout.values(keep) * self.header.images as usize;
        if out.len() != expected {
            let found = out.len();
            return Err(CodecError::Count { expected, found }.into());
        }
        let mut rest = out;
        for chunk in chunks {
            let (of_chunk, after) = rest.split_at_mut(chunk.values);
            rest = after;
            chunk.decode(self.shape(), of_chunk, quantiser, &mut room.workspaces)?;
        }
        Ok(())
    }

    /// All images' values at this keep and factor: image after image, each in storage order.
    ///
    /// `prefix` is what [`Footer::prefix`] names, or a longer one of the same object.
    pub fn decode(&self, prefix: &[u8], keep: u16, quant: u16) -> Result<Vec<i16>, ColumnError> {
        let image_values = self.layout.values(keep.min(self.header.keep));
        let mut values = vec![0; image_values * self.header.images as usize];
        let mut images = values.chunks_exact_mut(image_values.max(1));
        let all = 0..self.header.images;
        self.each_image(prefix, keep, quant, all, &mut Decoding::default(), |runs| {
            if let Some(image) = images.next() {
                let mut at = 0;
                for run in runs {
                    image[at..at + run.len()].copy_from_slice(run);
                    at += run.len();
                }
            }
        })?;
        Ok(values)
    }

    /// All images as a net sees them: images × channels × height × width, zero outside the triangle.
    ///
    /// `prefix` is what [`Footer::prefix`] names, or a longer one of the same object.
    pub fn planes(&self, prefix: &[u8], keep: u16, quant: u16) -> Result<Vec<i16>, ColumnError> {
        self.checked(keep, quant)?;
        let image_values = self.layout.plane_values(keep);
        let mut planes = vec![0; image_values * self.header.images as usize];
        let all = 0..self.header.images;
        self.planes_into(prefix, keep, quant, all, &mut planes, &mut Decoding::default())?;
        Ok(planes)
    }

    /// The same of a range of the object's images, into `out`, which has exactly their size; all of it is written.
    pub fn planes_into(
        &self,
        prefix: &[u8],
        keep: u16,
        quant: u16,
        images: Range<u32>,
        out: &mut [i16],
        room: &mut Decoding,
    ) -> Result<(), ColumnError> {
        self.checked(keep, quant)?;
        let image_values = self.layout.plane_values(keep);
        let expected = image_values * images.len();
        if images.end > self.header.images || out.len() != expected {
            let found = out.len();
            return Err(CodecError::Count { expected, found }.into());
        }
        let places = Places::new(self.layout, keep);
        let mut planes = out.chunks_exact_mut(image_values);
        self.each_image(prefix, keep, quant, images, room, |runs| {
            if let Some(planes) = planes.next() {
                places.fill(runs, planes);
            }
        })
    }

    /// Every chunk of the object, whose bytes these are: the whole object or its prefix up to the footer.
    pub fn chunk_facts(&self, object: &[u8]) -> Result<Vec<ChunkFacts>, ColumnError> {
        let chunks = self.verified(object, self.header.keep)?;
        let facts = chunks.iter().zip(&self.chunks).map(|(chunk, entry)| {
            let (coding, differences) =
                Coding::of(chunk.bytes).map_err(|error| chunk.damaged(error.into()))?;
            Ok(ChunkFacts {
                diagonal: chunk.diagonal,
                channel: chunk.channel,
                bytes: entry.bytes.clone(),
                values: chunk.values,
                coding,
                differences,
            })
        });
        facts.collect()
    }

    /// The chunks of a keep after their checksums were compared.
    fn verified<'p>(&self, prefix: &'p [u8], keep: u16) -> Result<Vec<VerifiedChunk<'p>>, ColumnError> {
        let expected = self.prefix(keep)?.end;
        if (prefix.len() as u64) < expected {
            return Err(ColumnError::Prefix {
                expected,
                found: prefix.len() as u64,
            });
        }
        check_magic(&prefix[..MAGIC.len()], End::Start)?;
        let chunks = self
            .layout
            .runs(keep)
            .zip(&self.chunks)
            .map(|((diagonal, channel), chunk)| {
                let verified = VerifiedChunk {
                    diagonal,
                    channel,
                    // No chunk of this keep ends behind `expected`, so both ends are inside the slice.
                    bytes: &prefix[chunk.bytes.start as usize..chunk.bytes.end as usize],
                    values: chunk.values,
                    run_values: self.layout.run_values(diagonal),
                };
                match XxHash3_64::oneshot(verified.bytes) == chunk.checksum {
                    true => Ok(verified),
                    false => Err(verified.damaged(ChunkFault::Checksum)),
                }
            });
        chunks.collect()
    }

    fn shape(&self) -> Shape {
        shape(self.layout)
    }

    fn checked(&self, keep: u16, quant: u16) -> Result<(), ColumnError> {
        self.divisor(keep, quant)?;
        self.prefix(keep)?;
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

/// How the values of a chunk are neighbours.
pub(super) fn shape(layout: Layout) -> Shape {
    Shape {
        row: layout.grid().width as usize,
        plane: layout.blocks(),
    }
}

struct VerifiedChunk<'p> {
    diagonal: u16,
    channel: u16,
    bytes: &'p [u8],
    values: usize,
    /// Of one image.
    run_values: usize,
}

impl VerifiedChunk<'_> {
    /// Decodes its first values, as many as there is room for.
    fn decode(
        &self,
        shape: Shape,
        out: &mut [i16],
        quantiser: Quantiser,
        workspaces: &mut Vec<Workspace>,
    ) -> Result<(), ColumnError> {
        if workspaces.is_empty() {
            workspaces.push(Workspace::default());
        }
        let workspace = &mut workspaces[0];
        let decoded = RunDecoder::open(self.bytes, shape, self.values, workspace).and_then(|mut decoder| {
            decoder.read(out)?;
            if out.len() == self.values {
                decoder.finish()
            } else {
                Ok(())
            }
        });
        decoded.map_err(|error| self.damaged(error.into()))?;
        quantiser.apply(out);
        Ok(())
    }

    fn damaged(&self, fault: ChunkFault) -> ColumnError {
        ColumnError::Chunk {
            diagonal: self.diagonal,
            channel: self.channel,
            fault,
        }
    }
}
