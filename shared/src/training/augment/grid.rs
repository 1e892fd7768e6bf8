//! Shares of an image as whole blocks.

use super::Augment;

/// Sizes of crops that one training draws from at most. Each has its own operator, whose memory grows with the square of a side.
pub const CROP_SIZES_MAX: usize = 16;

/// A share that a decimal fraction misses by a rounding error still counts.
const SLACK: f64 = 1e-9;

/// How many blocks an image consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Blocks below each other.
    pub rows: u32,
    /// Blocks beside each other.
    pub columns: u32,
}

impl Grid {
    /// The sizes a crop can have, the whole last: from one block along the longer side up, the shorter side as nearly in
    /// proportion as whole blocks allow.
    fn crops(self) -> impl DoubleEndedIterator<Item = Grid> {
        let (long, short) = (self.rows.max(self.columns), self.rows.min(self.columns));
        let other = move |blocks: u32| {
            let doubled = 2 * u64::from(blocks) * u64::from(short) + u64::from(long);
            (doubled / (2 * u64::from(long))).max(1) as u32
        };
        (1..=long).map(move |blocks| match self.rows >= self.columns {
            true => Grid {
                rows: blocks,
                columns: other(blocks),
            },
            false => Grid {
                rows: other(blocks),
                columns: blocks,
            },
        })
    }

    /// Share of the area of the whole that this part of it has.
    fn share_of(self, whole: Grid) -> f64 {
        let area = |grid: Grid| f64::from(grid.rows) * f64::from(grid.columns);
        area(self) / area(whole)
    }

    /// The smallest share that a crop can cut away; none of a single block.
    pub(super) fn least_crop(self) -> Option<f64> {
        let next = self.crops().rev().nth(1)?;
        Some(1.0 - next.share_of(self))
    }
}

impl Augment {
    /// The sizes a crop is drawn from, one as likely as another, the whole last: all that the strength allows, or
    /// [`CROP_SIZES_MAX`] spread evenly over them.
    pub fn crop_sizes(&self, grid: Grid) -> Vec<Grid> {
        let allowed: Vec<Grid> = grid
            .crops()
            .filter(|size| size.share_of(grid) >= 1.0 - self.crop - SLACK)
            .collect();
        let count = allowed.len();
        if count <= CROP_SIZES_MAX {
            return allowed;
        }
        let spread = |i| i * (count - 1) / (CROP_SIZES_MAX - 1);
        (0..CROP_SIZES_MAX).map(|i| allowed[spread(i)]).collect()
    }

    /// How many blocks an image moves at most down or up and right or left; never out of sight.
    pub fn translation_max(&self, grid: Grid) -> Grid {
        let most = |blocks: u32| whole_blocks(self.translation, blocks).min(blocks.saturating_sub(1));
        Grid {
            rows: most(grid.rows),
            columns: most(grid.columns),
        }
    }

    /// The size of the rectangle that is cut out.
    pub fn cutout_size(&self, grid: Grid) -> Grid {
        Grid {
            rows: whole_blocks(self.cutout, grid.rows),
            columns: whole_blocks(self.cutout, grid.columns),
        }
    }
}

fn whole_blocks(share: f64, blocks: u32) -> u32 {
    (share * f64::from(blocks) + SLACK) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(rows: u32, columns: u32) -> Grid {
        Grid { rows, columns }
    }

    fn crops(crop: f64, whole: Grid) -> Vec<(u32, u32)> {
        let augment = Augment {
            crop,
            ..Augment::default()
        };
        let sizes = augment.crop_sizes(whole);
        sizes.into_iter().map(|size| (size.rows, size.columns)).collect()
    }

    #[test]
    fn crops_keep_the_share_and_nearly_the_proportion() {
        assert_eq!(crops(0.5, grid(8, 8)), [(6, 6), (7, 7), (8, 8)]);
        assert_eq!(crops(0.4375, grid(4, 4)), [(3, 3), (4, 4)]);
        assert_eq!(crops(0.43, grid(4, 4)), [(4, 4)]);
        assert_eq!(
            crops(0.99, grid(2, 6)),
            [(1, 1), (1, 2), (1, 3), (1, 4), (2, 5), (2, 6)]
        );
        assert_eq!(crops(0.99, grid(6, 2))[4], (5, 2));
        assert_eq!(crops(0.0, grid(1, 1)), [(1, 1)]);
    }

    #[test]
    fn of_many_sizes_some_are_taken_evenly_from_the_smallest_to_the_whole() {
        let sizes = crops(0.75, grid(256, 256));
        assert_eq!(sizes.len(), CROP_SIZES_MAX);
        assert_eq!((sizes[0], sizes[15]), ((128, 128), (256, 256)));
        assert!(
            sizes
                .windows(2)
                .all(|pair| (8..=9).contains(&(pair[1].0 - pair[0].0)))
        );
    }

    #[test]
    fn the_least_crop_allows_one_size_beside_the_whole() {
        for whole in [
            grid(2, 2),
            grid(8, 8),
            grid(3, 7),
            grid(9, 2),
            grid(1, 2),
            grid(32, 32),
        ] {
            let least = whole.least_crop().unwrap();
            assert_eq!(crops(least, whole).len(), 2, "{whole:?}");
            assert_eq!(crops(least - 1e-6, whole).len(), 1, "{whole:?}");
        }
        assert_eq!(grid(1, 1).least_crop(), None);
    }

    #[test]
    fn shares_are_whole_blocks_in_spite_of_rounding_errors() {
        let augment = Augment {
            translation: 0.29,
            cutout: 0.7,
            ..Augment::default()
        };
        assert_eq!(augment.translation_max(grid(100, 3)), grid(29, 0));
        assert_eq!(augment.cutout_size(grid(10, 3)), grid(7, 2));
        let far = Augment {
            translation: 1.0,
            ..augment
        };
        assert_eq!(far.translation_max(grid(4, 1)), grid(3, 0));
    }
}
