//! Decides what becomes of each candidate, and remembers it.

use super::record::{LeftOut, Record, Records};
use super::source::{Part, Source};
use super::walk::Walk;
use super::writer::PREFIX;
use super::{ImportArgs, OnBad};
use crate::data::{Base, files};
use anyhow::bail;
use imgcalc_shared::dataset::{Manifest, ObjectRef, Skipped};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::Size;
use std::ops::Range;

/// Named left-out images.
const SKIPPED_NAMED_MAX: usize = 100;
/// Most bytes of JPEG files kept.
const JPEG_BYTES_MAX: usize = 256 << 20;

/// Decides what becomes of each candidate, decoded now or by an earlier run.
pub(super) struct Taker<'a> {
    pub(super) source: &'a Source,
    /// Whether a bad image ends the import.
    refuse: bool,
    pub(super) walk: Walk,
    pub(super) row_group: usize,
    pub(super) labels: Vec<u16>,
    /// The candidate behind each image.
    origins: Vec<u32>,
    pub(super) source_bytes: u64,
    skipped: Vec<Skipped>,
    skipped_count: u64,
    /// Since the row group before.
    pub(super) left_out: Vec<LeftOut>,
}

impl<'a> Taker<'a> {
    /// Stands before the first candidate, with what was left out before any was looked at.
    pub(super) fn new(source: &'a Source, row_group: usize, args: &ImportArgs) -> anyhow::Result<Taker<'a>> {
        let mut taker = Taker {
            source,
            refuse: args.on_bad == OnBad::Refuse,
            walk: Walk::new(source, args.seed, args.limit),
            row_group,
            labels: Vec::new(),
            origins: Vec::new(),
            source_bytes: 0,
            skipped: Vec::new(),
            skipped_count: 0,
            left_out: Vec::new(),
        };
        for skipped in source.skipped() {
            taker.note(skipped.clone())?;
        }
        Ok(taker)
    }

    /// Takes over what records say, as far as they can be believed. Returns the row groups that need not be made.
    pub(super) fn resume(&mut self, base: &Base, records: &Records) -> anyhow::Result<Vec<ObjectRef>> {
        let mut groups = Vec::new();
        while let Some(record) = records.get(base, groups.len() as u32)? {
            if let Err(why) = self.fits(&record) {
                records.distrust(base, groups.len() as u32, &why);
                break;
            }
            let end = self.labels.len() + self.row_group;
            let mut left_out = record.left_out.into_iter().peekable();
            while let Some((part, index)) = self
                .walk
                .next()
                .filter(|_| record.last || self.labels.len() < end)
            {
                match left_out.next_if(|left| left.is(part, index)) {
                    Some(left) => self.leave_out(left.reason)?,
                    None => self.take(),
                }
            }
            self.left_out.clear();
            groups.push(record.object);
        }
        Ok(groups)
    }

    /// Whether a record fits the candidates that come next. Changes nothing.
    fn fits(&self, record: &Record) -> Result<(), String> {
        let mut walk = self.walk.clone();
        let mut left_out = record.left_out.iter().peekable();
        let mut images = 0;
        while let Some((part, index)) = walk.next().filter(|_| record.last || images < self.row_group) {
            let good = left_out.next_if(|left| left.is(part, index)).is_none();
            images += usize::from(good);
            walk.pass(good);
        }
        if images == 0 || images > self.row_group || (!record.last && images < self.row_group) {
            return Err(format!("it cannot hold {images} images"));
        }
        match left_out.next() {
            None => Ok(()),
            Some(left) => Err(format!(
                "it leaves out image {} of the source, which is not next",
                left.index
            )),
        }
    }

    /// Takes the next candidate.
    pub(super) fn take(&mut self) {
        if let Some((part, index)) = self.walk.next() {
            self.labels.push(self.source.label(part, index));
            self.origins.push(index);
            self.source_bytes += self.source.bytes(part, index);
            self.walk.pass(true);
        }
    }

    /// Leaves the next candidate out.
    pub(super) fn leave_out(&mut self, reason: String) -> anyhow::Result<()> {
        if let Some((part, index)) = self.walk.next() {
            self.left_out.push(LeftOut {
                test: part == Part::Test,
                index,
                reason: reason.clone(),
            });
            self.walk.pass(false);
            self.note(Skipped {
                name: self.source.name(part, index),
                reason,
            })?;
        }
        Ok(())
    }

    fn note(&mut self, skipped: Skipped) -> anyhow::Result<()> {
        if self.refuse {
            bail!("{}; leave such images out with --on-bad skip", named(&skipped));
        }
        self.skipped_count += 1;
        if self.skipped.len() < SKIPPED_NAMED_MAX {
            self.skipped.push(skipped);
        }
        Ok(())
    }

    /// The manifest, and the bytes of the source's files in it.
    pub(super) fn finish(
        self,
        base: &Base,
        groups: Vec<ObjectRef>,
        size: Size,
        channels: u16,
        args: &ImportArgs,
    ) -> anyhow::Result<Manifest> {
        if self.labels.is_empty() {
            let first = self
                .skipped
                .first()
                .map_or(String::new(), |skipped| format!(": {}", named(skipped)));
            bail!(
                "there is no usable image, {} were left out{first}",
                self.skipped_count
            );
        }
        let mut splits = args.split.of(self.walk.good(Part::Main));
        splits.test += self.walk.good(Part::Test);
        let jpeg_files = self.keep_jpegs(base, splits.train..splits.train + splits.validation)?;
        let labels: Vec<u8> = self.labels.iter().flat_map(|label| label.to_le_bytes()).collect();
        let mut manifest = Manifest {
            name: args.name.clone(),
            digest: Digest::of(b""),
            classes: self.source.classes().to_vec(),
            size,
            channels,
            splits,
            row_group: self.row_group as u32,
            images: groups,
            labels: base.put_content(PREFIX, labels)?,
            jpeg_files,
            skipped: self.skipped,
            skipped_count: self.skipped_count,
            source_bytes: Some(self.source_bytes),
        };
        manifest.digest = manifest.computed_digest();
        Ok(manifest)
    }

    /// Keeps the source's files of the first validation images, as far as they are JPEG.
    fn keep_jpegs(&self, base: &Base, validation: Range<u32>) -> anyhow::Result<Option<ObjectRef>> {
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
        Ok(Some(base.put_content(PREFIX, files::write(&kept))?))
    }
}

fn named(skipped: &Skipped) -> String {
    format!("{}: {}", skipped.name, skipped.reason)
}
