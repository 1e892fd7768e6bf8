//! From stored columns to what a net sees.

use super::ahead::{self, Gates};
use super::object::Object;
use super::{Base, header, key, refused};
use crate::data::dataset::groups_of;
use crate::failure::Failure;
use imgcalc_shared::codec::Layout;
use imgcalc_shared::column::Decoding;
use imgcalc_shared::dataset::Manifest;
use imgcalc_shared::format::Format;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// What is wanted of one row group: images of it, and where they go.
type Wanted<'a> = Vec<(Range<u32>, &'a mut [i16])>;

/// The integers of a run of images: images × channels × rows × columns, zero outside the triangle. They are read from
/// columns stored as `stored`.
pub fn load_planes(
    base: &Base,
    manifest: &Manifest,
    stored: Format,
    format: Format,
    images: Range<u32>,
) -> Result<Vec<i16>, Failure> {
    let [planes] = load_parts(base, manifest, stored, format, [images])?;
    Ok(planes)
}

/// The same of several runs. Of each row group one contiguous range is read once, however many images of it are wanted,
/// and its end if that is not known yet; the next ones are read while one is decoded.
pub fn load_parts<const N: usize>(
    base: &Base,
    manifest: &Manifest,
    stored: Format,
    format: Format,
    parts: [Range<u32>; N],
) -> Result<[Vec<i16>; N], Failure> {
    let (keep, quant) = (format.keep(), format.quant());
    let refused = |error| refused(format, error);
    let layout = Layout::new(format.family(), manifest.size, manifest.channels).map_err(refused)?;
    layout.format(keep, quant).map_err(refused)?;
    let total = manifest.splits.total();
    if let Some(images) = parts.iter().find(|images| images.end > total) {
        return Err(Failure::bad_data(format!(
            "the dataset {} has {total} images, images up to {} are needed",
            manifest.digest, images.end
        )));
    }
    let image_values = layout.plane_values(keep);
    let mut planes = parts.clone().map(|images| vec![0; images.len() * image_values]);
    let mut jobs: BTreeMap<u32, Wanted> = BTreeMap::new();
    for (images, planes) in parts.into_iter().zip(&mut planes) {
        let mut rest = &mut planes[..];
        for group in groups_of(manifest, &images) {
            let there = manifest.row_group_images(group);
            let (first, end) = (images.start.max(there.start), images.end.min(there.end));
            let (out, after) = rest.split_at_mut((end - first) as usize * image_values);
            let wanted = (first - there.start..end - there.start, out);
            jobs.entry(group).or_default().push(wanted);
            rest = after;
        }
    }
    // As many as decode at a time: memory that was used before is not to be asked for again.
    let rooms: Mutex<Vec<Decoding>> = Mutex::default();
    let free = || rooms.lock().unwrap_or_else(PoisonError::into_inner);
    let decode = |(group, mut wanted): (u32, Wanted), gates: &Gates| {
        let object = Object {
            base,
            key: &key(&manifest.digest, stored, group),
            expected: &header(manifest, stored, group),
        };
        object.decode(keep, gates, |footer, prefix| {
            let mut room = free().pop().unwrap_or_default();
            for (images, out) in &mut wanted {
                footer.planes_into(prefix, keep, quant, images.clone(), out, &mut room)?;
            }
            free().push(room);
            Ok(())
        })
    };
    ahead::each(jobs.into_iter().collect(), decode)?;
    Ok(planes)
}
