//! A cache on local disk before a base on a real S3 server: what it serves, and that it never serves what is not there.

mod base_support;
mod data_support;

use base_support::{fresh_url, limits, server};
use imgcalc_shared::column;
use imgcalc_shared::dataset::{Manifest, Splits};
use imgcalc_shared::format::Format;
use imgcalc_worker::data::{Account, Base, Cache, columns, dataset};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

const ALL: Splits = Splits {
    train: u32::MAX,
    validation: u32::MAX,
    test: u32::MAX,
};
const BYTES_MAX: u64 = 1 << 30;
const IMAGES: u32 = 4;

/// A dataset with columns on a server.
struct World {
    url: String,
    manifest: Manifest,
    cache: TempDir,
    _told: base_support::Told,
}

impl World {
    fn new() -> World {
        let url = fresh_url();
        let base = open(&url);
        let folder = tempfile::tempdir().unwrap();
        data_support::good_folder(folder.path(), IMAGES);
        let manifest = data_support::import(&base, folder.path(), "--size 256x256").unwrap();
        let stored = format("1x1-b8-k15-q1");
        columns::make(&base, &manifest, &[stored], ALL, || false).unwrap();
        World {
            url,
            manifest,
            cache: tempfile::tempdir().unwrap(),
            _told: base_support::Told,
        }
    }

    /// What another process would open.
    fn reader(&self) -> Base {
        open(&self.url).with_cache(Arc::new(Cache::open(self.cache.path(), BYTES_MAX).unwrap()))
    }

    /// The planes, and what loading them cost beyond the listing that every training begins with.
    fn load(&self, base: &Base, text: &str) -> (Vec<i16>, Account) {
        let format = format(text);
        let stored = columns::stored_for(base, &self.manifest, format, ALL).unwrap();
        let before = base.account();
        let planes = columns::load_planes(base, &self.manifest, stored, format, 0..IMAGES).unwrap();
        (planes, base.account() - before)
    }

    /// Writes columns of other images under the keys of these; the planes they give.
    fn write_anew(&self) -> Vec<i16> {
        let memory = Base::open("memory://").unwrap();
        let folder = tempfile::tempdir().unwrap();
        for number in 0..IMAGES {
            let image = data_support::png(&data_support::rgb(100 + number, 64, 64));
            let class = ["cat", "dog"][number as usize % 2];
            data_support::write(&folder.path().join(class).join(format!("{number}.png")), &image);
        }
        let other = data_support::import(&memory, folder.path(), "--size 256x256").unwrap();
        let stored = format("1x1-b8-k15-q1");
        columns::make(&memory, &other, &[stored], ALL, || false).unwrap();
        let key = |manifest: &Manifest| column::key(&manifest.digest, stored, 0);
        let object = memory.get(&key(&other)).unwrap();
        open(&self.url).put(&key(&self.manifest), object).unwrap();
        self.uncached("1x1-b8-k8-q20")
    }

    fn uncached(&self, text: &str) -> Vec<i16> {
        self.load(&open(&self.url), text).0
    }

    fn files(&self) -> Vec<PathBuf> {
        files(self.cache.path())
    }
}

fn open(url: &str) -> Base {
    Base::open_with(url, &server().env(), limits()).unwrap()
}

