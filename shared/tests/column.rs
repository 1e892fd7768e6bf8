//! The column object, from outside: every prefix, every damage.

mod common;

use common::picture;
use imgcalc_shared::codec::{Layout, Transform, place, quantise};
use imgcalc_shared::column::{self, ColumnError, Decoding, Footer, Header, Step};
use imgcalc_shared::format::{Format, Size, diagonal_positions};
use proptest::prelude::*;

/// Reads a whole object the way a worker does: footer first, then one prefix.
fn read(object: &[u8], keep: u16, quant: u16) -> Result<Vec<i16>, ColumnError> {
    let footer = read_footer(object)?;
    let range = footer.prefix(keep)?;
    footer.decode(&object[range.start as usize..range.end as usize], keep, quant)
}

fn read_footer(object: &[u8]) -> Result<Footer, ColumnError> {
    let mut tail = 0..0;
    loop {
        match Footer::read(object.len() as u64, &object[tail.clone()])? {
            Step::Done(footer) => return Ok(footer),
            Step::NeedMore(range) => {
                let asked = range.start as usize..range.end as usize;
                assert!(asked.len() > tail.len(), "every step asks for more");
                assert_eq!(asked.end, object.len(), "what is asked for ends with the object");
                tail = asked;
            }
        }
    }
}

/// Real images of a family, as a header and their coefficients.
fn sample(family: &str, size: Size, channels: u16, keep: u16, images: u32) -> (Header, Vec<Vec<i16>>) {
    let family = family.parse().unwrap();
    let mut transform = Transform::new(family, size, channels).unwrap();
    let coefficients = (0..images)
        .map(|seed| picture(size.height, size.width, channels, u64::from(seed)))
        .map(|picture| transform.coefficients(&picture, keep).unwrap())
        .collect();
    let header = Header {
        family,
        quant: 1,
        size,
        channels,
        keep,
        first_image: 1024,
        images,
    };
    (header, coefficients)
}

fn small() -> (Header, Vec<Vec<i16>>) {
    sample("1x1-b8", Size { height: 8, width: 16 }, 1, 3, 2)
}

/// The definition of a plane, written down once more without the layout's arithmetic.
fn placed_by_definition(values: &[i16], format: Format, size: Size, channels: u16) -> Vec<i16> {
    let sampled = format.sampling().sampled(size);
    let block = u32::from(format.block());
    let (rows, columns) = (
        (sampled.height / block) as usize,
        (sampled.width / block) as usize,
    );
    let side = usize::from(format.side());
    let mut planes = vec![0; usize::from(channels) * rows * side * columns * side];
    let mut values = values.iter();
    for diagonal in 0..format.keep() {
        for channel in 0..usize::from(channels) {
            for (i, j) in diagonal_positions(format.block(), diagonal) {
                for u in 0..rows {
                    for v in 0..columns {
                        let row = channel * rows * side + u * side + usize::from(i);
                        planes[row * columns * side + v * side + usize::from(j)] = *values.next().unwrap();
                    }
                }
            }
        }
    }
    assert!(values.next().is_none());
    planes
}

#[test]
fn every_keep_and_factor_is_served_by_a_prefix_of_one_object() {
    let size = Size {
        height: 32,
        width: 64,
    };
    for (family, channels) in [("1x1-b8", 3), ("2x2-r-b16", 3), ("2x2-c-b8", 1), ("4x4-b16", 3)] {
        let block = family.rsplit('b').next().unwrap().parse::<u16>().unwrap();
        let stored = 2 * block - 1;
        let (header, images) = sample(family, size, channels, stored, 3);
        let object = column::write(&header, &images).unwrap();
        let footer = read_footer(&object).unwrap();
        assert_eq!(*footer.header(), header);
        let mut end_before = 0;
        for keep in 1..=stored {
            let range = footer.prefix(keep).unwrap();
            assert!(
                range.start == 0 && range.end > end_before,
                "prefixes grow with keep"
            );
            end_before = range.end;
            let bytes = &object[..range.end as usize];
            for quant in [1, 20, 50] {
                let format = footer.layout().format(keep, quant).unwrap();
                let layout = Layout::new(header.family, size, channels).unwrap();
                let expected: Vec<i16> = images
                    .iter()
                    .flat_map(|image| &image[..layout.values(keep)])
                    .map(|&coefficient| quantise(coefficient, quant))
                    .collect();
                let values = footer.decode(bytes, keep, quant).unwrap();
                assert_eq!(values, expected, "{format}");
                assert_eq!(
                    footer.decode(&object, keep, quant).unwrap(),
                    expected,
                    "a longer prefix serves too"
                );

                let planes = footer.planes(bytes, keep, quant).unwrap();
                for (image, planes) in values
                    .chunks(layout.values(keep))
                    .zip(planes.chunks(layout.plane_values(keep)))
                {
                    let mut placed = vec![7; layout.plane_values(keep)];
                    place(image, header.family, size, channels, keep, &mut placed).unwrap();
                    assert_eq!(planes, placed, "{format}");
                    assert_eq!(
                        planes,
                        placed_by_definition(image, format, size, channels),
                        "{format}"
                    );
                }
            }
        }
        assert!(footer.prefix(stored + 1).is_err() && footer.decode(&object, stored + 1, 1).is_err());
    }
}

