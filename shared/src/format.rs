//! One storage format: sampling × block size × keep × quantisation factor, written `1x1-b32-k3-q50`.

mod features;
mod parse;

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;

pub use features::{FEATURES, spread};
pub use parse::BadFormat;

/// Largest block side; with the level shift every rounded coefficient of it still fits `i16`.
pub const BLOCK_MAX: u16 = 256;

/// Largest quantisation factor.
pub const QUANT_MAX: u16 = 4096;

/// Which rows and columns of the image are stored at all; all three channels alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sampling {
    /// `1x1`: every pixel.
    Full,
    /// `2x2-r`: every other row.
    Rows,
    /// `2x2-c`: every other column.
    Columns,
    /// `4x4`: every other row and every other column.
    Both,
}

/// Height and width in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
}

/// Sampling × block size: all formats that have the same coefficients, and of one factor the same columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Family {
    /// Which pixels are stored.
    pub sampling: Sampling,
    /// Side B of a block in pixels of the sampled image: a power of two from 8 to [`BLOCK_MAX`].
    pub block: u16,
}

/// One storage format. Construct it with [`Format::new`] or by parsing its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Format {
    family: Family,
    keep: u16,
    quant: u16,
}

impl Sampling {
    /// All samplings, densest first.
    pub const ALL: [Sampling; 4] = [Sampling::Full, Sampling::Rows, Sampling::Columns, Sampling::Both];

    /// Distance between stored rows.
    pub fn row_step(self) -> u32 {
        match self {
            Sampling::Full | Sampling::Columns => 1,
            Sampling::Rows | Sampling::Both => 2,
        }
    }

    /// Distance between stored columns.
    pub fn column_step(self) -> u32 {
        match self {
            Sampling::Full | Sampling::Rows => 1,
            Sampling::Columns | Sampling::Both => 2,
        }
    }

    /// The size of the sampled image: rows 0, step, 2·step, … and columns likewise.
    pub fn sampled(self, size: Size) -> Size {
        Size {
            height: size.height.div_ceil(self.row_step()),
            width: size.width.div_ceil(self.column_step()),
        }
    }
}

impl Family {
    /// The format of this family with this keep and factor, or what is wrong with it.
    pub fn format(self, keep: u16, quant: u16) -> Result<Format, BadFormat> {
        Format::new(self.sampling, self.block, keep, quant)
    }
}

impl Format {
    /// A format, or what is wrong with it.
    pub fn new(sampling: Sampling, block: u16, keep: u16, quant: u16) -> Result<Format, BadFormat> {
        if !(8..=BLOCK_MAX).contains(&block) || !block.is_power_of_two() {
            return Err(BadFormat::Block { block });
        }
        if keep == 0 || keep > 2 * block - 1 {
            return Err(BadFormat::Keep {
                keep,
                block,
                keep_max: 2 * block - 1,
            });
        }
        if quant == 0 || quant > QUANT_MAX {
            return Err(BadFormat::Quant { quant });
        }
        Ok(Format {
            family: Family { sampling, block },
            keep,
            quant,
        })
    }

    /// Sampling and block size.
    pub fn family(self) -> Family {
        self.family
    }

    /// Which pixels are stored.
    pub fn sampling(self) -> Sampling {
        self.family.sampling
    }

    /// Block side B.
    pub fn block(self) -> u16 {
        self.family.block
    }

    /// Coefficient (i, j) of a block is kept when i + j < keep.
    pub fn keep(self) -> u16 {
        self.keep
    }

    /// The factor q every rounded coefficient is divided by.
    pub fn quant(self) -> u16 {
        self.quant
    }

    /// Side of the square a block fills in the net's input: `min(keep, block)`.
    pub fn side(self) -> u16 {
        self.keep.min(self.family.block)
    }

    /// Kept coefficients of one block of one channel.
    pub fn kept_in_block(self) -> u32 {
        kept_in_block(self.family.block, self.keep)
    }

    /// Kept values of one channel of an image of this size, whose sampled size the blocks must tile.
    pub fn values(self, size: Size) -> u64 {
        let sampled = self.sampling().sampled(size);
        let block = u32::from(self.block());
        u64::from(sampled.height / block) * u64::from(sampled.width / block) * u64::from(self.kept_in_block())
    }

    /// Whether columns stored as this format hold all that `wanted` needs: a larger keep has every smaller one, and
    /// undivided coefficients have every factor.
    pub fn serves(self, wanted: Format) -> bool {
        self.family == wanted.family
            && self.keep >= wanted.keep
            && (self.quant == wanted.quant || self.quant == 1)
    }

    /// Height and width of the net's input for an image of this size: `H/B·side × W/B·side`.
    pub fn plane(self, size: Size) -> Size {
        let sampled = self.sampling().sampled(size);
        let (block, side) = (u32::from(self.block()), u32::from(self.side()));
        Size {
            height: sampled.height / block * side,
            width: sampled.width / block * side,
        }
    }

