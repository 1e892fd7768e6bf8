//! Columns of datasets: one object for each row group and factor of a family.
//!
//! They are stored divided: undivided ones would serve every factor, but take more bytes than those of all factors that
//! are used together (the README's "What columns cost"). One set serves every keep up to the stored one.

mod ahead;
mod coefficients;
mod load;
mod many;
mod object;
mod stored;

use super::base::{Base, Identity};
use super::dataset;
use crate::failure::Failure;
use imgcalc_shared::codec::CodecError;
use imgcalc_shared::column::{self, ColumnError, Footer, Header, Step, key, parse_key};
use imgcalc_shared::dataset::{Manifest, Splits};
use imgcalc_shared::format::Format;
use std::collections::{BTreeSet, HashMap};

pub(crate) use coefficients::coefficients;
pub use load::{load_parts, load_planes, load_runs};
pub(crate) use many::make_all;
pub(crate) use stored::{Stored, read_footer, stored};

/// Makes columns of one family, stored as these formats, for the row groups that hold this subset, as far as they are
/// not there. Returns how many objects now hold them and their bytes. Asks `stop` before each row group and then fails
/// as pre-empted; what is made by then stays and serves the next attempt.
pub fn make(
    base: &Base,
    manifest: &Manifest,
    formats: &[Format],
    images: Splits,
    stop: impl Fn() -> bool,
) -> Result<(u32, u64), Failure> {
    let groups = groups(manifest, images);
    let (mut objects, mut bytes) = (0, 0);
    make_all(base, manifest, formats, &groups, &stop, |made| {
        objects += 1;
        bytes += made.bytes;
    })?;
    Ok((objects, bytes))
}

/// As what the columns are stored that serve this format of a subset with the fewest bytes: those of its factor before
/// undivided ones, and of these the smallest keep.
pub fn stored_for(
    base: &Base,
    manifest: &Manifest,
    format: Format,
    images: Splits,
) -> Result<Format, Failure> {
    let folder = column::folder(&manifest.digest);
    let there: HashMap<String, Identity> = base.list_identities(&folder)?.into_iter().collect();
    let groups = groups(manifest, images);
    let keys = |stored: Format| {
        let key = move |&group| key(&manifest.digest, stored, group);
        groups.iter().map(key)
    };
    let parsed = there.keys().filter_map(|key| parse_key(&manifest.digest, key));
    let serving: BTreeSet<Format> = parsed
        .map(|(stored, _)| stored)
        .filter(|stored| stored.serves(format))
        .collect();
    let complete = serving
        .into_iter()
        .filter(|&stored| keys(stored).all(|key| there.contains_key(&key)));
    let stored = complete.min_by_key(|stored| (stored.quant() != format.quant(), stored.keep()));
    let stored = stored.ok_or_else(|| {
        Failure::bad_data(format!(
            "there are no columns of {} with keep {} or more, divided by {} or undivided, for these images in {folder} \
             in {}",
            format.family(),
            format.keep(),
            format.quant(),
            base.url()
        ))
    })?;
    for key in keys(stored) {
        // They are read next: what is in a cache, or was read before, need not be looked at once more.
        base.known().see(&key, there[&key].clone());
    }
    Ok(stored)
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
pub(crate) fn header(manifest: &Manifest, stored: Format, group: u32) -> Header {
    let images = manifest.row_group_images(group);
    Header {
        family: stored.family(),
        quant: stored.quant(),
        size: manifest.size,
        channels: manifest.channels,
        keep: stored.keep(),
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
    let fault = match footer(object.len() as u64, &object) {
        Ok(footer) if footer.header() != expected => return Ok(None),
        Ok(footer) => footer.faults(&object).into_iter().next(),
        Err(error) => Some(error),
    };
    match fault {
        None => Ok(Some(object.len() as u64)),
        Some(error) => {
            tracing::warn!(key, base = base.url(), %error, "damaged columns are made again");
            Ok(None)
        }
    }
}

fn refused(columns: Format, error: CodecError) -> Failure {
    Failure::application(format!("columns {columns} cannot be made: {error}"))
}
