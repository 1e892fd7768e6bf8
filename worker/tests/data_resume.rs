//! An import that is ended in the middle goes on where it was, and columns come with it.

mod data_support;

use data_support::*;
use imgcalc_shared::column;
use imgcalc_shared::dataset::{Manifest, SIDE_MAX};
use imgcalc_shared::digest::Digest;
use imgcalc_worker::data::{Base, columns, dataset};
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A row group, and what follows it.
const FIRST: u32 = 1024;
const IMAGES: u32 = 1100;

/// A folder whose images come in a known order: behind the first row group some large ones, which take a while.
fn slow_folder(folder: &Path, large_images: usize) -> PathBuf {
    let source = folder.join("in");
    let small = [jpeg(&rgb(1, 16, 16)), png(&rgb(2, 16, 16))];
    let mut names: Vec<String> = (0..IMAGES)
        .map(|number| format!("{}/{number}", number % 2))
        .collect();
    names.sort_by_key(|name| Digest::of(format!("0 {name}").as_bytes()));
    let large = grey_png(&image::GrayImage::from_pixel(6000, 4000, image::Luma([90])));
    for (place, name) in names.iter().enumerate() {
        let slow = place
            .checked_sub(FIRST as usize + 10)
            .is_some_and(|place| place < large_images);
        let bad = place % 300 == 7;
        let bytes = match (slow, bad) {
            (true, _) => &large[..],
            (_, true) => b"no image",
            _ => &small[place % 2],
        };
        write(&source.join(name), bytes);
    }
    source
}

