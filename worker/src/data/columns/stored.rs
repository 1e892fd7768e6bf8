//! Which columns of a dataset are in a base, and how long they are.

use super::{footer, header};
use crate::data::base::Base;
use crate::failure::Failure;
use bytes::Bytes;
use imgcalc_shared::column::{self, Footer, Header, Step};
use imgcalc_shared::dataset::Manifest;
use imgcalc_shared::format::Format;
use std::collections::BTreeMap;

/// The columns that are stored as one format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The largest that they serve.
    pub(crate) format: Format,
    /// The row groups that are there, in order; a subset needs only some.
    pub(crate) groups: Vec<StoredGroup>,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredGroup {
    /// Number of the row group.
    pub(crate) group: u32,
    /// Its key.
    pub(crate) key: String,
    /// Its length.
    pub(crate) bytes: u64,
}

/// All columns of a dataset by what they are stored as, and the keys beside them that no column has.
pub(crate) fn stored(base: &Base, manifest: &Manifest) -> Result<(Vec<Stored>, Vec<String>), Failure> {
    let mut found: BTreeMap<Format, Vec<StoredGroup>> = BTreeMap::new();
    let mut strange = Vec::new();
    for (key, bytes) in base.list(&column::folder(&manifest.digest))? {
        match column::parse_key(&manifest.digest, &key) {
            Some((format, group)) if (group as usize) < manifest.images.len() => {
                let group = StoredGroup { group, key, bytes };
                found.entry(format).or_default().push(group);
            }
            _ => strange.push(key),
        }
    }
    let stored = found
        .into_iter()
        .map(|(format, groups)| Stored { format, groups });
    Ok((stored.collect(), strange))
}

/// The footer of a column object, and the end of the object that was read for it with its first byte's place.
pub(crate) fn read_footer(base: &Base, key: &str, length: u64) -> Result<(Footer, Bytes, u64), Failure> {
    let damaged = |why: &dyn std::fmt::Display| {
        Failure::bad_data(format!("the columns {key} in {} are damaged: {why}", base.url()))
    };
    let range = match Footer::read(length, &[]).map_err(|error| damaged(&error))? {
        Step::NeedMore(range) => range,
        Step::Done(_) => return Err(damaged(&"they have no end")),
    };
    let start = range.start;
    let tail = base.get_range(key, range)?;
    let footer = footer(length, &tail).map_err(|error| damaged(&error))?;
    Ok((footer, tail, start))
}

impl Stored {
    /// What the object of a row group must say about itself.
    pub(crate) fn header(&self, manifest: &Manifest, group: &StoredGroup) -> Header {
        header(manifest, self.format, group.group)
    }

    /// Images in these columns.
    pub(crate) fn images(&self, manifest: &Manifest) -> u64 {
        let images = |group: &StoredGroup| manifest.row_group_images(group.group).len() as u64;
        self.groups.iter().map(images).sum()
    }

    /// Bytes of all objects.
    pub(crate) fn bytes(&self) -> u64 {
        self.groups.iter().map(|group| group.bytes).sum()
    }

    /// Bytes that have to be read for each keep from 1 on, over all row groups. Reads their footers.
    pub(crate) fn prefix_bytes(&self, base: &Base) -> Result<Vec<u64>, Failure> {
        let mut sums = vec![0; self.format.keep().into()];
        for group in &self.groups {
            let (footer, ..) = read_footer(base, &group.key, group.bytes)?;
            for (sum, bytes) in sums.iter_mut().zip(prefixes(&footer)) {
                *sum += bytes;
            }
        }
        Ok(sums)
    }
}

/// The length of the prefix of each keep from 1 on.
fn prefixes(footer: &Footer) -> impl Iterator<Item = u64> {
    (1..=footer.header().keep).map(|keep| footer.prefix(keep).map_or(0, |range| range.end))
}
