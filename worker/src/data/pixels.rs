//! A pixel object: the images of one row group as raw 8-bit pixels.
//!
//! ```text
//! head      "imgcalc-pixels" u16 version                             16 bytes
//! shape     u32 images, height, width, channels, images of a page    20
//! table     for each page                                            12
//!             u32 bytes, u64 xxh3-64 of them
//! checksum  u64 xxh3-64 of everything before it                       8
//! pages     for each page
//!             one Zstandard frame of its images, row-major, the channels of a pixel beside each other
//! ```
//!
//! Numbers are little-endian. The last page may hold fewer images. Nothing follows the last page. Pages exist so
//! that all cores pack and unpack, and so that a few images can be had without the rest.

mod header;

use crate::failure::Failure;
use imgcalc_shared::format::Size;
use rayon::prelude::*;
use std::ops::Range;

pub use header::{Header, MAGIC};

/// Images of a page.
const PAGE_IMAGES: u32 = 32;

/// Pixels of photographs hardly get smaller at higher levels, packing only gets slower.
const ZSTD_LEVEL: i32 = 1;

/// Packs images of one size. `pixels` holds whole images, each `size.height × size.width × channels` bytes.
///
/// # Panics
/// If it does not.
pub fn write(size: Size, channels: u16, pixels: &[u8]) -> Vec<u8> {
    let image_bytes = image_bytes(size, channels);
    assert_eq!(pixels.len() % image_bytes, 0, "pixels are whole images");
    let pages = pixels.par_chunks(image_bytes * PAGE_IMAGES as usize).map(packed);
    joined(size, channels, pixels.len() / image_bytes, pages.collect())
}

/// Packs images of one size that lie apart: the same bytes as of [`write`].
///
/// # Panics
/// If one is not `size.height × size.width × channels` bytes long.
pub fn write_images(size: Size, channels: u16, images: &[Vec<u8>]) -> Vec<u8> {
    let image_bytes = image_bytes(size, channels);
    assert!(
        images.iter().all(|image| image.len() == image_bytes),
        "images have one size"
    );
    let pages = images
        .par_chunks(PAGE_IMAGES as usize)
        .map(|page| packed(&page.concat()));
    joined(size, channels, images.len(), pages.collect())
}

fn packed(page: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(page, ZSTD_LEVEL).expect("zstd packs what is in memory")
}

fn joined(size: Size, channels: u16, images: usize, pages: Vec<Vec<u8>>) -> Vec<u8> {
    let mut object = Header::of(size, channels, images as u32, PAGE_IMAGES, &pages).to_bytes();
    object.reserve_exact(pages.iter().map(Vec::len).sum());
    for page in pages {
        object.extend_from_slice(&page);
    }
    object
}

/// The pixels of the images `range` (numbered in this object), image after image. `name` is what errors call the
/// object.
pub fn read(name: &str, object: &[u8], range: Range<u32>) -> Result<Vec<u8>, Failure> {
    let header = Header::read(object).map_err(|why| damaged(name, why))?;
    if range.start > range.end || range.end > header.images {
        let images = header.images;
        return Err(damaged(
            name,
            format!("it has {images} images, images up to {} are needed", range.end),
        ));
    }
    if range.is_empty() {
        return Ok(Vec::new());
    }
    let pages = range.start / header.page_images..(range.end - 1) / header.page_images + 1;
    let first_image = pages.start * header.page_images;
    let unpacked: Vec<Vec<u8>> = pages
        .into_par_iter()
        .map(|page| header.unpack(object, page).map_err(|why| damaged(name, why)))
        .collect::<Result<_, _>>()?;
    let mut pixels = unpacked.concat();
    let image_bytes = image_bytes(header.size, header.channels);
    pixels.truncate((range.end - first_image) as usize * image_bytes);
    pixels.drain(..(range.start - first_image) as usize * image_bytes);
    Ok(pixels)
}

/// Bytes of one image.
pub fn image_bytes(size: Size, channels: u16) -> usize {
    size.height as usize * size.width as usize * usize::from(channels)
}

fn damaged(name: &str, why: String) -> Failure {
    Failure::bad_data(format!("the pixels {name} are damaged: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { height: 3, width: 5 };

    fn sample(images: usize) -> (Vec<u8>, Vec<u8>) {
        let pixels: Vec<u8> = (0..images * 45).map(|i| (i * i / 7) as u8).collect();
        let object = write(SIZE, 3, &pixels);
        (pixels, object)
    }

    #[test]
    fn any_range_of_images_returns() {
        let (pixels, object) = sample(70);
        for range in [0..70, 0..1, 31..33, 32..64, 69..70, 5..5, 70..70] {
            let bytes = range.start as usize * 45..range.end as usize * 45;
            assert_eq!(read("p", &object, range).unwrap(), pixels[bytes]);
        }
        assert!(read("p", &object, 60..71).is_err());
        let images: Vec<Vec<u8>> = pixels.chunks(45).map(<[u8]>::to_vec).collect();
        assert_eq!(write_images(SIZE, 3, &images), object);
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_is_found_and_named() {
        let (_, object) = sample(40);
        for length in 0..object.len() {
            let failure = read("datasets/pixels/x", &object[..length], 0..40).unwrap_err();
            assert!(failure.message.contains("datasets/pixels/x"));
        }
        for position in 0..object.len() {
            let mut damaged = object.clone();
            damaged[position] ^= 1 << (position % 8);
            assert!(read("x", &damaged, 0..40).is_err(), "byte {position}");
        }
        let longer = [&object[..], &[0]].concat();
        assert!(read("x", &longer, 0..1).is_err());
    }
}
