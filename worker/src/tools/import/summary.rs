//! What an import says it did.

use super::Imported;
use crate::data::Base;
use crate::tools::output;
use crate::tools::sizes::{self, ColumnsSizes};
use imgcalc_shared::dataset::{ObjectRef, Skipped, Splits};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::Size;
use serde::Serialize;

/// Left-out images named on a terminal; the manifest names more.
const SHOWN_MAX: usize = 5;

#[derive(Serialize)]
struct Summary<'a> {
    name: &'a str,
    digest: Digest,
    base: &'a str,
    size: Size,
    channels: u16,
    classes: &'a [String],
    splits: Splits,
    /// Of the source's files of these images.
    source_bytes: u64,
    /// Of the pixels as stored.
    pixel_bytes: u64,
    /// Of pixels and labels, as stored.
    bytes: u64,
    jpeg_files_bytes: u64,
    skipped_count: u64,
    skipped: &'a [Skipped],
    /// Candidates decoded by this run.
    decoded: u64,
    /// Images taken over from an earlier run that did not end.
    resumed: u64,
    columns: &'a [ColumnsSizes],
}

pub(super) fn print(base: &Base, imported: &Imported, json: bool) -> anyhow::Result<()> {
    let manifest = &imported.manifest;
    let length = |object: &ObjectRef| object.bytes;
    let pixel_bytes = manifest.images.iter().map(length).sum::<u64>();
    let summary = Summary {
        name: &manifest.name,
        digest: manifest.digest,
        base: base.url(),
        size: manifest.size,
        channels: manifest.channels,
        classes: &manifest.classes,
        splits: manifest.splits,
        source_bytes: manifest.source_bytes.unwrap_or_default(),
        pixel_bytes,
        bytes: pixel_bytes + manifest.labels.bytes,
        jpeg_files_bytes: manifest.jpeg_files.as_ref().map_or(0, length),
        skipped_count: manifest.skipped_count,
        skipped: &manifest.skipped,
        decoded: imported.decoded,
        resumed: imported.resumed,
        columns: &imported.columns,
    };
    if json {
        return output::print(&output::json(&summary)?);
    }
    let mut text = output::facts(&facts(&summary));
    if !summary.columns.is_empty() {
        text += "\n";
        text += &sizes::table(summary.columns);
    }
    output::print(&text)
}

fn facts(summary: &Summary<'_>) -> Vec<(&'static str, String)> {
    let Splits {
        train,
        validation,
        test,
    } = summary.splits;
    let Size { height, width } = summary.size;
    let colour = if summary.channels == 1 { "grey" } else { "colour" };
    let mut facts = vec![
        ("dataset", summary.name.to_string()),
        ("digest", summary.digest.to_string()),
        ("base", summary.base.to_string()),
        (
            "images",
            format!("{train} train, {validation} validation, {test} test"),
        ),
        ("size", format!("{height}x{width} {colour}")),
        ("classes", classes(summary.classes)),
        ("source files", output::bytes(summary.source_bytes)),
        ("stored", output::bytes(summary.bytes)),
    ];
    if summary.resumed > 0 {
        facts.push(("not decoded again", format!("{} images", summary.resumed)));
    }
    if summary.jpeg_files_bytes > 0 {
        facts.push(("kept files", output::bytes(summary.jpeg_files_bytes)));
    }
    facts.push(("skipped", summary.skipped_count.to_string()));
    for skipped in summary.skipped.iter().take(SHOWN_MAX) {
        facts.push(("", format!("{}: {}", skipped.name, skipped.reason)));
    }
    let more = summary.skipped_count.saturating_sub(SHOWN_MAX as u64);
    if more > 0 {
        facts.push(("", format!("and {more} more")));
    }
    facts
}

fn classes(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(10).map(String::as_str).collect();
    let dots = if names.len() > shown.len() { ", …" } else { "" };
    format!("{} ({}{dots})", names.len(), shown.join(", "))
}
