//! Turns a verified prefix into values: chunk by chunk as they are stored, or image by image.
//!
//! The chunks of a prefix hold all images each. To get at whole images without a second copy of everything, all chunks
//! are decoded in step, a batch of images at a time that stays in a processor's cache.

use super::{ChunkFault, ColumnError, End, Footer, MAGIC, check_magic};
use crate::codec::{CodecError, Layout, Places, Quantiser};
use crate::coding::{Coding, CodingError, PIECE_VALUES, RunDecoder, Shape, Workspace};
use std::ops::Range;
use twox_hash::XxHash3_64;

/// Values of a batch, about.
const BATCH_VALUES: usize = 1 << 19;

/// Room for decoding, to be used again for the next object.
#[derive(Debug, Default)]
pub struct Decoding {
    /// One for each chunk that is being decoded.
    workspaces: Vec<Workspace>,
    batch: Vec<i16>,
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
            let workspace = first(&mut room.workspaces);
            let mut decode = || -> Result<(), CodingError> {
                let mut decoder = RunDecoder::open(chunk.bytes, self.shape(), chunk.values, workspace)?;
                decoder.read(of_chunk)?;
                decoder.finish()
            };
            decode().map_err(|error| chunk.damaged(error.into()))?;
            quantiser.apply(of_chunk);
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

    /// The same of a range of the object's images, into `out`, which has exactly their size and holds zeros.
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

    /// Calls with the runs of each image of a range, one a chunk in storage order.
    fn each_image(
        &self,
        prefix: &[u8],
        keep: u16,
        quant: u16,
        images: Range<u32>,
        room: &mut Decoding,
        mut visit: impl FnMut(&[&[i16]]),
    ) -> Result<(), ColumnError> {
        let quantiser = Quantiser::new(self.divisor(keep, quant)?);
        let chunks = self.verified(prefix, keep)?;
        room.workspaces
            .resize_with(chunks.len().max(room.workspaces.len()), Workspace::default);
        let mut decoders = Vec::with_capacity(chunks.len());
        for (chunk, workspace) in chunks.iter().zip(&mut room.workspaces) {
            let decoder = RunDecoder::open(chunk.bytes, self.shape(), chunk.values, workspace);
            decoders.push(decoder.map_err(|error| chunk.damaged(error.into()))?);
        }
        let image_values = self.layout.values(keep);
        let at_once = batch_images(self.layout, image_values) as u32;
        let whole = images.end == self.header.images;
        let mut runs: Vec<&[i16]> = Vec::new();
        let mut first = 0;
        while first < images.end {
            let of_batch = at_once.min(self.header.images - first) as usize;
            room.batch.resize(at_once as usize * image_values, 0);
            let mut rest = &mut room.batch[..of_batch * image_values];
            for (chunk, decoder) in chunks.iter().zip(&mut decoders) {
                let (values, after) = rest.split_at_mut(of_batch * chunk.run_values);
                rest = after;
                decoder
                    .read(values)
                    .map_err(|error| chunk.damaged(error.into()))?;
                quantiser.apply(values);
            }
            let wanted = images.start.max(first) - first..images.end.min(first + at_once) - first;
            for image in wanted {
                runs.clear();
                let mut start = 0;
                for chunk in &chunks {
                    let at = start + image as usize * chunk.run_values;
                    runs.push(&room.batch[at..at + chunk.run_values]);
                    start += of_batch * chunk.run_values;
                }
                visit(&runs);
            }
            runs = runs_of_next_batch(runs);
            first += at_once;
        }
        if whole {
            for (chunk, decoder) in chunks.iter().zip(decoders) {
                decoder.finish().map_err(|error| chunk.damaged(error.into()))?;
            }
        }
        Ok(())
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
    fn damaged(&self, fault: ChunkFault) -> ColumnError {
        ColumnError::Chunk {
            diagonal: self.diagonal,
            channel: self.channel,
            fault,
        }
    }
}

/// Images decoded at a time: as many as make pieces of every chunk.
fn batch_images(layout: Layout, image_values: usize) -> usize {
    // A run is a multiple of the blocks, so their multiples do for all.
    let least = (1..=PIECE_VALUES)
        .find(|images| (images * layout.blocks()).is_multiple_of(PIECE_VALUES))
        .unwrap_or(PIECE_VALUES);
    least * (BATCH_VALUES / (least * image_values)).max(1)
}

/// The same room for slices of another lifetime.
fn runs_of_next_batch<'b>(mut runs: Vec<&[i16]>) -> Vec<&'b [i16]> {
    runs.clear();
    runs.into_iter().map(|_| &[][..]).collect()
}

fn first(workspaces: &mut Vec<Workspace>) -> &mut Workspace {
    if workspaces.is_empty() {
        workspaces.push(Workspace::default());
    }
    &mut workspaces[0]
}
