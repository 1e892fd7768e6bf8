//! From stored columns to what a net sees.

use super::{Base, Header, footer, header, key, refused};
use crate::data::dataset::groups_of;
use crate::failure::Failure;
use bytes::Bytes;
use imgcalc_shared::codec::Layout;
use imgcalc_shared::column::{Footer, Step};
use imgcalc_shared::dataset::Manifest;
use imgcalc_shared::format::Family;
use rayon::prelude::*;
use std::ops::Range;

/// The integers of a run of images: images × channels × rows × columns, zero outside the triangle. Reads of each row
/// group one footer and one contiguous range, however many images of the group are wanted.
pub fn load_planes(
    base: &Base,
    manifest: &Manifest,
    family: Family,
    stored_keep: u16,
    keep: u16,
    quant: u16,
    images: Range<u32>,
) -> Result<Vec<i16>, Failure> {
    let layout =
        Layout::new(family, manifest.size, manifest.channels).map_err(|error| refused(family, error))?;
    layout
        .format(keep, quant)
        .map_err(|error| refused(family, error))?;
    let total = manifest.splits.total();
    if images.end > total {
        return Err(Failure::bad_data(format!(
            "the dataset {} has {total} images, images up to {} are needed",
            manifest.digest, images.end
        )));
    }
    let image_values = layout.plane_values(keep);
    let mut planes = vec![0; images.len() * image_values];
    let mut parts = Vec::new();
    let mut rest = &mut planes[..];
    for group in groups_of(manifest, &images) {
        let there = manifest.row_group_images(group);
        let wanted = images.start.max(there.start)..images.end.min(there.end);
        let (part, after) = rest.split_at_mut(wanted.len() * image_values);
        parts.push((group, wanted.start - there.start, part));
        rest = after;
    }
    parts.into_par_iter().try_for_each(|(group, first, part)| {
        let key = key(&manifest.digest, family, stored_keep, group);
        let expected = header(manifest, family, stored_keep, group);
        let decoded = load_group(base, &key, &expected, keep, quant)?;
        part.copy_from_slice(&decoded[first as usize * image_values..][..part.len()]);
        Ok::<(), Failure>(())
    })?;
    Ok(planes)
}

fn load_group(base: &Base, key: &str, expected: &Header, keep: u16, quant: u16) -> Result<Vec<i16>, Failure> {
    let damaged =
        |why: String| Failure::bad_data(format!("the columns {key} in {} are damaged: {why}", base.url()));
    let length = base.size(key)?;
    let (footer, tail, tail_start) = read_footer(base, key, length)?;
    if footer.header() != expected {
        return Err(damaged(
            "they are not those of this dataset, family and row group".into(),
        ));
    }
    let prefix = footer.prefix(keep).map_err(|error| damaged(error.to_string()))?;
    // The end that was read for the footer may already hold a small object as a whole.
    let prefix = if tail_start == 0 {
        tail
    } else {
        base.get_range(key, prefix)?
    };
    footer
        .planes(&prefix, keep, quant)
        .map_err(|error| damaged(error.to_string()))
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
