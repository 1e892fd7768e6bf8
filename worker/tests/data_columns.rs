//! What is trained on is what is deployed, and damage is found and named.

mod data_support;

use data_support::*;
use imgcalc_shared::codec::place;
use imgcalc_shared::column::{self, TAIL_BYTES};
use imgcalc_shared::dataset::{Manifest, ObjectRef, Splits, manifest_key, name_key};
use imgcalc_shared::encoded;
use imgcalc_shared::format::Format;
use imgcalc_shared::task::FailureClass;
use imgcalc_worker::data::{Base, columns, dataset};
use imgcalc_worker::failure::Failure;
use std::fmt::Debug;

const ALL: Splits = Splits {
    train: u32::MAX,
    validation: u32::MAX,
    test: u32::MAX,
};

/// 30 images of 64 × 32 in row groups of 8. Imports make larger groups, so the objects are written here.
fn small_groups(base: &Base) -> Manifest {
    let folder = tempfile::tempdir().unwrap();
    good_folder(folder.path(), 30);
    let imported = import(base, folder.path(), "--size 64x32").unwrap();
    in_groups(base, imported, 8)
}

fn in_groups(base: &Base, imported: Manifest, row_group: u32) -> Manifest {
    let all = 0..imported.splits.total();
    let pictures = dataset::load_pictures(base, &imported, all).unwrap();
    let groups = pictures.chunks(row_group as usize).map(|group| {
        let pixels: Vec<u8> = group.iter().flat_map(|picture| picture.samples.clone()).collect();
        let object = imgcalc_worker::data::pixels::write(imported.size, imported.channels, &pixels);
        base.put_content("datasets/objects", object).unwrap()
    });
    let images: Vec<ObjectRef> = groups.collect();
    let mut manifest = Manifest {
        images,
        row_group,
        ..imported
    };
    manifest.digest = manifest.computed_digest();
    base.put(&manifest_key(&manifest.digest), manifest.to_bytes())
        .unwrap();
    manifest
}

fn make(base: &Base, manifest: &Manifest, format: Format, images: Splits) -> Result<(u32, u64), Failure> {
    columns::make(base, manifest, &[format], images, || false)
}

/// Out of undivided columns of the keep `stored`.
fn load(
    base: &Base,
    manifest: &Manifest,
    stored: u16,
    format: Format,
    images: std::ops::Range<u32>,
) -> Result<Vec<i16>, Failure> {
    let stored = format.family().format(stored, 1).unwrap();
    columns::load_planes(base, manifest, stored, format, images)
}

fn format(text: &str) -> Format {
    text.parse().unwrap()
}

#[test]
fn columns_equal_single_image_files_value_for_value() {
    let base = Base::open("memory://").unwrap();
    let manifest = small_groups(&base);
    for (family, stored, formats) in [
        (
            "1x1-b8-k15-q1",
            15,
            vec![
                "1x1-b8-k15-q1",
                "1x1-b8-k8-q20",
                "1x1-b8-k1-q100",
                "1x1-b8-k11-q3",
            ],
        ),
        (
            "2x2-r-b16-k16-q1",
            16,
            vec!["2x2-r-b16-k16-q50", "2x2-r-b16-k3-q1"],
        ),
        ("2x2-c-b8-k8-q1", 8, vec!["2x2-c-b8-k5-q20"]),
        ("4x4-b16-k31-q1", 31, vec!["4x4-b16-k31-q20", "4x4-b16-k2-q50"]),
        ("1x1-b32-k32-q1", 32, vec!["1x1-b32-k3-q50"]),
    ] {
        make(&base, &manifest, format(family), ALL).unwrap();
        for text in formats {
            let format = format(text);
            for range in [0..30, 0..8, 7..9, 5..5, 24..30, 29..30] {
                let planes = load(&base, &manifest, stored, format, range.clone()).unwrap();
                let pictures = dataset::load_pictures(&base, &manifest, range).unwrap();
                let each = planes.len() / pictures.len().max(1);
                for (picture, planes) in pictures.iter().zip(planes.chunks_exact(each.max(1))) {
                    let file = encoded::decode_values(&encoded::encode(picture, format).unwrap()).unwrap();
                    let mut single = vec![1; each];
                    place(
                        &file.values,
                        format.family(),
                        manifest.size,
                        3,
                        format.keep(),
                        &mut single,
                    )
                    .unwrap();
                    assert_eq!(planes, single, "{format}");
                }
            }
        }
    }
}

