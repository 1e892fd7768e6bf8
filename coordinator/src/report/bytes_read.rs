//! What trainings read, beside what they would have read without columns.

use super::text::{bytes, count, ratio};
use super::{jpeg_name, tables};
use imgcalc_shared::explore::{BytesRead, TrainingBytes};

const HEADING: &str = "Bytes read";

/// All trainings together, then each; nothing before the first.
pub(super) fn tables(read: &BytesRead) -> String {
    if read.trainings.is_empty() {
        return String::new();
    }
    let jpeg = read
        .reference
        .map_or("as JPEG".to_string(), |jpeg| format!("as {}", jpeg_name(jpeg)));
    let known = |value: Option<f64>| value.map_or("–".to_string(), bytes);
    let beside = |value: Option<f64>, times: Option<f64>| match (value, times) {
        (Some(value), Some(times)) => format!("{} ({})", bytes(value), ratio(times)),
        (value, _) => known(value),
    };
    let all = vec![
        format!("all {}", count(read.trainings.len() as u64)),
        bytes(read.read as f64),
        beside(read.own_files, read.less_than_own_files()),
        beside(read.jpeg, read.less_than_jpeg()),
    ];
    let each = |training: &TrainingBytes| {
        vec![
            format!("<code>{}</code>", training.format),
            bytes(training.read as f64),
            known(training.own_files),
            known(training.jpeg),
        ]
    };
    let rows = std::iter::once(all).chain(read.trainings.iter().map(each));
    let heads = ["training", "columns read", "as files of the format", &jpeg];
    let note = "Bytes that trainings on formats asked the base for: what a worker had read before counts nothing. Beside \
                them what the same images take in one set of files for each format, and as JPEG; a training counts \
                its images once, not once an epoch, as if those were kept too. In brackets: how many times more.";
    tables::table(HEADING, &heads, 1, rows, note)
}
