//! Colour images in class folders, as a user would have them.

use image::{ImageFormat, Rgb, RgbImage};
use std::path::Path;

/// Writes `count` images: one class of stripes that fade, one of checks, both with some noise of their own.
///
/// # Panics
/// If a file cannot be written.
pub fn class_folders(folder: &Path, count: u32, format: ImageFormat) {
    in_classes(folder, &["checks", "stripes"], count, format);
}

/// Writes `count` images in turn into folders of these classes, of which a net can learn two at most.
///
/// # Panics
/// If a file cannot be written.
pub fn in_classes(folder: &Path, classes: &[&str], count: u32, format: ImageFormat) {
    for number in 0..count {
        let class = classes[number as usize % classes.len()];
        let folder = folder.join(class);
        std::fs::create_dir_all(&folder).expect("a class folder");
        let path = folder.join(format!("{number:03}.{}", format.extensions_str()[0]));
        picture(number)
            .save_with_format(path, format)
            .expect("an image can be written");
    }
}

/// An image that differs from that of every other number, 40 rows by 48 columns.
pub fn picture(number: u32) -> RgbImage {
    RgbImage::from_fn(48, 40, |x, y| {
        let noise = (number.wrapping_mul(2_654_435_761) ^ (x * 7919 + y * 104_729)).wrapping_mul(40_503) >> 8;
        let noise = (noise % 24) as u8;
        let on = if number.is_multiple_of(2) {
            (x / 6 + y / 6) % 2 == 0
        } else {
            y / 5 % 2 == 0
        };
        let bright = if on { 200 } else { 30 };
        Rgb([bright + noise, (x * 4) as u8 + noise, (255 - y * 5) as u8 - noise])
    })
}
