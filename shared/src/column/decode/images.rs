//! Whole images out of chunks that hold a run of each.
//!
//! Where there is room for all values, they are decoded chunk by chunk before images are taken out of them. Otherwise all
//! chunks are decoded in step, a batch of images at a time: that bounds the room, at the price of leaving the tables of a
//! chunk and coming back.

use super::super::{ColumnError, Footer};
use super::{Decoding, VerifiedChunk};
use crate::codec::{Layout, Quantiser};
use crate::coding::{PIECE_VALUES, RunDecoder, Workspace};
use std::ops::Range;

/// Values of a batch, about: it stays in a processor's cache.
const BATCH_VALUES: usize = 1 << 19;
/// Values of the images that are taken out together.
const FEW_VALUES: usize = 1 << 17;

impl Footer {
    /// Calls with the runs of each image of a range, one a chunk in storage order.
    pub(super) fn each_image(
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
        let all = self.layout.values(keep) * images.end as usize;
        if all > room.values_max {
            return self.in_step(&chunks, quantiser, images, room, visit);
        }
        let Decoding {
            workspaces,
            batch,
            few,
            ..
        } = room;
        batch.resize(all.max(batch.len()), 0);
        let mut rest = &mut batch[..all];
        for chunk in &chunks {
            let (values, after) = rest.split_at_mut(images.end as usize * chunk.run_values);
            rest = after;
            chunk.decode(self.shape(), values, quantiser, workspaces)?;
        }
        visit_each(
            &chunks,
            &batch[..all],
            images.end as usize,
            images,
            few,
            &mut visit,
        );
        Ok(())
    }

    /// The same, a batch of images at a time.
    fn in_step(
        &self,
        chunks: &[VerifiedChunk],
        quantiser: Quantiser,
        images: Range<u32>,
        room: &mut Decoding,
        mut visit: impl FnMut(&[&[i16]]),
    ) -> Result<(), ColumnError> {
        let Decoding {
            workspaces,
            batch,
            few,
            values_max,
        } = room;
        workspaces.resize_with(chunks.len().max(workspaces.len()), Workspace::default);
        let mut decoders = Vec::with_capacity(chunks.len());
        for (chunk, workspace) in chunks.iter().zip(workspaces) {
            let decoder = RunDecoder::open(chunk.bytes, self.shape(), chunk.values, workspace);
            decoders.push(decoder.map_err(|error| chunk.damaged(error.into()))?);
        }
        let image_values: usize = chunks.iter().map(|chunk| chunk.run_values).sum();
        let at_once = batch_images(self.layout, image_values, BATCH_VALUES.min(*values_max)) as u32;
        let mut first = 0;
        while first < images.end {
            let of_batch = at_once.min(self.header.images - first);
            let all = of_batch as usize * image_values;
            batch.resize(all.max(batch.len()), 0);
            let mut rest = &mut batch[..all];
            for (chunk, decoder) in chunks.iter().zip(&mut decoders) {
                let (values, after) = rest.split_at_mut(of_batch as usize * chunk.run_values);
                rest = after;
                let read = decoder.read(values);
                read.map_err(|error| chunk.damaged(error.into()))?;
                quantiser.apply(values);
            }
            let wanted = images.start.max(first) - first..images.end.min(first + of_batch) - first;
            visit_each(chunks, &batch[..all], of_batch as usize, wanted, few, &mut visit);
            first += of_batch;
        }
        if first == self.header.images {
            for (chunk, decoder) in chunks.iter().zip(decoders) {
                decoder.finish().map_err(|error| chunk.damaged(error.into()))?;
            }
        }
        Ok(())
    }
}

/// Calls with the runs of some of the images whose values these are, chunk after chunk.
///
/// The runs of one image lie far apart, and a processor waits for each anew. So where they are short the runs of a few
/// images, which are neighbours, are first copied into a nearer place.
fn visit_each(
    chunks: &[VerifiedChunk],
    values: &[i16],
    images: usize,
    wanted: Range<u32>,
    few: &mut Vec<i16>,
    visit: &mut impl FnMut(&[&[i16]]),
) {
    let image_values: usize = chunks.iter().map(|chunk| chunk.run_values).sum();
    let at_once = FEW_VALUES / image_values.max(1);
    let (start, end) = (wanted.start as usize, wanted.end as usize);
    if at_once < 2 {
        return visit_of(chunks, values, images, start..end, visit);
    }
    for first in (start..end).step_by(at_once) {
        let count = at_once.min(end - first);
        few.clear();
        let mut rest = values;
        for chunk in chunks {
            let (of_chunk, after) = rest.split_at(images * chunk.run_values);
            few.extend_from_slice(&of_chunk[first * chunk.run_values..][..count * chunk.run_values]);
            rest = after;
        }
        visit_of(chunks, few, count, 0..count, visit);
    }
}

/// The same where they lie.
fn visit_of(
    chunks: &[VerifiedChunk],
    values: &[i16],
    images: usize,
    wanted: Range<usize>,
    visit: &mut impl FnMut(&[&[i16]]),
) {
    let mut runs = Vec::with_capacity(chunks.len());
    for image in wanted {
        let mut rest = values;
        runs.clear();
        runs.extend(chunks.iter().map(|chunk| {
            let (of_chunk, after) = rest.split_at(images * chunk.run_values);
            rest = after;
            &of_chunk[image * chunk.run_values..][..chunk.run_values]
        }));
        visit(&runs);
    }
}

/// Images decoded at a time: as many as make pieces of every chunk.
fn batch_images(layout: Layout, image_values: usize, values: usize) -> usize {
    // A run is a multiple of the blocks, so their multiples do for all.
    let least = (1..=PIECE_VALUES)
        .find(|images| (images * layout.blocks()).is_multiple_of(PIECE_VALUES))
        .unwrap_or(PIECE_VALUES);
    least * (values / (least * image_values)).max(1)
}
