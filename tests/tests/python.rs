//! The Python package of `shared/python`, held by its own tests against independent values: on columns that a worker
//! made in a build, files that the program encoded, and a real object store.

use image::{ImageFormat, Rgb, RgbImage};
use imgcalc_tests::images;
use imgcalc_tests::programs::{self, PATIENCE};
use imgcalc_tests::sandbox::Sandbox;
use imgcalc_tests::spec::Spec;
use imgcalc_tests::store::{PLACE, S3Server};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Of 1,024 images each, so that splits begin and end within row groups.
const ROW_GROUPS: usize = 3;
const IMAGES: u32 = 2600;
/// 75, 20 and 5 percent of them.
const SPLITS: [u32; 3] = [1950, 520, 130];
const SIDE: u32 = 32;
/// What single images are encoded in.
const FORMAT: &str = "2x2-r-b16-k12-q20";
const ENCODED: u32 = 20;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the workspace")
}

/// An image of the size columns are made of, so that nothing scales it: checks or stripes, gradients, and noise that
/// no other image has.
fn picture(number: u32) -> RgbImage {
    let mut state = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8 % 24
    };
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let on = match number.is_multiple_of(2) {
            true => (x / 6 + y / 6) % 2 == 0,
            false => y / 5 % 2 == 0,
        };
        let bright = if on { 160 } else { 30 };
        Rgb([x * 2, 60 - y, x + y].map(|ramp| bright + ramp as u8 + noise()))
    })
}

/// Class folders of PNG files; the first even ones also in a folder of their own.
fn write_pictures(images: &Path, few: &Path) {
    for class in ["even", "odd"] {
        std::fs::create_dir_all(images.join(class)).expect("a class folder");
    }
    std::fs::create_dir_all(few).expect("a folder");
    for number in 0..IMAGES {
        let class = ["even", "odd"][number as usize % 2];
        let name = format!("{number:04}.png");
        let path = images.join(class).join(&name);
        picture(number)
            .save_with_format(&path, ImageFormat::Png)
            .expect("an image can be written");
        if number < 2 * ENCODED && class == "even" {
            std::fs::copy(&path, few.join(&name)).expect("an image can be copied");
        }
    }
}

/// Columns of one family for every image: of one factor, made by the workers of a build, and undivided ones.
fn build_columns(sandbox: &Sandbox) {
    let (images, url) = (sandbox.path("images").display().to_string(), sandbox.url("base"));
    let import = ["data", "import", &images, "--base", &url, "--name", "small"];
    let side = SIDE.to_string();
    let options = ["--size", &side, "--split", "75/20/5"];
    let summary = sandbox
        .imgcalc(&[&import[..], &options, &["--json", "--columns", "1x1-b8-k9-q1"]].concat())
        .json();
    let [train, validation, test] = SPLITS;
    assert_eq!(
        summary["splits"],
        serde_json::json!({"train": train, "validation": validation, "test": test})
    );
    let spec = Spec::tiny()
        .with("dataset", "small")
        .with("space.samplings", vec!["1x1"])
        .with("space.quants", vec![20])
        .with("training.epochs", 1)
        .with("training.batch_size", 64)
        .with("training.train_images", train)
        .with("training.validation_images", validation)
        .with("training.test_images", test);
    let spec = sandbox.spec("spec.toml", &spec);
    sandbox.built("data", &spec, &[]);
    for factor in ["-q1/", "-q20/"] {
        let all = sandbox.objects("base", "columns/", "");
        let columns = all
            .iter()
            .filter(|file| file.to_string_lossy().contains(factor))
            .count();
        assert_eq!(columns, ROW_GROUPS, "{all:?}");
    }
}

/// A second dataset, of which there are no columns.
fn import_other(sandbox: &Sandbox) {
    let (few, url) = (sandbox.path("others").display().to_string(), sandbox.url("base"));
    sandbox
        .imgcalc(&[
            "data", "import", &few, "--base", &url, "--name", "other", "--size", "32",
        ])
        .ok();
}

fn python_path() -> String {
    let folders = ["python-package", "python"].map(|name| root().join(".deps").join(name));
    for (folder, holds) in folders.iter().zip(["imgcalc", "scipy"]) {
        assert!(
            folder.join(holds).is_dir(),
            "there is no {holds} in {}; run `make setup-test`",
            folder.display()
        );
    }
    // PyTorch is too large to be set up for tests; where its user has one, it is taken.
    let torch = std::env::var_os("IMGCALC_TORCH").map(PathBuf::from);
    let torch = torch.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let all = folders.into_iter().chain(torch);
    all.map(|folder| folder.display().to_string())
        .collect::<Vec<_>>()
        .join(":")
}

#[test]
fn the_python_package_reads_what_the_programs_wrote() {
    let sandbox = Sandbox::new();
    write_pictures(&sandbox.path("images"), &sandbox.path("few"));
    images::class_folders(&sandbox.path("others"), 20, ImageFormat::Png);
    build_columns(&sandbox);
    import_other(&sandbox);
    sandbox
        .imgcalc(&["encode", "few", "--format", FORMAT, "--out", "files"])
        .ok();

    let server = S3Server::start();
    let path = |name: &str| sandbox.path(name).display().to_string();
    let mut pytest = Command::new("python3");
    pytest
        .args(["-m", "pytest", "-p", "no:cacheprovider", "--color=no"])
        .current_dir(root().join("shared/python"))
        .envs(server.env())
        .env("PYTHONPATH", python_path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("IMGCALC_TEST_IMAGES", path("images"))
        .env("IMGCALC_TEST_BASE", path("base"))
        .env("IMGCALC_TEST_FILES", path("files"))
        .env("IMGCALC_TEST_FORMAT", FORMAT)
        .env("IMGCALC_TEST_PLACE", format!("s3://{PLACE}"));
    let said = programs::start(&mut pytest).finish(PATIENCE).ok();
    assert!(said.stdout.contains(" passed"), "{}", said.stdout);
    // What was not exercised stands there.
    eprintln!("{}", said.stdout);
}
