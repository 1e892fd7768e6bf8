//! A folder of image files becomes a dataset.

mod data_support;

use data_support::*;
use image::{ImageBuffer, ImageFormat, Rgb};
use imgcalc_shared::dataset::Manifest;
use imgcalc_worker::data::{Base, dataset};
use std::io::Cursor;
use std::path::Path;

fn base() -> Base {
    Base::open("memory://").unwrap()
}

fn pictures(base: &Base, manifest: &Manifest) -> Vec<Vec<u8>> {
    let all = dataset::load_pictures(base, manifest, 0..manifest.splits.total()).unwrap();
    all.into_iter().map(|picture| picture.samples).collect()
}

/// Adds what an import must survive, and returns how many of them are bad.
fn add_bad(folder: &Path) -> usize {
    let good = jpeg(&rgb(900, 64, 64));
    let good_png = png(&rgb(901, 64, 64));
    write(&folder.join("cat/empty.jpg"), b"");
    write(&folder.join("cat/truncated.jpg"), &good[..good.len() / 2]);
    write(
        &folder.join("cat/truncated.png"),
        &good_png[..good_png.len() * 2 / 3],
    );
    write(&folder.join("dog/notes.txt"), b"not an image");
    write(&folder.join("dog/text.png"), b"not an image either");
    write(
        &folder.join("dog/movie.gif"),
        b"GIF89a\x01\x00\x01\x00\x80\x00\x00",
    );
    let mut flipped = good_png;
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    write(&folder.join("dog/flipped.png"), &flipped);
    // Says it is 65,280 x 65,280.
    let mut bomb = good;
    let frame = bomb.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    bomb[frame + 5..frame + 9].copy_from_slice(&[0xFF, 0, 0xFF, 0]);
    write(&folder.join("dog/bomb.jpg"), &bomb);
    write(&folder.join("dog/.hidden.jpg"), b"not seen at all");
    8
}

#[test]
fn images_are_scaled_labelled_and_split() {
    let folder = tempfile::tempdir().unwrap();
    good_folder(folder.path(), 50);
    let base = base();
    let manifest = import(&base, folder.path(), "--size 32x24").unwrap();
    assert_eq!(manifest.classes, ["cat", "dog"]);
    assert_eq!(
        (manifest.size.height, manifest.size.width, manifest.channels),
        (32, 24, 3)
    );
    assert_eq!(
        (
            manifest.splits.train,
            manifest.splits.validation,
            manifest.splits.test
        ),
        (40, 10, 0)
    );
    assert_eq!(manifest.skipped_count, 0);
    assert!(manifest.jpeg_files.is_some());

    let labels = dataset::load_labels(&base, &manifest).unwrap();
    assert_eq!(labels.iter().filter(|label| **label == 1).count(), 25);
    assert!(
        labels[..40].windows(2).any(|pair| pair[0] != pair[1]),
        "classes are mixed"
    );
    let pictures = pictures(&base, &manifest);
    assert!(pictures.iter().all(|samples| samples.len() == 32 * 24 * 3));
    let planes = dataset::load_pixel_planes(&base, &manifest, 7..9).unwrap();
    assert_eq!(planes[32 * 24 + 5], i16::from(pictures[7][5 * 3 + 1]));

    assert_eq!(dataset::load_by_name(&base, "tiny").unwrap(), manifest);
    assert_eq!(dataset::load_manifest(&base, &manifest.digest).unwrap(), manifest);
    assert_eq!(dataset::names(&base).unwrap(), ["tiny"]);
}

#[test]
fn bad_images_are_counted_named_and_skipped() {
    let folder = tempfile::tempdir().unwrap();
    good_folder(folder.path(), 20);
    let clean = import(&base(), folder.path(), "--size 16").unwrap();
    let bad = add_bad(folder.path());
    let base = base();
    let manifest = import(&base, folder.path(), "--size 16").unwrap();
    assert_eq!(manifest.splits.total(), 20);
    assert_eq!(manifest.skipped_count as usize, bad, "{:?}", manifest.skipped);
    let reason = |name: &str| {
        let skipped = manifest.skipped.iter().find(|skipped| skipped.name == name);
        skipped
            .unwrap_or_else(|| panic!("{name} is not named"))
            .reason
            .clone()
    };
    assert_eq!(reason("cat/empty.jpg"), "it is empty");
    assert!(reason("cat/truncated.jpg").contains("truncated"));
    assert!(reason("dog/notes.txt").contains("no image"));
    assert!(reason("dog/movie.gif").contains("not supported"));
    assert!(
        reason("dog/bomb.jpg").contains("65280 x 65280 pixels"),
        "{}",
        reason("dog/bomb.jpg")
    );
    // What is left out does not move the others.
    assert_eq!(manifest.digest, clean.digest);
}

