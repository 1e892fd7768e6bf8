//! What is ours, one call each: from pixels to coefficients, to a column object, and back.

use crate::formats;
use imgcalc_shared::codec::{Layout, Picture, Transforms, quantise};
use imgcalc_shared::column::{self, Decoding, Footer, Header, Step};
use imgcalc_shared::format::{Family, diagonal_length};

/// Smallest block whose values peers get image after image.
const IMAGES_FIRST_FROM: u16 = 32;

/// The rounded coefficients of every picture in storage order; all cores are at it.
pub fn coefficients(pictures: &[Picture], block: u16, keep: u16) -> anyhow::Result<Vec<Vec<i16>>> {
    on_all_cores(pictures, |part| {
        let families = coefficients_of_families(part, &[(block, keep)])?;
        Ok(families.into_iter().flatten().collect())
    })
}

/// For each picture those of every family, each to its keep, in one pass on this thread.
pub fn coefficients_of_families(
    pictures: &[Picture],
    families: &[(u16, u16)],
) -> anyhow::Result<Vec<Vec<Vec<i16>>>> {
    let mut transforms = transforms(families)?;
    let images = pictures.iter().map(|picture| transforms.coefficients(picture));
    Ok(images.collect::<Result<_, _>>()?)
}

/// The transforms of these blocks, each to its keep.
pub fn transforms(families: &[(u16, u16)]) -> anyhow::Result<Transforms> {
    let families: Vec<(Family, u16)> = families
        .iter()
        .map(|&(block, keep)| (formats::family(block), keep))
        .collect();
    Ok(Transforms::new(&families, formats::SIZE, formats::CHANNELS)?)
}

/// The values of a format out of coefficients of the same or a larger keep.
pub fn values(layout: Layout, coefficients: &[Vec<i16>], keep: u16, quant: u16) -> Vec<Vec<i16>> {
    let count = layout.values(keep);
    let image = |image: &Vec<i16>| {
        image[..count]
            .iter()
            .map(|&value| quantise(value, quant))
            .collect()
    };
    coefficients.iter().map(image).collect()
}

/// The column object of these images' values.
pub fn object(layout: Layout, keep: u16, quant: u16, images: &[Vec<i16>]) -> anyhow::Result<Vec<u8>> {
    let header = Header {
        family: layout.family(),
        quant,
        size: layout.size(),
        channels: layout.channels(),
        keep,
        first_image: 0,
        images: u32::try_from(images.len())?,
    };
    Ok(column::write(&header, images)?)
}

/// The footer of an object, as a reader gets it.
pub fn footer(object: &[u8]) -> anyhow::Result<Footer> {
    let mut tail = object.len()..object.len();
    loop {
        match Footer::read(object.len() as u64, &object[tail.clone()])? {
            Step::Done(footer) => return Ok(footer),
            Step::NeedMore(range) => tail = range.start as usize..range.end as usize,
        }
    }
}

/// A prefix as values, ready to be scattered on a device.
pub fn chunks_into(
    object: &[u8],
    keep: u16,
    quant: u16,
    out: &mut Vec<i16>,
    room: &mut Decoding,
) -> anyhow::Result<()> {
    let footer = footer(object)?;
    out.resize(footer.layout().values(keep) * footer.header().images as usize, 0);
    Ok(footer.chunks_into(object, keep, quant, out, room)?)
}

/// A prefix as image-major planes, into a buffer of their size.
pub fn planes_into(
    object: &[u8],
    keep: u16,
    quant: u16,
    out: &mut [i16],
    room: &mut Decoding,
) -> anyhow::Result<()> {
    let footer = footer(object)?;
    let images = 0..footer.header().images;
    Ok(footer.planes_into(object, keep, quant, images, out, room)?)
}

/// One column after the other: anti-diagonal, channel, coefficient, and in each image after image, block after block.
pub struct Columns {
    pub values: Vec<i16>,
    /// Values of each anti-diagonal of each channel.
    pub chunks: Vec<usize>,
    /// Values of each coefficient of each channel.
    pub columns: Vec<usize>,
}

/// The order of values that bounds get.
pub fn columns(layout: Layout, images: &[Vec<i16>], keep: u16) -> Columns {
    let column = layout.blocks() * images.len();
    let mut all = Columns {
        values: Vec::with_capacity(layout.values(keep) * images.len()),
        chunks: Vec::new(),
        columns: Vec::new(),
    };
    for (diagonal, channel) in layout.runs(keep) {
        let length = usize::from(diagonal_length(layout.family().block, diagonal));
        let start = layout.run_start(diagonal, channel);
        for nth in 0..length {
            let at = start + nth * layout.blocks();
            for image in images {
                all.values.extend_from_slice(&image[at..at + layout.blocks()]);
            }
            all.columns.push(column);
        }
        all.chunks.push(length * column);
    }
    all
}

/// The order of values that peers get, chunk after chunk: of the two orders inside a chunk the one in which the best of
/// them store less. That is coefficient after coefficient for small blocks, whose neighbours are alike, and image after
/// image for larger ones.
pub fn for_peers(layout: Layout, images: &[Vec<i16>], keep: u16, columns: &Columns) -> Vec<i16> {
    if layout.family().block < IMAGES_FIRST_FROM {
        return columns.values.clone();
    }
    let mut values = Vec::with_capacity(columns.values.len());
    for (diagonal, channel) in layout.runs(keep) {
        let (start, length) = (layout.run_start(diagonal, channel), layout.run_values(diagonal));
        for image in images {
            values.extend_from_slice(&image[start..start + length]);
        }
    }
    values
}

/// What becomes of all items if each core works on a part of them.
pub fn on_all_cores<T: Sync, U: Send>(
    items: &[T],
    work: impl Fn(&[T]) -> anyhow::Result<Vec<U>> + Sync,
) -> anyhow::Result<Vec<U>> {
    let cores = std::thread::available_parallelism()?.get();
    let work = &work;
    let parts = std::thread::scope(|scope| {
        let threads: Vec<_> = items
            .chunks(items.len().div_ceil(cores).max(1))
            .map(|part| scope.spawn(move || work(part)))
            .collect();
        let parts = threads.into_iter().map(|thread| match thread.join() {
            Ok(part) => part,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        parts.collect::<anyhow::Result<Vec<_>>>()
    })?;
    Ok(parts.into_iter().flatten().collect())
}
