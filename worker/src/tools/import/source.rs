//! Where images come from, seen as numbered candidates.

use super::folder::Folder;
use super::idx::Idx;
use anyhow::{Context, bail};
use imgcalc_shared::dataset::Skipped;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::Size;
use std::path::Path;

/// What is imported.
pub(super) enum Source {
    Folder(Folder),
    Idx(Idx),
}

/// A run of candidates that go into splits of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Divided as the split says.
    Main,
    /// Test images of the source itself.
    Test,
}

impl Source {
    pub(super) fn open(path: &Path, classes: &[String]) -> anyhow::Result<Source> {
        let metadata = std::fs::metadata(path).context("it cannot be read")?;
        if !metadata.is_dir() {
            bail!("it is no folder; name the folder the class folders or IDX files lie in");
        }
        if let Some(idx) = Idx::open(path, classes)? {
            return Ok(Source::Idx(idx));
        }
        if !classes.is_empty() {
            bail!("--classes is for IDX files; the classes of files are the names of their folders");
        }
        Ok(Source::Folder(Folder::scan(path)?))
    }

    pub(super) fn classes(&self) -> &[String] {
        match self {
            Source::Folder(folder) => &folder.classes,
            Source::Idx(idx) => &idx.classes,
        }
    }

    /// What was left out before anything was decoded.
    pub(super) fn skipped(&self) -> &[Skipped] {
        match self {
            Source::Folder(folder) => &folder.skipped,
            Source::Idx(_) => &[],
        }
    }

    pub(super) fn has_test(&self) -> bool {
        matches!(self, Source::Idx(idx) if idx.test.is_some())
    }

    pub(super) fn len(&self, part: Part) -> u32 {
        match (self, part) {
            (Source::Folder(folder), Part::Main) => folder.files.len() as u32,
            (Source::Folder(_), Part::Test) => 0,
            (Source::Idx(idx), part) => idx.len(part),
        }
    }

    /// What a candidate is called; decides its number, so it must not depend on the machine.
    pub(super) fn name(&self, part: Part, index: u32) -> String {
        match self {
            Source::Folder(folder) => folder.files[index as usize].name.clone(),
            Source::Idx(idx) => idx.name(part, index),
        }
    }

    pub(super) fn label(&self, part: Part, index: u32) -> u16 {
        match self {
            Source::Folder(folder) => folder.files[index as usize].label,
            Source::Idx(idx) => idx.label(part, index),
        }
    }

    /// The pixels of a candidate at the dataset's size, or why there are none.
    pub(super) fn load(&self, part: Part, index: u32, size: Size, channels: u16) -> Result<Vec<u8>, String> {
        match self {
            Source::Folder(folder) => folder.load(index, size, channels),
            Source::Idx(idx) => idx.load(part, index, size, channels),
        }
    }

    /// The file of a candidate as it is, if it is a JPEG.
    pub(super) fn jpeg(&self, index: u32) -> Option<Vec<u8>> {
        match self {
            Source::Folder(folder) => folder.jpeg(index),
            Source::Idx(_) => None,
        }
    }

    /// Bytes of the file of a candidate; the images of an IDX file share its bytes equally.
    pub(super) fn bytes(&self, part: Part, index: u32) -> u64 {
        match self {
            Source::Folder(folder) => folder.files[index as usize].bytes,
            Source::Idx(idx) => idx.image_bytes(part),
        }
    }

    /// Stands for the files as they are now: their names, lengths and times of change.
    pub(super) fn listing(&self) -> Digest {
        match self {
            Source::Folder(folder) => folder.listing(),
            Source::Idx(idx) => idx.listing,
        }
    }

    pub(super) fn default_channels(&self) -> u16 {
        match self {
            Source::Folder(_) => 3,
            Source::Idx(_) => 1,
        }
    }

    pub(super) fn default_size(&self) -> Size {
        match self {
            Source::Folder(_) => Size {
                height: 256,
                width: 256,
            },
            // The smallest block has a side of 8.
            Source::Idx(idx) => Size {
                height: idx.size.height.next_multiple_of(8),
                width: idx.size.width.next_multiple_of(8),
            },
        }
    }
}
