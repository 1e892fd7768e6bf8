//! The one-dimensional DCT-II of several signals beside each other.
//!
//! A signal is folded into a half of sums, whose DCT holds the even coefficients, and a half of differences, whose
//! DCT holds the odd ones as sums of neighbours, down to eight samples (Lee 1984). Halves of which few coefficients
//! are wanted are multiplied by as many rows of cosines instead. No operation is a fused one: the bits are the same
//! whatever the width of the machine's vectors.

use super::row::Row;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Where folding ends, samples.
const LEAF: usize = 8;

/// Up to so many coefficients the product is the faster way; from measurement, in which 2 to 4 are alike.
const PRODUCT_MAX: usize = 3;

/// Halves of all sizes of the largest block: 1 + 2 + … + 32.
const NODES_MAX: usize = 63;

/// The transform of signals of one length.
pub(super) struct Dct {
    /// The whole signal, then its halves, then theirs, …: those of node n are nodes 2n + 1 and 2n + 2.
    nodes: Vec<Node>,
    tables: Vec<Table>,
}

/// A part of the folded signal.
struct Node {
    /// Where it begins.
    start: usize,
    /// Its length and direction: the differences of a fold lie in reverse.
    table: usize,
}

/// What signals of one length and direction have in common.
struct Table {
    side: usize,
    /// 1 / 2cos((2n + 1)π / 2side), negative in reverse.
    secants: Vec<f64>,
    /// cos((2n + 1)kπ / 2side) for the first k, by k; negative for odd k in reverse.
    cosines: [Vec<f64>; PRODUCT_MAX],
    /// Where each coefficient comes to lie.
    places: Vec<usize>,
}

impl Dct {
    /// For signals of a power of two of at least 8 samples.
    pub(super) fn new(side: usize) -> Dct {
        debug_assert!(side.is_power_of_two() && (LEAF..=LEAF * NODES_MAX.div_ceil(2)).contains(&side));
        let mut tables: Vec<Table> = Vec::new();
        let mut nodes = Vec::new();
        let mut length = side;
        for level in 0.. {
            tables.extend([1.0, -1.0].map(|direction| Table::new(length, direction)));
            nodes.extend((0..1 << level).map(|nth: usize| Node {
                start: nth * length,
                table: 2 * level + nth % 2,
            }));
            if length == LEAF {
                break;
            }
            length /= 2;
        }
        Dct { nodes, tables }
    }

    /// Where in the transformed rows each coefficient lies.
    #[inline(always)]
    pub(super) fn places(&self) -> &[usize] {
        &self.tables[0].places
    }

    /// Replaces samples by their first `kept` coefficients, which are √(side / 2) times the orthonormal ones except
    /// for the first, which is √side times as large. They lie at [`Dct::places`]; what lies elsewhere is spoilt.
    #[inline(always)]
    pub(super) fn forward(&self, rows: &mut [Row], kept: usize) {
        let mut wanted = [0; NODES_MAX + 1];
        wanted[0] = kept;
        for (nth, node) in self.nodes.iter().enumerate() {
            let table = &self.tables[node.table];
            let part = &mut rows[node.start..][..table.side];
            match wanted[nth] {
                0 => {}
                few @ 1..=PRODUCT_MAX => table.product(part, few),
                many if table.side > LEAF => {
                    table.fold(part);
                    wanted[2 * nth + 1] = many.div_ceil(2);
                    // An odd coefficient is the sum of two of the differences'.
                    wanted[2 * nth + 2] = (many / 2 + 1).min(table.side / 2);
                }
                _ => table.leaf(part),
            }
        }
        for (nth, node) in self.nodes.iter().enumerate().rev() {
            let table = &self.tables[node.table];
            if table.side > LEAF && wanted[nth] > PRODUCT_MAX {
                let odd = &self.nodes[2 * nth + 2];
                let half = &self.tables[odd.table];
                half.unfold(&mut rows[odd.start..][..half.side], wanted[nth] / 2);
            }
        }
    }
}

