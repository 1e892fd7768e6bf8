//! Colour photos in class folders: imported, encoded, and held against JPEG.

use image::ImageFormat;
use imgcalc_tests::answers::{assert_candidate, list, number, text};
use imgcalc_tests::images;
use imgcalc_tests::sandbox::Sandbox;
use imgcalc_tests::spec::Spec;
use serde_json::json;

const FORMATS: usize = 16;

#[test]
fn images_are_encoded_and_come_back_alike() {
    let sandbox = Sandbox::new();
    images::class_folders(&sandbox.path("photos"), 2, ImageFormat::Png);
    let folder = sandbox.path("photos/checks").display().to_string();
    let encode = |format: &str, out: &str| {
        let rows = sandbox
            .imgcalc(&["encode", &folder, "--format", format, "--out", out, "--json"])
            .json();
        list(&rows)[0].clone()
    };
    // Everything kept and nothing divided: only rounding is lost.
    let fine = encode("1x1-b8-k15-q1", "fine");
    let coarse = encode("4x4-b8-k2-q50", "coarse");
    assert!(
        number(&fine, "psnr_db") > 40.0 && number(&coarse, "psnr_db") < 30.0,
        "{fine} {coarse}"
    );
    assert!(
        number(&coarse, "bytes") * 10.0 < number(&fine, "bytes"),
        "{fine} {coarse}"
    );

    let inspected = sandbox
        .imgcalc(&["inspect", text(&fine, "output"), "--json"])
        .json();
    assert_eq!(inspected["format"], "1x1-b8-k15-q1");
    let decoded = list(
        &sandbox
            .imgcalc(&["decode", "fine", "--out", "back", "--json"])
            .json(),
    );
    assert_eq!(decoded[0]["format"], "1x1-b8-k15-q1");
    let back = image::open(sandbox.path(text(&decoded[0], "output")))
        .unwrap()
        .to_rgb8();
    let original = images::picture(0);
    assert_eq!(back.dimensions(), original.dimensions());
    let differences = back.iter().zip(original.iter()).map(|(a, b)| a.abs_diff(*b));
    assert!(
        differences.max().unwrap() <= 4,
        "an image that is kept whole comes back"
    );
}

#[test]
fn colour_photos_in_class_folders_are_held_against_their_own_jpeg_files() {
    let sandbox = Sandbox::new();
    images::class_folders(&sandbox.path("photos"), 60, ImageFormat::Jpeg);
    let photos = sandbox.path("photos").display().to_string();
    let import = [
        "data",
        "import",
        &photos,
        "--base",
        &sandbox.url("base"),
        "--name",
        "photos",
        "--size",
        "32",
    ];
    let summary = sandbox
        .imgcalc(&[&import[..], &["--split", "70/30", "--json"]].concat())
        .json();
    assert_eq!(
        (&summary["channels"], &summary["classes"]),
        (&json!(3), &json!(["checks", "stripes"]))
    );
    assert_eq!(
        summary["splits"],
        json!({"train": 42, "validation": 18, "test": 0})
    );
    assert!(number(&summary, "jpeg_files_bytes") > 18.0 * 300.0, "{summary}");

    let spec = Spec::tiny()
        .with("dataset", "photos")
        .with("training.train_images", 42);
    let spec = spec
        .with("training.validation_images", 18)
        .with("training.test_images", 0);
    let spec = sandbox.spec(
        "spec.toml",
        &spec.with("training.epochs", 6).with("training.batch_size", 8),
    );
    let answer = sandbox.built("data", &spec, &["--json"]).json();
    let baselines = list(&answer["baselines"]);
    assert_eq!(baselines.len(), 1, "{answer}");
    assert_eq!(baselines[0]["jpeg"], "source", "{answer}");
    assert!(
        number(&baselines[0], "bytes") > 300.0 && number(&baselines[0], "time_us") > 0.0,
        "{answer}"
    );
    let all = list(&sandbox.ask("data", &["explore", "--all", "--json"]).json());
    assert_eq!(all.len(), FORMATS);
    all.iter().for_each(assert_candidate);
    // Of which family depends on the times measured.
    let columns = sandbox.objects("base", "columns/", "/rg-00000");
    let columns = columns.first().expect("something was trained on columns");
    let columns = sandbox
        .imgcalc(&["inspect", &columns.display().to_string(), "--json"])
        .json();
    assert_eq!(
        (&columns["channels"], &columns["images"]),
        (&json!(3), &json!(60))
    );
}

#[test]
fn png_photos_without_a_jpeg_of_their_own_are_held_against_jpegs_made_of_them() {
    let sandbox = Sandbox::new();
    images::class_folders(&sandbox.path("photos"), 40, ImageFormat::Png);
    std::fs::write(
        sandbox.path("photos/checks/broken.png"),
        b"\x89PNG\r\n\x1a\nand no more",
    )
    .unwrap();
    let photos = sandbox.path("photos").display().to_string();
    let import = [
        "data",
        "import",
        &photos,
        "--base",
        &sandbox.url("base"),
        "--name",
        "photos",
        "--size",
        "32",
    ];
    let summary = sandbox.imgcalc(&[&import[..], &["--json"]].concat()).json();
    assert_eq!(
        (&summary["skipped_count"], &summary["channels"]),
        (&json!(1), &json!(3))
    );
    assert!(
        text(&list(&summary["skipped"])[0], "name").ends_with("broken.png"),
        "{summary}"
    );

    let spec = Spec::tiny()
        .with("dataset", "photos")
        .with("training.train_images", 32);
    let spec = spec
        .with("training.validation_images", 8)
        .with("training.test_images", 0);
    let spec = sandbox.spec(
        "spec.toml",
        &spec.with("training.batch_size", 8).with("profile.batch", 8),
    );
    let answer = sandbox.built("data", &spec, &["--json"]).json();
    assert_eq!(
        list(&answer["baselines"])[0]["jpeg"],
        json!({"quality": 75}),
        "{answer}"
    );
}
