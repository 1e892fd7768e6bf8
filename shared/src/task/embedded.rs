//! What an embedding of formats gives.

use crate::format::Format;
use crate::training::Embedding;
use serde::{Deserialize, Serialize};

/// Steps between which a vector's numbers lie, a ten-thousandth: finer ones would be longer as text and tell nothing more.
const STEPS_OF_ONE: f64 = 10_000.0;
/// Most points of a curve.
const POINTS_MAX: usize = 1000;

/// A finished embedding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embedded {
    /// A vector for each format asked for, in that order.
    pub rows: Vec<FormatVector>,
    /// How the training went.
    pub curve: Vec<AgreementPoint>,
    /// Images it learned from.
    pub images: u32,
    /// Bytes of pixels it asked the base for.
    pub bytes_read: u64,
    /// Wall time of the attempt that finished, seconds.
    pub seconds: f64,
}

/// A format and where the net puts it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormatVector {
    /// The format.
    pub format: Format,
    /// Of length 1; or all 0, where the net tells nothing apart in this format.
    pub vector: Vec<f32>,
}

/// A stretch of the training of an embedding.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgreementPoint {
    /// Steps done after it.
    pub step: u32,
    /// Mean loss over it, nats.
    pub loss: f64,
    /// Share of images that were found again in the other format among all of their batch, 0 to 1.
    pub found: f64,
}

impl Embedded {
    /// Whether it answers exactly what was asked, with numbers that can be.
    pub(super) fn answers(&self, formats: &[Format], embedding: &Embedding) -> bool {
        let vector = |row: &FormatVector| {
            row.vector.len() == usize::from(embedding.dimensions)
                && row.vector.iter().all(|number| (-1.0..=1.0).contains(number))
        };
        let point = |point: &AgreementPoint| {
            point.step <= embedding.steps && point.loss.is_finite() && (0.0..=1.0).contains(&point.found)
        };
        self.rows.len() == formats.len()
            && self
                .rows
                .iter()
                .zip(formats)
                .all(|(row, format)| row.format == *format && vector(row))
            && self.curve.len() <= POINTS_MAX
            && self.curve.iter().all(point)
            && self.seconds.is_finite()
    }
}

impl FormatVector {
    /// The vector of this direction, of length 1 and with few digits; numbers that are not finite are taken as 0.
    pub fn new(format: Format, direction: &[f64]) -> Self {
        let finite = |number: &f64| if number.is_finite() { *number } else { 0.0 };
        // Its largest number first: squares of very large or small ones would leave the range.
        let largest = direction
            .iter()
            .map(finite)
            .fold(0.0_f64, |largest, number| largest.max(number.abs()));
        let scaled = direction.iter().map(|number| match largest > 0.0 {
            true => finite(number) / largest,
            false => 0.0,
        });
        let scaled: Vec<f64> = scaled.collect();
        let length = scaled
            .iter()
            .map(|number| number * number)
            .sum::<f64>()
            .sqrt()
            .max(1.0);
        let rounded = scaled.iter().map(|number| {
            let steps = (number / length * STEPS_OF_ONE).round();
            // No −0: it would be text of its own.
            (steps / STEPS_OF_ONE + 0.0) as f32
        });
        FormatVector {
            format,
            vector: rounded.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Splits;
    use crate::digest::Digest;
    use crate::format::Size;
    use crate::space::Space;
    use crate::task::{Outcome, Task};

    fn task(formats: &[Format]) -> Task {
        Task::Embed {
            dataset: Digest::of(b"d"),
            images: Splits {
                train: 10,
                validation: 5,
                test: 0,
            },
            formats: formats.to_vec(),
            embedding: Embedding {
                dimensions: 3,
                ..Embedding::default()
            },
            threads: 1,
        }
    }

    fn embedded(formats: &[Format]) -> Embedded {
        let row = |&format: &Format| FormatVector::new(format, &[1.0, -2.0, 2.0]);
        Embedded {
            rows: formats.iter().map(row).collect(),
            curve: vec![AgreementPoint {
                step: 1,
                loss: 4.0,
                found: 0.5,
            }],
            images: 10,
            bytes_read: 1,
            seconds: 1.0,
        }
    }

    #[test]
    fn an_embedding_answers_its_own_formats_only_and_in_their_order() {
        let formats: Vec<Format> = ["1x1-b8-k8-q20", "1x1-b8-k1-q20"]
            .map(|text| text.parse().unwrap())
            .into();
        let good = embedded(&formats);
        let asked = task(&formats);
        assert!(asked.accepts(&Outcome::Embed(good.clone())));
        let refused = |change: fn(&mut Embedded)| {
            let mut embedded = good.clone();
            change(&mut embedded);
            !asked.accepts(&Outcome::Embed(embedded))
        };
        assert!(refused(|e| e.rows.swap(0, 1)));
        assert!(refused(|e| e.rows.truncate(1)));
        assert!(refused(|e| e.rows[1].vector.truncate(1)));
        assert!(refused(|e| e.rows[1].vector[0] = f32::NAN));
        assert!(refused(|e| e.rows[1].vector[0] = 1.5));
        assert!(refused(|e| e.curve[0].found = 1.5));
        assert!(refused(|e| e.curve[0].step = u32::MAX));
        assert!(refused(|e| e.seconds = f64::INFINITY));
        assert!(!asked.is_profile());
        assert_eq!(asked.to_string(), "embed 2 formats");
    }

    #[test]
    fn a_vector_has_length_one_and_four_digits() {
        let format: Format = "1x1-b8-k8-q20".parse().unwrap();
        let vector = |direction: &[f64]| FormatVector::new(format, direction).vector;
        assert_eq!(vector(&[1.0, -2.0, 2.0]), [0.3333, -0.6667, 0.6667]);
        assert_eq!(vector(&[1e300, 0.0]), [1.0, 0.0]);
        assert_eq!(vector(&[3e-300, -4e-300]), [0.6, -0.8]);
        assert_eq!(vector(&[f64::NAN, f64::INFINITY]), [0.0, 0.0]);
        assert_eq!(
            serde_json::to_string(&vector(&[-1e-9, 2.0])).unwrap(),
            "[0.0,1.0]"
        );
    }

    #[test]
    fn the_outcome_of_the_whole_published_space_stays_a_small_text() {
        let size = Size {
            height: 256,
            width: 256,
        };
        let (formats, _) = Space::preset("sigmod24").unwrap().split(size);
        let direction: Vec<f64> = (1..=Embedding::DIMENSIONS_MAX)
            .map(|n| -(f64::from(n) / 7.0).sin().abs())
            .collect();
        let embedded = Embedded {
            rows: formats
                .iter()
                .map(|&format| FormatVector::new(format, &direction))
                .collect(),
            ..embedded(&[])
        };
        let text = serde_json::to_string(&Outcome::Embed(embedded)).unwrap();
        assert_eq!(formats.len(), 3744);
        assert!(text.len() < 3_000_000, "{} bytes", text.len());
    }
}