#[test]
fn any_images_become_planes_in_any_room_whatever_was_there_before() {
    let size = Size {
        height: 64,
        width: 64,
    };
    for (family, channels, keep) in [("1x1-b8", 3, 11), ("1x1-b64", 1, 30), ("2x2-r-b32", 3, 63)] {
        let (header, images) = sample(family, size, channels, keep, 300);
        let object = column::write(&header, &images).unwrap();
        let footer = read_footer(&object).unwrap();
        let image_values = footer.layout().plane_values(keep);
        let expected = footer.planes(&object, keep, 20).unwrap();
        // For everything, for a batch of images, and for nothing.
        for values_max in [1 << 25, 1 << 16, 0] {
            let mut room = Decoding::of_at_most(values_max);
            for images in [0..300, 0..1, 3..5, 255..258, 299..300, 7..7] {
                let mut planes = vec![7; image_values * images.len()];
                footer
                    .planes_into(&object, keep, 20, images.clone(), &mut planes, &mut room)
                    .unwrap();
                let there = images.start as usize * image_values..images.end as usize * image_values;
                assert!(
                    planes == expected[there],
                    "{family}, {images:?}, room for {values_max}"
                );
            }
        }
    }
}

#[test]
fn chunks_fill_memory_that_is_used_again() {
    let (header, images) = sample(
        "1x1-b8",
        Size {
            height: 32,
            width: 32,
        },
        3,
        8,
        5,
    );
    let object = column::write(&header, &images).unwrap();
    let footer = read_footer(&object).unwrap();
    let mut room = Decoding::default();
    for keep in [8, 2] {
        let expected = footer.chunks(&object, keep, 50, &mut room).unwrap();
        let mut out = vec![7; expected.len()];
        footer
            .chunks_into(&object, keep, 50, &mut out, &mut room)
            .unwrap();
        assert_eq!(out, expected);
        out.push(0);
        let refused = footer.chunks_into(&object, keep, 50, &mut out, &mut room);
        assert!(matches!(refused, Err(ColumnError::Codec(_))));
    }
}

#[test]
fn a_deployed_column_serves_its_own_factor_only() {
    let (mut header, images) = small();
    header.quant = 20;
    let object = column::write(&header, &images).unwrap();
    assert_eq!(read(&object, 3, 20), Ok(images.concat()));
    assert_eq!(
        read(&object, 3, 50),
        Err(ColumnError::Quant {
            asked: 50,
            stored: 20
        })
    );
    assert_eq!(
        read(&object, 4, 20),
        Err(ColumnError::Keep { asked: 4, stored: 3 })
    );
}

