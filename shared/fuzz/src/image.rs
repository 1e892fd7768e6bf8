//! Single images with a checksum that is right.
//!
//! ```text
//! u8   bit 0: the rest is a file as it comes; bit 1: the run has its number of values
//! 16   layout
//! 12   keep, factor, height and width
//! …    the run
//! ```

use super::input::{Input, numbered};
use super::memory::{VALUES_MAX, is_readable, of_run, within};
use imgcalc_shared::codec::{LAYOUT_BYTES, Layout};
use imgcalc_shared::coding::{self, Shape};
use imgcalc_shared::encoded::{Encoded, decode_picture, decode_values};
use twox_hash::XxHash3_64;

const MAGIC: &[u8; 16] = b"imgcalc-image\0\x01\0";
const HEAD_BYTES: usize = LAYOUT_BYTES + 12;
/// Most values an image is written again with: choosing a coding takes its time.
const VALUES_WRITTEN_MAX: usize = 4096;
/// What turning values back into a picture takes for each of the stored image's samples, bytes.
const A_SAMPLE: usize = 12;
/// What it takes besides: tables of the largest block, and what the first call of the transform sets up.
const TRANSFORM: usize = 1 << 20;

/// Panics if reading this image shows a fault.
pub fn check(input: &[u8]) {
    let mut input = Input(input);
    let how = input.byte();
    if how & 1 != 0 {
        return inspect(input.0);
    }
    let head = input.bytes(HEAD_BYTES);
    let run = match stated(head) {
        Some(values) if how & 2 == 0 => numbered(input.0, values),
        _ => input.0.to_vec(),
    };
    inspect(&file(head, &run));
}

/// The file of this head and this run.
fn file(head: &[u8], run: &[u8]) -> Vec<u8> {
    let mut file = [MAGIC, head, run].concat();
    file.extend_from_slice(&XxHash3_64::oneshot(&file).to_le_bytes());
    file
}

/// How many values a head states, if it states what can be.
fn stated(head: &[u8]) -> Option<usize> {
    let layout = Layout::from_bytes(*head.first_chunk()?).ok()?;
    let &[keep_low, keep_high, quant_low, quant_high] = head.get(LAYOUT_BYTES..)?.first_chunk()?;
    let keep = u16::from_le_bytes([keep_low, keep_high]);
    let format = layout
        .format(keep, u16::from_le_bytes([quant_low, quant_high]))
        .ok()?;
    Some(layout.values(format.keep()))
}

/// Panics if reading this file shows a fault.
fn inspect(bytes: &[u8]) {
    let head = bytes.get(MAGIC.len()..).unwrap_or_default();
    let values = stated(head).unwrap_or(0);
    if values > VALUES_MAX {
        return;
    }
    let read = within(of_run(values), "values", || decode_values(bytes));
    // Few enough values may be those of a large image.
    let samples = stated(head).map_or(0, |_| samples(head));
    if samples <= VALUES_MAX {
        let bound = of_run(values) + A_SAMPLE * samples + TRANSFORM;
        let picture = within(bound, "a picture", || decode_picture(bytes));
        match (&read, picture) {
            (Ok(read), Ok(picture)) => assert_eq!(
                (picture.size, picture.samples.len()),
                (
                    read.size,
                    (read.size.height * read.size.width) as usize * usize::from(read.channels)
                )
            ),
            (Err(values), Err(picture)) => assert_eq!(*values, picture),
            (values, picture) => panic!("values {:?}, picture {:?}", values.as_ref().err(), picture.err()),
        }
    }
    match read {
        Ok(encoded) => {
            assert_eq!(encoded.values.len(), values);
            if values <= VALUES_WRITTEN_MAX {
                returns(&head[..HEAD_BYTES], encoded);
            }
        }
        Err(error) => is_readable(&error),
    }
}

/// Samples of the stored image of a head that is true.
fn samples(head: &[u8]) -> usize {
    let layout = head
        .first_chunk()
        .and_then(|&bytes| Layout::from_bytes(bytes).ok());
    layout.map_or(0, |layout| {
        let size = layout.size();
        size.height as usize * size.width as usize * usize::from(layout.channels())
    })
}

/// Panics unless these values return from a file of their own.
fn returns(head: &[u8], encoded: Encoded) {
    let run = coding::encode(&encoded.values, Shape::FLAT);
    assert_eq!(decode_values(&file(head, &run)), Ok(encoded));
}
