//! Tells objects apart by their first bytes.

use super::report::Report;
use super::{columns, manifest};
use crate::data::{files, pixels};
use anyhow::{Context, bail};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::encoded::{self, Encoded};
use imgcalc_shared::envelope;
use safetensors::SafeTensors;
use serde_json::{Value, json};

/// Facts of an object of any kind, or how it is damaged.
pub(super) fn report(name: &str, bytes: &[u8]) -> anyhow::Result<Report> {
    let damaged = || format!("{name} is damaged");
    let starts = |magic: &str| bytes.starts_with(magic.as_bytes());
    if bytes.is_empty() {
        bail!("{name} is empty");
    } else if starts("imgcalc-column") {
        columns::report(name, bytes).with_context(damaged)
    } else if starts("imgcalc-image") {
        image(name, bytes).with_context(damaged)
    } else if bytes.starts_with(&pixels::MAGIC) {
        pixel_report(name, bytes)
    } else if bytes.starts_with(&files::MAGIC) {
        kept_files(name, bytes)
    } else if starts("imgcalc-manifest ") {
        manifest::report(name, bytes).with_context(damaged)
    } else if let Some(what) = sealed(bytes) {
        value(name, what, bytes).with_context(damaged)
    } else if bytes.get(8) == Some(&b'{') {
        tensors(name, bytes).with_context(damaged)
    } else {
        bail!(
            "{name} is of no known kind: it does not start as columns, pixels, an .ic image, a manifest or weights"
        )
    }
}

fn image(name: &str, bytes: &[u8]) -> Result<Report, encoded::EncodedError> {
    let Encoded {
        format,
        size,
        stored_size,
        channels,
        values,
    } = encoded::decode_values(bytes)?;
    let pixels = f64::from(size.height) * f64::from(size.width);
    let zeros = values.iter().filter(|value| **value == 0).count();
    let mut report = Report::new(name, "encoded image", bytes.len());
    report
        .fact("format", format)
        .fact("size", format!("{}x{}", size.height, size.width))
        .fact(
            "stored size",
            format!("{}x{}", stored_size.height, stored_size.width),
        )
        .fact("channels", channels)
        .fact("values", values.len())
        .fact("zeros", zeros)
        .fact("bits/pixel", bytes.len() as f64 * 8.0 / pixels)
        .fact("intact", true);
    Ok(report)
}

fn pixel_report(name: &str, bytes: &[u8]) -> anyhow::Result<Report> {
    let header = pixels::Header::read(bytes)
        .map_err(anyhow::Error::msg)
        .with_context(|| format!("{name} is damaged"))?;
    pixels::read(name, bytes, 0..header.images)?;
    let mut report = Report::new(name, "pixels", bytes.len());
    report
        .fact("images", header.images)
        .fact("size", format!("{}x{}", header.size.height, header.size.width))
        .fact("channels", header.channels)
        .fact("bytes/image", bytes.len() as f64 / f64::from(header.images))
        .fact("intact", true);
    Ok(report)
}

fn kept_files(name: &str, bytes: &[u8]) -> anyhow::Result<Report> {
    let files = files::read(name, bytes)?;
    let mut report = Report::new(name, "kept files", bytes.len());
    report
        .fact("files", files.len())
        .fact("bytes/file", bytes.len() as f64 / files.len().max(1) as f64)
        .fact("intact", true);
    Ok(report)
}

/// What a sealed value says it is.
fn sealed(bytes: &[u8]) -> Option<&str> {
    let line = bytes.get(..bytes.iter().take(256).position(|&byte| byte == b'\n')?)?;
    let what = std::str::from_utf8(line).ok()?.split(' ').next()?;
    what.starts_with("imgcalc-").then_some(what)
}

fn value(name: &str, what: &str, bytes: &[u8]) -> Result<Report, envelope::BadEnvelope> {
    let line = String::from_utf8_lossy(&bytes[..bytes.len().min(256)]);
    // Whatever version it has: the value is shown, not understood.
    let version = line
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse().ok())
        .unwrap_or(0);
    let value: Value = envelope::open(what, version, bytes)?;
    let mut report = Report::new(name, "sealed value", bytes.len());
    report
        .fact("what", what)
        .fact("version", version)
        .fact("value", value)
        .fact("intact", true);
    Ok(report)
}

fn tensors(name: &str, bytes: &[u8]) -> Result<Report, safetensors::SafeTensorError> {
    let (_, metadata) = SafeTensors::read_metadata(bytes)?;
    let file = SafeTensors::deserialize(bytes)?;
    let mut report = Report::new(name, "safetensors", bytes.len());
    let numbers: usize = file
        .iter()
        .map(|(_, view)| view.shape().iter().product::<usize>())
        .sum();
    report
        .fact("tensors", file.len())
        .fact("numbers", numbers)
        .fact("digest", Digest::of(bytes));
    let mut entries: Vec<(&String, &String)> = metadata.metadata().iter().flatten().collect();
    entries.sort();
    let entries: Vec<String> = entries
        .iter()
        .map(|(key, value)| format!("{key}: {value}"))
        .collect();
    report.fact("metadata", entries);
    let mut rows: Vec<Vec<Value>> = file
        .iter()
        .map(|(name, view)| {
            let shape: Vec<String> = view.shape().iter().map(usize::to_string).collect();
            vec![
                json!(name),
                json!(format!("{:?}", view.dtype())),
                json!(shape.join("x")),
                json!(view.data().len()),
            ]
        })
        .collect();
    rows.sort_by(|a, b| a[0].as_str().cmp(&b[0].as_str()));
    report.table("arrays", &["array", "type", "shape", "bytes"], rows);
    Ok(report)
}
