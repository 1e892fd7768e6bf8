//! Decodes candidates on all cores and writes them row group by row group.

use super::source::{Part, Source};
use super::{ImportArgs, OnBad};
use crate::data::{Base, files, pixels};
use anyhow::{bail, ensure};
use imgcalc_shared::dataset::{Manifest, ObjectRef, ROW_GROUP_IMAGES, Skipped};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::Size;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use std::ops::Range;

/// Most pixel bytes of a row group; groups of large images hold fewer than the usual number.
const ROW_GROUP_BYTES_MAX: usize = 256 << 20;
/// Candidates decoded at a time.
const CHUNK_IMAGES: usize = 256;
/// Named left-out images.
const SKIPPED_NAMED_MAX: usize = 100;
/// Most bytes of JPEG files kept.
const JPEG_BYTES_MAX: usize = 256 << 20;
/// Where pixels, labels and kept files lie, under their digests.
const PREFIX: &str = "datasets/objects";

/// Writes everything but the manifest and the name.
pub(super) fn write(
    base: &Base,
    source: &Source,
    size: Size,
    channels: u16,
    args: &ImportArgs,
) -> anyhow::Result<Manifest> {
    ensure!(
        !source.has_test() || args.split.test == 0,
        "the source has test images of its own; divide the others in two, for example --split 80/20"
    );
    let mut writer = Writer::new(base, source, size, channels, args);
    writer.take(Part::Main)?;
    let mut splits = args.split.of(writer.labels.len() as u32);
    writer.take(Part::Test)?;
    splits.test += writer.labels.len() as u32 - splits.total();
    writer.flush()?;
    writer.progress.finish_and_clear();
    if writer.labels.is_empty() {
        let first = writer
            .skipped
            .first()
            .map_or(String::new(), |skipped| format!(": {}", named(skipped)));
        bail!(
            "there is no usable image, {} were left out{first}",
            writer.skipped_count
        );
    }
    let jpeg_files = writer.keep_jpegs(splits.train..splits.train + splits.validation)?;
    let labels: Vec<u8> = writer
        .labels
        .iter()
        .flat_map(|label| label.to_le_bytes())
        .collect();
    let mut manifest = Manifest {
        name: args.name.clone(),
        digest: Digest::of(b""),
        classes: source.classes().to_vec(),
        size,
        channels,
        splits,
        row_group: writer.row_group as u32,
        images: writer.groups,
        labels: base.put_content(PREFIX, labels)?,
        jpeg_files,
        skipped: writer.skipped,
        skipped_count: writer.skipped_count,
    };
    manifest.digest = manifest.computed_digest();
    Ok(manifest)
}

struct Writer<'a> {
    base: &'a Base,
    source: &'a Source,
    size: Size,
    channels: u16,
    args: &'a ImportArgs,
    row_group: usize,
    progress: ProgressBar,
    /// Pixels of the row group that is being filled.
    pixels: Vec<u8>,
    groups: Vec<ObjectRef>,
    labels: Vec<u16>,
    /// The candidate behind each image.
    origins: Vec<u32>,
    skipped: Vec<Skipped>,
    skipped_count: u64,
}

impl<'a> Writer<'a> {
    fn new(base: &'a Base, source: &'a Source, size: Size, channels: u16, args: &'a ImportArgs) -> Self {
        let candidates = u64::from(source.len(Part::Main)) + u64::from(source.len(Part::Test));
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} images, {per_sec}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let fit = ROW_GROUP_BYTES_MAX / pixels::image_bytes(size, channels);
        Writer {
            base,
            source,
            size,
            channels,
            args,
            row_group: fit.clamp(1, ROW_GROUP_IMAGES as usize),
            progress: ProgressBar::new(candidates).with_style(style),
            pixels: Vec::new(),
            groups: Vec::new(),
            labels: Vec::new(),
            origins: Vec::new(),
            skipped: Vec::new(),
            skipped_count: 0,
        }
    }

    /// Takes the candidates of a part in their order until the limit is reached.
    fn take(&mut self, part: Part) -> anyhow::Result<()> {
        if part == Part::Main {
            for skipped in self.source.skipped() {
                self.skip(skipped.clone())?;
            }
        }
        let order = self.order(part);
        let mut rest = &order[..];
        let mut wanted = self.args.limit.map_or(usize::MAX, |limit| limit as usize);
        while !rest.is_empty() && wanted > 0 {
            let (chunk, after) = rest.split_at(rest.len().min(CHUNK_IMAGES).min(wanted));
            rest = after;
            let before = self.labels.len();
            self.decode(part, chunk)?;
            wanted -= self.labels.len() - before;
        }
        Ok(())
    }

    /// Candidates by a hash of seed and name: as good as shuffled, and none moves when another one is left out.
    fn order(&self, part: Part) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.source.len(part)).collect();
        order.par_sort_by_cached_key(|&index| {
            let name = self.source.name(part, index);
            (Digest::of(format!("{} {name}", self.args.seed).as_bytes()), name)
        });
        order
    }

    fn decode(&mut self, part: Part, chunk: &[u32]) -> anyhow::Result<()> {
        let decoded: Vec<Result<Vec<u8>, String>> = chunk
            .par_iter()
            .map(|&index| self.source.load(part, index, self.size, self.channels))
            .collect();
        self.progress.inc(chunk.len() as u64);
        for (&index, decoded) in chunk.iter().zip(decoded) {
            match decoded {
                Ok(pixels) => self.add(part, index, &pixels)?,
                Err(reason) => self.skip(Skipped {
                    name: self.source.name(part, index),
                    reason,
                })?,
            }
        }
        Ok(())
    }

    fn add(&mut self, part: Part, index: u32, pixels: &[u8]) -> anyhow::Result<()> {
        self.pixels.extend_from_slice(pixels);
        self.labels.push(self.source.label(part, index));
        self.origins.push(index);
        if self.pixels.len() == self.row_group * pixels.len() {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn skip(&mut self, skipped: Skipped) -> anyhow::Result<()> {
        if self.args.on_bad == OnBad::Refuse {
            self.progress.finish_and_clear();
            bail!("{}; leave such images out with --on-bad skip", named(&skipped));
        }
        self.skipped_count += 1;
        if self.skipped.len() < SKIPPED_NAMED_MAX {
            self.skipped.push(skipped);
        }
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        if !self.pixels.is_empty() {
            let object = pixels::write(self.size, self.channels, &self.pixels);
            self.groups.push(self.base.put_content(PREFIX, object)?);
            self.pixels.clear();
        }
        Ok(())
    }

    /// Keeps the source's files of the first validation images, as far as they are JPEG.
    fn keep_jpegs(&self, validation: Range<u32>) -> anyhow::Result<Option<ObjectRef>> {
        let first = validation.start as usize..validation.end as usize;
        let mut room = JPEG_BYTES_MAX;
        let mut kept = Vec::new();
        for file in self.origins[first]
            .iter()
            .take(files::FILES_MAX)
            .filter_map(|&index| self.source.jpeg(index))
        {
            if file.len() > room {
                break;
            }
            room -= file.len();
            kept.push(file);
        }
        if kept.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.base.put_content(PREFIX, files::write(&kept))?))
    }
}

fn named(skipped: &Skipped) -> String {
    format!("{}: {}", skipped.name, skipped.reason)
}
