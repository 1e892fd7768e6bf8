//! The format page against a second reader, in Python, that knows nothing but that page.

mod common;

use common::{Numbers, oracle, picture};
use imgcalc_shared::codec::{Picture, Transform};
use imgcalc_shared::coding::Coding;
use imgcalc_shared::column::{self, Decoding, Footer, Header, Step};
use imgcalc_shared::encoded;
use imgcalc_shared::format::{Family, Format, Size};
use std::collections::BTreeSet;

fn theirs(bytes: &[u8]) -> Vec<i16> {
    let answer = oracle("reader.py", &[], bytes);
    answer
        .as_chunks()
        .0
        .iter()
        .map(|&pair| i16::from_le_bytes(pair))
        .collect()
}

/// The object of these values, what both readers make of it, and how its chunks are coded.
fn compare(header: &Header, images: &[Vec<i16>]) -> BTreeSet<(Coding, bool)> {
    let object = column::write(header, images).unwrap();
    let Step::Done(footer) = Footer::read(object.len() as u64, &object).unwrap() else {
        panic!("all of it is there")
    };
    let ours = footer
        .chunks(&object, header.keep, header.quant, &mut Decoding::default())
        .unwrap();
    assert_eq!(ours, theirs(&object), "{header:?}");
    let back = footer.decode(&object, header.keep, header.quant).unwrap();
    assert_eq!(back, images.concat(), "{header:?}");
    let facts = footer.chunk_facts(&object).unwrap();
    facts
        .iter()
        .map(|chunk| (chunk.coding, chunk.differences))
        .collect()
}

fn header(family: Family, size: Size, channels: u16, keep: u16, quant: u16, images: usize) -> Header {
    Header {
        family,
        quant,
        size,
        channels,
        keep,
        first_image: 0,
        images: images as u32,
    }
}

/// Flat, busy and repeating pictures in turn, so that every class and coding is met.
fn pictures(size: Size, channels: u16, count: u64) -> Vec<Picture> {
    let flat = |seed: u64| {
        let level = (seed * 37 % 256) as u8;
        let samples = vec![level; size.height as usize * size.width as usize * usize::from(channels)];
        Picture::new(size, channels, samples).unwrap()
    };
    (0..count)
        .map(|seed| match seed % 3 {
            0 => flat(seed),
            _ => picture(size.height, size.width, channels, seed),
        })
        .collect()
}

#[test]
fn columns_of_every_family_mean_what_the_page_says() {
    let size = Size {
        height: 128,
        width: 64,
    };
    let mut met = BTreeSet::new();
    for (family, channels, keep, quant, count) in [
        ("1x1-b8", 3, 8, 20, 12),
        ("1x1-b8", 1, 15, 1, 6),
        ("2x2-r-b16", 3, 9, 50, 20),
        ("2x2-c-b32", 1, 33, 5, 20),
        ("4x4-b32", 3, 12, 1, 20),
        ("1x1-b64", 1, 40, 20, 40),
    ] {
        let family: Family = family.parse().unwrap();
        let mut transform = Transform::new(family, size, channels).unwrap();
        let format = Format::new(family.sampling, family.block, keep, quant).unwrap();
        let pictures = pictures(size, channels, count);
        let values: Vec<Vec<i16>> = pictures
            .iter()
            .map(|picture| transform.values(picture, format).unwrap())
            .collect();
        met.extend(compare(
            &header(family, size, channels, keep, quant, values.len()),
            &values,
        ));
    }
    assert!(
        met.contains(&(Coding::Classes, false)) && met.contains(&(Coding::Words, false)),
        "{met:?}"
    );
    assert!(met.iter().any(|&(_, differences)| differences), "{met:?}");
}

#[test]
fn every_coding_means_what_the_page_says() {
    let family: Family = "1x1-b8".parse().unwrap();
    let size = Size {
        height: 64,
        width: 64,
    };
    let mut numbers = Numbers(11);
    let noise: Vec<i16> = (0..4 * 64).map(|_| numbers.next() as i16).collect();
    let zeros = vec![0; 4 * 64];
    let period: Vec<i16> = (0..64).map(|_| numbers.next() as i16 / 300).collect();
    let repeats = period.repeat(4);
    let rare: Vec<i16> = (0..4 * 64)
        .map(|at| {
            if at % 61 == 5 {
                -3000 + at as i16
            } else {
                (numbers.next() % 3) as i16 - 1
            }
        })
        .collect();
    let mut met = BTreeSet::new();
    for values in [noise, zeros, repeats, rare] {
        let images: Vec<Vec<i16>> = values.chunks(64).map(<[i16]>::to_vec).collect();
        met.extend(compare(&header(family, size, 1, 1, 1, images.len()), &images));
    }
    let codings: BTreeSet<Coding> = met.into_iter().map(|(coding, _)| coding).collect();
    for coding in [Coding::Zeros, Coding::Packed, Coding::Frame] {
        assert!(codings.contains(&coding), "{coding} is not met: {codings:?}");
    }
}

#[test]
fn single_images_mean_what_the_page_says() {
    for (text, height, width) in [
        ("1x1-b8-k8-q50", 64, 64),
        ("2x2-c-b16-k31-q1", 50, 70),
        ("4x4-b32-k5-q100", 64, 128),
    ] {
        let format: Format = text.parse().unwrap();
        let file = encoded::encode(&picture(height, width, 3, 5), format).unwrap();
        assert_eq!(
            theirs(&file),
            encoded::decode_values(&file).unwrap().values,
            "{text}"
        );
    }
}
