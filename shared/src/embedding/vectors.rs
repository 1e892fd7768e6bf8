//! Cosines between vectors, and what all vectors have in common.

use crate::format::{Family, Format};
use crate::task::FormatVector;
use std::collections::BTreeMap;

/// The cosine of the angle between two vectors; 0 where one of them has no length.
pub(super) fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    match lengths > 0.0 {
        true => (dot(a, b) / lengths).clamp(-1.0, 1.0),
        false => 0.0,
    }
}

/// The same numbers in length 1; what has no length stays as it is.
pub(super) fn unit(row: &FormatVector) -> Vec<f64> {
    let wide: Vec<f64> = row.vector.iter().map(|&number| f64::from(number)).collect();
    let length = wide.iter().map(|number| number * number).sum::<f64>().sqrt();
    match length > 0.0 {
        true => wide.into_iter().map(|number| number / length).collect(),
        false => wide,
    }
}

/// What all formats see in common: the mean of the families' means, so that a large block with its many keeps has no more to say
/// than a small one.
pub(super) fn common(vectors: &BTreeMap<Format, Vec<f64>>) -> Vec<f64> {
    let dimensions = vectors.values().next().map_or(0, Vec::len);
    let mut families: BTreeMap<Family, (Vec<f64>, f64)> = BTreeMap::new();
    for (format, vector) in vectors {
        let (sum, count) = families
            .entry(format.family())
            .or_insert_with(|| (vec![0.0; dimensions], 0.0));
        sum.iter_mut()
            .zip(vector)
            .for_each(|(sum, number)| *sum += number);
        *count += 1.0;
    }
    let mut common = vec![0.0; dimensions];
    for (sum, count) in families.values() {
        common
            .iter_mut()
            .zip(sum)
            .for_each(|(common, sum)| *common += sum / count);
    }
    common
}
