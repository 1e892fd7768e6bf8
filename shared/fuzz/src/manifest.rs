//! Manifests of datasets, and the envelope that they and the names of datasets come in.
//!
//! ```text
//! u8   0: the rest is an object as it comes; 1: its value, to be sealed; 2: the same, with the digest of its contents;
//!      3: the value of an object that tells what a name means
//! ```

use super::input::Input;
use super::memory::{is_readable, within};
use imgcalc_shared::dataset::{self, Manifest};
use imgcalc_shared::digest::Digest;

const WHAT: &str = "imgcalc-manifest";
const NAME: &str = "imgcalc-dataset-name";
/// What reading a manifest takes for each of its bytes: a class without a name is three bytes, and a text in a list that
/// is just growing.
const A_BYTE: usize = 26;

/// Panics if reading this object shows a fault.
pub fn check(input: &[u8]) {
    let mut input = Input(input);
    match input.byte() % 4 {
        0 => {
            inspect(input.0);
            name(input.0);
        }
        1 => inspect(&sealed(WHAT, input.0)),
        2 => {
            if let Ok(mut manifest) = serde_json::from_slice::<Manifest>(input.0) {
                manifest.digest = manifest.computed_digest();
                inspect(&manifest.to_bytes());
            }
        }
        _ => name(&sealed(NAME, input.0)),
    }
}

fn sealed(what: &str, value: &[u8]) -> Vec<u8> {
    let mut object = format!("{what} 1 {}\n", Digest::of(value)).into_bytes();
    object.extend_from_slice(value);
    object
}

fn inspect(object: &[u8]) {
    let bound = A_BYTE * object.len() + 4096;
    let manifest = match within(bound, "a manifest", || Manifest::from_bytes(object)) {
        Ok(manifest) => manifest,
        Err(error) => return is_readable(&error),
    };
    let mut next = 0;
    for group in 0..manifest.images.len() as u32 {
        let images = manifest.row_group_images(group);
        assert!(
            images.start == next && images.end > next,
            "group {group} has {images:?}"
        );
        next = images.end;
    }
    assert_eq!(next, manifest.splits.total());
    let [train, validation, test] = manifest.subset(manifest.splits);
    assert_eq!(
        (train.start, train.end, validation.end, test.end),
        (0, validation.start, test.start, next)
    );
    assert_eq!(Manifest::from_bytes(&manifest.to_bytes()), Ok(manifest));
}

fn name(object: &[u8]) {
    let bound = A_BYTE * object.len() + 4096;
    match within(bound, "a name", || dataset::open_name(object)) {
        Ok(digest) => assert_eq!(dataset::open_name(&dataset::seal_name(&digest)), Ok(digest)),
        Err(error) => is_readable(&error),
    }
}
