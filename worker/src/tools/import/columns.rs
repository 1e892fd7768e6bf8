//! The columns an import makes beside the dataset.

use crate::data::{Base, columns};
use crate::tools::interrupt::{self, Interrupted};
use crate::tools::progress::Progress;
use crate::tools::sizes::{self, FamilySizes};
use anyhow::Context;
use imgcalc_shared::codec::Layout;
use imgcalc_shared::dataset::Manifest;
use imgcalc_shared::format::{Family, Format, Size};
use std::collections::BTreeSet;
use std::str::FromStr;

/// A family and how much of it is stored, written `1x1-b8-k8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FamilyKeep {
    /// Sampling and block size.
    pub family: Family,
    /// Anti-diagonals.
    pub keep: u16,
}

impl FromStr for FamilyKeep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match format!("{text}-q1").parse::<Format>() {
            Ok(format) => Ok(FamilyKeep {
                family: format.family(),
                keep: format.keep(),
            }),
            Err(error) => Err(format!(
                "{text:?} names no columns: write SAMPLING-bBLOCK-kKEEP, for example 1x1-b8-k8 ({error})"
            )),
        }
    }
}

/// Refuses what images of this shape cannot have, before anything is decoded.
pub(super) fn check(wanted: &[FamilyKeep], size: Size, channels: u16) -> anyhow::Result<()> {
    for FamilyKeep { family, keep } in wanted {
        let fits = || Layout::new(*family, size, channels)?.format(*keep, 1);
        fits().with_context(|| format!("there can be no columns {family}-k{keep}"))?;
    }
    Ok(())
}

/// Makes them for the whole dataset and says how large they are.
pub(super) fn make(
    base: &Base,
    manifest: &Manifest,
    wanted: &[FamilyKeep],
    source_bytes: u64,
) -> anyhow::Result<Vec<FamilySizes>> {
    let wanted: BTreeSet<FamilyKeep> = wanted.iter().copied().collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let families: Vec<(Family, u16)> = wanted.iter().map(|wanted| (wanted.family, wanted.keep)).collect();
    let groups = columns::groups(manifest, manifest.splits);
    // Each image counts once for each family.
    let all = families.len() as u64 * u64::from(manifest.splits.total());
    let mut progress = Progress::new("columns", "images", all);
    let made = columns::make_all(
        base,
        manifest,
        &families,
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
    let ours = stored
        .iter()
        .filter(|stored| families.contains(&(stored.family, stored.keep)));
    ours.map(|stored| sizes::of(base, manifest, stored, Some(source_bytes)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_with_a_keep_are_told_from_anything_else() {
        let parsed: FamilyKeep = "2x2-r-b16-k31".parse().unwrap();
        assert_eq!((parsed.family, parsed.keep), ("2x2-r-b16".parse().unwrap(), 31));
        for bad in [
            "",
            "1x1-b8",
            "1x1-b8-k8-q1",
            "1x1-b8-k16",
            "1x1-b9-k3",
            "1x1-b8-k0",
        ] {
            assert!(bad.parse::<FamilyKeep>().is_err(), "{bad}");
        }
    }
}