fn format(text: &str) -> Format {
    text.parse().unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn what_one_reader_has_read_another_reads_without_a_request() {
    let world = World::new();
    let (planes, cost) = world.load(&world.reader(), "1x1-b8-k8-q20");
    assert_eq!((cost.requests, cost.bytes_cached), (2, 0));
    assert_eq!(planes, world.uncached("1x1-b8-k8-q20"));
    for text in ["1x1-b8-k8-q20", "1x1-b8-k8-q50", "1x1-b8-k3-q20"] {
        let (planes, cost) = world.load(&world.reader(), text);
        assert_eq!((cost.requests, cost.bytes_moved), (0, 0), "{text}");
        assert!(cost.bytes_asked > 0 && cost.bytes_cached == cost.bytes_asked);
        assert_eq!(planes, world.uncached(text), "{text}");
    }
    // A longer prefix takes the place of the shorter one; its footer is in the cache already.
    let (_, cost) = world.load(&world.reader(), "1x1-b8-k15-q20");
    assert_eq!((cost.requests, cost.bytes_cached), (1, 0));
    for text in ["1x1-b8-k15-q20", "1x1-b8-k8-q20"] {
        let (planes, cost) = world.load(&world.reader(), text);
        assert_eq!(cost.requests, 0);
        assert_eq!(planes, world.uncached(text), "{text}");
    }
    assert_eq!(world.files().len(), 1);
}

#[test]
fn pixels_and_labels_are_read_once() {
    let world = World::new();
    let read = || {
        let base = world.reader();
        let planes = dataset::load_pixel_planes(&base, &world.manifest, 0..IMAGES).unwrap();
        let labels = dataset::load_labels(&base, &world.manifest).unwrap();
        (planes, labels, base.account())
    };
    let (planes, labels, cost) = read();
    assert_eq!((cost.requests, cost.bytes_cached), (2, 0));
    let (planes_again, labels_again, cost) = read();
    assert_eq!((planes_again, labels_again), (planes, labels));
    assert_eq!((cost.requests, cost.bytes_cached), (0, cost.bytes_asked));
}

#[test]
fn an_object_that_was_written_anew_is_read_anew() {
    let world = World::new();
    let (old, _) = world.load(&world.reader(), "1x1-b8-k8-q20");
    let other = world.write_anew();
    assert_ne!(other, old);
    let (new, cost) = world.load(&world.reader(), "1x1-b8-k8-q20");
    assert_eq!((new, cost.requests), (other, 2));
}

#[test]
fn an_object_that_is_written_anew_between_its_listing_and_its_reading_is_read_anew() {
    let world = World::new();
    let base = world.reader();
    world.load(&base, "1x1-b8-k3-q20");
    let other = world.write_anew();
    // Not listed again: the cache and what is known are of the old one, which the store does not have any more.
    let before = base.account();
    let (stored, wanted) = (format("1x1-b8-k15-q1"), format("1x1-b8-k8-q20"));
    let planes = columns::load_planes(&base, &world.manifest, stored, wanted, 0..IMAGES).unwrap();
    assert_eq!(planes, other);
    assert_eq!((base.account() - before).requests, 3);
}

#[test]
fn a_damaged_file_is_dropped_and_read_anew() {
    let world = World::new();
    let (planes, _) = world.load(&world.reader(), "1x1-b8-k8-q20");
    let [file] = &world.files()[..] else {
        panic!("{:?}", world.files());
    };
    let good = fs::read(file).unwrap();
    let step = good.len() / 23;
    for position in (0..good.len()).step_by(step) {
        let mut damaged = good.clone();
        damaged[position] ^= 1;
        fs::write(file, damaged).unwrap();
        let (again, cost) = world.load(&world.reader(), "1x1-b8-k8-q20");
        assert_eq!(again, planes);
        assert!((1..=2).contains(&cost.requests), "{cost:?}");
        let (again, cost) = world.load(&world.reader(), "1x1-b8-k8-q20");
        assert_eq!((again, cost.requests), (planes.clone(), 0));
    }
}

#[test]
fn a_base_on_disk_is_not_cached() {
    let folder = tempfile::tempdir().unwrap();
    let cache = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    let base = Base::open(&url).unwrap();
    let base = base.with_cache(Arc::new(Cache::open(cache.path(), BYTES_MAX).unwrap()));
    let source = tempfile::tempdir().unwrap();
    data_support::good_folder(source.path(), IMAGES);
    let manifest = data_support::import(&base, source.path(), "--size 64x32").unwrap();
    dataset::load_pixel_planes(&base, &manifest, 0..IMAGES).unwrap();
    assert_eq!(files(cache.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_cache_that_cannot_be_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let file = file.to_str().unwrap();
    let cases = [
        (vec!["--cache", file], file),
        (vec!["--cache-bytes-max", "many"], "50GiB or 1TiB"),
        (vec!["--cache-bytes-max", "1.5GiB"], "50GiB or 1TiB"),
        (vec!["--cache-bytes-max", "99999999TiB"], "50GiB or 1TiB"),
        (vec!["--cache-bytes-max", "10kB"], "at least 1MiB"),
    ];
    for (options, expected) in cases {
        let mut command = Command::new(env!("CARGO_BIN_EXE_imgcalc-worker"));
        // Nobody listens there: it ends before it would look.
        command.args(["--coordinators", "127.0.0.1:1"]).args(&options);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains(expected),
            "{options:?}: {said}"
        );
    }
}