impl Table {
    fn new(side: usize, direction: f64) -> Table {
        let half = side / 2;
        let angle = |n: usize| (2 * n + 1) as f64 * PI / (2 * side) as f64;
        let mut places: Vec<usize> = (0..LEAF).collect();
        while places.len() < side {
            let upper = places.len();
            places = places.iter().flat_map(|&place| [place, upper + place]).collect();
        }
        Table {
            side,
            secants: (0..half).map(|n| direction * 0.5 / angle(n).cos()).collect(),
            cosines: std::array::from_fn(|k| {
                let sign = if k % 2 == 0 { 1.0 } else { direction };
                (0..half).map(|n| sign * (k as f64 * angle(n)).cos()).collect()
            }),
            places,
        }
    }

    /// The sums into the lower half, the differences over twice their cosines into the upper half, from its end.
    #[inline(always)]
    fn fold(&self, part: &mut [Row]) {
        let (lower, upper) = part.split_at_mut(self.side / 2);
        for ((low, high), &secant) in lower.iter_mut().zip(upper.iter_mut().rev()).zip(&self.secants) {
            (*low, *high) = (*low + *high, (*low - *high) * secant);
        }
    }

    /// The first `count` odd coefficients of the whole from those of its differences, which are this half.
    #[inline(always)]
    fn unfold(&self, half: &mut [Row], count: usize) {
        for (&this, &next) in self.places.iter().zip(&self.places[1..]).take(count) {
            half[this] = half[this] + half[next];
        }
    }

    /// A few coefficients from all samples.
    #[inline(always)]
    fn product(&self, part: &mut [Row], count: usize) {
        let mut sums = [Row::default(); PRODUCT_MAX];
        let (lower, upper) = part.split_at(self.side / 2);
        for (k, (sum, cosines)) in sums.iter_mut().zip(&self.cosines).enumerate().take(count) {
            let samples = lower.iter().zip(upper.iter().rev()).zip(cosines);
            if k % 2 == 0 {
                samples.for_each(|((&low, &high), &cosine)| *sum = *sum + (low + high) * cosine);
            } else {
                samples.for_each(|((&low, &high), &cosine)| *sum = *sum + (low - high) * cosine);
            }
        }
        for (&place, sum) in self.places.iter().zip(&sums).take(count) {
            part[place] = *sum;
        }
    }

    /// All coefficients of eight samples.
    #[inline(always)]
    fn leaf(&self, part: &mut [Row]) {
        let (Some(rows), Some(secants)) = (part.as_mut_array::<LEAF>(), self.secants.as_array::<4>()) else {
            unreachable!("folding ends at {LEAF} samples");
        };
        *rows = of_eight(*rows, secants);
    }
}

/// 1 / 2cos(π/8), 1 / 2cos(3π/8).
const SECANTS_OF_FOUR: [f64; 2] = [0.541_196_100_146_197, 1.306_562_964_876_376_4];

#[inline(always)]
fn of_eight(x: [Row; 8], secants: &[f64; 4]) -> [Row; 8] {
    let even = of_four([x[0] + x[7], x[1] + x[6], x[2] + x[5], x[3] + x[4]]);
    let odd = of_four([
        (x[0] - x[7]) * secants[0],
        (x[1] - x[6]) * secants[1],
        (x[2] - x[5]) * secants[2],
        (x[3] - x[4]) * secants[3],
    ]);
    [
        even[0],
        odd[0] + odd[1],
        even[1],
        odd[1] + odd[2],
        even[2],
        odd[2] + odd[3],
        even[3],
        odd[3],
    ]
}

#[inline(always)]
fn of_four(x: [Row; 4]) -> [Row; 4] {
    let even = of_two([x[0] + x[3], x[1] + x[2]]);
    let odd = of_two([
        (x[0] - x[3]) * SECANTS_OF_FOUR[0],
        (x[1] - x[2]) * SECANTS_OF_FOUR[1],
    ]);
    [even[0], odd[0] + odd[1], even[1], odd[1]]
}

#[inline(always)]
fn of_two(x: [Row; 2]) -> [Row; 2] {
    [x[0] + x[1], (x[0] - x[1]) * FRAC_1_SQRT_2]
}
