//! What the tests of the data path share.
#![allow(dead_code)]

use clap::Parser;
use image::{GrayImage, ImageFormat, RgbImage};
use imgcalc_shared::dataset::Manifest;
use imgcalc_worker::data::Base;
use imgcalc_worker::tools::{Data, Tool, import};
use serde_json::Value;
use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Output};

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    tool: Tool,
}

/// Imports into a base as the command line would, `options` divided by spaces.
pub fn import(base: &Base, source: &Path, options: &str) -> anyhow::Result<Manifest> {
    let mut words: Vec<&str> = vec!["imgcalc-worker", "data", "import", source.to_str().unwrap()];
    words.extend(["--base", "memory://"]);
    if !options.contains("--name") {
        words.extend(["--name", "tiny"]);
    }
    words.extend(options.split_whitespace());
    match Cli::try_parse_from(words)?.tool {
        Tool::Data(Data::Import(args)) => import::import(base, &args),
        other => panic!("{other:?} is no import"),
    }
}

/// The words of an import under the name `pets`, `options` divided by spaces.
pub fn import_words<'w>(source: &'w Path, url: &'w str, options: &'w str) -> Vec<&'w str> {
    let mut words = vec!["data", "import", text(source), "--base", url, "--name", "pets"];
    words.extend(options.split_whitespace());
    words
}

/// Runs the program as a person would.
pub fn tool(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_imgcalc-worker"))
        .args(words)
        .output()
        .unwrap()
}

/// What it prints when all is well.
pub fn stdout(words: &[&str]) -> String {
    let output = tool(words);
    assert!(
        output.status.success(),
        "{words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The same with `--json`.
pub fn json(words: &[&str]) -> Value {
    serde_json::from_str(&stdout(&[words, &["--json"]].concat())).unwrap()
}

/// What it says when it fails.
pub fn refused(words: &[&str]) -> String {
    let output = tool(words);
    assert_eq!(output.status.code(), Some(1), "{words:?}");
    String::from_utf8(output.stderr).unwrap()
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// An image that differs from every other number's.
pub fn rgb(number: u32, height: u32, width: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let wave =
            |speed: f32| (127.5 + 120.0 * ((x as f32 + 2.0 * y as f32) * speed + number as f32).sin()) as u8;
        image::Rgb([wave(0.1), wave(0.23), (number * 37 + x * y) as u8])
    })
}

pub fn png(image: &RgbImage) -> Vec<u8> {
    encoded(image, ImageFormat::Png)
}

pub fn jpeg(image: &RgbImage) -> Vec<u8> {
    encoded(image, ImageFormat::Jpeg)
}

pub fn grey_png(image: &GrayImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn encoded(image: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Writes a file and the folders above it.
pub fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// A folder of `count` good images in two classes, half of them JPEG.
pub fn good_folder(folder: &Path, count: u32) {
    for number in 0..count {
        let class = ["cat", "dog"][number as usize % 2];
        let image = rgb(number, 40 + number % 7, 30 + number % 11);
        let path = folder.join(class).join(format!("{number}"));
        if number % 4 < 2 {
            write(&path.with_extension("jpg"), &jpeg(&image));
        } else {
            write(&path.with_extension("png"), &png(&image));
        }
    }
}

/// An IDX file: the dimensions and the bytes.
pub fn idx(lengths: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, lengths.len() as u8];
    for length in lengths {
        file.extend_from_slice(&length.to_be_bytes());
    }
    file.extend_from_slice(bytes);
    file
}

/// A folder of `train` and `test` images of 28 × 28 with labels 0 to 2.
pub fn idx_folder(folder: &Path, train: u32, test: u32) {
    for (part, count) in [("train", train), ("t10k", test)] {
        let pixels: Vec<u8> = (0..count * 784).map(|i| (i / 784 * 7 + i % 251) as u8).collect();
        let labels: Vec<u8> = (0..count).map(|i| (i % 3) as u8).collect();
        write(
            &folder.join(format!("{part}-images-idx3-ubyte")),
            &idx(&[count, 28, 28], &pixels),
        );
        write(
            &folder.join(format!("{part}-labels-idx1-ubyte")),
            &idx(&[count], &labels),
        );
    }
}

/// What an import into a fresh base says when it fails.
pub fn refusal(source: &Path, options: &str) -> String {
    let base = Base::open("memory://").unwrap();
    let error = format!("{:#}", import(&base, source, options).unwrap_err());
    assert_eq!(
        base.list("datasets/names").unwrap(),
        [],
        "a failed import must not be visible"
    );
    error
}
