//! JPEG files of 64×64 out of photographs, in one folder a class: cut once, kept between runs.

use crate::choice;
use anyhow::Context;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, RgbImage};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Side of a picture.
pub const SIDE: u32 = 64;
/// How many pictures.
pub const COUNT: u32 = 2000;
/// Any label does for speed; so many there are.
pub const CLASSES: u32 = 10;
const QUALITY: u8 = 90;
/// Photographs are scaled to this shorter side, so that a picture shows more than a texture.
const SHORTER: u32 = 512;

/// The files, and a sentence on where they come from.
#[derive(Debug)]
pub struct Photos {
    /// Holds one folder a class.
    pub folder: PathBuf,
    /// The sentence.
    pub told: String,
}

/// Cuts them out of `PHOTOS`, or out of what tests/setup/photos.sh fetched, unless they are there already.
pub fn prepare(root: &Path) -> anyhow::Result<Photos> {
    let source = match choice::set("PHOTOS") {
        Some(own) => PathBuf::from(own),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../.deps/photos"),
    };
    let source = source
        .canonicalize()
        .with_context(|| format!("cannot find the photographs in {}", source.display()))?;
    let (folder, stamp) = (root.join("jpeg"), root.join("jpeg.stamp"));
    let told = format!("{COUNT} JPEG files of {SIDE}×{SIDE} (quality {QUALITY}) cut from photographs");
    let want = format!("{told} in {}", source.display());
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == want) {
        return Ok(Photos { folder, told });
    }
    eprintln!("cutting {COUNT} pictures from {}", source.display());
    let mut files = BTreeSet::new();
    find(&source, &mut files)?;
    let each = COUNT.div_ceil(files.len().max(1) as u32);
    let files: Vec<PathBuf> = files.into_iter().collect();
    let cut: Vec<RgbImage> = files.par_iter().flat_map_iter(|file| cut(file, each)).collect();
    anyhow::ensure!(
        cut.len() >= COUNT as usize,
        "the {} photographs of {} give {} pictures of {SIDE}×{SIDE}, {COUNT} are needed; name another folder, PHOTOS=folder",
        files.len(),
        source.display(),
        cut.len()
    );
    let _ = std::fs::remove_dir_all(&folder);
    for (number, picture) in (0..COUNT).zip(&cut) {
        let class = folder.join(format!("class-{}", number % CLASSES));
        std::fs::create_dir_all(&class)?;
        let path = class.join(format!("{number:05}.jpg"));
        let file = std::fs::File::create(&path)?;
        JpegEncoder::new_with_quality(std::io::BufWriter::new(file), QUALITY)
            .encode_image(picture)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    std::fs::write(&stamp, want)?;
    Ok(Photos { folder, told })
}

/// All JPEG files below a folder, each once: packages link one file under many names.
fn find(folder: &Path, found: &mut BTreeSet<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
        if path.is_dir() && !path.is_symlink() {
            find(&path, found)?;
        } else if ["jpg", "jpeg"].contains(&end.to_lowercase().as_str())
            && let Ok(real) = path.canonicalize()
        {
            found.insert(real);
        }
    }
    Ok(())
}

/// So many pictures of a photograph, spread over it; none of one that cannot be read.
fn cut(file: &Path, count: u32) -> Vec<RgbImage> {
    let photo: DynamicImage = match image::open(file) {
        Ok(photo) => photo,
        Err(error) => {
            eprintln!("{} is left out: {error}", file.display());
            return Vec::new();
        }
    };
    let scale = f64::from(SHORTER) / f64::from(photo.width().min(photo.height()));
    let scaled = |side: u32| (f64::from(side) * scale).round() as u32;
    let (width, height) = (scaled(photo.width()), scaled(photo.height()));
    let photo = photo
        .resize_exact(width, height, FilterType::Triangle)
        .into_rgb8();
    let (across, down) = (width / SIDE, height / SIDE);
    let all = across * down;
    let places = (0..count.min(all)).map(|nth| nth * all / count.min(all));
    let picture = |place: u32| {
        let (x, y) = (place % across * SIDE, place / across * SIDE);
        image::imageops::crop_imm(&photo, x, y, SIDE, SIDE).to_image()
    };
    places.map(picture).collect()
}
