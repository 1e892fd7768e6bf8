//! Persisted bytes of every version stay readable: the files under `tests/golden` are frozen.
//!
//! A change that needs other bytes gets a new version and a new file beside the old ones. Only to add a file, run
//! with `IMGCALC_REGENERATE=1`: it writes those that are missing and never touches one that is there.

mod common;

use common::picture;
use imgcalc_shared::codec::{Picture, Transform};
use imgcalc_shared::column::{self, ColumnError, Footer, Header, Step};
use imgcalc_shared::dataset::{Manifest, ObjectRef, Splits};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::encoded::{self, EncodedError};
use imgcalc_shared::format::{Format, Size};
use std::path::Path;

/// A frozen file; written first where it is missing and that is asked for.
fn golden(name: &str, write: impl Fn() -> Vec<u8>) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if !path.exists() && std::env::var_os("IMGCALC_REGENERATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, write()).unwrap();
    }
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{} is frozen and must be there: {error}", path.display()))
}

const SIZE: Size = Size {
    height: 16,
    width: 32,
};

fn pictures() -> Vec<Picture> {
    (0..3)
        .map(|seed| picture(SIZE.height, SIZE.width, 3, seed))
        .collect()
}

fn format() -> Format {
    "2x2-c-b8-k5-q20".parse().unwrap()
}

#[test]
fn a_column_object_of_version_1_is_read() {
    let mut transform = Transform::new(format().family(), SIZE, 3).unwrap();
    let header = Header {
        family: format().family(),
        quant: 1,
        size: SIZE,
        channels: 3,
        keep: 8,
        first_image: 2048,
        images: 3,
    };
    let bytes = golden("column-1.col", || {
        let mut transform = Transform::new(format().family(), SIZE, 3).unwrap();
        let values: Vec<_> = pictures()
            .iter()
            .map(|picture| transform.coefficients(picture, 8).unwrap())
            .collect();
        column::write(&header, &values).unwrap()
    });
    let Step::Done(footer) = Footer::read(bytes.len() as u64, &bytes).unwrap() else {
        panic!("all of it is there")
    };
    assert_eq!(*footer.header(), header);
    let range = footer.prefix(5).unwrap();
    let read = footer
        .decode(&bytes[range.start as usize..range.end as usize], 5, 20)
        .unwrap();
    let expected: Vec<i16> = pictures()
        .iter()
        .flat_map(|picture| transform.values(picture, format()).unwrap())
        .collect();
    assert_eq!(read, expected);
}

#[test]
fn an_encoded_image_of_version_1_is_read() {
    let picture = picture(13, 30, 3, 9);
    let bytes = golden("image-1.ic", || encoded::encode(&picture, format()).unwrap());
    let read = encoded::decode_values(&bytes).unwrap();
    assert_eq!(
        (read.format, read.size, read.channels),
        (format(), picture.size, 3)
    );
    assert_eq!(
        read.stored_size,
        Size {
            height: 16,
            width: 32
        }
    );
    let written_now = encoded::decode_values(&encoded::encode(&picture, format()).unwrap()).unwrap();
    assert_eq!(read.values, written_now.values);
}

#[test]
fn what_was_written_before_the_first_release_is_refused_by_its_version() {
    let never = || unreachable!("version 0 is not written any more");
    let column = golden("column-0.col", never);
    let refused = Footer::read(column.len() as u64, &column).unwrap_err();
    assert_eq!(refused, ColumnError::Version { found: 0 });
    let image = golden("image-0.ic", never);
    let refused = encoded::decode_values(&image).unwrap_err();
    assert_eq!(refused, EncodedError::Version { found: 0 });
}

#[test]
fn a_manifest_of_version_1_is_read() {
    let object = |key: &str, bytes| ObjectRef {
        key: key.into(),
        bytes,
        digest: Digest::of(key.as_bytes()),
    };
    let mut manifest = Manifest {
        name: "golden".into(),
        digest: Digest::of(b""),
        classes: vec!["cat".into(), "dog".into()],
        size: SIZE,
        channels: 3,
        splits: Splits {
            train: 5,
            validation: 2,
            test: 1,
        },
        row_group: 4,
        images: vec![object("images/0", 100), object("images/1", 90)],
        labels: object("labels/0", 16),
        jpeg_files: Some(object("jpeg/0", 7)),
        skipped: vec![],
        skipped_count: 3,
        source_bytes: None,
    };
    manifest.digest = manifest.computed_digest();
    let bytes = golden("manifest-1", || manifest.to_bytes());
    assert_eq!(Manifest::from_bytes(&bytes), Ok(manifest));
}
