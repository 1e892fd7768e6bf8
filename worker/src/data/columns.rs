//! Columns of datasets: one object for each row group of a family.
//!
//! They are stored undivided, so that one set serves every quantisation factor, and every keep up to the stored one.

mod ahead;
mod load;
mod many;
mod object;
mod stored;

use super::base::{Base, Identity};
use super::dataset;
use crate::failure::Failure;
use imgcalc_shared::codec::{CodecError, Picture, Transform};
use imgcalc_shared::column::{ColumnError, Footer, Header, Step};
use imgcalc_shared::dataset::{Manifest, Splits};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::Family;
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap};

pub use load::{load_parts, load_planes};
pub(crate) use many::make_all;
pub(crate) use stored::{Stored, check, read_footer, stored};

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
    let groups = groups(manifest, images);
    let mut bytes = 0;
    make_all(base, manifest, &[(family, keep)], &groups, &stop, |made| {
        bytes += made.bytes
    })?;
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
pub(crate) fn groups(manifest: &Manifest, images: Splits) -> BTreeSet<u32> {
    let ranges = manifest.subset(images);
    ranges
        .iter()
        .flat_map(|range| dataset::groups_of(manifest, range))
        .collect()
}

/// What the columns of a row group must say about themselves.
pub(crate) fn header(manifest: &Manifest, family: Family, keep: u16, group: u32) -> Header {
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

/// The length of an object that is there, is the expected one and decodes. A damaged one is made again.
fn intact(base: &Base, key: &str, expected: &Header) -> Result<Option<u64>, Failure> {
    if !base.exists(key)? {
        return Ok(None);
    }
    let object = base.get(key)?;
    match check(&object) {
        Ok(footer) if footer.header() == expected => Ok(Some(object.len() as u64)),
        Ok(_) => Ok(None),
        Err(error) => {
            tracing::warn!(key, base = base.url(), %error, "damaged columns are made again");
            Ok(None)
        }
    }
}

fn refused(family: Family, error: CodecError) -> Failure {
    Failure::application(format!("columns {family} cannot be made: {error}"))
}
