//! Measures the baseline: JPEG files, read and fully decoded.

use super::Observer;
use super::access::measure::{self, Spent};
use super::access::scratch::Scratch;
use super::access::{SINGLES, input_shape, sample, stop_if_asked};
use crate::data::dataset::append_planes;
use crate::data::{Base, dataset, files, image_file};
use crate::failure::Failure;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageFormat};
use imgcalc_shared::codec::Picture;
use imgcalc_shared::dataset::Manifest;
use imgcalc_shared::profile::{Access, AccessProfile};
use imgcalc_shared::task::{Jpeg, Outcome, Task};
use std::time::Instant;

/// Does a [`Task::ProfileJpeg`]. Reading and decoding happen on one thread.
pub fn run(base: &Base, task: &Task, threads: u16, observer: &mut dyn Observer) -> Result<Outcome, Failure> {
    let Task::ProfileJpeg {
        dataset,
        jpeg,
        batch,
        hardware: _,
    } = task
    else {
        return Err(Failure::application(format!("{task} measures no JPEG files")));
    };
    imgcalc_engine::set_threads(threads.into());
    let manifest = dataset::load_manifest(base, dataset)?;
    let files = jpeg_files(base, &manifest, *jpeg, *batch)?;
    let mut scratch = Scratch::new(base);
    let mut bytes = Vec::with_capacity(files.len());
    let mut keys = Vec::with_capacity(files.len());
    for (image, file) in files.into_iter().enumerate() {
        bytes.push(file.len() as f64);
        keys.push(scratch.put(&format!("{image}.jpg"), file)?);
    }
    stop_if_asked(observer)?;
    let batch = measured(base, &manifest, keys.len(), &keys, &bytes)?;
    stop_if_asked(observer)?;
    let singles = SINGLES.min(keys.len());
    let single = measured(base, &manifest, 1, &keys[..singles], &bytes[..singles])?;
    Ok(Outcome::ProfileJpeg {
        access: AccessProfile { batch, single },
    })
}

/// `at_once` of these files in every repeat, going round.
fn measured(
    base: &Base,
    manifest: &Manifest,
    at_once: usize,
    keys: &[String],
    bytes: &[f64],
) -> Result<Access, Failure> {
    let shape = input_shape(manifest.channels, manifest.size.height, manifest.size.width)?;
    measure::access(
        at_once as u32,
        bytes.iter().sum::<f64>() / bytes.len() as f64,
        |repeat| {
            let keys = keys
                .iter()
                .cycle()
                .skip(repeat * at_once % keys.len())
                .take(at_once);
            let start = Instant::now();
            let files: Vec<_> = keys.clone().map(|key| base.get(key)).collect::<Result<_, _>>()?;
            let read = start.elapsed();
            let start = Instant::now();
            let pictures: Vec<Picture> = files
                .iter()
                .zip(keys)
                .map(|(file, key)| decode(key, file, manifest))
                .collect::<Result<_, _>>()?;
            let decode = start.elapsed();
            let start = Instant::now();
            let mut planes = Vec::with_capacity(at_once * shape.values());
            for picture in &pictures {
                append_planes(&picture.samples, picture.channels, &mut planes);
            }
            let convert = start.elapsed();
            Ok((
                Spent {
                    read,
                    decode,
                    convert,
                },
                planes,
            ))
        },
        |planes, warmup, repeats| {
            Ok(imgcalc_engine::transfer_times(
                planes,
                shape,
                at_once as u32,
                warmup,
                repeats,
            )?)
        },
    )
}

/// Exactly `batch` files, repeated where there are fewer.
fn jpeg_files(base: &Base, manifest: &Manifest, jpeg: Jpeg, batch: u32) -> Result<Vec<Vec<u8>>, Failure> {
    let quality = match jpeg {
        Jpeg::Quality(quality) => quality.clamp(1, 100),
        Jpeg::Source => {
            let object = manifest.jpeg_files.as_ref().ok_or_else(|| {
                Failure::bad_data(format!(
                    "the dataset {} keeps no JPEG files of its source; measure qualities instead",
                    manifest.digest
                ))
            })?;
            let bytes = base.get_verified(object)?;
            let kept = files::read(&object.key, &bytes)?;
            let files: Vec<Vec<u8>> = kept
                .iter()
                .cycle()
                .take(batch as usize)
                .map(|file| file.to_vec())
                .collect();
            return if files.is_empty() {
                Err(Failure::bad_data(format!("{} holds no file", object.key)))
            } else {
                Ok(files)
            };
        }
    };
    let pictures = sample(base, manifest, batch)?;
    let encoded = pictures.iter().map(|picture| {
        let colour = if picture.channels == 1 {
            ExtendedColorType::L8
        } else {
            ExtendedColorType::Rgb8
        };
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, quality)
            .encode(&picture.samples, picture.size.width, picture.size.height, colour)
            .map_err(|error| Failure::application(format!("a picture cannot become a JPEG file: {error}")))?;
        Ok(bytes)
    });
    encoded.collect()
}

fn decode(name: &str, file: &[u8], manifest: &Manifest) -> Result<Picture, Failure> {
    let image = image::load_from_memory_with_format(file, ImageFormat::Jpeg)
        .map_err(|error| Failure::bad_data(format!("the JPEG file {name} cannot be decoded: {error}")))?;
    Ok(image_file::picture(
        image_file::scaled(image, manifest.size),
        manifest.channels,
    ))
}
