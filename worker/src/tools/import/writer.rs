//! Decodes candidates on all cores and writes them row group by row group, beside each other.
//!
//! In memory are at most two row groups (one that fills, one that is packed and written), [`AHEAD_BYTES_MAX`] of
//! decoded images beyond, and what each core decodes just now.

use super::ImportArgs;
use super::groups::{Group, GroupWriter, Target};
use super::record::Records;
use super::source::Source;
use super::taker::Taker;
use crate::data::{Base, pixels};
use crate::tools::in_order::{Reach, in_order};
use crate::tools::interrupt;
use crate::tools::progress::Progress;
use anyhow::ensure;
use imgcalc_shared::dataset::{Manifest, ObjectRef, ROW_GROUP_IMAGES};
use imgcalc_shared::format::Size;

/// Most pixel bytes of a row group; groups of large images hold fewer than the usual number.
const ROW_GROUP_BYTES_MAX: usize = 256 << 20;
/// Most bytes of decoded images that wait for an earlier one, beside one for each core.
const AHEAD_BYTES_MAX: usize = 64 << 20;
/// Most decoded images that wait for an earlier one.
const AHEAD_IMAGES_MAX: usize = 512;
/// Where pixels, labels and kept files lie, under their digests.
pub(super) const PREFIX: &str = "datasets/objects";

/// What an import wrote.
pub(super) struct Written {
    pub(super) manifest: Manifest,
    /// Candidates decoded.
    pub(super) decoded: u64,
    /// Images an earlier run of the same import had finished.
    pub(super) resumed: u64,
    pub(super) records: Records,
}

/// Writes everything but the manifest and the name.
pub(super) fn write(
    base: &Base,
    source: &Source,
    size: Size,
    channels: u16,
    args: &ImportArgs,
) -> anyhow::Result<Written> {
    ensure!(
        !source.has_test() || args.split.test == 0,
        "the source has test images of its own; divide the others in two, for example --split 80/20"
    );
    let fit = ROW_GROUP_BYTES_MAX / pixels::image_bytes(size, channels);
    let row_group = fit.clamp(1, ROW_GROUP_IMAGES as usize);
    let records = Records::of(source, size, channels, row_group as u32, args);
    let mut taker = Taker::new(source, row_group, args)?;
    let mut groups = taker.resume(base, &records)?;
    let resumed = taker.labels.len() as u64;
    let all = taker.walk.len();
    if resumed > 0 {
        tracing::info!(
            images = resumed,
            of = all,
            "goes on where an earlier import of the same stopped"
        );
    }
    let mut decoding = Decoding {
        progress: Progress::new("importing", "images", all),
        decoded: 0,
        images: Vec::new(),
    };
    decoding.progress.skip(resumed);
    let target = Target {
        base,
        records: &records,
        size,
        channels,
        first: groups.len() as u32,
    };
    let written = std::thread::scope(|scope| -> anyhow::Result<Vec<ObjectRef>> {
        let writer = GroupWriter::start(scope, target);
        let decoded = decoding.run(&mut taker, size, channels, &writer);
        // Also after an error: what is in the writer's hands is finished first.
        let written = writer.end()?;
        decoded?;
        Ok(written)
    });
    decoding.progress.finish();
    groups.extend(written?);
    taker
        .finish(base, groups, size, channels, args)
        .map(|manifest| Written {
            manifest,
            decoded: decoding.decoded,
            resumed,
            records,
        })
}

/// Decodes what is left and hands it to the writer.
struct Decoding {
    progress: Progress,
    decoded: u64,
    /// Of the row group that is being filled.
    images: Vec<Vec<u8>>,
}

impl Decoding {
    fn run(
        &mut self,
        taker: &mut Taker<'_>,
        size: Size,
        channels: u16,
        writer: &GroupWriter<'_>,
    ) -> anyhow::Result<()> {
        let threads = rayon::current_num_threads();
        let ahead = (AHEAD_BYTES_MAX / pixels::image_bytes(size, channels)).min(AHEAD_IMAGES_MAX);
        let source = taker.source;
        while let Some((part, rest, wanted)) = taker.walk.rest() {
            let rest = rest.to_vec();
            let reach = Reach {
                threads,
                ahead_max: ahead.max(threads),
                wanted,
            };
            let load = |number: usize| source.load(part, rest[number], size, channels);
            in_order(rest.len(), reach, load, |number, loaded| {
                interrupt::check()?;
                self.decoded += 1;
                self.progress.add(1, source.bytes(part, rest[number]));
                match loaded {
                    Ok(pixels) => {
                        taker.take();
                        self.images.push(pixels);
                    }
                    Err(reason) => taker.leave_out(reason)?,
                }
                if self.images.len() == taker.row_group {
                    self.hand_over(taker, writer)?;
                }
                Ok::<usize, anyhow::Error>(taker.walk.wanted(part))
            })?;
        }
        match self.images.is_empty() {
            true => Ok(()),
            false => self.hand_over(taker, writer),
        }
    }

    fn hand_over(&mut self, taker: &mut Taker<'_>, writer: &GroupWriter<'_>) -> anyhow::Result<()> {
        let taken = writer.put(Group {
            images: std::mem::take(&mut self.images),
            left_out: std::mem::take(&mut taker.left_out),
            last: taker.walk.next().is_none(),
        });
        // The writer itself says why.
        ensure!(taken, "row groups cannot be written");
        Ok(())
    }
}
