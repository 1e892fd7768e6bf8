//! Planes trained on last, kept in memory: the next link of a chain needs a part of them.

use crate::data::{Base, columns};
use crate::failure::Failure;
use imgcalc_shared::codec::quantise;
use imgcalc_shared::dataset::{Manifest, Splits};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::{Format, Size};

/// Bytes of planes that are kept at most; larger ones are read anew for every training.
const BYTES_MAX: u64 = 2 << 30;

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct PlanesCache {
    /// Those used last at the end.
    held: Vec<Held>,
}

/// Planes of one format.
#[derive(Debug)]
struct Held {
    dataset: Digest,
    format: Format,
    images: Splits,
    bytes: u64,
    parts: [Vec<i16>; 3],
}

impl PlanesCache {
    /// Training, validation and test images as planes of `format`: from memory if planes that serve it are there, else
    /// from the base.
    pub(super) fn load(
        &mut self,
        base: &Base,
        manifest: &Manifest,
        images: Splits,
        format: Format,
    ) -> Result<[Vec<i16>; 3], Failure> {
        let serves = |held: &Held| {
            (held.dataset, held.images) == (manifest.digest, images) && held.format.serves(format)
        };
        let held = match self.held.iter().position(serves) {
            Some(at) => self.held.remove(at),
            None => {
                let bytes = plane_bytes(manifest, images, format);
                // Freed before the next are read: all together may be too much.
                self.make_room(bytes);
                let parts = read(base, manifest, images, format)?;
                if bytes > BYTES_MAX {
                    return Ok(parts);
                }
                Held {
                    dataset: manifest.digest,
                    format,
                    images,
                    bytes,
                    parts,
                }
            }
        };
        let parts = held
            .parts
            .each_ref()
            .map(|values| narrow(values, held.format, format, manifest.size));
        self.held.push(held);
        Ok(parts)
    }

    /// Lets go of those used longest ago until so many bytes fit beside the others.
    fn make_room(&mut self, bytes: u64) {
        let mut kept = bytes;
        let fitting = self.held.iter().rev().take_while(|held| {
            kept = kept.saturating_add(held.bytes);
            kept <= BYTES_MAX
        });
        let fitting = fitting.count();
        self.held.drain(..self.held.len() - fitting);
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

fn read(base: &Base, manifest: &Manifest, images: Splits, format: Format) -> Result<[Vec<i16>; 3], Failure> {
    let stored = columns::stored_for(base, manifest, format, images)?;
    columns::load_parts(base, manifest, stored, format, manifest.subset(images))
}

/// Planes of a format out of those of one that serves it: of every block the upper-left part.
fn narrow(values: &[i16], held: Format, format: Format, size: Size) -> Vec<i16> {
    let quant = if held.quant() == 1 { format.quant() } else { 1 };
    if (held.keep(), quant) == (format.keep(), 1) {
        return values.to_vec();
    }
    let (from, to) = (usize::from(held.side()), usize::from(format.side()));
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
    use imgcalc_shared::format::Family;

    #[test]
    fn planes_of_a_larger_keep_serve_every_smaller_one() {
        let family: Family = "2x2-r-b8".parse().unwrap();
        let size = Size {
            height: 32,
            width: 24,
        };
        let planes = |keep: u16, quant: u16| {
            let format = family.format(keep, quant).unwrap();
            let Size { height, width } = format.plane(size);
            let all = 3 * format.values(size) as usize;
            let values: Vec<i16> = (0..all)
                .map(|index| quantise((index * 37 % 1001) as i16 - 500, quant))
                .collect();
            let mut planes = vec![0; 3 * (height * width) as usize];
            place(&values, family, size, 3, keep, &mut planes).unwrap();
            (format, planes)
        };
        for (stored, quant) in [(15, 1), (9, 7), (8, 1), (5, 7)] {
            let (held, wide) = planes(stored, quant);
            for keep in 1..=stored {
                let (format, expected) = planes(keep, 7);
                assert!(held.serves(format));
                assert_eq!(
                    narrow(&wide, held, format, size),
                    expected,
                    "{format} out of {held}"
                );
            }
        }
    }
}
