//! Column objects as they come, with their checksums made right.
//!
//! ```text
//! u8   bit 0: make the checksums of chunks right; bit 1: that of the footer; bit 2: write again
//!      what decodes
//! u8   by how much the object is said to be longer than it is
//! …    the object
//! ```

use super::input::Input;
use super::memory::{A_VALUE, VALUES_MAX, WORKSPACE, is_readable, of_run, within};
use imgcalc_shared::codec::place;
use imgcalc_shared::column::{
    self, ColumnError, Decoding, FOOTER_BYTES_MAX, Footer, Header, OBJECT_VALUES_MAX, Step, TAIL_BYTES,
};
use std::ops::Range;
use twox_hash::XxHash3_64;

/// Most values an object is written again with: choosing codings takes its time.
const VALUES_WRITTEN_MAX: usize = 4096;

/// Panics if reading this object shows a fault.
pub fn check(input: &[u8]) {
    let mut input = Input(input);
    let how = input.byte();
    let longer = u64::from(input.byte());
    let mut object = input.0.to_vec();
    seal(&mut object, how & 1 != 0, how & 2 != 0);
    // A tail without what is before it: more may be asked for, but never what is no part of the object.
    let length = object.len() as u64 + longer;
    match Footer::read(length, &object) {
        Ok(Step::NeedMore(range)) => {
            assert!(range.end == length && range.end - range.start > object.len() as u64);
        }
        Ok(Step::Done(_)) => {}
        Err(error) => is_readable(&error),
    }
    inspect(&object, how & 4 != 0);
}

/// Makes an object's checksums those of its bytes, as far as its footer can be found.
fn seal(object: &mut [u8], chunks: bool, footer: bool) {
    let number = |object: &[u8], at: usize| -> Option<u32> {
        object[at..].first_chunk().map(|&bytes| u32::from_le_bytes(bytes))
    };
    let Some(trailer) = object.len().checked_sub(28) else {
        return;
    };
    let Some(start) = number(object, trailer).and_then(|bytes| trailer.checked_sub(bytes as usize)) else {
        return;
    };
    for entry in (start + 32..)
        .step_by(24)
        .take_while(|entry| chunks && entry + 24 <= trailer)
    {
        let (Some(at), Some(bytes)) = (number(object, entry), number(object, entry + 8)) else {
            return;
        };
        if let Some(chunk) = object.get(at as usize..at as usize + bytes as usize) {
            let checksum = XxHash3_64::oneshot(chunk);
            object[entry + 16..entry + 24].copy_from_slice(&checksum.to_le_bytes());
        }
    }
    if footer {
        let checksum = XxHash3_64::oneshot(&object[start..trailer]);
        object[trailer + 4..trailer + 12].copy_from_slice(&checksum.to_le_bytes());
    }
}

/// Panics if reading this object in any way shows a fault, or writing again what decodes.
pub fn inspect(object: &[u8], write: bool) {
    let length = object.len() as u64;
    let bound = 2 * object.len().min(FOOTER_BYTES_MAX as usize) + 4096;
    let read = within(bound, "a footer", || Footer::read(length, object));
    match Footer::read(length, &[]) {
        Ok(Step::NeedMore(range)) => {
            assert!(range.end == length && range.end - range.start <= TAIL_BYTES);
            let tail = &object[range.start as usize..];
            assert_eq!(read, Footer::read(length, tail), "the tail asked for does");
        }
        Ok(Step::Done(_)) => panic!("there is no footer in no bytes"),
        Err(error) => assert_eq!(read, Err(error), "one byte more makes no object of none"),
    }
    let footer = match read {
        Ok(Step::Done(footer)) => footer,
        Ok(Step::NeedMore(range)) => panic!("all is there, {range:?} is asked for"),
        Err(error) => return is_readable(&error),
    };
    let header = *footer.header();
    let values = footer.layout().values(header.keep) as u64 * u64::from(header.images);
    assert!(values <= OBJECT_VALUES_MAX, "{values} values");
    match footer.chunk_facts(object) {
        Ok(facts) => assert_eq!(facts.iter().map(|chunk| chunk.values as u64).sum::<u64>(), values),
        Err(error) => is_named(&error, header.keep),
    }
    if values > VALUES_MAX as u64 {
        return;
    }
    let quant = match header.quant {
        1 => 1 + header.first_image as u16 % 4096,
        stored => stored,
    };
    let (prefix, keep) = (footer.prefix(header.keep), header.keep.div_ceil(2));
    let less = footer.chunks(object, keep, quant, &mut Decoding::default());
    let prefix = &object[..prefix.expect("it is what is stored").end as usize];
    match (less, decoded(&footer, prefix, quant)) {
        (Ok(less), Some(all)) => {
            assert!(
                all.starts_with(&less),
                "a smaller keep is a prefix, whatever is behind it"
            );
            if write && all.len() <= VALUES_WRITTEN_MAX {
                returns(&Header { quant, ..header }, &footer, object);
            }
        }
        (Err(error), Some(_)) => panic!("a larger keep decodes, a smaller one does not: {error}"),
        (Err(error), None) => is_named(&error, keep),
        (Ok(_), None) => {}
    }
}

