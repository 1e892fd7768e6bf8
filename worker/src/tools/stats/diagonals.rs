//! Of each anti-diagonal of some columns: its bytes, its values and how they are coded.

use crate::data::Base;
use crate::data::columns::{self, Stored};
use crate::failure::Failure;
use crate::tools::{output, progress::Progress};
use imgcalc_shared::coding::Coding;
use imgcalc_shared::column::{ColumnError, Footer};
use imgcalc_shared::dataset::Manifest;
use serde::Serialize;
use std::collections::BTreeMap;

/// One anti-diagonal of all channels over all stored images.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Diagonal {
    diagonal: u16,
    bytes: u64,
    values: u64,
    bytes_per_image: f64,
    bits_per_value: f64,
    min: i16,
    max: i16,
    /// Share of values that are zero.
    zeros: f64,
    /// How many of its chunks have which coding.
    codings: BTreeMap<String, u64>,
}

/// Decodes one row group after the other and counts.
pub(super) fn of(base: &Base, manifest: &Manifest, stored: &Stored) -> Result<Vec<Diagonal>, Failure> {
    let mut all: Vec<Diagonal> = (0..stored.format.keep())
        .map(|diagonal| Diagonal {
            diagonal,
            min: i16::MAX,
            max: i16::MIN,
            ..Diagonal::default()
        })
        .collect();
    let mut progress = Progress::new("reading", "images", stored.images(manifest));
    for group in &stored.groups {
        let damaged = |error: ColumnError| {
            let (key, url) = (&group.key, base.url());
            Failure::bad_data(format!("the columns {key} in {url} are damaged: {error}"))
        };
        let object = base.get(&group.key)?;
        let footer = columns::footer(object.len() as u64, &object).map_err(damaged)?;
        if *footer.header() != stored.header(manifest, group) {
            return Err(Failure::bad_data(format!(
                "{} in {} holds other columns than its key says",
                group.key,
                base.url()
            )));
        }
        add(&mut all, &footer, &object).map_err(damaged)?;
        progress.add(footer.header().images.into(), object.len() as u64);
    }
    progress.finish();
    let images = stored.images(manifest) as f64;
    for found in &mut all {
        found.bytes_per_image = found.bytes as f64 / images;
        found.bits_per_value = found.bytes as f64 * 8.0 / found.values as f64;
        found.zeros /= found.values as f64;
    }
    Ok(all)
}

/// A table of them.
pub(super) fn table(diagonals: &[Diagonal]) -> String {
    let head = [
        "anti-diagonal",
        "bytes",
        "bytes/image",
        "bits/value",
        "min",
        "max",
        "zeros",
        "chunks",
    ];
    let rows = diagonals.iter().map(|diagonal| {
        let codings = diagonal.codings.iter();
        let codings: Vec<String> = codings
            .map(|(coding, count)| format!("{count} {coding}"))
            .collect();
        vec![
            diagonal.diagonal.to_string(),
            output::bytes(diagonal.bytes),
            format!("{:.2}", diagonal.bytes_per_image),
            format!("{:.3}", diagonal.bits_per_value),
            diagonal.min.to_string(),
            diagonal.max.to_string(),
            format!("{:.1} %", diagonal.zeros * 100.0),
            codings.join(", "),
        ]
    });
    output::table(&head, &rows.collect::<Vec<_>>())
}

/// Adds one row group.
fn add(all: &mut [Diagonal], footer: &Footer, object: &[u8]) -> Result<(), ColumnError> {
    let (layout, keep) = (footer.layout(), footer.header().keep);
    let values = footer.decode(object, keep, footer.header().quant)?;
    for found in &mut *all {
        let run = layout.values(found.diagonal)..layout.values(found.diagonal + 1);
        for image in values.chunks_exact(layout.values(keep)) {
            found.add(&image[run.clone()]);
        }
    }
    for chunk in footer.chunk_facts(object)? {
        let found = &mut all[usize::from(chunk.diagonal)];
        found.bytes += chunk.bytes.end - chunk.bytes.start;
        let coding = name(chunk.coding, chunk.differences);
        *found.codings.entry(coding).or_default() += 1;
    }
    Ok(())
}

fn name(coding: Coding, differences: bool) -> String {
    match differences {
        true => format!("{coding} of differences"),
        false => coding.to_string(),
    }
}

impl Diagonal {
    fn add(&mut self, values: &[i16]) {
        self.values += values.len() as u64;
        for &value in values {
            self.min = self.min.min(value);
            self.max = self.max.max(value);
        }
        self.zeros += values.iter().filter(|&&value| value == 0).count() as f64;
    }
}
