//! Image files from outside: JPEG and PNG, recognised by content, decoded within limits.

mod headers;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use imgcalc_shared::codec::Picture;
use imgcalc_shared::format::Size;
use std::io::Cursor;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Longest file that is read, bytes.
pub(crate) const FILE_BYTES_MAX: u64 = 256 << 20;
/// Most pixels of an image: a small file may claim to be huge.
pub(crate) const PIXELS_MAX: u64 = 100_000_000;
/// Longest side of an image, pixels.
const SIDE_MAX: u32 = 65_535;
/// Images of more pixels are decoded one at a time.
const ALONE_PIXELS_MIN: u64 = 16_000_000;

static ALONE: Mutex<()> = Mutex::new(());

/// The content of a file, or why it is not read.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    match bytes {
        0 => Err("it is empty".into()),
        _ if bytes > FILE_BYTES_MAX => {
            Err(format!("it has {bytes} bytes, at most {FILE_BYTES_MAX} are read"))
        }
        _ => std::fs::read(path).map_err(|error| error.to_string()),
    }
}

/// Whether these are the first bytes of a JPEG file.
pub(crate) fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xFF, 0xD8, 0xFF])
}

/// The image in a JPEG or PNG file, upright and scaled to this size, or why there is none. Of large images one is in
/// memory at a time, whatever the number of threads.
pub(crate) fn decode(bytes: &[u8], size: Option<Size>) -> Result<DynamicImage, String> {
    let decode = || -> Result<DynamicImage, String> {
        let (image, _alone) = decode_unguarded(bytes)?;
        Ok(match size {
            Some(size) => scaled(image, size),
            None => image,
        })
    };
    // A decoder that gives up by a panic must cost one image, not the import.
    std::panic::catch_unwind(decode).unwrap_or_else(|_| Err("the decoder gives up on it".into()))
}

fn decode_unguarded(bytes: &[u8]) -> Result<(DynamicImage, Option<MutexGuard<'static, ()>>), String> {
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    let may_be_turned = match reader.format() {
        Some(ImageFormat::Jpeg) if !ends_as_jpeg(bytes) => {
            return Err("it is truncated: it has no end marker".into());
        }
        Some(ImageFormat::Jpeg) => headers::check_jpeg(bytes)?,
        Some(ImageFormat::Png) => headers::check_png(bytes)?,
        Some(other) => return Err(format!("{other:?} is not supported; convert it to JPEG or PNG")),
        None => return Err("it is no image".into()),
    };
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > PIXELS_MAX || width.max(height) > SIDE_MAX {
        return Err(format!(
            "it has {width} x {height} pixels, at most {PIXELS_MAX} and {SIDE_MAX} a side are decoded; scale it down"
        ));
    }
    let alone = (pixels > ALONE_PIXELS_MIN).then(|| ALONE.lock().unwrap_or_else(PoisonError::into_inner));
    // A damaged EXIF block says nothing about the pixels. Asking makes the decoder read all headers again.
    let orientation = may_be_turned.then(|| decoder.orientation().ok()).flatten();
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    if let Some(orientation) = orientation {
        image.apply_orientation(orientation);
    }
    Ok((image, alone))
}

/// Whether an end marker follows the last scan. The decoder fills what a truncated file lacks with grey instead of
/// refusing it. Neither marker can occur inside a scan, so only what follows the last end is looked through.
fn ends_as_jpeg(bytes: &[u8]) -> bool {
    let is = |marker: u8| move |pair: &[u8]| pair == [0xFF, marker];
    let end = bytes.windows(2).rposition(is(0xD9));
    end.is_some_and(|end| !bytes[end..].windows(2).any(is(0xDA)))
}

/// The image as a picture of this many channels: 8 bits, transparency ignored, grey by JPEG's matrix.
pub(crate) fn picture(image: DynamicImage, channels: u16) -> Picture {
    let size = Size {
        height: image.height(),
        width: image.width(),
    };
    let samples = match channels {
        1 => grey(image),
        _ => image.into_rgb8().into_raw(),
    };
    Picture {
        size,
        channels,
        samples,
    }
}

/// The whole image scaled to this size, bilinear, weighted over all pixels it shrinks.
pub(crate) fn scaled(image: DynamicImage, size: Size) -> DynamicImage {
    if (image.height(), image.width()) == (size.height, size.width) {
        return image;
    }
    image.resize_exact(size.width, size.height, image::imageops::FilterType::Triangle)
}

/// Luma by the matrix the codec uses, so that a grey dataset has the first channel of the coloured one; the image
/// crate weighs the colours differently.
fn grey(image: DynamicImage) -> Vec<u8> {
    if !image.color().has_color() {
        return image.into_luma8().into_raw();
    }
    let luma = |p: &[u8; 3]| {
        let [r, g, b] = p.map(u32::from);
        ((19_595 * r + 38_470 * g + 7_471 * b + 0x8000) >> 16) as u8
    };
    image.into_rgb8().as_chunks::<3>().0.iter().map(luma).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::jpeg::JpegEncoder;

    fn jpeg() -> Vec<u8> {
        let image = image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([(x * 6) as u8, (y * 8) as u8, 77]));
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 90)
            .encode_image(&image)
            .unwrap();
        bytes
    }

    #[test]
    fn a_truncated_jpeg_is_refused_wherever_it_ends() {
        let bytes = jpeg();
        assert!(decode(&bytes, None).is_ok());
        for length in 0..bytes.len() {
            assert!(
                decode(&bytes[..length], None).is_err(),
                "{length} of {}",
                bytes.len()
            );
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked() {
        let mut bytes = Vec::new();
        let image = image::GrayImage::new(12_000, 9_000);
        image
            .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
            .unwrap();
        assert!(decode(&bytes, None).unwrap_err().contains("12000 x 9000 pixels"));
    }

    #[test]
    fn grey_of_grey_pixels_is_themselves() {
        let image = image::RgbImage::from_fn(256, 1, |x, _| image::Rgb([x as u8; 3]));
        let grey = picture(DynamicImage::ImageRgb8(image), 1);
        assert_eq!(grey.samples, (0..=255).collect::<Vec<u8>>());
    }
}
