//! `data verify`, `data stats` and `data cat`.

mod data_support;

use data_support::*;
use imgcalc_shared::column::{self, Footer, Step};
use imgcalc_shared::dataset::{Manifest, manifest_key};
use imgcalc_worker::data::{Base, columns, dataset};
use serde_json::Value;
use std::ops::Range;

struct Pets {
    folder: tempfile::TempDir,
    url: String,
    base: Base,
    manifest: Manifest,
    /// What the import printed.
    summary: Value,
}

/// 20 images of 32 × 32 with columns of two families.
fn pets() -> Pets {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("in");
    good_folder(&source, 20);
    let url = format!("file://{}/base", folder.path().display());
    let options = "--size 32 --columns 1x1-b8-k6-q1,1x1-b16-k3-q20";
    let summary = json(&import_words(&source, &url, options));
    let base = Base::open(&url).unwrap();
    let manifest = dataset::load_by_name(&base, "pets").unwrap();
    Pets {
        folder,
        url,
        base,
        manifest,
        summary,
    }
}

impl Pets {
    fn column(&self, stored: &str) -> String {
        column::key(&self.manifest.digest, stored.parse().unwrap(), 0)
    }

    fn planes(&self, format: &str, images: Range<u32>) -> Vec<i16> {
        let stored = "1x1-b8-k6-q1".parse().unwrap();
        columns::load_planes(
            &self.base,
            &self.manifest,
            stored,
            format.parse().unwrap(),
            images,
        )
        .unwrap()
    }
}

#[test]
fn an_import_says_how_large_its_columns_are_for_each_keep() {
    let pets = pets();
    let source: u64 = ["cat", "dog"]
        .iter()
        .flat_map(|class| std::fs::read_dir(pets.folder.path().join("in").join(class)).unwrap())
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert_eq!(pets.summary["source_bytes"], source);
    assert_eq!(pets.summary["pixel_bytes"], pets.manifest.images[0].bytes);
    let families = pets.summary["columns"].as_array().unwrap();
    let names: Vec<&Value> = families.iter().map(|family| &family["stored"]).collect();
    assert_eq!(names, ["1x1-b8-k6-q1", "1x1-b16-k3-q20"]);
    for (family, stored) in families.iter().zip([6, 3]) {
        let key = pets.column(family["stored"].as_str().unwrap());
        assert_eq!(family["bytes"], pets.base.size(&key).unwrap());
        let keeps = family["keeps"].as_array().unwrap();
        assert_eq!(keeps.last().unwrap()["keep"], stored);
        let mut before = 0;
        for keep in keeps {
            let bytes = keep["bytes"].as_u64().unwrap();
            assert!(bytes > before && bytes < family["bytes"].as_u64().unwrap());
            before = bytes;
            let of_source = keep["of_source"].as_f64().unwrap();
            assert!((of_source - bytes as f64 / source as f64).abs() < 1e-9);
        }
    }
    // The same figures afterwards.
    let stats = json(&["data", "stats", "pets", "--base", &pets.url]);
    assert_eq!(stats["columns"], pets.summary["columns"]);
    assert_eq!(stats["source_bytes"], source);
    let of_family = json(&[
        "data", "stats", "pets", "--base", &pets.url, "--family", "1x1-b16",
    ]);
    assert_eq!(of_family["columns"].as_array().unwrap()[..], families[1..]);
}

#[test]
fn verify_reads_everything_and_names_all_that_is_damaged() {
    let pets = pets();
    let verify = ["data", "verify", "pets", "--base", &pets.url];
    let good = json(&verify);
    // Manifest, pixels, labels, kept files and two columns.
    assert_eq!(
        (&good["objects"], good["damaged"].as_array().unwrap().len()),
        (&6.into(), 0)
    );
    assert!(stdout(&verify).contains("nothing"));

    let jpeg_files = pets.manifest.jpeg_files.as_ref().unwrap();
    let objects = [
        pets.manifest.images[0].key.clone(),
        pets.manifest.labels.key.clone(),
        jpeg_files.key.clone(),
        pets.column("1x1-b8-k6-q1"),
        pets.column("1x1-b16-k3-q20"),
    ];
    let whole: Vec<_> = objects.iter().map(|key| pets.base.get(key).unwrap()).collect();
    let damage = |key: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        pets.base
            .put(key, change(pets.base.get(key).unwrap().to_vec()))
            .unwrap();
    };
    let damaged = || -> Vec<String> {
        let output = tool(&[&verify[..], &["--json"]].concat());
        assert_eq!(output.status.code(), Some(1));
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        serde_json::from_value(found["damaged"].clone()).unwrap()
    };
    let flip = |mut bytes: Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    };
    // One after the other, until all are.
    for (count, key) in objects.iter().enumerate() {
        damage(key, &flip);
        let found = damaged();
        assert_eq!(found.len(), count + 1, "{found:?}");
        assert!(
            found.iter().any(|damage| damage.contains(key.as_str())),
            "{found:?}"
        );
    }
    assert!(
        damaged()[3].contains("the chunk of anti-diagonal"),
        "{:?}",
        damaged()
    );
    for (key, bytes) in objects.iter().zip(whole) {
        pets.base.put(key, bytes).unwrap();
    }
    // Two chunks of one object.
    let mut two = pets.base.get(&objects[3]).unwrap().to_vec();
    two[16] ^= 1;
    let chunks_end = columns_end(&two);
    two[chunks_end - 1] ^= 1;
    pets.base.put(&objects[3], two).unwrap();
    let found = damaged();
    assert!(
        found[0].contains("anti-diagonal 0, channel 0") && found[0].contains("anti-diagonal 5, channel 2"),
        "{found:?}"
    );
    // Shorter, under another's key, and gone.
    damage(&objects[3], &|bytes| bytes[..bytes.len() - 9].to_vec());
    let other = pets.base.get(&objects[3]).unwrap();
    pets.base.put(&objects[4], other).unwrap();
    pets.base.delete(&objects[2]).unwrap();
    assert_eq!(damaged().len(), 3);

    damage(&manifest_key(&pets.manifest.digest), &flip);
    assert!(refused(&verify).contains("manifest"));
}

