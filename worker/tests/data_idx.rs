//! IDX files of the MNIST family become a dataset.

mod data_support;

use data_support::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use imgcalc_worker::data::{Base, dataset};
use std::io::Write;
use std::path::Path;

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn pack(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        write(
            &path.with_added_extension("gz"),
            &gz(&std::fs::read(&path).unwrap()),
        );
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn training_images_are_divided_and_test_images_stay_apart() {
    let folder = tempfile::tempdir().unwrap();
    idx_folder(folder.path(), 100, 30);
    let base = Base::open("memory://").unwrap();
    let manifest = import(&base, folder.path(), "").unwrap();
    assert_eq!(
        (
            manifest.splits.train,
            manifest.splits.validation,
            manifest.splits.test
        ),
        (80, 20, 30)
    );
    assert_eq!(
        (manifest.size.height, manifest.size.width, manifest.channels),
        (32, 32, 1)
    );
    assert_eq!(manifest.classes, ["0", "1", "2"]);
    assert_eq!(manifest.jpeg_files, None);
    // Centred on zeros, unchanged inside.
    let labels = dataset::load_labels(&base, &manifest).unwrap();
    for (picture, label) in dataset::load_pictures(&base, &manifest, 0..130)
        .unwrap()
        .iter()
        .zip(labels)
    {
        let pixel = |x: usize, y: usize| picture.samples[y * 32 + x];
        assert!((0..32).all(|i| [pixel(i, 1), pixel(i, 30), pixel(1, i), pixel(30, i)] == [0; 4]));
        let number = (0..100)
            .find(|number| pixel(2, 2) == (number * 7 + number * 784 % 251) as u8)
            .unwrap();
        assert_eq!(pixel(29, 29), (number * 7 + (number * 784 + 783) % 251) as u8);
        assert_eq!(u32::from(label), number % 3);
    }
}

#[test]
fn gzip_makes_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    idx_folder(folder.path(), 50, 10);
    let digest = || {
        let base = Base::open("memory://").unwrap();
        import(&base, folder.path(), "").unwrap().digest
    };
    let plain = digest();
    pack(folder.path());
    assert_eq!(digest(), plain);
}

#[test]
fn size_colour_classes_and_limit_are_options() {
    let folder = tempfile::tempdir().unwrap();
    idx_folder(folder.path(), 50, 10);
    let base = Base::open("memory://").unwrap();
    let manifest = import(
        &base,
        folder.path(),
        "--size 16x40 --colour --classes a,b,c --limit 20",
    )
    .unwrap();
    assert_eq!(
        (manifest.size.height, manifest.size.width, manifest.channels),
        (16, 40, 3)
    );
    assert_eq!(manifest.classes, ["a", "b", "c"]);
    assert_eq!(
        (
            manifest.splits.train,
            manifest.splits.validation,
            manifest.splits.test
        ),
        (16, 4, 10)
    );
    assert!(refusal(folder.path(), "--classes a,b").contains("label 2"));
    assert!(refusal(folder.path(), "--split 70/20/10").contains("test images of its own"));
    std::fs::remove_file(folder.path().join("t10k-images-idx3-ubyte")).unwrap();
    let manifest = import(&base, folder.path(), "--split 70/20/10").unwrap();
    assert_eq!(
        (
            manifest.splits.train,
            manifest.splits.validation,
            manifest.splits.test
        ),
        (35, 10, 5)
    );
}

#[test]
fn damaged_files_are_refused_by_name_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    idx_folder(folder.path(), 20, 5);
    let images = folder.path().join("train-images-idx3-ubyte");
    let labels = folder.path().join("train-labels-idx1-ubyte");
    let (good_images, good_labels) = (std::fs::read(&images).unwrap(), std::fs::read(&labels).unwrap());
    let expect = |path: &Path, bytes: &[u8], good: &[u8], reason: &str| {
        write(path, bytes);
        let error = refusal(folder.path(), "");
        write(path, good);
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(error.contains(name) && error.contains(reason), "{error}");
    };
    expect(&images, &good_images[..10], &good_images, "header is incomplete");
    expect(&images, b"", &good_images, "header is incomplete");
    expect(
        &images,
        &good_images[..500],
        &good_images,
        "truncated: 484 of 15680 bytes",
    );
    expect(
        &images,
        &[&good_images[..], &[0]].concat(),
        &good_images,
        "something follows",
    );
    expect(&images, &good_labels, &good_images, "magic number is 0x00000801");
    expect(&labels, &good_images, &good_labels, "magic number is 0x00000803");
    expect(&labels, &idx(&[19], &[0; 19]), &good_labels, "holds 19 labels");
    expect(&images, &idx(&[0, 28, 28], &[]), &good_images, "empty");
    expect(&images, &idx(&[1, 0, 28], &[]), &good_images, "sides [0, 28]");
    expect(
        &images,
        &idx(&[u32::MAX, 4096, 4096], &[1; 100]),
        &good_images,
        "at most",
    );
    // A header that promises much must not cost memory for what never comes.
    expect(
        &images,
        &idx(&[5_000_000, 28, 28], &[1; 100]),
        &good_images,
        "truncated: 100 of",
    );
    let packed = gz(&good_images);
    expect(&images, &packed[..packed.len() / 2], &good_images, "truncated");
    expect(&images, &packed[..packed.len() - 4], &good_images, "truncated");
    let mut flipped = packed.clone();
    let crc = flipped.len() - 6;
    flipped[crc] ^= 1;
    expect(&images, &flipped, &good_images, "damaged");

    std::fs::remove_file(&labels).unwrap();
    assert!(refusal(folder.path(), "").contains("no labels beside"));
    write(&labels, &good_labels);
    write(&images.with_added_extension("gz"), &packed);
    assert!(refusal(folder.path(), "").contains("leave one of them there"));
}