fn start(source: &Path, url: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_imgcalc-worker"))
        .args(["data", "import", source.to_str().unwrap(), "--base", url])
        .args(["--name", "slow", "--size", "8", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn finish(source: &Path, url: &str) -> Value {
    let Output {
        status,
        stdout,
        stderr,
    } = start(source, url).wait_with_output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    serde_json::from_slice(&stdout).unwrap()
}

/// Waits until an import has noted a finished row group.
fn wait_for_record(base: &Base, import: &mut Child) -> String {
    let start = Instant::now();
    loop {
        if let Some((key, _)) = base.list("datasets/imports").unwrap().pop() {
            return key;
        }
        assert!(
            import.try_wait().unwrap().is_none(),
            "it ended before it was ended"
        );
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "no row group is noted"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn interrupt(import: &Child) {
    let done = Command::new("kill")
        .args(["-INT", &import.id().to_string()])
        .status()
        .unwrap();
    assert!(done.success());
}

#[test]
fn an_import_goes_on_after_kill_and_ctrl_c_and_gives_the_same_dataset() {
    let folder = tempfile::tempdir().unwrap();
    let source = slow_folder(folder.path(), 4);
    let undisturbed = Base::open("memory://").unwrap();
    let expected = import(&undisturbed, &source, "--size 8").unwrap();
    assert_eq!(undisturbed.list("datasets/imports").unwrap(), []);
    let first_candidates = u64::from(FIRST) + 4;

    let url = format!("file://{}/base", folder.path().display());
    let base = Base::open(&url).unwrap();
    let mut killed = start(&source, &url);
    wait_for_record(&base, &mut killed);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(dataset::names(&base).unwrap(), [""; 0], "nothing is visible yet");

    // Ctrl-C, as soon as it has said that it goes on.
    let mut stopped = start(&source, &url);
    let mut log = Vec::new();
    let mut stderr = stopped.stderr.take().unwrap();
    while !String::from_utf8_lossy(&log).contains("goes on where an earlier import of the same stopped") {
        let mut bytes = [0; 256];
        let length = stderr.read(&mut bytes).unwrap();
        assert!(length > 0, "it does not go on: {}", String::from_utf8_lossy(&log));
        log.extend_from_slice(&bytes[..length]);
    }
    interrupt(&stopped);
    stderr.read_to_end(&mut log).unwrap();
    assert_eq!(stopped.wait().unwrap().code(), Some(130));
    let log = String::from_utf8(log).unwrap();
    assert!(log.contains("the same command goes on where it stopped"), "{log}");

    let summary = finish(&source, &url);
    assert_eq!(summary["digest"], expected.digest.to_string());
    assert_eq!(summary["resumed"], FIRST);
    assert_eq!(summary["decoded"], u64::from(IMAGES) - first_candidates);
    let manifest = dataset::load_by_name(&base, "slow").unwrap();
    assert_eq!(
        manifest,
        Manifest {
            name: "slow".into(),
            ..expected
        }
    );
    assert_eq!(
        base.list("datasets/imports").unwrap(),
        [],
        "what was noted is cleared away"
    );
    assert_eq!(finish(&source, &url)["resumed"], 0);
}

#[test]
fn what_was_noted_is_not_believed_when_it_is_damaged_or_the_source_changed() {
    let folder = tempfile::tempdir().unwrap();
    let source = slow_folder(folder.path(), 2);
    let url = format!("file://{}/base", folder.path().display());
    let base = Base::open(&url).unwrap();
    let end_early = || {
        let mut killed = start(&source, &url);
        let key = wait_for_record(&base, &mut killed);
        killed.kill().unwrap();
        killed.wait().unwrap();
        key
    };
    let key = end_early();
    let good = base.get(&key).unwrap();
    let expected = finish(&source, &url)["digest"].clone();
    let object: Value = {
        let text = String::from_utf8(good.to_vec()).unwrap();
        serde_json::from_str::<Value>(text.split_once('\n').unwrap().1).unwrap()["object"].clone()
    };
    let (pixels, bytes) = (object["key"].as_str().unwrap(), object["bytes"].as_u64().unwrap());
    let sealed = |change: &dyn Fn(&mut Value)| {
        let text = String::from_utf8(good.to_vec()).unwrap();
        let mut value = serde_json::from_str(text.split_once('\n').unwrap().1).unwrap();
        change(&mut value);
        imgcalc_shared::envelope::seal("imgcalc-import", 1, &value)
    };
    let mut flipped = good.to_vec();
    flipped[100] ^= 1;
    let records: [(&str, Vec<u8>); 6] = [
        ("flipped", flipped),
        ("truncated", good[..good.len() / 2].to_vec()),
        (
            "another length",
            sealed(&|value| value["object"]["bytes"] = (bytes + 1).into()),
        ),
        (
            "leads elsewhere",
            sealed(&|value| value["object"]["key"] = "datasets/names/slow".into()),
        ),
        (
            "says it is the last",
            sealed(&|value| value["last"] = true.into()),
        ),
        (
            "leaves out another",
            sealed(&|value| value["left_out"][0]["index"] = 4_000_000.into()),
        ),
    ];
    for (what, record) in records {
        base.put(&key, record).unwrap();
        let summary = finish(&source, &url);
        assert_eq!(
            (&summary["resumed"], &summary["digest"]),
            (&0.into(), &expected),
            "{what}"
        );
    }
    // Believed, but what it names is gone.
    base.put(&key, good.clone()).unwrap();
    base.delete(pixels).unwrap();
    assert_eq!(finish(&source, &url)["resumed"], 0);
    // The control: the record itself is good.
    base.put(&key, good.clone()).unwrap();
    assert_eq!(finish(&source, &url)["resumed"], FIRST);
    // Another source.
    base.put(&key, good).unwrap();
    write(&source.join("0/one-more"), &png(&rgb(7, 9, 9)));
    let summary = finish(&source, &url);
    assert_eq!(summary["resumed"], 0);
    assert_ne!(summary["digest"], expected);
}

#[test]
fn columns_made_by_an_import_are_those_a_build_would_make() {
    let folder = tempfile::tempdir().unwrap();
    good_folder(folder.path(), 30);
    let with = Base::open("memory://").unwrap();
    let manifest = import(
        &with,
        folder.path(),
        "--size 64 --columns 1x1-b8-k5-q50,1x1-b8-k3-q1,2x2-r-b16-k31-q20",
    )
    .unwrap();
    let formats = ["1x1-b8-k5-q50", "1x1-b8-k3-q1", "2x2-r-b16-k31-q20"].map(|text| text.parse().unwrap());

    let without = Base::open("memory://").unwrap();
    assert_eq!(import(&without, folder.path(), "--size 64").unwrap(), manifest);
    for format in formats {
        columns::make(&without, &manifest, &[format], manifest.splits, || false).unwrap();
        let key = column::key(&manifest.digest, format, 0);
        assert_eq!(with.get(&key).unwrap(), without.get(&key).unwrap(), "{key}");
        // A build finds them intact and writes nothing.
        let before = with.bytes_written();
        columns::make(&with, &manifest, &[format], manifest.splits, || false).unwrap();
        assert_eq!(with.bytes_written(), before);
    }
    let folder_of = format!("columns/{}", manifest.digest);
    assert_eq!(with.list(&folder_of).unwrap(), without.list(&folder_of).unwrap());
}

#[test]
fn an_import_that_fails_at_its_columns_decodes_nothing_again() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("in");
    good_folder(&source, 30);
    write(&source.join("cat/bad.png"), b"no image");
    let place = folder.path().join("base");
    let url = format!("file://{}", place.display());
    let run = || {
        Command::new(env!("CARGO_BIN_EXE_imgcalc-worker"))
            .args([
                "data",
                "import",
                source.to_str().unwrap(),
                "--base",
                &url,
                "--name",
                "pets",
            ])
            .args([
                "--size",
                "16",
                "--columns",
                "1x1-b8-k3-q50,1x1-b16-k4-q50",
                "--json",
            ])
            .output()
            .unwrap()
    };
    // A file where a folder should be: no columns can be written.
    write(&place.join("columns"), b"in the way");
    let failed = run();
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&failed.stderr).contains("columns/"),
        "{failed:?}"
    );
    std::fs::remove_file(place.join("columns")).unwrap();
    let done = run();
    assert!(done.status.success(), "{done:?}");
    let summary: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        (&summary["resumed"], &summary["decoded"]),
        (&30.into(), &0.into())
    );
    assert_eq!(summary["skipped"][0]["name"], "cat/bad.png");
    assert_eq!(summary["columns"].as_array().unwrap().len(), 2);
    let fresh = import(&Base::open("memory://").unwrap(), &source, "--size 16").unwrap();
    assert_eq!(summary["digest"], fresh.digest.to_string());
    assert_eq!(Base::open(&url).unwrap().list("datasets/imports").unwrap(), []);
}

#[test]
fn columns_that_cannot_be_are_refused_before_anything_is_decoded() {
    let folder = tempfile::tempdir().unwrap();
    good_folder(folder.path(), 4);
    for (options, reason) in [
        ("--size 20 --columns 1x1-b8-k5-q50", "1x1-b8-k5-q50"),
        ("--size 64 --columns 1x1-b8-k8", "is not a format"),
        ("--size 64 --columns 1x1-b8-k16-q1", "outside 1 to 15"),
        (
            &format!("--size {SIDE_MAX} --columns 1x1-b7-k2-q1"),
            "not a power of two",
        ),
    ] {
        let error = refusal(folder.path(), options);
        assert!(error.contains(reason), "{options}: {error}");
    }
}
