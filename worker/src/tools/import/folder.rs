//! A folder with one folder of image files per class.

use crate::data::image_file;
use anyhow::{Context, bail, ensure};
use imgcalc_shared::dataset::{CLASSES_MAX, Skipped};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::Size;
use std::fs::{DirEntry, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The files below the class folders, in the order of their names.
pub(super) struct Folder {
    pub(super) classes: Vec<String>,
    pub(super) files: Vec<File>,
    /// Links and special files.
    pub(super) skipped: Vec<Skipped>,
    root: PathBuf,
}

pub(super) struct File {
    /// Path below the source with `/` between its parts.
    pub(super) name: String,
    pub(super) label: u16,
    pub(super) bytes: u64,
    /// When it was changed, in nanoseconds since 1970.
    changed: i128,
    path: PathBuf,
}

impl Folder {
    /// Classes are the folders in the order of their names. Below a class folder, folders are entered; links are
    /// not followed and hidden files not seen.
    pub(super) fn scan(root: &Path) -> anyhow::Result<Folder> {
        let mut found = Folder {
            classes: Vec::new(),
            files: Vec::new(),
            skipped: Vec::new(),
            root: root.to_path_buf(),
        };
        for entry in entries(root)? {
            if entry.file_type()?.is_dir() {
                let class = entry.file_name().to_string_lossy().into_owned();
                ensure!(
                    !found.classes.contains(&class),
                    "two class folders are called {class}"
                );
                ensure!(
                    found.classes.len() < CLASSES_MAX,
                    "there are more than {CLASSES_MAX} class folders"
                );
                let label = found.classes.len() as u16;
                found.classes.push(class);
                found.enter(&entry.path(), label)?;
            } else if looks_like_image(&entry) {
                found.skip(&entry.path(), "it lies in no class folder");
            }
        }
        if found.classes.is_empty() {
            bail!("it holds neither class folders nor IDX files (train-images-idx3-ubyte and so on)");
        }
        ensure!(
            found.files.len() <= u32::MAX as usize,
            "it holds more than {} files",
            u32::MAX
        );
        Ok(found)
    }

    pub(super) fn load(&self, index: u32, size: Size, channels: u16) -> Result<Vec<u8>, String> {
        let bytes = image_file::read(&self.files[index as usize].path)?;
        let image = image_file::decode(&bytes, Some(size))?;
        Ok(image_file::picture(image, channels).samples)
    }

    pub(super) fn jpeg(&self, index: u32) -> Option<Vec<u8>> {
        let bytes = image_file::read(&self.files[index as usize].path).ok()?;
        image_file::is_jpeg(&bytes).then_some(bytes)
    }

    /// Stands for all files as they were when they were listed.
    pub(super) fn listing(&self) -> Digest {
        let classes = Digest::of_value(&("folder", &self.classes));
        self.files.iter().fold(classes, |before, file| {
            let File {
                name,
                label,
                bytes,
                changed,
                ..
            } = file;
            Digest::of(format!("{before} {label} {bytes} {changed} {name}").as_bytes())
        })
    }

    fn enter(&mut self, folder: &Path, label: u16) -> anyhow::Result<()> {
        for entry in entries(folder)? {
            let (kind, path) = (entry.file_type()?, entry.path());
            if kind.is_dir() {
                self.enter(&path, label)?;
            } else if kind.is_file() {
                let metadata = entry
                    .metadata()
                    .with_context(|| format!("{} cannot be read", path.display()))?;
                self.files.push(File {
                    name: self.name(&path),
                    label,
                    bytes: metadata.len(),
                    changed: changed(&metadata),
                    path,
                });
            } else {
                // Reading a pipe or a device would wait for ever.
                self.skip(
                    &path,
                    if kind.is_symlink() {
                        "links are not followed"
                    } else {
                        "it is no regular file"
                    },
                );
            }
        }
        Ok(())
    }

    fn skip(&mut self, path: &Path, reason: &str) {
        self.skipped.push(Skipped {
            name: self.name(path),
            reason: reason.into(),
        });
    }

    fn name(&self, path: &Path) -> String {
        let below = path.strip_prefix(&self.root).unwrap_or(path);
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        parts.join("/")
    }
}

/// When a file was changed, in nanoseconds since 1970.
pub(super) fn changed(metadata: &Metadata) -> i128 {
    i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec())
}

/// What lies in a folder and is not hidden, in the order of names.
fn entries(folder: &Path) -> anyhow::Result<Vec<DirEntry>> {
    let list = || -> std::io::Result<Vec<DirEntry>> { std::fs::read_dir(folder)?.collect() };
    let mut entries = list().with_context(|| format!("{} cannot be read", folder.display()))?;
    entries.retain(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

fn looks_like_image(entry: &DirEntry) -> bool {
    let path = entry.path();
    let extension = path
        .extension()
        .map(|text| text.to_ascii_lowercase())
        .unwrap_or_default();
    ["jpg", "jpeg", "png"].iter().any(|known| extension == *known)
}
