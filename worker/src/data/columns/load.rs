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

/// The same of several runs, each by itself. Of each row group one contiguous range is read once, however many images of it
/// are wanted, and its end if that is not known yet; the next ones are read while one is decoded.
pub fn load_parts<const N: usize>(
    base: &Base,
    manifest: &Manifest,
    stored: Format,
    format: Format,
    parts: [Range<u32>; N],
) -> Result<[Vec<i16>; N], Failure> {
    let values = image_values(manifest, format)?;
    check_ranges(manifest, &parts)?;
    let mut planes = parts.clone().map(|images| vec![0; images.len() * values]);
    let wanted = parts.into_iter().zip(planes.iter_mut().map(Vec::as_mut_slice));
    fill(base, manifest, stored, format, wanted)?;
    Ok(planes)
}

/// The same of any number of runs, one after the other.
pub fn load_runs(
    base: &Base,
    manifest: &Manifest,
    stored: Format,
    format: Format,
    runs: &[Range<u32>],
) -> Result<Vec<i16>, Failure> {
    let values = image_values(manifest, format)?;
    check_ranges(manifest, runs)?;
    let images: usize = runs.iter().map(ExactSizeIterator::len).sum();
    let mut planes = vec![0; images * values];
    let mut rest = planes.as_mut_slice();
    let mut wanted = Vec::with_capacity(runs.len());
    for run in runs {
        let (mine, after) = rest.split_at_mut(run.len() * values);
        wanted.push((run.clone(), mine));
        rest = after;
    }
    fill(base, manifest, stored, format, wanted.into_iter())?;
    Ok(planes)
}

/// Values of one image as planes.
fn image_values(manifest: &Manifest, format: Format) -> Result<usize, Failure> {
    let refused = |error| refused(format, error);
    let layout = Layout::new(format.family(), manifest.size, manifest.channels).map_err(refused)?;
    layout.format(format.keep(), format.quant()).map_err(refused)?;
    Ok(layout.plane_values(format.keep()))
}

fn check_ranges(manifest: &Manifest, runs: &[Range<u32>]) -> Result<(), Failure> {
    let total = manifest.splits.total();
    match runs.iter().find(|images| images.end > total) {
        None => Ok(()),
        Some(images) => Err(Failure::bad_data(format!(
            "the dataset {} has {total} images, images up to {} are needed",
            manifest.digest, images.end
        ))),
    }
}

/// Fills memory that is exactly long enough for each run.
fn fill<'a>(
    base: &Base,
    manifest: &Manifest,
    stored: Format,
    format: Format,
    runs: impl Iterator<Item = (Range<u32>, &'a mut [i16])>,
) -> Result<(), Failure> {
    let (keep, quant) = (format.keep(), format.quant());
    let image_values = image_values(manifest, format)?;
    let mut jobs: BTreeMap<u32, Wanted> = BTreeMap::new();
    for (images, mut rest) in runs {
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
    ahead::each(jobs.into_iter().collect(), decode)
}
