//! Makes the columns of several families at once: the pixels of a row group are read once for all of them.

use super::{coefficients, header, intact, key, refused};
use crate::data::base::Base;
use crate::data::{dataset, pixels};
use crate::failure::Failure;
use imgcalc_shared::codec::{Layout, Picture};
use imgcalc_shared::column;
use imgcalc_shared::dataset::Manifest;
use imgcalc_shared::format::Family;
use imgcalc_shared::task::FailureClass;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Most bytes of coefficients that are being coded and written; one column object of any size always is.
const WRITING_BYTES_MAX: usize = 1 << 30;

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

/// Makes the columns of these families and keeps for these row groups as far as they are not there, and tells `made`
/// of each. Asks `stop` before each row group and then fails as pre-empted; what is made by then stays and serves
/// the next attempt.
///
/// While a row group is transformed the one before is coded and written. In memory are the pixels and coefficients
/// of one, and [`WRITING_BYTES_MAX`] of coefficients.
pub(crate) fn make_all(
    base: &Base,
    manifest: &Manifest,
    wanted: &[(Family, u16)],
    groups: &BTreeSet<u32>,
    stop: &dyn Fn() -> bool,
    mut made: impl FnMut(Made),
) -> Result<(), Failure> {
    let mut values_max = 1;
    for &(family, keep) in wanted {
        let layout =
            Layout::new(family, manifest.size, manifest.channels).map_err(|error| refused(family, error))?;
        layout.format(keep, 1).map_err(|error| refused(family, error))?;
        values_max = values_max.max(layout.values(keep));
    }
    let object_bytes = 2 * values_max * manifest.row_group as usize;
    let threads = (WRITING_BYTES_MAX / object_bytes).clamp(1, rayon::current_num_threads());
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

/// The coefficients of one row group that are to be written.
struct Job {
    group: u32,
    family: Family,
    keep: u16,
    values: Vec<Vec<i16>>,
}

impl Job {
    fn write(self, base: &Base, manifest: &Manifest) -> Result<Made, Failure> {
        let Job {
            group, family, keep, ..
        } = self;
        let header = header(manifest, family, keep, group);
        let object = column::write(&header, &self.values).map_err(|error| {
            Failure::application(format!("columns {family}-k{keep} cannot be written: {error}"))
        })?;
        drop(self.values);
        let object = base.put(&key(&manifest.digest, family, keep, group), object)?;
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
    wanted: &[(Family, u16)],
    group: u32,
    made: &mut impl FnMut(Made),
) -> Result<Vec<(Family, u16)>, Failure> {
    let there = wanted.par_iter().map(|&(family, keep)| {
        let header = header(manifest, family, keep, group);
        intact(base, &key(&manifest.digest, family, keep, group), &header)
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

fn transform(
    base: &Base,
    manifest: &Manifest,
    group: u32,
    families: &[(Family, u16)],
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
    let all = coefficients_of(&pictures, families)?;
    drop(pictures);
    for (&(family, keep), values) in families.iter().zip(all) {
        let job = Job {
            group,
            family,
            keep,
            values,
        };
        jobs.send(job)
            .map_err(|_| Failure::application("no thread is left that writes columns"))?;
    }
    Ok(())
}

/// The coefficients of pictures of one shape in storage order: for each family those of each picture.
fn coefficients_of(pictures: &[Picture], families: &[(Family, u16)]) -> Result<Vec<Vec<Vec<i16>>>, Failure> {
    let of = |&(family, keep): &(Family, u16)| {
        coefficients(pictures, family, keep).map_err(|error| refused(family, error))
    };
    families.iter().map(of).collect()
}
