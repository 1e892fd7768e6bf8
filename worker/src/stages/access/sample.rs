//! The images a profile is measured on.

use crate::data::{Base, dataset};
use crate::failure::Failure;
use imgcalc_shared::codec::Picture;
use imgcalc_shared::dataset::Manifest;
use std::ops::Range;

/// Exactly `batch` images: the first of validation, of training where that is too small, repeated where both are.
pub(in crate::stages) fn sample(
    base: &Base,
    manifest: &Manifest,
    batch: u32,
) -> Result<Vec<Picture>, Failure> {
    if batch == 0 {
        return Err(Failure::application("a batch of no images cannot be measured"));
    }
    let pictures = dataset::load_pictures(base, manifest, range(manifest, batch))?;
    if pictures.is_empty() {
        return Err(Failure::bad_data(format!(
            "the dataset {} has no images",
            manifest.digest
        )));
    }
    Ok(pictures.iter().cycle().take(batch as usize).cloned().collect())
}

fn range(manifest: &Manifest, batch: u32) -> Range<u32> {
    let (train, validation) = (manifest.splits.train, manifest.splits.validation);
    if validation >= batch || validation >= train {
        train..train + validation.min(batch)
    } else {
        0..train.min(batch)
    }
}
