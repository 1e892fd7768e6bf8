//! Which files a tool reads and writes.

use anyhow::{Context, bail, ensure};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// One file to read and the one it becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) input: PathBuf,
    pub(super) output: PathBuf,
}

/// A whole file of at most so many bytes.
pub(super) fn read(path: &Path, bytes_max: u64) -> anyhow::Result<Vec<u8>> {
    let context = || format!("{} cannot be read", path.display());
    let file = File::open(path).with_context(context)?;
    let mut bytes = Vec::new();
    // What is no plain file, such as a pipe, tells no length.
    file.take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .with_context(context)?;
    ensure!(
        bytes.len() as u64 <= bytes_max,
        "{} is longer than the {bytes_max} bytes such a file may have",
        path.display()
    );
    Ok(bytes)
}

/// The files of `input` (one file, or all below a folder that have one of these extensions) and what they become.
///
/// A folder becomes a folder of the same shape. For a file, `out` is the new file, or an existing folder for it.
/// Hidden files are not seen and links below a folder not followed.
pub(super) fn jobs(
    input: &Path,
    out: &Path,
    extensions: &[&str],
    new_extension: &str,
) -> anyhow::Result<Vec<Job>> {
    let metadata = std::fs::metadata(input).with_context(|| format!("{} cannot be read", input.display()))?;
    if !metadata.is_dir() {
        let name = input
            .file_stem()
            .with_context(|| format!("{} has no name", input.display()))?;
        let output = if out.is_dir() {
            out.join(name).with_added_extension(new_extension)
        } else {
            out.into()
        };
        ensure!(output != input, "{} would overwrite itself", input.display());
        return Ok(vec![Job {
            input: input.into(),
            output,
        }]);
    }
    ensure!(
        !out.is_file(),
        "{} is a file, but {} is a folder",
        out.display(),
        input.display()
    );
    let mut found = Vec::new();
    enter(input, extensions, &mut found)?;
    if found.is_empty() {
        bail!(
            "{} holds no file that ends in {}",
            input.display(),
            extensions.join(", ")
        );
    }
    let mut taken: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    for file in found {
        let below = file.strip_prefix(input).unwrap_or(&file);
        let output = out.join(below).with_extension(new_extension);
        if let Some(other) = taken.insert(output.clone(), file.clone()) {
            let (one, two) = (other.display(), file.display());
            bail!(
                "both {one} and {two} would become {}; rename one",
                output.display()
            );
        }
    }
    Ok(taken
        .into_iter()
        .map(|(output, input)| Job { input, output })
        .collect())
}

/// Writes a file as a whole or not at all; its folder is made.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let part = path.with_added_extension("part");
    let write = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&part, bytes)?;
        std::fs::rename(&part, path)
    };
    write().map_err(|error| {
        let _ = std::fs::remove_file(&part);
        match error.kind() {
            std::io::ErrorKind::StorageFull => {
                anyhow::anyhow!("{} cannot be written: its disk is full", path.display())
            }
            _ => anyhow::Error::new(error).context(format!("{} cannot be written", path.display())),
        }
    })
}

fn enter(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let cannot = || format!("{} cannot be read", folder.display());
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        let (kind, path) = (entry.file_type().with_context(cannot)?, entry.path());
        let extension = path
            .extension()
            .map(|text| text.to_ascii_lowercase())
            .unwrap_or_default();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
        } else if kind.is_dir() {
            enter(&path, extensions, found)?;
        } else if kind.is_file() && extensions.iter().any(|known| extension == *known) {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}
