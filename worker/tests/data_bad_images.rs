//! What an import does with images that are damaged, unusual or ambiguous: each is taken as it is meant or left out
//! with a reason.

mod data_support;

use data_support::*;
use image::{DynamicImage, ImageFormat, Luma, LumaA, Rgb, Rgba};
use imgcalc_worker::data::{Base, dataset};
use std::io::Cursor;

const RED: [u8; 3] = [200, 40, 60];

/// What is to become of a file.
enum Outcome {
    /// All pixels have this colour, to within 2 levels.
    Colour([u8; 3]),
    /// The left half is the first colour, the right half the other.
    Halves([u8; 3], [u8; 3]),
    /// Left out, for a reason that holds these words.
    LeftOut(&'static str),
}
use Outcome::*;

#[test]
fn every_image_is_taken_as_it_is_meant_or_left_out_by_name() {
    let good = jpeg_of(RED);
    let flat = |image: DynamicImage| encoded(&image, ImageFormat::Png);
    let rgb_png = flat(DynamicImage::ImageRgb8(image::RgbImage::from_pixel(
        16,
        16,
        Rgb(RED),
    )));
    let cases: Vec<(&str, Vec<u8>, Outcome)> = vec![
        ("good.jpg", good.clone(), Colour(RED)),
        ("good.png", rgb_png.clone(), Colour(RED)),
        ("empty.jpg", vec![], LeftOut("it is empty")),
        (
            "text.jpg",
            b"not an image at all".to_vec(),
            LeftOut("it is no image"),
        ),
        (
            "gif.jpg",
            b"GIF89a\x01\x00\x01\x00\x80\x00\x00".to_vec(),
            LeftOut("Gif is not supported"),
        ),
        (
            "truncated.jpg",
            good[..good.len() * 2 / 3].to_vec(),
            LeftOut("truncated"),
        ),
        (
            "truncated.png",
            rgb_png[..rgb_png.len() - 20].to_vec(),
            LeftOut(""),
        ),
        ("only-a-start.jpg", vec![0xFF, 0xD8, 0xFF, 0xD9], LeftOut("")),
        // Flat colours, one number a channel: exact in a hand-made file.
        (
            "three.jpg",
            flat_jpeg(b"\x01\x02\x03", &[128, 128, 128], None),
            Colour([128; 3]),
        ),
        ("grey.jpg", flat_jpeg(b"\x01", &[77], None), Colour([77; 3])),
        ("rgb-by-marker.jpg", flat_jpeg(b"RGB", &RED, Some(0)), Colour(RED)),
        (
            "rgb-by-name.jpg",
            flat_jpeg(b"RGB", &RED, None),
            LeftOut("stores RGB without the marker"),
        ),
        // Inks are stored inverted: 255 is no ink. Red paper with a little black: 200/255 of 255, 40 and 60.
        (
            "cmyk.jpg",
            flat_jpeg(b"CMYK", &[255, 51, 76, 200], Some(0)),
            Colour([200, 40, 60]),
        ),
        (
            "no-ink.jpg",
            flat_jpeg(b"CMYK", &[255; 4], Some(0)),
            Colour([255; 3]),
        ),
        (
            "black-ink.jpg",
            flat_jpeg(b"CMYK", &[255, 255, 255, 0], Some(0)),
            Colour([0; 3]),
        ),
        // Luma and chroma of the inks as they are, black inverted: Y of no ink is 0.
        (
            "ycck.jpg",
            flat_jpeg(b"\x01\x02\x03\x04", &[55, 128, 128, 255], Some(2)),
            Colour([200; 3]),
        ),
        (
            "ycck-dark.jpg",
            flat_jpeg(b"\x01\x02\x03\x04", &[0, 128, 128, 51], Some(2)),
            Colour([51; 3]),
        ),
        (
            "cmyk-unmarked.jpg",
            flat_jpeg(b"CMYK", &[9; 4], None),
            LeftOut("four inks (CMYK) without the marker"),
        ),
        (
            "four-of-what.jpg",
            flat_jpeg(b"CMYK", &[9; 4], Some(1)),
            LeftOut("four channels of an unknown kind"),
        ),
        (
            "two.jpg",
            flat_jpeg(b"\x01\x02", &[9; 2], None),
            LeftOut("it has 2 channels"),
        ),
        (
            "one-pixel.png",
            png(&image::RgbImage::from_pixel(1, 1, Rgb(RED))),
            Colour(RED),
        ),
        (
            "one-pixel.jpg",
            jpeg(&image::RgbImage::from_pixel(1, 1, Rgb([90; 3]))),
            Colour([90; 3]),
        ),
        (
            "sixteen-bits.png",
            flat(DynamicImage::ImageRgb16(image::ImageBuffer::from_pixel(
                9,
                9,
                Rgb(RED.map(|level| u16::from(level) * 257)),
            ))),
            Colour(RED),
        ),
        (
            "grey.png",
            flat(DynamicImage::ImageLuma8(image::GrayImage::from_pixel(
                9,
                9,
                Luma([77]),
            ))),
            Colour([77; 3]),
        ),
        (
            "grey-sixteen.png",
            flat(DynamicImage::ImageLuma16(image::ImageBuffer::from_pixel(
                9,
                9,
                Luma([77 * 257]),
            ))),
            Colour([77; 3]),
        ),
        (
            "grey-alpha.png",
            flat(DynamicImage::ImageLumaA8(image::ImageBuffer::from_pixel(
                9,
                9,
                LumaA([77, 9]),
            ))),
            Colour([77; 3]),
        ),
        (
            "transparent.png",
            flat(DynamicImage::ImageRgba8(image::RgbaImage::from_pixel(
                9,
                9,
                Rgba([200, 40, 60, 0]),
            ))),
            Colour(RED),
        ),
        ("palette.png", palette_png(RED, None), Colour(RED)),
        ("palette-transparent.png", palette_png(RED, Some(0)), Colour(RED)),
        (
            "animated.png",
            with_chunk(&rgb_png, b"acTL", &[0, 0, 0, 3, 0, 0, 0, 0]),
            LeftOut("animated (3 frames)"),
        ),
        (
            "one-frame.png",
            with_chunk(&rgb_png, b"acTL", &[0, 0, 0, 1, 0, 0, 0, 0]),
            Colour(RED),
        ),
        // Left and right change places; of a quarter turn top and bottom become the sides.
        (
            "mirrored.jpg",
            with_exif(&halves_jpeg([250; 3], [5; 3], false), 2),
            Halves([5; 3], [250; 3]),
        ),
        (
            "turned.jpg",
            with_exif(&halves_jpeg([250; 3], [5; 3], true), 6),
            Halves([5; 3], [250; 3]),
        ),
        (
            "upright.jpg",
            with_exif(&halves_jpeg([250; 3], [5; 3], false), 1),
            Halves([250; 3], [5; 3]),
        ),
        ("exif-nonsense.jpg", with_exif(&good, 99), Colour(RED)),
        (
            "mirrored.png",
            with_chunk(&halves_png([250; 3], [5; 3]), b"eXIf", &exif(2)),
            Halves([5; 3], [250; 3]),
        ),
        (
            "upright.png",
            halves_png([250; 3], [5; 3]),
            Halves([250; 3], [5; 3]),
        ),
        (
            "wide.png",
            grey_png(&image::GrayImage::from_pixel(30_000, 20, Luma([77]))),
            Colour([77; 3]),
        ),
        (
            "wide-and-high.png",
            grey_png(&image::GrayImage::from_pixel(30_000, 1_500, Luma([77]))),
            Colour([77; 3]),
        ),
        (
            "wide.jpg",
            jpeg(&image::RgbImage::from_pixel(30_000, 40, Rgb([90; 3]))),
            Colour([90; 3]),
        ),
        (
            "too-large.png",
            claiming(&rgb_png, 30_000, 4_000),
            LeftOut("30000 x 4000 pixels, at most 100000000"),
        ),
        (
            "too-wide.png",
            claiming(&rgb_png, 70_000, 1),
            LeftOut("70000 x 1 pixels, at most 100000000 and 65535 a side"),
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, _) in &cases {
        // A class of its own tells which image it became.
        write(&folder.path().join(name).join(name), bytes);
    }
    let base = Base::open("memory://").unwrap();
    let manifest = import(&base, folder.path(), "--size 8").unwrap();
    let labels = dataset::load_labels(&base, &manifest).unwrap();
    let pictures = dataset::load_pictures(&base, &manifest, 0..manifest.splits.total()).unwrap();
    for (name, _, outcome) in &cases {
        let label = manifest.classes.iter().position(|class| class == name).unwrap();
        let image = labels.iter().position(|&found| usize::from(found) == label);
        let path = format!("{name}/{name}");
        let skipped = manifest.skipped.iter().find(|skipped| skipped.name == path);
        match (outcome, image, skipped) {
            (LeftOut(why), None, Some(skipped)) => {
                assert!(skipped.reason.contains(why), "{name}: {}", skipped.reason);
                assert!(!skipped.reason.is_empty());
            }
            (Colour(colour), Some(image), None) => near(name, &pictures[image].samples, *colour, *colour),
            (Halves(left, right), Some(image), None) => near(name, &pictures[image].samples, *left, *right),
            (_, _, skipped) => panic!("{name}: {skipped:?}"),
        }
    }
    assert_eq!(manifest.skipped_count as usize + pictures.len(), cases.len());
}

/// Whether the outer columns of an 8 × 8 image have these colours.
fn near(name: &str, samples: &[u8], left: [u8; 3], right: [u8; 3]) {
    for row in samples.chunks_exact(24) {
        for (found, expected) in [(&row[..3], left), (&row[21..], right)] {
            let far = found.iter().zip(expected).any(|(a, b)| a.abs_diff(b) > 2);
            assert!(!far, "{name}: {found:?} instead of {expected:?}");
        }
    }
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn jpeg_of(colour: [u8; 3]) -> Vec<u8> {
    let image = image::RgbImage::from_pixel(16, 16, Rgb(colour));
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 100)
        .encode_image(&image)
        .unwrap();
    bytes
}

/// 32 × 32, one colour left (or above), the other right (or below).
fn halves_jpeg(one: [u8; 3], other: [u8; 3], above: bool) -> Vec<u8> {
    let first = |x: u32, y: u32| if above { y < 16 } else { x < 16 };
    jpeg(&image::RgbImage::from_fn(32, 32, |x, y| {
        Rgb(if first(x, y) { one } else { other })
    }))
}

/// A JPEG file of 8 × 8 pixels with these channels, each of one level, and Adobe's marker if it is to have one.
///
/// With quantisation by 8 the DC coefficient of a level is the level less 128, and there are no others.
fn flat_jpeg(names: &[u8], levels: &[u8], adobe: Option<u8>) -> Vec<u8> {
    let mut file = vec![0xFF, 0xD8];
    let mut segment = |kind: u8, content: &[u8]| {
        file.extend([0xFF, kind]);
        file.extend((content.len() as u16 + 2).to_be_bytes());
        file.extend(content);
    };
    if let Some(transform) = adobe {
        segment(0xEE, &[b"Adobe", &[0, 100, 0, 0, 0, 0, transform][..]].concat());
    }
    segment(0xDB, &[&[0][..], &[8; 64]].concat());
    let channels = names.len() as u8;
    let frame: Vec<u8> = names.iter().flat_map(|&name| [name, 0x11, 0]).collect();
    segment(0xC0, &[&[8, 0, 8, 0, 8, channels][..], &frame].concat());
    // DC: the sizes 0 to 11, four bits each. AC: only the end of a block, one bit.
    let sizes: Vec<u8> = (0..12).collect();
    segment(0xC4, &[&[0x00, 0, 0, 0, 12][..], &[0; 12], &sizes].concat());
    segment(0xC4, &[&[0x10, 1][..], &[0; 15], &[0]].concat());
    let scan: Vec<u8> = names.iter().flat_map(|&name| [name, 0]).collect();
    segment(0xDA, &[&[channels][..], &scan, &[0, 63, 0]].concat());
    let mut bits = String::new();
    for &level in levels {
        let value = i32::from(level) - 128;
        let size = 32 - value.unsigned_abs().leading_zeros();
        bits += &format!("{size:04b}");
        if size > 0 {
            let code = if value < 0 { value + (1 << size) - 1 } else { value };
            bits += &format!("{code:0width$b}", width = size as usize);
        }
        bits += "0";
    }
    while !bits.len().is_multiple_of(8) {
        bits += "1";
    }
    for byte in bits.as_bytes().chunks(8) {
        let byte = u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap();
        file.push(byte);
        if byte == 0xFF {
            file.push(0);
        }
    }
    file.extend([0xFF, 0xD9]);
    file
}

/// 32 × 32, one colour left, the other right.
fn halves_png(left: [u8; 3], right: [u8; 3]) -> Vec<u8> {
    png(&image::RgbImage::from_fn(32, 32, |x, _| {
        Rgb(if x < 16 { left } else { right })
    }))
}

/// The same file with an EXIF block that says how the camera was held.
fn with_exif(jpeg: &[u8], orientation: u16) -> Vec<u8> {
    let block = [b"Exif\0\0", &exif(orientation)[..]].concat();
    let length = (block.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &block, &jpeg[2..]].concat()
}

/// A directory with one entry, the orientation.
fn exif(orientation: u16) -> Vec<u8> {
    let mut block = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    block.extend(orientation.to_le_bytes());
    block.extend([0; 6]);
    block
}

/// The same PNG file with one more chunk behind the header.
fn with_chunk(png: &[u8], kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let header_end = 8 + 25;
    [&png[..header_end], &chunk(kind, content), &png[header_end..]].concat()
}

/// The same PNG file with another size in its header.
fn claiming(png: &[u8], width: u32, height: u32) -> Vec<u8> {
    let rest = &png[24..29];
    let header = chunk(
        b"IHDR",
        &[&width.to_be_bytes()[..], &height.to_be_bytes(), rest].concat(),
    );
    [&png[..8], &header, &png[33..]].concat()
}

/// A PNG file of 9 × 9 pixels that are all the first colour of a palette, which may be transparent.
fn palette_png(colour: [u8; 3], alpha: Option<u8>) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.extend(chunk(b"IHDR", &[0, 0, 0, 9, 0, 0, 0, 9, 8, 3, 0, 0, 0]));
    file.extend(chunk(b"PLTE", &[&colour[..], &[0, 0, 0]].concat()));
    if let Some(alpha) = alpha {
        file.extend(chunk(b"tRNS", &[alpha]));
    }
    // Nine rows, each of a filter byte and nine indices of 0.
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &[0; 90]).unwrap();
    file.extend(chunk(b"IDAT", &encoder.finish().unwrap()));
    file.extend(chunk(b"IEND", &[]));
    file
}

fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let body = [&kind[..], content].concat();
    let mut crc = flate2::Crc::new();
    crc.update(&body);
    [
        &(content.len() as u32).to_be_bytes()[..],
        &body,
        &crc.sum().to_be_bytes(),
    ]
    .concat()
}
