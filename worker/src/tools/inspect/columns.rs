//! Facts of a column object.

use super::report::Report;
use crate::data::columns;
use imgcalc_shared::column::{ColumnError, Header};
use imgcalc_shared::format::diagonal_length;
use serde_json::json;

pub(super) fn report(name: &str, object: &[u8]) -> Result<Report, ColumnError> {
    let footer = columns::footer(object.len() as u64, object)?;
    if let Some(fault) = footer.faults(object).into_iter().next() {
        return Err(fault);
    }
    let Header {
        family,
        quant,
        size,
        channels,
        keep,
        first_image,
        images,
    } = *footer.header();
    let mut report = Report::new(name, "columns", object.len());
    report
        .fact("family", family)
        .fact("keep", keep)
        .fact("divided by", quant)
        .fact("size", format!("{}x{}", size.height, size.width))
        .fact("channels", channels)
        .fact("images", images)
        .fact("first image", first_image)
        .fact("bytes/image", object.len() as f64 / f64::from(images))
        .fact("intact", true);
    let mut rows = Vec::new();
    let mut before = 0;
    for diagonal in 0..keep {
        let end = footer.prefix(diagonal + 1)?.end;
        rows.push(vec![
            json!(diagonal + 1),
            json!(diagonal_length(family.block, diagonal)),
            json!(end - before),
            json!(end),
            json!(end as f64 / f64::from(images)),
        ]);
        before = end;
    }
    let head = &[
        "keep",
        "coefficients",
        "bytes",
        "prefix bytes",
        "prefix bytes/image",
    ];
    report.table("anti-diagonals", head, rows);
    Ok(report)
}
