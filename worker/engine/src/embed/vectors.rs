//! From the codes of the probes to one short vector a format.

use crate::EngineError;
use tch::{Device, Kind, Tensor};

/// Most numbers of all codes of all formats: a GiB.
pub(super) const NUMBERS_MAX: usize = 1 << 28;

/// Coordinates of formats, given the codes of the probes in each one after the other, along the directions in which they lie most.
/// Cosines of the coordinates are those of the codes as nearly as so few numbers can have them (the best approximation of rank
/// `dimensions`: Eckart and Young, "The approximation of one matrix by another of lower rank", 1936). Of each direction the sign
/// is the one with which the largest coordinate is positive.
pub(super) fn of_codes(codes: &[Vec<f32>], dimensions: usize) -> Result<Vec<Vec<f64>>, EngineError> {
    let long: Vec<Tensor> = codes
        .iter()
        .map(|codes| Tensor::f_from_slice(codes))
        .collect::<Result<_, _>>()?;
    let long = Tensor::f_stack(&long, 0)?;
    let products = long
        .f_matmul(&long.f_tr()?)?
        .f_to_kind(Kind::Double)?
        .f_to_device(Device::Cpu)?;
    let (sizes, directions) = products.f_linalg_eigh("L")?;
    let sizes = Vec::<f64>::try_from(sizes)?;
    let mut vectors = vec![vec![0.0; dimensions]; codes.len()];
    // Ascending: the largest come last.
    for (at, nth) in (0..codes.len()).rev().take(dimensions).enumerate() {
        let along = Vec::<f64>::try_from(directions.f_select(1, nth as i64)?.f_contiguous()?)?;
        let largest = along
            .iter()
            .fold(0.0_f64, |largest, &part| match part.abs() > largest.abs() {
                true => part,
                false => largest,
            });
        let scale = sizes[nth].max(0.0).sqrt().copysign(largest);
        for (vector, part) in vectors.iter_mut().zip(along) {
            vector[at] = part * scale;
        }
    }
    Ok(vectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn products(vectors: &[Vec<f64>]) -> Vec<f64> {
        let dot = |a: &Vec<f64>, b: &Vec<f64>| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        vectors
            .iter()
            .flat_map(|a| vectors.iter().map(move |b| dot(a, b)))
            .collect()
    }

    #[test]
    fn what_lies_in_few_directions_keeps_its_products() {
        // Four formats in a plane of a space of six numbers.
        let (a, b) = ([1.0, 2.0, 0.0, -1.0, 0.5, 3.0], [0.0, -1.0, 2.0, 1.0, 1.0, 0.0]);
        let mixed = [(1.0, 0.0), (0.5, 0.5), (0.0, 1.0), (-1.0, 2.0)];
        let codes: Vec<Vec<f32>> = mixed
            .iter()
            .map(|(x, y)| a.iter().zip(&b).map(|(a, b)| x * a + y * b).collect())
            .collect();
        let wide: Vec<Vec<f64>> = codes
            .iter()
            .map(|row| row.iter().map(|&n| f64::from(n)).collect())
            .collect();
        for dimensions in [2, 3, 9] {
            let vectors = of_codes(&codes, dimensions).unwrap();
            assert!(vectors.iter().all(|vector| vector.len() == dimensions));
            for (found, expected) in products(&vectors).into_iter().zip(products(&wide)) {
                assert!((found - expected).abs() < 1e-4, "{found} {expected}");
            }
            let largest = vectors
                .iter()
                .map(|vector| vector[0])
                .fold(0.0_f64, |a, b| if b.abs() > a.abs() { b } else { a });
            assert!(largest > 0.0);
        }
    }
}
