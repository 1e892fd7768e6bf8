//! The columns an import makes beside the dataset.

use crate::data::{Base, columns};
use crate::tools::interrupt::{self, Interrupted};
use crate::tools::progress::Progress;
use crate::tools::sizes::{self, ColumnsSizes};
use anyhow::Context;
use imgcalc_shared::codec::Layout;
use imgcalc_shared::dataset::Manifest;
use imgcalc_shared::format::{Format, Size};
use std::collections::BTreeSet;

/// Refuses what images of this shape cannot have, before anything is decoded.
pub(super) fn check(wanted: &[Format], size: Size, channels: u16) -> anyhow::Result<()> {
    for &format in wanted {
        let fits = || Layout::new(format.family(), size, channels)?.format(format.keep(), format.quant());
        fits().with_context(|| format!("there can be no columns {format}"))?;
    }
    Ok(())
}

/// Makes them for the whole dataset and says how large they are.
pub(super) fn make(base: &Base, manifest: &Manifest, wanted: &[Format]) -> anyhow::Result<Vec<ColumnsSizes>> {
    let wanted: Vec<Format> = wanted
        .iter()
        .copied()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let groups = columns::groups(manifest, manifest.splits);
    // Each image counts once for each format.
    let all = wanted.len() as u64 * u64::from(manifest.splits.total());
    let mut progress = Progress::new("columns", "images", all);
    let made = columns::make_all(
        base,
        manifest,
        &wanted,
        &groups,
        &interrupt::requested,
        |made| match made.kept {
            true => progress.skip(made.images.into()),
            false => progress.add(made.images.into(), made.bytes),
        },
    );
    progress.finish();
    if made.is_err() && interrupt::requested() {
        return Err(Interrupted.into());
    }
    made?;
    let (stored, _) = columns::stored(base, manifest)?;
    let ours = stored.iter().filter(|stored| wanted.contains(&stored.format));
    ours.map(|stored| sizes::of(base, manifest, stored)).collect()
}
