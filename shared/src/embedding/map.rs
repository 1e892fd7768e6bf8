//! A map of formats: their vectors in two dimensions.

use crate::task::FormatVector;
use nalgebra::{DMatrix, SymmetricEigen};

/// Places of formats on a map, in their order: the two directions in which their vectors differ most (principal component
/// analysis), the first the wider one. Of each direction the sign is the one with which its largest part is positive, so that
/// equal vectors give equal maps. Vectors of another length than the first's count as far as they go.
pub fn coordinates(rows: &[FormatVector]) -> Vec<[f64; 2]> {
    let dimensions = rows.first().map_or(0, |row| row.vector.len());
    if dimensions == 0 {
        return vec![[0.0; 2]; rows.len()];
    }
    let number = |row: &FormatVector, at: usize| match row.vector.get(at) {
        Some(number) if number.is_finite() => f64::from(*number),
        _ => 0.0,
    };
    let mut places = DMatrix::from_fn(rows.len(), dimensions, |row, at| number(&rows[row], at));
    for mut column in places.column_iter_mut() {
        let mean = column.mean();
        column.add_scalar_mut(-mean);
    }
    let spread = SymmetricEigen::new(places.transpose() * &places);
    let mut order: Vec<usize> = (0..dimensions).collect();
    order.sort_by(|&a, &b| {
        spread.eigenvalues[b]
            .total_cmp(&spread.eigenvalues[a])
            .then(a.cmp(&b))
    });
    let mut map = vec![[0.0; 2]; rows.len()];
    for (axis, &nth) in order.iter().take(2).enumerate() {
        let direction = spread.eigenvectors.column(nth);
        let sign = match direction[direction.icamax()] < 0.0 {
            true => -1.0,
            false => 1.0,
        };
        for (place, along) in map.iter_mut().zip((&places * direction).iter()) {
            place[axis] = sign * along;
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(vectors: &[[f32; 3]]) -> Vec<FormatVector> {
        let row = |(nth, vector): (usize, &[f32; 3])| FormatVector {
            format: format!("1x1-b16-k{}-q20", nth + 1).parse().unwrap(),
            vector: vector.to_vec(),
        };
        vectors.iter().enumerate().map(row).collect()
    }

    #[test]
    fn a_map_keeps_distances_of_what_lies_in_a_plane() {
        let vectors = [
            [0.0, 0.0, 1.0],
            [3.0, 0.0, 1.0],
            [0.0, 1.0, 1.0],
            [3.0, 1.0, 1.0],
            [1.0, 0.5, 1.0],
        ];
        let map = coordinates(&rows(&vectors));
        for (a, place_a) in vectors.iter().zip(&map) {
            for (b, place_b) in vectors.iter().zip(&map) {
                let away: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
                let on_map: f64 = place_a.iter().zip(place_b).map(|(a, b)| (a - b).powi(2)).sum();
                assert!((away - on_map).abs() < 1e-9, "{away} {on_map}");
            }
        }
        let width = |axis: usize| map.iter().map(|place| place[axis] * place[axis]).sum::<f64>();
        assert!(width(0) > width(1));
        assert!(
            map[1][0] > map[0][0],
            "the largest part of a direction is positive"
        );
    }

    #[test]
    fn nothing_and_what_does_not_differ_lie_in_the_middle() {
        assert!(coordinates(&[]).is_empty());
        assert_eq!(coordinates(&rows(&[[1.0, 0.0, 0.0]; 3])), [[0.0; 2]; 3]);
        assert_eq!(coordinates(&rows(&[[f32::NAN, 0.0, 0.0]])), [[0.0; 2]]);
    }
}