    /// Density order, densest first: more kept values per pixel, then finer quantisation, then the format's own
    /// order so that no two formats tie.
    pub fn density_order(self, other: Format) -> Ordering {
        // kept / (B² · row step · column step), compared as integers so that equal densities are equal.
        let weight = |format: Format| {
            let area = u64::from(format.block()) * u64::from(format.block());
            let steps = u64::from(format.sampling().row_step() * format.sampling().column_step());
            (u64::from(format.kept_in_block()), area * steps)
        };
        let ((kept, area), (kept_other, area_other)) = (weight(self), weight(other));
        (kept_other * area)
            .cmp(&(kept * area_other))
            .then(self.quant.cmp(&other.quant))
            .then(self.cmp(&other))
    }
}

/// The formats of each family, in the order they come.
pub fn by_family(formats: &[Format]) -> BTreeMap<Family, Vec<Format>> {
    let mut families: BTreeMap<Family, Vec<Format>> = BTreeMap::new();
    for &format in formats {
        families.entry(format.family()).or_default().push(format);
    }
    families
}

/// Number of (i, j) in a B × B block with i + j < keep.
pub fn kept_in_block(block: u16, keep: u16) -> u32 {
    let (block, keep) = (u32::from(block), u32::from(keep));
    if keep <= block {
        keep * (keep + 1) / 2
    } else {
        let missing = 2 * block - 1 - keep.min(2 * block - 1);
        block * block - missing * (missing + 1) / 2
    }
}

/// Number of (i, j) in a B × B block with i + j = diagonal.
pub fn diagonal_length(block: u16, diagonal: u16) -> u16 {
    debug_assert!(diagonal < 2 * block - 1);
    (diagonal + 1).min(2 * block - 1 - diagonal)
}

/// The coefficients (i, j) of anti-diagonal `diagonal` in storage order: i rising.
pub fn diagonal_positions(block: u16, diagonal: u16) -> impl Iterator<Item = (u16, u16)> {
    let first = diagonal.saturating_sub(block - 1);
    (first..first + diagonal_length(block, diagonal)).map(move |i| (i, diagonal - i))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(text: &str) -> Format {
        text.parse().unwrap()
    }

    #[test]
    fn kept_coefficients_equal_a_count_of_pairs() {
        for block in [8u16, 16, 32] {
            for keep in 1..2 * block {
                let count = (0..block)
                    .flat_map(|i| (0..block).map(move |j| i + j))
                    .filter(|&d| d < keep)
                    .count();
                assert_eq!(
                    kept_in_block(block, keep) as usize,
                    count,
                    "block {block} keep {keep}"
                );
                let along: usize = (0..keep).map(|d| diagonal_positions(block, d).count()).sum();
                assert_eq!(along, count);
            }
        }
    }

    #[test]
    fn planes_follow_sampling_block_and_keep() {
        let size = Size {
            height: 256,
            width: 128,
        };
        assert_eq!(
            format("1x1-b32-k3-q50").plane(size),
            Size {
                height: 24,
                width: 12
            }
        );
        assert_eq!(
            format("2x2-r-b32-k3-q50").plane(size),
            Size {
                height: 12,
                width: 12
            }
        );
        assert_eq!(
            format("2x2-c-b32-k3-q50").plane(size),
            Size { height: 24, width: 6 }
        );
        assert_eq!(
            format("4x4-b64-k64-q50").plane(size),
            Size {
                height: 128,
                width: 64
            }
        );
        assert_eq!(format("1x1-b8-k15-q1").plane(size), size);
    }

    #[test]
    fn columns_serve_smaller_keeps_of_their_family_and_factor_and_undivided_ones_every_factor() {
        let stored = format("1x1-b8-k6-q50");
        for served in ["1x1-b8-k6-q50", "1x1-b8-k1-q50"] {
            assert!(stored.serves(format(served)), "{served}");
        }
        for other in [
            "1x1-b8-k7-q50",
            "1x1-b8-k6-q100",
            "1x1-b8-k6-q1",
            "1x1-b16-k6-q50",
            "4x4-b8-k6-q50",
        ] {
            assert!(!stored.serves(format(other)), "{other}");
        }
        assert!(format("1x1-b8-k6-q1").serves(stored));
    }

    #[test]
    fn density_falls_with_keep_sampling_and_quantisation() {
        let mut formats = [
            "4x4-b8-k8-q20",
            "1x1-b8-k8-q20",
            "1x1-b8-k8-q50",
            "1x1-b8-k1-q20",
            "2x2-r-b8-k8-q20",
        ]
        .map(format);
        formats.sort_by(|a, b| a.density_order(*b));
        let texts: Vec<String> = formats.iter().map(Format::to_string).collect();
        assert_eq!(
            texts,
            [
                "1x1-b8-k8-q20",
                "1x1-b8-k8-q50",
                "2x2-r-b8-k8-q20",
                "4x4-b8-k8-q20",
                "1x1-b8-k1-q20"
            ]
        );
    }
}
