//! Which coding a run gets: the one that costs least, by an estimate on a sample, where a nanosecond of decoding costs as
//! much as 0.04 bits. That is the price at which the fastest coding here and the smallest are equally good at four
//! gigabytes a second, and what the constants of the other modules (`…_COST`) are made with.

use super::classes::{self, Classes, UNIT_MAX, UNITS};
use super::{Coding, frame, packed, stream};

/// Values a choice looks at.
const SAMPLE_VALUES: usize = 16_384;
/// Classes that are tried.
const CLASSES: [usize; 5] = [2, 3, 4, 6, 8];
/// Of which this is the first, with every unit.
const CLASSES_FIRST: usize = 4;
/// A frame is decoded at about half the speed of streams: it must be smaller by so much.
const FRAME_FACTOR: f64 = 1.1;

/// Appends values in the coding that suits them, and says which.
pub(super) fn encode(values: &[i16], out: &mut Vec<u8>) -> Coding {
    if values.iter().all(|&value| value == 0) {
        return Coding::Zeros;
    }
    let sample = sample(values);
    let (least, choice) = choice(&sample, values.len());
    let mut coded = Vec::new();
    let mut coding = match choice {
        Choice::Words => {
            stream::encode(values, &mut coded);
            Coding::Words
        }
        Choice::Classes { unit, count } => {
            Classes::by_size(values, unit, count).encode(values, &mut coded);
            Coding::Classes
        }
    };
    // Only what looks promising in the sample is worth the time to frame it as a whole.
    let scale = 8.0 * values.len() as f64 / sample.len() as f64;
    if frame::trial_bytes(&sample) as f64 * scale * FRAME_FACTOR < least {
        let mut framed = Vec::new();
        frame::encode(values, &mut framed);
        if framed.len() as f64 * FRAME_FACTOR < coded.len() as f64 {
            (coded, coding) = (framed, Coding::Frame);
        }
    }
    if packed::bytes(values) <= coded.len() {
        packed::encode(values, out);
        return Coding::Packed;
    }
    out.extend_from_slice(&coded);
    coding
}

#[derive(Clone, Copy, Debug)]
enum Choice {
    Words,
    Classes { unit: usize, count: usize },
}

/// Whole units of the largest size, evenly spread.
fn sample(values: &[i16]) -> Vec<i16> {
    let share = values.len().div_ceil(SAMPLE_VALUES);
    values
        .chunks(UNIT_MAX)
        .step_by(share)
        .flatten()
        .copied()
        .collect()
}

/// The cheapest choice for so many values, and what it costs, bits.
fn choice(sample: &[i16], values: usize) -> (f64, Choice) {
    let share = values as f64 / sample.len() as f64;
    let classes = |unit: usize, count: usize| {
        let cost = Classes::by_size(sample, unit, count).cost(sample, share);
        (cost, Choice::Classes { unit, count })
    };
    let cheaper = |a: &(f64, Choice), b: &(f64, Choice)| a.0.total_cmp(&b.0);
    let words = (classes::cost_of_one(sample, share), Choice::Words);
    let unit = UNITS
        .into_iter()
        .min_by(|&a, &b| cheaper(&classes(a, CLASSES_FIRST), &classes(b, CLASSES_FIRST)));
    let by_count = CLASSES.map(|count| classes(unit.unwrap_or(UNIT_MAX), count));
    by_count
        .into_iter()
        .chain([words])
        .min_by(cheaper)
        .unwrap_or(words)
}
