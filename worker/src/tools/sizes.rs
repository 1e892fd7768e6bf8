//! How large stored columns are, keep by keep.

use super::output;
use crate::data::Base;
use crate::data::columns::Stored;
use imgcalc_shared::dataset::Manifest;
use imgcalc_shared::format::Format;
use serde::Serialize;

/// Sizes of the columns that are stored as one format.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ColumnsSizes {
    /// The largest that they serve.
    pub(super) stored: Format,
    pub(super) objects: u64,
    pub(super) images: u64,
    /// Of the objects, with what describes them.
    pub(super) bytes: u64,
    /// What has to be read for some keeps.
    pub(super) keeps: Vec<KeepSize>,
}

/// What a reader of one keep reads.
#[derive(Clone, Debug, Serialize)]
pub(super) struct KeepSize {
    pub(super) keep: u16,
    pub(super) bytes: u64,
    pub(super) bytes_per_image: f64,
    /// As part of the bytes of the source's files, where they are known.
    pub(super) of_source: Option<f64>,
}

/// The sizes for the keeps 1, 2, 4, 8 and so on up to the stored one.
pub(super) fn of(base: &Base, manifest: &Manifest, stored: &Stored) -> anyhow::Result<ColumnsSizes> {
    let source_bytes = manifest.source_bytes;
    let images = stored.images(manifest);
    let prefixes = stored.prefix_bytes(base)?;
    let keeps = shown(stored.format.keep()).map(|keep| {
        let bytes = prefixes[usize::from(keep) - 1];
        KeepSize {
            keep,
            bytes,
            bytes_per_image: bytes as f64 / images.max(1) as f64,
            of_source: source_bytes
                .filter(|&all| all > 0)
                .map(|all| bytes as f64 / all as f64),
        }
    });
    Ok(ColumnsSizes {
        stored: stored.format,
        objects: stored.groups.len() as u64,
        images,
        bytes: stored.bytes(),
        keeps: keeps.collect(),
    })
}

/// A table of columns, one row for each keep.
pub(super) fn table(columns: &[ColumnsSizes]) -> String {
    let with_source = columns
        .iter()
        .flat_map(|columns| &columns.keeps)
        .any(|keep| keep.of_source.is_some());
    let mut head = vec!["columns", "keep", "bytes", "bytes/image"];
    if with_source {
        head.push("of source");
    }
    let mut rows = Vec::new();
    for columns in columns {
        for keep in &columns.keeps {
            let mut row = vec![
                columns.stored.to_string(),
                keep.keep.to_string(),
                output::bytes(keep.bytes),
                format!("{:.1}", keep.bytes_per_image),
            ];
            if with_source {
                row.push(
                    keep.of_source
                        .map_or("-".into(), |part| format!("{:.2} %", part * 100.0)),
                );
            }
            rows.push(row);
        }
    }
    output::table(&head, &rows)
}

/// Powers of two below the stored keep, and that one.
fn shown(stored: u16) -> impl Iterator<Item = u16> {
    (0..16)
        .map(|power| 1u16 << power)
        .take_while(move |&keep| keep < stored)
        .chain([stored])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_keep_is_always_shown_once() {
        assert_eq!(shown(1).collect::<Vec<_>>(), [1]);
        assert_eq!(shown(8).collect::<Vec<_>>(), [1, 2, 4, 8]);
        assert_eq!(shown(11).collect::<Vec<_>>(), [1, 2, 4, 8, 11]);
    }
}
