//! The programs a person runs by hand: what they print, write and refuse.

mod data_support;

use data_support::*;
use serde_json::Value;

#[test]
fn an_image_goes_to_a_format_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let (source, file, back) = (
        folder.path().join("a.png"),
        folder.path().join("a.ic"),
        folder.path().join("b.png"),
    );
    let image = rgb(3, 50, 70);
    write(&source, &png(&image));
    let encode = |format: &str| json(&["encode", text(&source), "--format", format, "--out", text(&file)]);
    let (fine, coarse) = (encode("1x1-b8-k15-q1"), encode("4x4-b16-k4-q50"));
    let psnr = |rows: &Value| rows[0]["psnr_db"].as_f64().unwrap();
    assert!(psnr(&fine) > 40.0 && psnr(&coarse) < psnr(&fine));
    assert!(coarse[0]["bytes"].as_u64() < fine[0]["bytes"].as_u64());
    assert_eq!(
        coarse[0]["bytes"].as_u64().unwrap(),
        file.metadata().unwrap().len()
    );
    assert_eq!(
        coarse[0]["source_bytes"].as_u64().unwrap(),
        source.metadata().unwrap().len()
    );

    encode("1x1-b8-k15-q1");
    let rows = json(&["decode", text(&file), "--out", text(&back)]);
    assert_eq!(rows[0]["format"], "1x1-b8-k15-q1");
    let returned = image::open(&back).unwrap().into_rgb8();
    assert_eq!(returned.dimensions(), (70, 50));
    let far = image
        .iter()
        .zip(returned.iter())
        .filter(|(a, b)| a.abs_diff(**b) > 8)
        .count();
    assert_eq!(far, 0);
}

#[test]
fn a_folder_keeps_its_shape_and_what_is_bad_is_named_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (source, files, back) = (
        folder.path().join("in"),
        folder.path().join("ic"),
        folder.path().join("png"),
    );
    write(&source.join("x/one.jpg"), &jpeg(&rgb(1, 33, 20)));
    write(&source.join("x/y/two.png"), &png(&rgb(2, 16, 16)));
    write(&source.join("notes.txt"), b"not seen");
    let encode = [
        "encode",
        text(&source),
        "--format",
        "1x1-b8-k4-q20",
        "--out",
        text(&files),
    ];
    let table = stdout(&encode);
    assert!(
        table.starts_with("file") && table.contains("two.png") && table.lines().count() == 3,
        "{table}"
    );
    assert_eq!(
        json(&["decode", text(&files), "--out", text(&back)])
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert!(back.join("x/y/two.png").is_file());

    write(&source.join("bad.png"), b"no image");
    let error = refused(&encode);
    assert!(
        error.contains("bad.png") && error.contains("1 of 3 files"),
        "{error}"
    );
    write(&source.join("x/one.png"), &png(&rgb(1, 8, 8)));
    assert!(refused(&encode).contains("would become"));
    assert!(
        refused(&["decode", text(&source), "--out", text(&back)]).contains("holds no file that ends in ic")
    );
}

#[test]
fn an_import_prints_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("in");
    good_folder(&source, 20);
    write(&source.join("cat/empty.png"), b"");
    let url = format!("file://{}/base", folder.path().display());
    let import = import_words(&source, &url, "--size 16");
    let facts = stdout(&import);
    assert!(
        facts.contains("16 train, 4 validation, 0 test") && facts.contains("cat/empty.png: it is empty"),
        "{facts}"
    );
    let summary = json(&import);
    assert_eq!(
        (&summary["skipped_count"], &summary["splits"]["train"]),
        (&1.into(), &16.into())
    );
    assert_eq!(summary["base"], url);
}

#[test]
fn inspect_knows_every_kind_and_names_what_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("in");
    good_folder(&source, 20);
    let url = format!("file://{}/base", folder.path().display());
    stdout(&import_words(&source, &url, "--size 16"));
    let base = imgcalc_worker::data::Base::open(&url).unwrap();
    let manifest = imgcalc_worker::data::dataset::load_by_name(&base, "pets").unwrap();
    let stored = "1x1-b8-k5-q1".parse().unwrap();
    imgcalc_worker::data::columns::make(&base, &manifest, &[stored], manifest.splits, || false).unwrap();
    let file = folder.path().join("one.ic");
    let image = source.join("cat/0.jpg");
    stdout(&[
        "encode",
        text(&image),
        "--format",
        "1x1-b8-k4-q20",
        "--out",
        text(&file),
    ]);

    let kind = |words: &[&str]| json(&[&["inspect"], words].concat())["kind"].clone();
    assert_eq!(kind(&[text(&file)]), "encoded image");
    let facts = json(&["inspect", "pets", "--base", &url, "--deep"]);
    assert_eq!(
        (&facts["kind"], &facts["train"]),
        (&"dataset manifest".into(), &16.into())
    );
    let column = imgcalc_shared::column::key(&manifest.digest, stored, 0);
    let facts = json(&["inspect", &column, "--base", &url]);
    assert_eq!(facts["anti-diagonals"].as_array().unwrap().len(), 5);
    assert_eq!(
        (&facts["family"], &facts["images"]),
        (&"1x1-b8".into(), &20.into())
    );
    for (key, expected) in [
        (&manifest.images[0].key, "pixels"),
        (&manifest.jpeg_files.as_ref().unwrap().key, "kept files"),
        (&"datasets/names/pets".to_string(), "sealed value"),
    ] {
        assert_eq!(kind(&[key, "--base", &url]), expected);
        assert_eq!(
            kind(&[&format!("{}/base/{key}", folder.path().display())]),
            expected
        );
    }

    for key in [
        &column,
        &manifest.images[0].key,
        &imgcalc_shared::dataset::manifest_key(&manifest.digest),
    ] {
        let good = base.get(key).unwrap().to_vec();
        let mut damaged = good.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        base.put(key, damaged).unwrap();
        let error = refused(&["inspect", key, "--base", &url]);
        assert!(
            error.contains(key.as_str()) && error.contains("damaged"),
            "{error}"
        );
        base.put(key, good[..middle].to_vec()).unwrap();
        let error = refused(&["inspect", key, "--base", &url]);
        assert!(
            error.contains(key.as_str()) && error.contains("damaged"),
            "{error}"
        );
        base.put(key, good).unwrap();
    }
    assert!(refused(&["inspect", text(&image)]).contains("no known kind"));
    assert!(refused(&["inspect", "dogs", "--base", &url]).contains("it holds pets"));
    assert!(refused(&["inspect", "a/b", "--base", &url]).contains("there is no a/b"));
}
