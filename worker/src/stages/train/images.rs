//! The images of a training: kept on the device where they fit, read window by window where they do not.
//!
//! ```text
//! base ─▶ prefix range of a row group ─▶ checksum, decode ─▶ host buffer ─▶ device ─▶ batches
//!           a few row groups ahead          all cores         one window ahead       resident, or the window at hand
//! ```

use super::stream::{Reader, RowGroups, Shared};
use crate::data::{Base, columns, dataset};
use crate::failure::Failure;
use imgcalc_engine::{Blocks, Feed, Feeds, Planes};
use imgcalc_shared::dataset::{Manifest, Splits};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::Format;
use imgcalc_shared::task::Input;
use imgcalc_shared::training::InputShape;
use std::ops::Range;
use std::sync::Arc;

/// Bytes of images among which the order of an epoch is random, and that a training has at hand at least. A change of it
/// changes what comes out of trainings that are larger: raise the code version of trainings.
pub const WINDOW_BYTES: u64 = 1 << 30;

/// Bytes of images kept on a CPU from one training to the next, at most.
const KEPT_BYTES_MAX: u64 = 2 << 30;

/// Part of a GPU's memory that images may take: a half.
const KEPT_SHARE: u64 = 2;

/// Level shift of pixels, so that the net sees values around zero as it does with coefficients.
const PIXEL_SHIFT: i16 = 128;

/// Images trained on last, on the device: the next link of a chain needs a part of them.
#[derive(Debug, Default)]
pub(crate) struct ImageCache {
    /// Those used last at the end.
    held: Vec<Held>,
}

/// Images of one format.
#[derive(Debug)]
struct Held {
    dataset: Digest,
    input: Input,
    images: Splits,
    /// Training, validation and test; none where a split is empty.
    parts: [Option<Planes>; 3],
}

impl Held {
    fn bytes(&self) -> u64 {
        self.parts.iter().flatten().map(Planes::bytes).sum()
    }

    /// Whether what is held is, or has, what is asked for.
    fn serves(&self, dataset: Digest, images: Splits, input: Input) -> bool {
        let of_input = match (self.input, input) {
            (Input::Format(held), Input::Format(format)) => held.serves(format),
            (held, input) => held == input,
        };
        (self.dataset, self.images) == (dataset, images) && of_input
    }
}

impl ImageCache {
    /// The splits of a training, and what is told of their reading.
    pub(in crate::stages) fn feeds(
        &mut self,
        base: &Base,
        manifest: &Manifest,
        images: Splits,
        input: Input,
        window_bytes: u64,
    ) -> Result<(Feeds, Arc<Shared>), Failure> {
        let labels = dataset::load_labels(base, manifest)?;
        let shared = Arc::new(Shared::default());
        let shape = shape(manifest, input)?;
        let ranges = manifest.subset(images);
        let image_bytes = 2 * shape.values() as u64;
        let fits = |images: u64| images.saturating_mul(image_bytes) <= window_bytes;
        let all: u64 = ranges.iter().map(|range| range.len() as u64).sum();
        let parts = match fits(all) {
            true => self.resident(base, manifest, images, input, shape, &shared)?,
            false => ranges.clone().map(|_| None),
        };
        // Made when first needed, once for all splits: it looks up which columns there are.
        let mut made: Option<Reader> = None;
        let mut reader = || match &made {
            Some(reader) => Ok(reader.clone()),
            None => reader(base, manifest, images, input).map(|new| made.insert(new).clone()),
        };
        let mut feeds = parts.into_iter().zip(ranges).map(|(planes, range)| {
            let groups = groups(manifest, &range);
            let counts = groups.iter().map(|group| group.len() as u32).collect();
            let labels = labels[range.start as usize..range.end as usize].to_vec();
            let planes = match planes {
                None if !range.is_empty() && fits(range.len() as u64) => {
                    let reader = reader()?;
                    let values = shared.counted(base, || reader(&[range]))?;
                    Some(Planes::new(&values, shape, blocks(input))?)
                }
                planes => planes,
            };
            if let Some(planes) = planes {
                return Ok(Some(Feed::resident(planes, labels, counts)));
            }
            if groups.is_empty() {
                return Ok(None);
            }
            let stream = RowGroups::new(base.clone(), reader()?, groups, shared.clone());
            Ok::<_, Failure>(Some(Feed::streamed(
                Box::new(stream),
                shape,
                blocks(input),
                labels,
                counts,
            )))
        });
        let mut next = || feeds.next().transpose().map(Option::flatten);
        let empty = || Failure::bad_data("a training needs training and validation images");
        let feeds = Feeds {
            train: next()?.ok_or_else(empty)?,
            validation: next()?.ok_or_else(empty)?,
            test: next()?,
            classes: manifest.classes.len() as u16,
            window_bytes,
        };
        Ok((feeds, shared))
    }