/// Where the chunks of an object end and its footer begins.
fn columns_end(object: &[u8]) -> usize {
    let Step::Done(footer) = Footer::read(object.len() as u64, object).unwrap() else {
        panic!("the whole object is there");
    };
    footer.prefix(footer.header().keep).unwrap().end as usize
}

#[test]
fn stats_of_columns_count_what_they_hold_and_how_it_is_coded() {
    let pets = pets();
    let words = |columns| ["data", "stats", "pets", "--base", &pets.url, "--columns", columns];
    let ours = words("1x1-b8-k6-q1");
    let stats = json(&ours);
    let diagonals = stats["diagonals"].as_array().unwrap();
    assert_eq!(diagonals.len(), 6);
    let planes = pets.planes("1x1-b8-k1-q1", 0..20);
    let first = &diagonals[0];
    assert_eq!(first["values"], planes.len());
    assert_eq!(first["min"], *planes.iter().min().unwrap());
    assert_eq!(first["max"], *planes.iter().max().unwrap());
    let zeros = planes.iter().filter(|&&value| value == 0).count() as f64 / planes.len() as f64;
    assert!((first["zeros"].as_f64().unwrap() - zeros).abs() < 1e-9);
    let bytes: u64 = diagonals
        .iter()
        .map(|diagonal| diagonal["bytes"].as_u64().unwrap())
        .sum();
    let keeps = stats["columns"][0]["keeps"].as_array().unwrap();
    // The head of the object is read with every keep.
    assert_eq!(keeps.last().unwrap()["bytes"], bytes + 16);
    for diagonal in diagonals {
        let codings = diagonal["codings"].as_object().unwrap().values();
        assert_eq!(
            codings.map(|count| count.as_u64().unwrap()).sum::<u64>(),
            3,
            "{diagonal}"
        );
    }
    assert!(stdout(&ours).contains("bits/value"));
    let said = refused(&words("4x4-b8-k2-q20"));
    assert!(
        said.contains("there are no columns 4x4-b8-k2-q20") && said.contains("1x1-b16-k3-q20"),
        "{said}"
    );
}

#[test]
fn cat_prints_the_values_of_a_column_from_a_base_and_from_a_file() {
    let pets = pets();
    let key = pets.column("1x1-b8-k6-q1");
    let words = [
        "data", "cat", &key, "--base", &pets.url, "--keep", "2", "--quant", "20", "--images", "3..5",
    ];
    let text = stdout(&words);
    let file = format!("{}/base/{key}", pets.folder.path().display());
    let rest = ["--keep", "2", "--quant", "20", "--images", "3..5"];
    assert_eq!(stdout(&[&["data", "cat", &file], &rest[..]].concat()), text);

    let planes = pets.planes("1x1-b8-k2-q20", 3..5);
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("image\tchannel\ti\tj\tblock row\tblock column\tvalue")
    );
    let mut count = 0;
    for line in lines {
        let fields: Vec<i64> = line.split('\t').map(|field| field.parse().unwrap()).collect();
        let [image, channel, i, j, row, column, value] = fields[..].try_into().unwrap();
        // Blocks of 2 × 2 kept coefficients, 4 × 4 of them.
        let at = (((image - 3) * 3 + channel) * 8 + row * 2 + i) * 8 + column * 2 + j;
        assert_eq!(i64::from(planes[at as usize]), value, "{line}");
        count += 1;
    }
    assert_eq!(count, 2 * 3 * 16 * 3);

    let npy = pets.folder.path().join("planes.npy");
    let printed = stdout(&[&words[..], &["--planes", "--npy", npy.to_str().unwrap()]].concat());
    assert_eq!(printed, "");
    let bytes = std::fs::read(&npy).unwrap();
    assert!(String::from_utf8_lossy(&bytes[..128]).contains("'shape': (2, 3, 8, 8,)"));
    let values: Vec<i16> = bytes[128..]
        .chunks(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    assert_eq!(values, planes);
    let text = stdout(&[&words[..], &["--planes"]].concat());
    assert_eq!(text.lines().count(), 1 + planes.len());
    assert_eq!(text.lines().nth(1), Some(&*format!("3\t0\t0\t0\t{}", planes[0])));
}

#[test]
fn cat_refuses_what_is_not_there() {
    let pets = pets();
    let key = pets.column("1x1-b8-k6-q1");
    let refused = |words: &[&str]| {
        let output = tool(&[&["data", "cat", "--base", &pets.url], words].concat());
        assert!(!output.status.success() && output.stdout.is_empty(), "{words:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(&[&key, "--images", "10..21"]).contains("holds the images 0..20"));
    assert!(refused(&[&key, "--images", "5..5"]).contains("no range of images"));
    assert!(refused(&[&key, "--keep", "7"]).contains("6 anti-diagonals are stored"));
    assert!(refused(&["a/b"]).contains("there is no a/b"));
    assert!(refused(&[&pets.manifest.images[0].key]).contains(&pets.manifest.images[0].key));
}
