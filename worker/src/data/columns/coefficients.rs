//! The coefficients of many pictures, for several families at once.

use imgcalc_shared::codec::{CodecError, Layout, Picture, Transforms};
use imgcalc_shared::dataset::Manifest;
use imgcalc_shared::format::{Family, Format};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Most bytes of coefficients of one row group that are made together; one family of any size always is.
const BYTES_MAX: usize = 1 << 30;

/// The coefficients of pictures of one shape in storage order, computed on all cores: for each family, to its keep,
/// those of each picture.
pub(crate) fn coefficients(
    pictures: &[Picture],
    families: &[(Family, u16)],
) -> Result<Vec<Vec<Vec<i16>>>, CodecError> {
    let mut of_families = vec![Vec::with_capacity(pictures.len()); families.len()];
    let Some(first) = pictures.first() else {
        return Ok(of_families);
    };
    let transforms = || Transforms::new(families, first.size, first.channels);
    let of_pictures: Vec<Vec<Vec<i16>>> = pictures
        .par_iter()
        .map_init(transforms, |transforms, picture| match transforms {
            Ok(transforms) => transforms.coefficients(picture),
            Err(error) => Err(error.clone()),
        })
        .collect::<Result<_, _>>()?;
    for of_picture in of_pictures {
        for (of_family, values) in of_families.iter_mut().zip(of_picture) {
            of_family.push(values);
        }
    }
    Ok(of_families)
}

/// The families of these formats, each with the largest keep that is wanted of it, in batches whose coefficients of a
/// row group are in memory together.
pub(super) fn batches(formats: &[Format], manifest: &Manifest) -> Vec<Vec<(Family, u16)>> {
    let mut keeps: BTreeMap<Family, u16> = BTreeMap::new();
    for format in formats {
        let keep = keeps.entry(format.family()).or_default();
        *keep = format.keep().max(*keep);
    }
    let mut batches: Vec<Vec<(Family, u16)>> = Vec::new();
    let mut room = 0;
    for (family, keep) in keeps {
        let layout = Layout::new(family, manifest.size, manifest.channels);
        let bytes = 2 * layout.map_or(0, |layout| layout.values(keep)) * manifest.row_group as usize;
        match batches.last_mut() {
            Some(batch) if bytes <= room => {
                batch.push((family, keep));
                room -= bytes;
            }
            _ => {
                batches.push(vec![(family, keep)]);
                room = BYTES_MAX.saturating_sub(bytes);
            }
        }
    }
    batches
}
