//! IDX files, the container of the MNIST family: big-endian numbers before raw bytes, plain or gzip.
//!
//! ```text
//! 0    00 00 08 n        unsigned bytes in n dimensions (3: images, 1: labels)
//! 4    n × u32           length of each dimension
//! …    bytes             the last dimension fastest
//! ```

mod read;

use super::folder::changed;
use super::source::Part;
use crate::data::image_file;
use anyhow::{Context, bail, ensure};
use image::{DynamicImage, GrayImage};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::Size;
use read::{Array, read};
use std::path::{Path, PathBuf};

/// The images of an IDX folder, all in memory.
pub(super) struct Idx {
    pub(super) classes: Vec<String>,
    pub(super) size: Size,
    main: Images,
    pub(super) test: Option<Images>,
    /// Stands for the files as they are now.
    pub(super) listing: Digest,
}

pub(super) struct Images {
    pixels: Vec<u8>,
    labels: Vec<u8>,
    size: Size,
    /// Of the file of images, as it lies on the disk.
    file_bytes: u64,
}

impl Idx {
    /// The IDX files of a folder; none when it holds no training images of that kind.
    pub(super) fn open(folder: &Path, classes: &[String]) -> anyhow::Result<Option<Idx>> {
        let names = file_names(folder)?;
        let find = |part: &str, what: &str| -> anyhow::Result<Option<PathBuf>> {
            let matches = |name: &&String| name.contains(&format!("{part}-{what}")) && name.contains("idx");
            let found: Vec<&String> = names.iter().filter(matches).collect();
            match found[..] {
                [] => Ok(None),
                [name] => Ok(Some(folder.join(name))),
                [one, other, ..] => {
                    bail!("both {one} and {other} could be the {part} {what}; leave one of them there")
                }
            }
        };
        let Some(main) = find("train", "images")? else {
            return Ok(None);
        };
        let pair = |images: &Path, labels: Option<PathBuf>| {
            let labels =
                labels.with_context(|| format!("there are no labels beside {}", images.display()))?;
            Images::read(images, &labels)
        };
        let main = pair(&main, find("train", "labels")?)?;
        let (images, labels) = match find("t10k", "images")? {
            Some(images) => (Some(images), find("t10k", "labels")?),
            None => (find("test", "images")?, find("test", "labels")?),
        };
        let test = images.map(|images| pair(&images, labels)).transpose()?;
        let size = main.size;
        if let Some(test) = &test {
            ensure!(test.size == size, "training and test images differ in size");
        }
        let classes = class_names(classes, &main, test.as_ref())?;
        Ok(Some(Idx {
            classes,
            size,
            main,
            test,
            listing: listing(folder, &names)?,
        }))
    }

    pub(super) fn len(&self, part: Part) -> u32 {
        self.images(part).map_or(0, |images| images.labels.len() as u32)
    }

    /// The share of one image in the bytes of its file.
    pub(super) fn image_bytes(&self, part: Part) -> u64 {
        self.images(part).map_or(0, |images| {
            images.file_bytes / (images.labels.len() as u64).max(1)
        })
    }

    pub(super) fn name(&self, part: Part, index: u32) -> String {
        match part {
            Part::Main => format!("train image {index}"),
            Part::Test => format!("test image {index}"),
        }
    }

    pub(super) fn label(&self, part: Part, index: u32) -> u16 {
        self.images(part)
            .map_or(0, |images| images.labels[index as usize].into())
    }

    pub(super) fn load(&self, part: Part, index: u32, size: Size, channels: u16) -> Result<Vec<u8>, String> {
        let images = self.images(part).ok_or("there is none")?;
        let area = self.size.height as usize * self.size.width as usize;
        let pixels = &images.pixels[index as usize * area..][..area];
        let fits = size.height >= self.size.height && size.width >= self.size.width;
        let grey = if fits {
            self.centred(pixels, size)
        } else {
            self.shrunk(pixels, size)?
        };
        Ok(grey
            .iter()
            .flat_map(|&sample| std::iter::repeat_n(sample, channels.into()))
            .collect())
    }

    fn images(&self, part: Part) -> Option<&Images> {
        match part {
            Part::Main => Some(&self.main),
            Part::Test => self.test.as_ref(),
        }
    }

    /// On zeros, the background of these datasets; an odd row or column goes below or to the right.
    fn centred(&self, pixels: &[u8], size: Size) -> Vec<u8> {
        let Size { height, width } = self.size;
        let (top, left) = ((size.height - height) / 2, (size.width - width) / 2);
        let mut canvas = vec![0; size.height as usize * size.width as usize];
        for (row, line) in pixels.chunks_exact(width as usize).enumerate() {
            let start = (top as usize + row) * size.width as usize + left as usize;
            canvas[start..start + line.len()].copy_from_slice(line);
        }
        canvas
    }

    fn shrunk(&self, pixels: &[u8], size: Size) -> Result<Vec<u8>, String> {
        let image = GrayImage::from_raw(self.size.width, self.size.height, pixels.to_vec());
        let image = image.ok_or("its size does not fit its pixels")?;
        Ok(image_file::picture(image_file::scaled(DynamicImage::ImageLuma8(image), size), 1).samples)
    }
}

impl Images {
    fn read(images: &Path, labels: &Path) -> anyhow::Result<Images> {
        let Array {
            lengths: shape,
            bytes: pixels,
        } = read(images, 3)?;
        let Array {
            lengths: count,
            bytes: labels_of,
        } = read(labels, 1)?;
        ensure!(
            shape[0] == count[0],
            "{} holds {} images, but {} holds {} labels",
            images.display(),
            shape[0],
            labels.display(),
            count[0]
        );
        let size = Size {
            height: shape[1],
            width: shape[2],
        };
        Ok(Images {
            pixels,
            labels: labels_of,
            size,
            file_bytes: std::fs::metadata(images)?.len(),
        })
    }
}

fn class_names(given: &[String], main: &Images, test: Option<&Images>) -> anyhow::Result<Vec<String>> {
    let labels = || {
        main.labels
            .iter()
            .chain(test.iter().flat_map(|test| &test.labels))
    };
    let largest = usize::from(labels().copied().max().unwrap_or(0));
    if given.is_empty() {
        return Ok((0..=largest).map(|label| label.to_string()).collect());
    }
    ensure!(
        largest < given.len(),
        "there is a label {largest}, but --classes names only {}",
        given.len()
    );
    ensure!(
        given.iter().all(|name| !name.is_empty()),
        "--classes holds an empty name"
    );
    Ok(given.to_vec())
}

/// Names, lengths and times of change of these files.
fn listing(folder: &Path, names: &[String]) -> anyhow::Result<Digest> {
    names.iter().try_fold(Digest::of(b"idx"), |before, name| {
        let metadata = std::fs::metadata(folder.join(name)).context("it cannot be read")?;
        let (bytes, changed) = (metadata.len(), changed(&metadata));
        Ok(Digest::of(
            format!("{before} {bytes} {changed} {name}").as_bytes(),
        ))
    })
}

fn file_names(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).context("it cannot be read")? {
        let entry = entry.context("it cannot be read")?;
        if !entry.file_type()?.is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
