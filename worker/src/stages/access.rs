//! Measures what it costs to get images from the base to the net's input.
//!
//! Every format is really encoded from a sample and really written to the base. Reading and decoding happen on one
//! thread; transfer uses the threads of the profile. A base on disk is measured as the system serves it, from its
//! cache once it was read.

pub(super) mod measure;
mod sample;
pub(super) mod scratch;

use super::Observer;
use crate::data::columns::{coefficients, footer};
use crate::data::{Base, dataset};
use crate::failure::Failure;
use imgcalc_shared::codec::{Layout, Picture, place};
use imgcalc_shared::column::{self, Header};
use imgcalc_shared::encoded;
use imgcalc_shared::format::{Family, Format};
use imgcalc_shared::profile::{Access, AccessProfile, FormatAccess};
use imgcalc_shared::task::{FailureClass, Outcome, Task};
use imgcalc_shared::training::InputShape;
use measure::Spent;
use scratch::Scratch;
use std::time::Instant;

pub(super) use sample::sample;

/// Images measured one at a time.
pub(super) const SINGLES: usize = 8;

/// Does a [`Task::ProfileAccess`].
pub fn run(base: &Base, task: &Task, threads: u16, observer: &mut dyn Observer) -> Result<Outcome, Failure> {
    let Task::ProfileAccess {
        dataset,
        formats,
        batch,
        hardware: _,
    } = task
    else {
        return Err(Failure::application(format!("{task} measures no format")));
    };
    imgcalc_engine::set_threads(threads.into());
    let Some(family) = formats.first().map(|format| format.family()) else {
        return Ok(Outcome::ProfileAccess { rows: Vec::new() });
    };
    if formats.iter().any(|format| format.family() != family) {
        return Err(Failure::application(
            "the formats of a profile are not of one family",
        ));
    }
    let manifest = dataset::load_manifest(base, dataset)?;
    let keep = formats.iter().map(|format| format.keep()).max().unwrap_or(1);
    let sample = Sample::new(sample(base, &manifest, *batch)?, family, keep)?;
    let mut rows = Vec::with_capacity(formats.len());
    for &format in formats {
        stop_if_asked(observer)?;
        rows.push(FormatAccess {
            format,
            access: sample.profile(base, format)?,
        });
    }
    Ok(Outcome::ProfileAccess { rows })
}

/// Fails as pre-empted after the observer asked to stop.
pub(super) fn stop_if_asked(observer: &mut dyn Observer) -> Result<(), Failure> {
    match observer.should_stop() {
        true => Err(Failure::new(FailureClass::Preempted, "stopped on request")),
        false => Ok(()),
    }
}

/// The shape of what a net sees of one image.
pub(super) fn input_shape(channels: u16, height: u32, width: u32) -> Result<InputShape, Failure> {
    match (u16::try_from(height), u16::try_from(width)) {
        (Ok(height), Ok(width)) => Ok(InputShape {
            channels,
            height,
            width,
        }),
        _ => Err(Failure::application(format!(
            "an input of {height}x{width} is too large for a net"
        ))),
    }
}

/// Pictures with the coefficients of one family, which all its formats share.
struct Sample {
    pictures: Vec<Picture>,
    layout: Layout,
    coefficients: Vec<Vec<i16>>,
}

impl Sample {
    fn new(pictures: Vec<Picture>, family: Family, keep: u16) -> Result<Sample, Failure> {
        let refused = |error| Failure::application(format!("{family} cannot be measured: {error}"));
        let first = pictures
            .first()
            .ok_or_else(|| Failure::bad_data("the dataset has no images"))?;
        let layout = Layout::new(family, first.size, first.channels).map_err(refused)?;
        let mut coefficients = coefficients(&pictures, &[(family, keep)]).map_err(refused)?;
        Ok(Sample {
            pictures,
            layout,
            coefficients: coefficients.swap_remove(0),
        })
    }

    fn profile(&self, base: &Base, format: Format) -> Result<AccessProfile, Failure> {
        let mut scratch = Scratch::new(base);
        Ok(AccessProfile {
            batch: self.batch(&mut scratch, format)?,
            single: self.single(&mut scratch, format)?,
        })
    }

    /// All images from one column object, divided as deployed.
    fn batch(&self, scratch: &mut Scratch, format: Format) -> Result<Access, Failure> {
        let failed = |error| Failure::application(format!("columns {format} cannot be measured: {error}"));
        let (keep, quant) = (format.keep(), format.quant());
        let images = self.pictures.len() as u32;
        let header = Header {
            family: format.family(),
            quant,
            size: self.layout.size(),
            channels: self.layout.channels(),
            keep,
            first_image: 0,
            images,
        };
        let object = column::write_coefficients(&header, &self.coefficients).map_err(failed)?;
        let stored = object.len() as f64 / f64::from(images);
        let key = scratch.put("columns", object)?;
        let shape = self.shape(keep)?;
        measure::access(
            images,
            stored,
            |_| {
                let start = Instant::now();
                let object = scratch.base.get(&key)?;
                let read = start.elapsed();
                let start = Instant::now();
                let footer = footer(object.len() as u64, &object).map_err(failed)?;
                let planes = footer.planes(&object, keep, quant).map_err(failed)?;
                Ok((
                    Spent {
                        read,
                        decode: start.elapsed(),
                        ..Spent::default()
                    },
                    planes,
                ))
            },
            |planes, warmup, repeats| {
                Ok(imgcalc_engine::transfer_times(
                    planes, shape, images, warmup, repeats,
                )?)
            },
        )
    }

    /// One image at a time from its own file.
    fn single(&self, scratch: &mut Scratch, format: Format) -> Result<Access, Failure> {
        let failed = |error: String| Failure::application(format!("{format} cannot be measured: {error}"));
        let mut keys = Vec::new();
        let mut bytes = 0;
        for (image, picture) in self.pictures.iter().take(SINGLES).enumerate() {
            let file = encoded::encode(picture, format).map_err(|error| failed(error.to_string()))?;
            bytes += file.len();
            keys.push(scratch.put(&format!("{image}.ic"), file)?);
        }
        let (layout, keep) = (self.layout, format.keep());
        let shape = self.shape(keep)?;
        measure::access(
            1,
            bytes as f64 / keys.len() as f64,
            |repeat| {
                let start = Instant::now();
                let file = scratch.base.get(&keys[repeat % keys.len()])?;
                let read = start.elapsed();
                let start = Instant::now();
                let image = encoded::decode_values(&file).map_err(|error| failed(error.to_string()))?;
                let mut planes = vec![0; layout.plane_values(keep)];
                place(
                    &image.values,
                    layout.family(),
                    layout.size(),
                    layout.channels(),
                    keep,
                    &mut planes,
                )
                .map_err(|error| failed(error.to_string()))?;
                Ok((
                    Spent {
                        read,
                        decode: start.elapsed(),
                        ..Spent::default()
                    },
                    planes,
                ))
            },
            |planes, warmup, repeats| Ok(imgcalc_engine::transfer_times(planes, shape, 1, warmup, repeats)?),
        )
    }

    fn shape(&self, keep: u16) -> Result<InputShape, Failure> {
        let plane = self.layout.plane(keep);
        input_shape(self.layout.channels(), plane.height, plane.width)
    }
}
