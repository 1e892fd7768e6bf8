//! The pictures as a dataset: imported into a base on this machine's disk by the import that users have.

use crate::Bench;
use imgcalc_shared::dataset::Manifest;
use imgcalc_worker::data::Base;
use imgcalc_worker::tools::import::{ImportArgs, OnBad, import};
use std::path::Path;
use tempfile::TempDir;

/// A base in a temporary folder, and the dataset in it.
pub struct Imported {
    /// Goes with this value.
    _folder: TempDir,
    /// Its URL.
    pub url: String,
    /// The dataset.
    pub manifest: Manifest,
}

impl Imported {
    /// Imports the pictures scaled to this side, with columns of these formats.
    pub fn new(bench: &Bench, side: u32, columns: &[&str]) -> anyhow::Result<Imported> {
        Imported::of(bench, &bench.photos.folder, side, columns)
    }

    /// The same of every picture several times over: for what depends on how many there are.
    pub fn repeated(bench: &Bench, side: u32, columns: &[&str], times: u32) -> anyhow::Result<Imported> {
        let near = bench.photos.folder.parent().unwrap_or(&bench.photos.folder);
        let folder = tempfile::tempdir_in(near)?;
        for class in std::fs::read_dir(&bench.photos.folder)? {
            let class = class?;
            let to = folder.path().join(class.file_name());
            std::fs::create_dir(&to)?;
            for picture in std::fs::read_dir(class.path())? {
                let picture = picture?;
                let name = picture
                    .file_name()
                    .into_string()
                    .map_err(|name| anyhow::anyhow!("a picture with the name {}", name.display()))?;
                for time in 0..times {
                    std::fs::hard_link(picture.path(), to.join(format!("{time}-{name}")))?;
                }
            }
        }
        Imported::of(bench, folder.path(), side, columns)
    }

    fn of(bench: &Bench, source: &Path, side: u32, columns: &[&str]) -> anyhow::Result<Imported> {
        bench.progress(&format!("import at {side}×{side}"));
        let near = bench.photos.folder.parent().unwrap_or(&bench.photos.folder);
        let folder = tempfile::tempdir_in(near)?;
        let url = format!("file://{}", folder.path().display());
        let args = ImportArgs {
            source: source.to_path_buf(),
            base: url.clone(),
            name: "pictures".into(),
            size: Some(side.to_string().parse().map_err(anyhow::Error::msg)?),
            grey: false,
            colour: true,
            split: "80/20".parse().map_err(anyhow::Error::msg)?,
            seed: 0,
            limit: None,
            classes: vec![],
            columns: columns
                .iter()
                .map(|text| text.parse())
                .collect::<Result<_, _>>()?,
            on_bad: OnBad::Refuse,
            json: false,
        };
        let manifest = import(&Base::open(&url)?, &args)?;
        Ok(Imported {
            _folder: folder,
            url,
            manifest,
        })
    }
}
