//! Which columns of a dataset are in a base, and how long they are.

use super::{footer, header, key};
use crate::data::base::Base;
use crate::failure::Failure;
use bytes::Bytes;
use imgcalc_shared::column::{ColumnError, Footer, Header, Step};
use imgcalc_shared::dataset::Manifest;
use imgcalc_shared::format::Family;
use std::collections::BTreeMap;

/// The stored columns of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The family.
    pub(crate) family: Family,
    /// Anti-diagonals stored.
    pub(crate) keep: u16,
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

/// All columns of a dataset by family and keep, and the keys beside them that no column has.
pub(crate) fn stored(base: &Base, manifest: &Manifest) -> Result<(Vec<Stored>, Vec<String>), Failure> {
    let folder = format!("columns/{}", manifest.digest);
    let mut found: BTreeMap<(Family, u16), Vec<StoredGroup>> = BTreeMap::new();
    let mut strange = Vec::new();
    for (key, bytes) in base.list(&folder)? {
        match parse(manifest, &key) {
            Some((family, keep, group)) => {
                let group = StoredGroup { group, key, bytes };
                found.entry((family, keep)).or_default().push(group);
            }
            None => strange.push(key),
        }
    }
    let stored = found
        .into_iter()
        .map(|((family, keep), groups)| Stored { family, keep, groups });
    Ok((stored.collect(), strange))
}

/// Compares every checksum of a whole object and decodes every chunk. Of several damaged chunks the first is named.
pub(crate) fn check(object: &[u8]) -> Result<Footer, ColumnError> {
    let footer = footer(object.len() as u64, object)?;
    footer.decode(object, footer.header().keep, footer.header().quant)?;
    Ok(footer)
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
        header(manifest, self.family, self.keep, group.group)
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
        let mut sums = vec![0; self.keep.into()];
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

fn parse(manifest: &Manifest, text: &str) -> Option<(Family, u16, u32)> {
    let mut parts = text.rsplit('/');
    let (group, columns) = (parts.next()?.strip_prefix("rg-")?, parts.next()?);
    let (family, keep) = columns.rsplit_once("-k")?;
    let (family, keep, group) = (family.parse().ok()?, keep.parse().ok()?, group.parse().ok()?);
    let there =
        (group as usize) < manifest.images.len() && key(&manifest.digest, family, keep, group) == text;
    there.then_some((family, keep, group))
}
