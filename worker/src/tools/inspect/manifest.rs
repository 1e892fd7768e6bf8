//! Facts of a dataset manifest.

use super::report::Report;
use crate::data::Base;
use crate::tools::check;
use anyhow::bail;
use imgcalc_shared::dataset::{Manifest, ObjectRef};
use imgcalc_shared::envelope::BadEnvelope;

pub(super) fn report(name: &str, bytes: &[u8]) -> Result<Report, BadEnvelope> {
    let manifest = Manifest::from_bytes(bytes)?;
    let length = |object: &ObjectRef| object.bytes;
    let mut report = Report::new(name, "dataset manifest", bytes.len());
    report
        .fact("name", &manifest.name)
        .fact("digest", manifest.digest)
        .fact("train", manifest.splits.train)
        .fact("validation", manifest.splits.validation)
        .fact("test", manifest.splits.test)
        .fact(
            "size",
            format!("{}x{}", manifest.size.height, manifest.size.width),
        )
        .fact("channels", manifest.channels)
        .fact("class count", manifest.classes.len())
        .fact("classes", &manifest.classes)
        .fact("row group", manifest.row_group)
        .fact("pixel objects", manifest.images.len())
        .fact("pixel bytes", manifest.images.iter().map(length).sum::<u64>())
        .fact("kept file bytes", manifest.jpeg_files.as_ref().map_or(0, length))
        .fact("skipped", manifest.skipped_count)
        .fact("intact", true);
    let skipped = manifest
        .skipped
        .iter()
        .map(|skipped| vec![skipped.name.clone().into(), skipped.reason.clone().into()]);
    let skipped: Vec<_> = skipped.collect();
    if !skipped.is_empty() {
        report.table("skipped images", &["skipped image", "reason"], skipped);
    }
    Ok(report)
}

/// Reads and checks every object a manifest names; for other objects there is nothing to do.
pub(super) fn check_objects(base: &Base, object: &[u8], report: &mut Report) -> anyhow::Result<()> {
    let Ok(manifest) = Manifest::from_bytes(object) else {
        return Ok(());
    };
    let found = check::objects(base, &manifest, &check::named(&manifest))?;
    if let Some(damage) = found.damaged.first() {
        bail!("{damage}");
    }
    report.fact("objects checked", found.objects);
    Ok(())
}