#[test]
fn only_row_groups_of_the_subset_are_made_and_none_twice() {
    let base = Base::open("memory://").unwrap();
    let manifest = small_groups(&base);
    let (splits, format) = (manifest.splits, format("1x1-b8-k4-q1"));
    assert_eq!((splits.train, splits.validation), (24, 6));
    let few = Splits {
        train: 9,
        validation: 1,
        test: 0,
    };
    assert_eq!(make(&base, &manifest, format, few).unwrap().0, 3);
    let written = base.bytes_written();
    let (objects, bytes) = make(&base, &manifest, format, few).unwrap();
    assert_eq!((objects, base.bytes_written()), (3, written));
    let folder = format!("columns/{}", manifest.digest);
    assert_eq!(
        base.list(&folder)
            .unwrap()
            .iter()
            .map(|(_, bytes)| bytes)
            .sum::<u64>(),
        bytes
    );

    let stored = |text: &str, images| columns::stored_for(&base, &manifest, text.parse().unwrap(), images);
    for served in ["1x1-b8-k2-q1", "1x1-b8-k4-q50"] {
        assert_eq!(stored(served, few).unwrap(), format);
    }
    assert_eq!(
        stored("1x1-b8-k5-q1", few).unwrap_err().class,
        FailureClass::BadData
    );
    assert!(stored("1x1-b8-k4-q1", ALL).is_err());
    let missing = load(&base, &manifest, 4, format, 16..24).unwrap_err();
    assert!(
        missing.class == FailureClass::BadData && missing.message.contains("rg-00002"),
        "{missing}"
    );

    let stopped = columns::make(&base, &manifest, &[format], ALL, || true).unwrap_err();
    assert_eq!(stopped.class, FailureClass::Preempted);
}

#[test]
fn columns_of_a_factor_equal_undivided_ones_in_fewer_bytes_and_are_preferred() {
    let base = Base::open("memory://").unwrap();
    let manifest = small_groups(&base);
    let stored = [
        "1x1-b8-k8-q1",
        "1x1-b8-k8-q50",
        "1x1-b8-k6-q50",
        "1x1-b8-k3-q100",
        "4x4-b8-k8-q50",
    ]
    .map(format);
    columns::make(&base, &manifest, &stored, ALL, || false).unwrap();
    let bytes = |stored| base.size(&column::key(&manifest.digest, stored, 0)).unwrap();
    assert!(bytes(stored[1]) < bytes(stored[0]));
    for (wanted, best) in [
        ("1x1-b8-k2-q50", stored[2]),
        ("1x1-b8-k7-q50", stored[1]),
        ("1x1-b8-k2-q100", stored[3]),
        ("1x1-b8-k4-q100", stored[0]),
        ("1x1-b8-k4-q20", stored[0]),
    ] {
        let wanted = format(wanted);
        assert_eq!(columns::stored_for(&base, &manifest, wanted, ALL).unwrap(), best);
        let out_of = |stored| columns::load_planes(&base, &manifest, stored, wanted, 0..30).unwrap();
        assert_eq!(out_of(best), out_of(stored[0]), "{wanted} out of {best}");
    }
    let refused =
        columns::load_planes(&base, &manifest, stored[1], format("1x1-b8-k2-q20"), 0..30).unwrap_err();
    assert_eq!(refused.class, FailureClass::BadData, "{refused}");
}

#[test]
fn a_smaller_keep_reads_fewer_bytes() {
    let base = Base::open("memory://").unwrap();
    let manifest = small_groups(&base);
    make(&base, &manifest, format("1x1-b32-k63-q1"), ALL).unwrap();
    let read = |keep: u16| {
        let before = base.bytes_read();
        load(
            &base,
            &manifest,
            63,
            format(&format!("1x1-b32-k{keep}-q20")),
            0..30,
        )
        .unwrap();
        base.bytes_read() - before
    };
    // Their ends are read once, with the first read.
    read(1);
    let (few, all) = (read(2), read(63));
    assert!(few < all, "{few} < {all}");
}

/// 8 images of 256 × 256 in two row groups, whose objects are longer than what is read for a footer.
fn large_objects(base: &Base) -> Manifest {
    let folder = tempfile::tempdir().unwrap();
    good_folder(folder.path(), 8);
    let imported = import(base, folder.path(), "--size 256x256").unwrap();
    in_groups(base, imported, 4)
}

#[test]
fn a_row_group_costs_two_requests_at_first_and_one_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let disk = format!("file://{}", folder.path().display());
    for url in ["memory://", &disk] {
        let base = Base::open(url).unwrap();
        let manifest = large_objects(&base);
        let stored = format("1x1-b8-k15-q1");
        make(&base, &manifest, stored, ALL).unwrap();
        let key = |group| column::key(&manifest.digest, stored, group);
        let lengths = [0, 1].map(|group| base.size(&key(group)).unwrap());
        assert!(
            lengths.iter().all(|&length| length > 2 * TAIL_BYTES),
            "{lengths:?}"
        );

        let read = |text: &str, images| {
            let before = base.account();
            load(&base, &manifest, 15, format(text), images).unwrap();
            base.account() - before
        };
        let first = read("1x1-b8-k8-q20", 0..4);
        assert_eq!(first.requests, 2, "its end and its prefix");
        assert_eq!(first.bytes_moved, first.bytes_asked + TAIL_BYTES);
        let again = read("1x1-b8-k8-q50", 1..2);
        assert_eq!((again.requests, again.bytes_asked), (1, first.bytes_asked));
        assert_eq!(again.bytes_moved, again.bytes_asked);
        let smaller = read("1x1-b8-k3-q20", 0..4);
        assert!(smaller.requests == 1 && smaller.bytes_moved < again.bytes_moved);
        assert_eq!(read("1x1-b8-k15-q1", 2..6).requests, 3, "the second is new");
        assert_eq!(read("1x1-b8-k15-q1", 0..8).requests, 2);

        // Runs that meet within a row group share what is read of it.
        let before = base.account();
        let parts = [0..3, 3..5, 5..8];
        let wanted = format("1x1-b8-k2-q7");
        let [train, validation, test] = columns::load_parts(&base, &manifest, stored, wanted, parts).unwrap();
        assert_eq!((base.account() - before).requests, 2);
        let whole = load(&base, &manifest, 15, wanted, 0..8).unwrap();
        assert_eq!([train, validation, test].concat(), whole);

        // Written anew: the store refuses what is asked of the old one, and the new one is looked at.
        make_other(&base, &manifest, stored);
        let replaced = read("1x1-b8-k8-q20", 0..4);
        assert_eq!(replaced.requests, 3);
        let fresh = Base::open(&disk);
        if base.url() == disk {
            let planes = load(&fresh.unwrap(), &manifest, 15, wanted, 0..8).unwrap();
            assert_eq!(load(&base, &manifest, 15, wanted, 0..8).unwrap(), planes);
        }
    }
}

