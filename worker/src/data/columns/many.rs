//! Makes the columns of several formats at once: the pixels of a row group are read once for all of them, and
//! transformed once for all formats of a family.

use super::coefficients::{batches, coefficients};
use super::{header, intact, refused};
use crate::data::base::Base;
use crate::data::{dataset, pixels};
use crate::failure::Failure;
use imgcalc_shared::codec::{Layout, Picture};
use imgcalc_shared::column;
use imgcalc_shared::dataset::Manifest;
use imgcalc_shared::format::Format;
use imgcalc_shared::task::FailureClass;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// One column object that is there now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    /// Its length.
    pub(crate) bytes: u64,
    /// Images in it.
    pub(crate) images: u32,
    /// Whether it was there before.
    pub(crate) kept: bool,
}

/// Makes the columns stored as these formats for these row groups as far as they are not there, and tells `made` of
/// each. Asks `stop` before each row group and then fails as pre-empted; what is made by then stays and serves the next
/// attempt.
///
/// While families are transformed those before are coded and written. In memory are the pixels of a row group and the
/// coefficients of two batches of families.
pub(crate) fn make_all(
    base: &Base,
    manifest: &Manifest,
    wanted: &[Format],
    groups: &BTreeSet<u32>,
    stop: &dyn Fn() -> bool,
    mut made: impl FnMut(Made),
) -> Result<(), Failure> {
    for &format in wanted {
        let refused = |error| refused(format, error);
        let layout = Layout::new(format.family(), manifest.size, manifest.channels).map_err(refused)?;
        layout.format(format.keep(), format.quant()).map_err(refused)?;
    }
    let threads = rayon::current_num_threads();
    std::thread::scope(|scope| {
        let (jobs, received) = sync_channel::<Job>(0);
        let (done, finished) = channel();
        let received = Arc::new(Mutex::new(received));
        for _ in 0..threads {
            let (received, done) = (Arc::clone(&received), done.clone());
            scope.spawn(move || {
                while let Some(job) = next(&received) {
                    let result = job.write(base, manifest);
                    // Whoever waits for it may have given up.
                    let _ = done.send(result);
                }
            });
        }
        // Only the threads hold them: when all are gone, sending fails.
        drop((received, done));
        for &group in groups {
            if stop() {
                return Err(Failure::new(FailureClass::Preempted, "stopped on request"));
            }
            for result in finished.try_iter() {
                made(result?);
            }
            let missing = missing(base, manifest, wanted, group, &mut made)?;
            if !missing.is_empty() {
                transform(base, manifest, group, &missing, &jobs)?;
            }
        }
        drop(jobs);
        finished.iter().try_for_each(|result| result.map(&mut made))
    })
}

/// One object that is to be written.
struct Job {
    group: u32,
    format: Format,
    /// Of all images of the row group, to its keep or further.
    coefficients: Arc<Vec<Vec<i16>>>,
}

impl Job {
    fn write(self, base: &Base, manifest: &Manifest) -> Result<Made, Failure> {
        let header = header(manifest, self.format, self.group);
        let object = column::write_coefficients(&header, &self.coefficients).map_err(|error| {
            Failure::application(format!("columns {} cannot be written: {error}", self.format))
        })?;
        let object = base.put(&column::key(&manifest.digest, self.format, self.group), object)?;
        Ok(Made {
            bytes: object.bytes,
            images: header.images,
            kept: false,
        })
    }
}

fn next(received: &Mutex<Receiver<Job>>) -> Option<Job> {
    received
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv()
        .ok()
}

/// What is not there yet, or damaged, of one row group.
fn missing(
    base: &Base,
    manifest: &Manifest,
    wanted: &[Format],
    group: u32,
    made: &mut impl FnMut(Made),
) -> Result<Vec<Format>, Failure> {
    let there = wanted.par_iter().map(|&format| {
        let header = header(manifest, format, group);
        intact(base, &column::key(&manifest.digest, format, group), &header)
    });
    let there: Vec<Option<u64>> = there.collect::<Result<_, _>>()?;
    let mut missing = Vec::new();
    for (&wanted, there) in wanted.iter().zip(there) {
        match there {
            Some(bytes) => made(Made {
                bytes,
                images: manifest.row_group_images(group).len() as u32,
                kept: true,
            }),
            None => missing.push(wanted),
        }
    }
    Ok(missing)
}

/// Transforms the images of a row group and hands what is to be written over.
fn transform(
    base: &Base,
    manifest: &Manifest,
    group: u32,
    formats: &[Format],
    jobs: &SyncSender<Job>,
) -> Result<(), Failure> {
    let pixels = dataset::load_group(base, manifest, group, &manifest.row_group_images(group))?;
    let pictures: Vec<Picture> = pixels
        .par_chunks_exact(pixels::image_bytes(manifest.size, manifest.channels))
        .map(|samples| Picture {
            size: manifest.size,
            channels: manifest.channels,
            samples: samples.to_vec(),
        })
        .collect();
    drop(pixels);
    for families in batches(formats, manifest) {
        let all = coefficients(&pictures, &families)
            .map_err(|error| Failure::application(format!("columns cannot be made: {error}")))?;
        for ((family, _), values) in families.into_iter().zip(all) {
            let coefficients = Arc::new(values);
            for &format in formats.iter().filter(|format| format.family() == family) {
                let job = Job {
                    group,
                    format,
                    coefficients: Arc::clone(&coefficients),
                };
                jobs.send(job)
                    .map_err(|_| Failure::application("no thread is left that writes columns"))?;
            }
        }
    }
    Ok(())
}
