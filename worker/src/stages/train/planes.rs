//! Planes of the family trained on last, kept in memory: the next link of a chain needs a part of them.

use crate::data::{Base, columns};
use crate::failure::Failure;
use imgcalc_shared::codec::quantise;
use imgcalc_shared::dataset::{Manifest, Splits};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::{Family, Format, Size};

/// Bytes of planes that are kept at most; larger ones are read anew for every training.
const BYTES_MAX: u64 = 2 << 30;

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct PlanesCache {
    held: Option<Held>,
}

/// Planes at one keep, not yet quantised.
#[derive(Debug)]
struct Held {
    dataset: Digest,
    family: Family,
    keep: u16,
    images: Splits,
    parts: [Vec<i16>; 3],
}

impl PlanesCache {
    /// Training, validation and test images as planes of `format`: from memory if planes at its keep or a larger one
    /// are there, else from the base.
    pub(super) fn load(
        &mut self,
        base: &Base,
        manifest: &Manifest,
        images: Splits,
        format: Format,
    ) -> Result<[Vec<i16>; 3], Failure> {
        if self.serving(manifest, images, format).is_none() {
            // Freed before its successor is read: both together may be too much.
            self.held = None;
            let read = |quant| read(base, manifest, images, format, quant);
            if plane_bytes(manifest, images, format) > BYTES_MAX {
                return read(format.quant());
            }
            self.held = Some(Held {
                dataset: manifest.digest,
                family: format.family(),
                keep: format.keep(),
                images,
                parts: read(1)?,
            });
        }
        let held = self.serving(manifest, images, format);
        let held = held.ok_or_else(|| Failure::application("planes just read are gone"))?;
        let part = |values: &Vec<i16>| narrow(values, held.keep, format, manifest.size);
        Ok([part(&held.parts[0]), part(&held.parts[1]), part(&held.parts[2])])
    }

    fn serving(&self, manifest: &Manifest, images: Splits, format: Format) -> Option<&Held> {
        self.held.as_ref().filter(|held| {
            (held.dataset, held.family, held.images) == (manifest.digest, format.family(), images)
                && held.keep >= format.keep()
        })
    }
}

fn plane_bytes(manifest: &Manifest, images: Splits, format: Format) -> u64 {
    let count: u64 = manifest
        .subset(images)
        .iter()
        .map(|range| range.len() as u64)
        .sum();
    let Size { height, width } = format.plane(manifest.size);
    2 * count * u64::from(manifest.channels) * u64::from(height) * u64::from(width)
}

fn read(
    base: &Base,
    manifest: &Manifest,
    images: Splits,
    format: Format,
    quant: u16,
) -> Result<[Vec<i16>; 3], Failure> {
    let (family, keep) = (format.family(), format.keep());
    let stored = columns::stored_keep(base, manifest, family, keep, images)?;
    let format = Format::new(family.sampling, family.block, keep, quant);
    let format = format.map_err(|error| Failure::application(error.to_string()))?;
    columns::load_parts(base, manifest, stored, format, manifest.subset(images))
}

/// Planes of a smaller keep, quantised, out of planes of `keep`: of every block the upper-left part.
fn narrow(values: &[i16], keep: u16, format: Format, size: Size) -> Vec<i16> {
    let (block, quant) = (format.block(), format.quant());
    if keep == format.keep() {
        return values.iter().map(|&value| quantise(value, quant)).collect();
    }
    let (from, to) = (usize::from(keep.min(block)), usize::from(format.side()));
    let wide = format.plane(size).width as usize / to * from;
    let mut narrow = Vec::with_capacity(values.len() / from / from * to * to);
    for (row, line) in values.chunks_exact(wide).enumerate() {
        let i = row % from;
        if i >= to {
            continue;
        }
        // Zero where i + j reaches the smaller keep.
        let kept = to.min(usize::from(format.keep()).saturating_sub(i));
        for block in line.chunks_exact(from) {
            narrow.extend(block[..kept].iter().map(|&value| quantise(value, quant)));
            narrow.resize(narrow.len() + to - kept, 0);
        }
    }
    narrow
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgcalc_shared::codec::place;

    #[test]
    fn planes_of_a_larger_keep_serve_every_smaller_one() {
        let family: Family = "2x2-r-b8".parse().unwrap();
        let size = Size {
            height: 32,
            width: 24,
        };
        let planes = |keep: u16, quant: u16| {
            let format = Format::new(family.sampling, family.block, keep, quant).unwrap();
            let Size { height, width } = format.plane(size);
            let all = 3 * format.values(size) as usize;
            let values: Vec<i16> = (0..all)
                .map(|index| quantise((index * 37 % 1001) as i16 - 500, quant))
                .collect();
            let mut planes = vec![0; 3 * (height * width) as usize];
            place(&values, family, size, 3, keep, &mut planes).unwrap();
            (format, planes)
        };
        for held in [15, 9, 8, 5] {
            let (_, wide) = planes(held, 1);
            for keep in 1..=held {
                let (format, expected) = planes(keep, 7);
                assert_eq!(
                    narrow(&wide, held, format, size),
                    expected,
                    "{keep} out of {held}"
                );
            }
        }
    }
}
