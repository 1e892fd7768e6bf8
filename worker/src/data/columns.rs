//! Columns of datasets: one object for each row group of a family.
//!
//! They are stored undivided, so that one set serves every quantisation factor, and every keep up to the stored one.

mod ahead;
mod load;
mod object;

use super::base::{Base, Identity};
use super::{dataset, pixels};
use crate::failure::Failure;
use imgcalc_shared::codec::{CodecError, Layout, Picture, Transform};
use imgcalc_shared::column::{self, ColumnError, Footer, Header, Step};
use imgcalc_shared::dataset::{Manifest, Splits};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::Family;
use imgcalc_shared::task::FailureClass;
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap};

pub use load::{load_parts, load_planes};

/// Key of the columns of one row group.
pub fn key(dataset: &Digest, family: Family, keep: u16, group: u32) -> String {
    format!("columns/{dataset}/{family}-k{keep}/rg-{group:05}")
}

/// Makes the columns of one family for the row groups that hold this subset, as far as they are not there. Returns
/// how many objects now hold it and their bytes. Asks `stop` before each row group and then fails as pre-empted; what
/// is made by then stays and serves the next attempt.
pub fn make(
    base: &Base,
    manifest: &Manifest,
    family: Family,
    keep: u16,
    images: Splits,
    stop: impl Fn() -> bool,
) -> Result<(u32, u64), Failure> {
    let layout =
        Layout::new(family, manifest.size, manifest.channels).map_err(|error| refused(family, error))?;
    layout.format(keep, 1).map_err(|error| refused(family, error))?;
    let groups = groups(manifest, images);
    let mut bytes = 0;
    for &group in &groups {
        if stop() {
            return Err(Failure::new(FailureClass::Preempted, "stopped on request"));
        }
        let key = key(&manifest.digest, family, keep, group);
        bytes += match intact(base, &key, &header(manifest, family, keep, group))? {
            Some(there) => there,
            None => make_group(base, manifest, family, keep, group)?,
        };
    }
    Ok((groups.len() as u32, bytes))
}

/// The smallest stored keep whose columns serve this keep of a subset.
pub fn stored_keep(
    base: &Base,
    manifest: &Manifest,
    family: Family,
    keep: u16,
    images: Splits,
) -> Result<u16, Failure> {
    let folder = format!("columns/{}", manifest.digest);
    let there: HashMap<String, Identity> = base.list_identities(&folder)?.into_iter().collect();
    let groups = groups(manifest, images);
    let keys = |stored| {
        let key = move |&group| key(&manifest.digest, family, stored, group);
        groups.iter().map(key)
    };
    let serves = |&stored: &u16| keys(stored).all(|key| there.contains_key(&key));
    let stored = (keep..2 * family.block).find(serves).ok_or_else(|| {
        Failure::bad_data(format!(
            "there are no columns of {family} with keep {keep} or more for these images in {folder} in {}",
            base.url()
        ))
    })?;
    for key in keys(stored) {
        // They are read next: what is in a cache, or was read before, need not be looked at once more.
        base.known().see(&key, there[&key].clone());
    }
    Ok(stored)
}

/// The coefficients of pictures of one shape in storage order, computed on all cores.
pub(crate) fn coefficients(
    pictures: &[Picture],
    family: Family,
    keep: u16,
) -> Result<Vec<Vec<i16>>, CodecError> {
    let Some(first) = pictures.first() else {
        return Ok(Vec::new());
    };
    let transform = || Transform::new(family, first.size, first.channels);
    pictures
        .par_iter()
        .map_init(transform, |transform, picture| match transform {
            Ok(transform) => transform.coefficients(picture, keep),
            Err(error) => Err(error.clone()),
        })
        .collect()
}

/// The footer of an object that is wholly or partly in memory: `tail` is its end.
pub(crate) fn footer(object_length: u64, tail: &[u8]) -> Result<Footer, ColumnError> {
    match Footer::read(object_length, tail)? {
        Step::Done(footer) => Ok(footer),
        // Every footer fits into the first range that is asked for.
        Step::NeedMore(_) => Err(ColumnError::Tail {
            found: tail.len() as u64,
            object_length,
        }),
    }
}

/// The row groups that hold a subset.
fn groups(manifest: &Manifest, images: Splits) -> BTreeSet<u32> {
    let ranges = manifest.subset(images);
    ranges
        .iter()
        .flat_map(|range| dataset::groups_of(manifest, range))
        .collect()
}

/// What the columns of a row group must say about themselves.
fn header(manifest: &Manifest, family: Family, keep: u16, group: u32) -> Header {
    let images = manifest.row_group_images(group);
    Header {
        family,
        quant: 1,
        size: manifest.size,
        channels: manifest.channels,
        keep,
        first_image: images.start,
        images: images.len() as u32,
    }
}

fn make_group(
    base: &Base,
    manifest: &Manifest,
    family: Family,
    keep: u16,
    group: u32,
) -> Result<u64, Failure> {
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
    let values = coefficients(&pictures, family, keep).map_err(|error| refused(family, error))?;
    drop(pictures);
    let object = column::write(&header(manifest, family, keep, group), &values).map_err(|error| {
        Failure::application(format!("columns {family}-k{keep} cannot be written: {error}"))
    })?;
    Ok(base
        .put(&key(&manifest.digest, family, keep, group), object)?
        .bytes)
}

/// The length of an object that is there, is the expected one and decodes. A damaged one is made again.
fn intact(base: &Base, key: &str, expected: &Header) -> Result<Option<u64>, Failure> {
    if !base.exists(key)? {
        return Ok(None);
    }
    let object = base.get(key)?;
    let check = || -> Result<bool, ColumnError> {
        let footer = footer(object.len() as u64, &object)?;
        footer.decode(&object, footer.header().keep, footer.header().quant)?;
        Ok(footer.header() == expected)
    };
    match check() {
        Ok(true) => Ok(Some(object.len() as u64)),
        Ok(false) => Ok(None),
        Err(error) => {
            tracing::warn!(key, base = base.url(), %error, "damaged columns are made again");
            Ok(None)
        }
    }
}

fn refused(family: Family, error: CodecError) -> Failure {
    Failure::application(format!("columns {family} cannot be made: {error}"))
}
