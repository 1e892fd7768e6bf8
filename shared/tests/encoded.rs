//! The single-image file, from outside: the same integers as the column, padding, every damage.

mod common;

use common::picture;
use imgcalc_shared::codec::{Layout, Picture, Transform, place, psnr};
use imgcalc_shared::column::{self, Footer, Header, Step};
use imgcalc_shared::encoded::{EncodedError, PlanesDecoder, decode_picture, decode_values, encode};
use imgcalc_shared::format::{Format, Sampling, Size};
use proptest::prelude::*;

/// The values of these pictures by way of a dataset's column.
fn by_column(pictures: &[Picture], format: Format) -> Vec<i16> {
    let Picture { size, channels, .. } = pictures[0];
    // Stored with more anti-diagonals than asked for, as a family's columns are.
    let keep = 2 * format.block() - 1;
    let mut transform = Transform::new(format.family(), size, channels).unwrap();
    let coefficients: Vec<Vec<i16>> = pictures
        .iter()
        .map(|picture| transform.coefficients(picture, keep).unwrap())
        .collect();
    let images = pictures.len() as u32;
    let header = Header {
        family: format.family(),
        quant: 1,
        size,
        channels,
        keep,
        first_image: 0,
        images,
    };
    let object = column::write(&header, &coefficients).unwrap();
    let Ok(Step::Done(footer)) = Footer::read(object.len() as u64, &object) else {
        panic!("no footer")
    };
    let prefix = footer.prefix(format.keep()).unwrap();
    footer
        .decode(&object[..prefix.end as usize], format.keep(), format.quant())
        .unwrap()
}

#[test]
fn one_decoder_gives_the_planes_of_files_of_any_kind_one_after_the_other() {
    let mut decoder = PlanesDecoder::default();
    for (height, width, channels) in [(64, 64, 3), (64, 128, 1), (50, 70, 3)] {
        for (sampling, block, keep) in [(0, 8, 1), (0, 8, 8), (1, 16, 21), (2, 32, 3), (3, 32, 32)] {
            let format = Format::new(Sampling::ALL[sampling], block, keep, 20).unwrap();
            let mut file = encode(&picture(height, width, channels, 3), format).unwrap();
            let read = decode_values(&file).unwrap();
            let layout = Layout::new(format.family(), read.stored_size, channels).unwrap();
            let mut expected = vec![0; layout.plane_values(keep)];
            place(
                &read.values,
                format.family(),
                read.stored_size,
                channels,
                keep,
                &mut expected,
            )
            .unwrap();
            for _ in 0..2 {
                let planes = decoder.decode(&file).unwrap();
                assert_eq!((planes.format, planes.size), (format, Size { height, width }));
                assert_eq!(
                    (planes.stored_size, planes.channels),
                    (read.stored_size, channels)
                );
                assert_eq!(planes.plane, layout.plane(keep));
                assert_eq!(planes.values, expected, "{format}");
            }
            file[60] ^= 1;
            assert_eq!(decoder.decode(&file), Err(EncodedError::Checksum));
        }
    }
}

#[test]
fn a_single_image_holds_the_integers_its_column_holds() {
    for channels in [1, 3] {
        for sampling in Sampling::ALL {
            for (block, keep) in [(8, 1), (8, 8), (8, 15), (16, 5), (32, 32), (64, 20)] {
                for quant in [1, 20, 50, 100] {
                    let format = Format::new(sampling, block, keep, quant).unwrap();
                    let pictures = [1, 2].map(|seed| picture(128, 256, channels, seed));
                    let mut single = Vec::new();
                    for picture in &pictures {
                        let encoded = decode_values(&encode(picture, format).unwrap()).unwrap();
                        assert_eq!((encoded.format, encoded.size), (format, picture.size));
                        assert_eq!((encoded.stored_size, encoded.channels), (picture.size, channels));
                        single.extend(encoded.values);
                    }
                    assert_eq!(
                        single,
                        by_column(&pictures, format),
                        "{format}, {channels} channels"
                    );
                }
            }
        }
    }
}

#[test]
fn a_picture_returns_almost_from_its_whole_spectrum() {
    let format: Format = "1x1-b16-k31-q1".parse().unwrap();
    for (height, width) in [(32, 48), (33, 47), (1, 1), (5, 100)] {
        for channels in [1, 3] {
            let picture = picture(height, width, channels, 9);
            let seen = decode_picture(&encode(&picture, format).unwrap()).unwrap();
            assert_eq!(seen.size, picture.size);
            assert!(
                psnr(&picture, &seen).unwrap() > 48.0,
                "{height}x{width}, {channels} channels"
            );
        }
    }
}

#[test]
fn pictures_get_worse_with_quantisation_and_with_fewer_diagonals() {
    let picture = picture(64, 64, 3, 4);
    let quality = |format: &str| {
        let bytes = encode(&picture, format.parse().unwrap()).unwrap();
        psnr(&picture, &decode_picture(&bytes).unwrap()).unwrap()
    };
    assert!(quality("1x1-b8-k15-q1") > quality("1x1-b8-k15-q50"));
    assert!(quality("1x1-b8-k15-q1") > quality("1x1-b8-k4-q1"));
    assert!(quality("1x1-b8-k15-q1") > quality("4x4-b8-k15-q1"));
}

#[test]
fn ragged_pictures_are_padded_with_their_last_row_and_column() {
    let format: Format = "4x4-b8-k15-q1".parse().unwrap();
    let small = picture(17, 5, 3, 2);
    let at = |row: usize, column: usize| &small.samples[(row.min(16) * 5 + column.min(4)) * 3..][..3];
    let samples = (0..32).flat_map(|row| (0..16).flat_map(move |column| at(row, column).to_vec()));
    let padded = Picture::new(
        Size {
            height: 32,
            width: 16,
        },
        3,
        samples.collect(),
    )
    .unwrap();
    let encoded = decode_values(&encode(&small, format).unwrap()).unwrap();
    assert_eq!((encoded.size, encoded.stored_size), (small.size, padded.size));
    assert_eq!(
        encoded.values,
        decode_values(&encode(&padded, format).unwrap()).unwrap().values
    );
}

#[test]
fn a_flipped_bit_in_any_byte_and_every_truncation_is_found() {
    let bytes = encode(&picture(8, 9, 3, 1), "1x1-b8-k3-q20".parse().unwrap()).unwrap();
    assert!(decode_values(&bytes).is_ok());
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            assert!(decode_values(&damaged).is_err(), "byte {at}, bit {bit}");
            assert!(decode_picture(&damaged).is_err(), "byte {at}, bit {bit}");
        }
        assert!(decode_values(&bytes[..at]).is_err(), "{at} bytes");
    }
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(decode_values(&bytes).is_err());
    }

    /// Garbage with the right magic and the right checksum: what the checksum cannot catch.
    #[test]
    fn sealed_garbage_never_panics(
        at in 16usize..200,
        replacement in prop::collection::vec(any::<u8>(), 1..12),
    ) {
        let mut bytes = encode(&picture(8, 9, 3, 1), "1x1-b8-k3-q20".parse().unwrap()).unwrap();
        let end = bytes.len() - 8;
        let at = 16 + at % (end - 16);
        for (place, byte) in bytes[at..end].iter_mut().zip(replacement) {
            *place = byte;
        }
        let checksum = twox_hash::XxHash3_64::oneshot(&bytes[..end]);
        bytes[end..].copy_from_slice(&checksum.to_le_bytes());
        let _ = decode_picture(&bytes);
    }
}