/// Writes the first row group anew, with the images of the second.
fn make_other(base: &Base, manifest: &Manifest, stored: Format) {
    let mut swapped = manifest.clone();
    swapped.images.swap(0, 1);
    let key = column::key(&manifest.digest, stored, 0);
    base.delete(&key).unwrap();
    make(base, &swapped, stored, ALL).unwrap();
}

#[test]
fn an_object_that_fits_into_what_is_read_for_its_footer_costs_one_request() {
    let base = Base::open("memory://").unwrap();
    let manifest = small_groups(&base);
    let format = format("1x1-b8-k1-q1");
    make(&base, &manifest, format, ALL).unwrap();
    let before = base.account();
    load(&base, &manifest, 1, format, 0..8).unwrap();
    assert_eq!((base.account() - before).requests, 1);
}

#[test]
fn every_damaged_object_is_named() {
    let base = Base::open("memory://").unwrap();
    let manifest = small_groups(&base);
    let format = format("1x1-b8-k4-q1");
    make(&base, &manifest, format, ALL).unwrap();
    let column = column::key(&manifest.digest, format, 1);
    let (pixels, labels) = (manifest.images[1].key.clone(), manifest.labels.key.clone());
    let files = manifest.jpeg_files.clone().unwrap();
    type Read<'a> = Box<dyn Fn() -> Result<(), Failure> + 'a>;
    let cases: Vec<(String, Read)> = vec![
        (
            column,
            Box::new(|| load(&base, &manifest, 4, format, 8..16).map(drop)),
        ),
        (
            pixels,
            Box::new(|| dataset::load_pictures(&base, &manifest, 9..10).map(drop)),
        ),
        (
            labels,
            Box::new(|| dataset::load_labels(&base, &manifest).map(drop)),
        ),
        (
            files.key.clone(),
            Box::new(|| base.get_verified(&files).map(drop)),
        ),
        (
            manifest_key(&manifest.digest),
            Box::new(|| dataset::load_manifest(&base, &manifest.digest).map(drop)),
        ),
        (
            name_key("tiny"),
            Box::new(|| dataset::load_by_name(&base, "tiny").map(drop)),
        ),
    ];
    for (key, read) in &cases {
        read().unwrap();
        let good = base.get(key).unwrap().to_vec();
        let step = (good.len() / 97).max(1);
        for position in (0..good.len()).step_by(step) {
            let mut damaged = good.clone();
            damaged[position] ^= 1 << (position % 8);
            // A digit of a digest may change its case without changing its value.
            if !damaged.eq_ignore_ascii_case(&good) {
                expect_named(&base, key, damaged, read);
            }
            expect_named(&base, key, good[..position].to_vec(), read);
        }
        base.put(key, good).unwrap();
        read().unwrap();
    }
}

#[test]
fn damaged_columns_are_made_again() {
    let base = Base::open("memory://").unwrap();
    let manifest = small_groups(&base);
    let format = format("1x1-b8-k4-q1");
    make(&base, &manifest, format, ALL).unwrap();
    let key = column::key(&manifest.digest, format, 2);
    let good = base.get(&key).unwrap();
    let mut damaged = good.to_vec();
    damaged[100] ^= 4;
    base.put(&key, damaged).unwrap();
    make(&base, &manifest, format, ALL).unwrap();
    assert_eq!(base.get(&key).unwrap(), good);
}

fn expect_named<T: Debug>(base: &Base, key: &str, bytes: Vec<u8>, read: impl Fn() -> Result<T, Failure>) {
    let length = bytes.len();
    base.put(key, bytes).unwrap();
    let failure = read().expect_err(key);
    assert_eq!(failure.class, FailureClass::BadData);
    assert!(
        failure.message.contains(key),
        "{failure} does not name {key} ({length} bytes)"
    );
}