/// The chunks' values, if they decode; panics unless they are the same in every order they can be had in.
fn decoded(footer: &Footer, prefix: &[u8], quant: u16) -> Option<Vec<i16>> {
    let Header { keep, images, .. } = *footer.header();
    let layout = footer.layout();
    let (of_image, of_planes) = (layout.values(keep), layout.plane_values(keep));
    let values = of_image * images as usize;
    // Used again as a reader does: what one call leaves behind must be of no matter to the next.
    let room = &mut Decoding::default();
    let chunks = within(of_run(values), "chunks", || {
        footer.chunks(prefix, keep, quant, room)
    });
    let workspaces = WORKSPACE * usize::from(keep * layout.channels());
    let bound = A_VALUE * values + workspaces;
    let by_image = within(bound, "images", || footer.decode(prefix, keep, quant));
    let mut planes_of = |images: Range<u32>| {
        let mut planes = vec![0; of_planes * images.len()];
        let read = within(bound, "planes", || {
            footer.planes_into(prefix, keep, quant, images, &mut planes, room)
        });
        read.map(|()| planes)
    };
    let planes = planes_of(0..images);
    let some = images / 3..images - images / 4;
    let planes_of_some = planes_of(some.clone());
    match (chunks, by_image, planes) {
        (Ok(chunks), Ok(by_image), Ok(planes)) => {
            same_values(footer, &chunks, &by_image);
            same_places(footer, &by_image, &planes);
            let range = some.start as usize * of_planes..some.end as usize * of_planes;
            assert_eq!(
                planes_of_some.as_deref(),
                Ok(&planes[range]),
                "some images are as among all"
            );
            Some(chunks)
        }
        (Err(of_chunks), Err(by_image), Err(planes)) => {
            assert_eq!(by_image, planes);
            [Some(of_chunks), Some(planes), planes_of_some.err()]
                .iter()
                .flatten()
                .for_each(|error| is_named(error, keep));
            None
        }
        (chunks, by_image, planes) => panic!(
            "chunks {:?}, images {:?}, planes {:?}",
            chunks.err(),
            by_image.err(),
            planes.err()
        ),
    }
}

/// Panics unless every plane has its image's values in their places.
fn same_places(footer: &Footer, by_image: &[i16], planes: &[i16]) {
    let Header {
        family,
        size,
        channels,
        keep,
        ..
    } = *footer.header();
    let layout = footer.layout();
    let mut placed = vec![0; layout.plane_values(keep)];
    let images = by_image.chunks(layout.values(keep));
    for (values, planes) in images.zip(planes.chunks(placed.len())) {
        place(values, family, size, channels, keep, &mut placed).expect("values and planes of an image");
        assert_eq!(placed, planes);
    }
}

/// Panics unless chunk after chunk and image after image are the same values.
fn same_values(footer: &Footer, chunks: &[i16], by_image: &[i16]) {
    let (layout, keep) = (footer.layout(), footer.header().keep);
    let mut chunks = chunks;
    for (diagonal, channel) in layout.runs(keep) {
        let (start, length) = (layout.run_start(diagonal, channel), layout.run_values(diagonal));
        for image in by_image.chunks(layout.values(keep)) {
            let (of_chunk, rest) = chunks.split_at(length);
            assert_eq!(
                image[start..start + length],
                *of_chunk,
                "diagonal {diagonal}, channel {channel}"
            );
            chunks = rest;
        }
    }
    assert!(chunks.is_empty());
}

/// Panics unless these values return from an object of their own.
fn returns(header: &Header, footer: &Footer, object: &[u8]) {
    let Header { keep, quant, .. } = *header;
    let values = footer.decode(object, keep, quant).expect("it did before");
    let images: Vec<Vec<i16>> = values
        .chunks(footer.layout().values(keep))
        .map(<[i16]>::to_vec)
        .collect();
    let again = column::write(header, &images).expect("what was read can be written");
    let Ok(Step::Done(footer)) = Footer::read(again.len() as u64, &again) else {
        panic!("what was written can be read");
    };
    assert_eq!(footer.header(), header);
    assert_eq!(footer.decode(&again, keep, quant), Ok(values));
}

/// Panics if an error of bytes behind an intact footer names neither a chunk that was asked for nor the object's start.
fn is_named(error: &ColumnError, keep: u16) {
    is_readable(error);
    match error {
        ColumnError::Chunk { diagonal, .. } => assert!(*diagonal < keep, "{error}"),
        ColumnError::NotAColumn(_) | ColumnError::Version { .. } => {}
        _ => panic!("{error}"),
    }
}