#[test]
fn bad_images_are_refused_by_name_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    good_folder(folder.path(), 20);
    import(&base(), folder.path(), "--size 16 --on-bad refuse").unwrap();
    write(&folder.path().join("cat/empty.jpg"), b"");
    let error = refusal(folder.path(), "--size 16 --on-bad refuse");
    assert!(error.contains("cat/empty.jpg: it is empty"), "{error}");
}

#[test]
fn unusual_images_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join("a").join(name);
    write(&path("one-pixel.png"), &png(&rgb(1, 1, 1)));
    write(&path("png-called.jpg"), &png(&rgb(2, 20, 20)));
    write(&path("no-extension"), &jpeg(&rgb(3, 20, 20)));
    write(&path("grey.png"), &grey_png(&image::GrayImage::new(9, 9)));
    let deep =
        ImageBuffer::<Rgb<u16>, _>::from_fn(20, 20, |x, y| Rgb([(x * 3000) as u16, (y * 3000) as u16, 9]));
    let mut bytes = Cursor::new(Vec::new());
    deep.write_to(&mut bytes, ImageFormat::Png).unwrap();
    write(&path("sixteen-bits.png"), &bytes.into_inner());
    let clear = image::RgbaImage::from_pixel(9, 9, image::Rgba([200, 100, 50, 0]));
    let mut bytes = Cursor::new(Vec::new());
    clear.write_to(&mut bytes, ImageFormat::Png).unwrap();
    write(&path("transparent.png"), &bytes.into_inner());
    write(&path("sub/folder.png"), &png(&rgb(4, 20, 20)));
    write(&path("cmyk.jpg"), CMYK);
    for options in ["--size 8", "--size 8 --grey"] {
        let base = base();
        let manifest = import(&base, folder.path(), options).unwrap();
        assert_eq!(manifest.skipped, [], "{options}");
        assert_eq!(manifest.splits.total(), 8);
        let bytes = 64 * usize::from(manifest.channels);
        assert!(
            pictures(&base, &manifest)
                .iter()
                .all(|samples| samples.len() == bytes)
        );
    }
}

#[test]
fn the_same_source_has_the_same_digest_and_another_seed_another_one() {
    let folder = tempfile::tempdir().unwrap();
    good_folder(folder.path(), 30);
    let digest = |options: &str| import(&base(), folder.path(), options).unwrap().digest;
    let first = digest("--size 16");
    assert_eq!(digest("--size 16"), first);
    assert_eq!(digest("--size 16 --name other"), first);
    assert_ne!(digest("--size 16 --seed 1"), first);
    assert_ne!(digest("--size 24"), first);
    assert_ne!(digest("--size 16 --grey"), first);
    assert_ne!(digest("--size 16 --split 70/30"), first);
}

#[test]
fn limit_takes_so_many_good_images_and_the_split_follows() {
    let folder = tempfile::tempdir().unwrap();
    good_folder(folder.path(), 30);
    add_bad(folder.path());
    let manifest = import(&base(), folder.path(), "--size 8 --limit 10 --split 60/20/20").unwrap();
    assert_eq!(
        (
            manifest.splits.train,
            manifest.splits.validation,
            manifest.splits.test
        ),
        (6, 2, 2)
    );
    assert_eq!(
        import(&base(), folder.path(), "--size 8 --limit 1000")
            .unwrap()
            .splits
            .total(),
        30
    );
}

#[test]
fn links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    good_folder(folder.path(), 10);
    let secret = folder.path().join("cat/0.jpg");
    std::os::unix::fs::symlink(&secret, folder.path().join("dog/link.jpg")).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("dog/round")).unwrap();
    let manifest = import(&base(), folder.path(), "--size 8").unwrap();
    assert_eq!(manifest.splits.total(), 10);
    assert_eq!(manifest.skipped_count, 2);
    assert!(
        manifest
            .skipped
            .iter()
            .all(|skipped| skipped.reason.contains("links"))
    );
}

#[test]
fn sources_that_are_none_are_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    assert!(refusal(&folder.path().join("none"), "").contains("cannot be read"));
    assert!(refusal(folder.path(), "").contains("neither class folders nor IDX"));
    std::fs::create_dir(folder.path().join("a")).unwrap();
    assert!(refusal(folder.path(), "").contains("no usable image"));
    write(&folder.path().join("a/1.png"), b"x");
    assert!(refusal(folder.path(), "").contains("a/1.png: it is no image"));
    assert!(refusal(&folder.path().join("a/1.png"), "").contains("no folder"));
    write(&folder.path().join("a/2.png"), &png(&rgb(1, 9, 9)));
    assert!(refusal(folder.path(), "").contains("cannot be split"));
    for options in [
        "--name a/b",
        "--split 50/60",
        "--size 0",
        "--limit 0",
        "--grey --colour",
    ] {
        refusal(folder.path(), options);
    }
}

/// An 8 × 8 JPEG file of four inks, as Adobe's programs write them.
const CMYK: &[u8] = include_bytes!("data_support/cmyk.jpg");