    /// All splits on the device: seen in what is there if that serves, else read.
    fn resident(
        &mut self,
        base: &Base,
        manifest: &Manifest,
        images: Splits,
        input: Input,
        shape: InputShape,
        shared: &Shared,
    ) -> Result<[Option<Planes>; 3], Failure> {
        let serves = |held: &Held| held.serves(manifest.digest, images, input);
        let held = match self.held.iter().position(serves) {
            Some(at) => self.held.remove(at),
            None => {
                let ranges = manifest.subset(images);
                let count: u64 = ranges.iter().map(|range| range.len() as u64).sum();
                // Freed before the next are read: all together may be too much.
                self.make_room(count * 2 * shape.values() as u64);
                let parts = shared.counted(base, || read(base, manifest, images, input))?;
                let planes = |values: Vec<i16>| match values.is_empty() {
                    true => Ok(None),
                    false => Planes::new(&values, shape, blocks(input)).map(Some),
                };
                let [train, validation, test] = parts;
                Held {
                    dataset: manifest.digest,
                    input,
                    images,
                    parts: [planes(train)?, planes(validation)?, planes(test)?],
                }
            }
        };
        let seen = held
            .parts
            .each_ref()
            .map(|planes| planes.as_ref().map(|planes| planes.seen_as(blocks(input))));
        self.held.push(held);
        let [train, validation, test] = seen.map(Option::transpose);
        Ok([train?, validation?, test?])
    }

    /// Lets go of those used longest ago until so many bytes fit beside the others.
    fn make_room(&mut self, bytes: u64) {
        let most = match imgcalc_engine::device_memory() {
            Some(memory) => memory.all_bytes / KEPT_SHARE,
            None => KEPT_BYTES_MAX,
        };
        let mut kept = bytes;
        let fitting = self.held.iter().rev().take_while(|held| {
            kept = kept.saturating_add(held.bytes());
            kept <= most
        });
        let fitting = fitting.count();
        self.held.drain(..self.held.len() - fitting);
    }
}

/// The wanted images of each row group that has some.
fn groups(manifest: &Manifest, images: &Range<u32>) -> Vec<Range<u32>> {
    let of_group = |group| {
        let there = manifest.row_group_images(group);
        images.start.max(there.start)..images.end.min(there.end)
    };
    dataset::groups_of(manifest, images).map(of_group).collect()
}

fn shape(manifest: &Manifest, input: Input) -> Result<InputShape, Failure> {
    let size = match input {
        Input::Format(format) => format.plane(manifest.size),
        Input::Pixels => manifest.size,
    };
    let side = |pixels: u32| {
        u16::try_from(pixels)
            .map_err(|_| Failure::bad_data(format!("an image side of {pixels} is too large")))
    };
    Ok(InputShape {
        channels: manifest.channels,
        height: side(size.height)?,
        width: side(size.width)?,
    })
}

fn blocks(input: Input) -> Blocks {
    match input {
        Input::Format(format) => Blocks::from(format),
        Input::Pixels => Blocks::PIXELS,
    }
}

fn read(base: &Base, manifest: &Manifest, images: Splits, input: Input) -> Result<[Vec<i16>; 3], Failure> {
    let ranges = manifest.subset(images);
    match input {
        Input::Format(format) => {
            let stored = columns::stored_for(base, manifest, format, images)?;
            columns::load_parts(base, manifest, stored, format, ranges)
        }
        Input::Pixels => {
            let [train, validation, test] = ranges.map(|range| pixels(base, manifest, &[range]));
            Ok([train?, validation?, test?])
        }
    }
}

/// What reads any runs of images.
fn reader(base: &Base, manifest: &Manifest, images: Splits, input: Input) -> Result<Reader, Failure> {
    let (base, manifest) = (base.clone(), manifest.clone());
    let stored = |format: Format| columns::stored_for(&base, &manifest, format, images);
    Ok(match input {
        Input::Format(format) => {
            let stored = stored(format)?;
            Arc::new(move |runs| columns::load_runs(&base, &manifest, stored, format, runs))
        }
        Input::Pixels => Arc::new(move |runs| pixels(&base, &manifest, runs)),
    })
}

fn pixels(base: &Base, manifest: &Manifest, runs: &[Range<u32>]) -> Result<Vec<i16>, Failure> {
    let mut all = Vec::new();
    for run in runs {
        let planes = dataset::load_pixel_planes(base, manifest, run.clone())?;
        all.extend(planes.into_iter().map(|value| value - PIXEL_SHIFT));
    }
    Ok(all)
}