#[test]
fn a_flipped_bit_in_any_byte_is_found() {
    let (header, images) = small();
    let object = column::write(&header, &images).unwrap();
    assert_eq!(read(&object, 3, 1), Ok(images.concat()));
    for at in 0..object.len() {
        for bit in 0..8 {
            let mut damaged = object.clone();
            damaged[at] ^= 1 << bit;
            assert!(read(&damaged, 3, 1).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn a_damaged_chunk_is_named() {
    let (header, images) = sample("1x1-b8", Size { height: 8, width: 16 }, 3, 3, 2);
    let mut object = column::write(&header, &images).unwrap();
    let last = read_footer(&object).unwrap().prefix(2).unwrap().end as usize - 1;
    object[last] ^= 1;
    let error = read(&object, 3, 1).unwrap_err().to_string();
    assert_eq!(
        error,
        "the chunk of anti-diagonal 1, channel 2 is damaged: its checksum does not match"
    );
    assert!(
        read(&object, 1, 1).is_ok(),
        "what does not touch it is still served"
    );
}

#[test]
fn every_truncation_is_an_error_or_a_wish_for_more() {
    let (header, images) = small();
    let object = column::write(&header, &images).unwrap();
    for length in 0..object.len() {
        // An object that really is shorter.
        assert!(read(&object[..length], 3, 1).is_err(), "object of {length} bytes");
        // A tail that is shorter than needed.
        match Footer::read(object.len() as u64, &object[object.len() - length..]) {
            Ok(Step::NeedMore(range)) => assert!(range.end - range.start > length as u64),
            Ok(Step::Done(footer)) => assert_eq!(*footer.header(), header),
            Err(error) => panic!("a tail of {length} bytes: {error}"),
        }
    }
    let footer = read_footer(&object).unwrap();
    let end = footer.prefix(3).unwrap().end as usize;
    for length in 0..end {
        let expected = ColumnError::Prefix {
            expected: end as u64,
            found: length as u64,
        };
        assert_eq!(footer.decode(&object[..length], 3, 1), Err(expected.clone()));
        assert_eq!(footer.planes(&object[..length], 3, 1), Err(expected));
    }
}

#[test]
fn what_no_object_may_hold_is_not_written() {
    let (header, images) = small();
    let refused = |header: Header, images: &[Vec<i16>]| column::write(&header, images).unwrap_err();
    assert!(matches!(
        refused(Header { images: 3, ..header }, &images),
        ColumnError::Images { .. }
    ));
    assert!(matches!(
        refused(Header { images: 0, ..header }, &[]),
        ColumnError::Images { .. }
    ));
    assert!(matches!(
        refused(
            Header {
                first_image: u32::MAX,
                ..header
            },
            &images
        ),
        ColumnError::Images { .. }
    ));
    assert!(matches!(
        refused(Header { keep: 4, ..header }, &images),
        ColumnError::Codec(_)
    ));
    assert!(matches!(
        refused(Header { keep: 16, ..header }, &images),
        ColumnError::Codec(_)
    ));
    assert!(matches!(
        refused(Header { quant: 0, ..header }, &images),
        ColumnError::Codec(_)
    ));
    let huge = Header {
        size: Size {
            height: 4096,
            width: 4096,
        },
        keep: 15,
        images: 65_536,
        ..header
    };
    assert!(matches!(
        refused(huge, &images),
        ColumnError::TooManyValues { .. }
    ));
}

proptest! {
    #[test]
    fn any_values_return(
        seed_values in prop::collection::vec(any::<i16>(), 1..200),
        images in 1u32..4,
        keep in 1u16..16,
        channels in prop::sample::select(vec![1u16, 3]),
    ) {
        let size = Size { height: 16, width: 8 };
        let family = "1x1-b8".parse().unwrap();
        let count = Layout::new(family, size, channels).unwrap().values(keep);
        let mut values = seed_values.iter().copied().cycle();
        let images: Vec<Vec<i16>> =
            (0..images).map(|_| values.by_ref().take(count).collect()).collect();
        let header =
            Header { family, quant: 1, size, channels, keep, first_image: 0, images: images.len() as u32 };
        let object = column::write(&header, &images).unwrap();
        prop_assert_eq!(read(&object, keep, 1).unwrap(), images.concat());
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400), length in any::<u64>()) {
        let _ = Footer::read(length, &bytes);
        let _ = Footer::read(bytes.len() as u64, &bytes);
    }

    /// Garbage with right magic and right checksums: what checksums cannot catch.
    #[test]
    fn sealed_garbage_never_panics(
        at in 0usize..10_000,
        replacement in prop::collection::vec(any::<u8>(), 1..12),
    ) {
        let (header, images) = small();
        let mut object = column::write(&header, &images).unwrap();
        let trailer = object.len() - 28;
        let start = read_footer(&object).unwrap().prefix(3).unwrap().end as usize;
        let at = start + at % (trailer - start);
        for (place, byte) in object[at..trailer].iter_mut().zip(replacement) {
            *place = byte;
        }
        let checksum = twox_hash::XxHash3_64::oneshot(&object[start..trailer]);
        object[trailer + 4..trailer + 12].copy_from_slice(&checksum.to_le_bytes());
        // A changed first image or factor is a valid footer of another object; nothing else may decode.
        if let Ok(values) = read(&object, 3, 1) {
            prop_assert_eq!(values.len(), images.concat().len());
        }
    }
}
