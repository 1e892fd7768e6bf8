//! The design space: which formats a build considers, and which of them an image can have.

use crate::format::{Family, Format, Sampling, Size};
use serde::{Deserialize, Serialize};

/// A design space as data: the product of its domains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Space {
    /// Samplings considered.
    pub samplings: Vec<Sampling>,
    /// Block sides considered.
    pub blocks: Vec<u16>,
    /// Keeps considered for each block side.
    pub keeps: Keeps,
    /// Quantisation factors considered.
    pub quants: Vec<u16>,
}

/// The keeps of a block of side B.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keeps {
    /// 1 to B: the upper-left triangle at most.
    Triangle,
    /// 1 to 2B − 1: up to the whole block.
    Whole,
    /// Those of this list that a block has (at most 2B − 1).
    List(Vec<u16>),
}

/// Why an image of some size cannot have a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Infeasible {
    /// The block is larger than the sampled image.
    #[error("a block of {block} does not fit the sampled image of {height}x{width}")]
    TooLarge {
        /// Block side.
        block: u16,
        /// Sampled rows.
        height: u32,
        /// Sampled columns.
        width: u32,
    },
    /// Blocks do not tile the sampled image.
    #[error("blocks of {block} do not tile the sampled image of {height}x{width}")]
    Ragged {
        /// Block side.
        block: u16,
        /// Sampled rows.
        height: u32,
        /// Sampled columns.
        width: u32,
    },
}

/// Names and meanings of the presets.
pub const PRESETS: [(&str, &str); 2] = [
    (
        "sigmod24",
        "4 samplings x 6 block sizes x keeps 1..B x 3 factors: the published space of 6,048 formats",
    ),
    (
        "sigmod24-whole",
        "the same with keeps 1..2B-1, up to the whole block",
    ),
];

impl Space {
    /// A named space: `sigmod24` is the published one (Sirin and Idreos, "The Image Calculator", SIGMOD 2024,
    /// the table of design primitives), `sigmod24-whole` has all 2B − 1 anti-diagonals.
    pub fn preset(name: &str) -> Option<Space> {
        let keeps = match name {
            "sigmod24" => Keeps::Triangle,
            "sigmod24-whole" => Keeps::Whole,
            _ => return None,
        };
        Some(Space {
            samplings: Sampling::ALL.to_vec(),
            blocks: vec![8, 16, 32, 64, 128, 256],
            keeps,
            quants: vec![20, 50, 100],
        })
    }

    /// All formats of the space in the order of its domains, without repeats.
    ///
    /// Values that are no format (a block of 12, a factor of 0) are left out here; a spec that names one is refused
    /// before.
    pub fn formats(&self) -> Vec<Format> {
        let mut formats = Vec::new();
        for &sampling in &self.samplings {
            for &block in &self.blocks {
                for keep in self.keeps.of(block) {
                    let made = self
                        .quants
                        .iter()
                        .filter_map(|&quant| Format::new(sampling, block, keep, quant).ok());
                    formats.extend(made);
                }
            }
        }
        let mut seen = std::collections::HashSet::new();
        formats.retain(|format| seen.insert(*format));
        formats
    }

    /// The formats an image of this size can have, densest first, and those it cannot have with the reason.
    pub fn split(&self, size: Size) -> (Vec<Format>, Vec<(Format, Infeasible)>) {
        let (mut feasible, mut infeasible) = (Vec::new(), Vec::new());
        for format in self.formats() {
            match feasibility(format.family(), size) {
                Ok(()) => feasible.push(format),
                Err(why) => infeasible.push((format, why)),
            }
        }
        feasible.sort_by(|a, b| a.density_order(*b));
        (feasible, infeasible)
    }
}

impl Keeps {
    /// The keeps a block of this side has, rising.
    pub fn of(&self, block: u16) -> Vec<u16> {
        match self {
            Keeps::Triangle => (1..=block).collect(),
            Keeps::Whole => (1..2 * block).collect(),
            Keeps::List(list) => {
                let mut keeps: Vec<u16> = list
                    .iter()
                    .copied()
                    .filter(|&keep| keep >= 1 && keep < 2 * block)
                    .collect();
                keeps.sort_unstable();
                keeps.dedup();
                keeps
            }
        }
    }
}

/// Whether images of this size can have formats of this family.
pub fn feasibility(family: Family, size: Size) -> Result<(), Infeasible> {
    let sampled = family.sampling.sampled(size);
    let (block, Size { height, width }) = (family.block, sampled);
    let side = u32::from(block);
    if height < side || width < side {
        return Err(Infeasible::TooLarge { block, height, width });
    }
    let even = size.height.is_multiple_of(family.sampling.row_step())
        && size.width.is_multiple_of(family.sampling.column_step());
    if !even || !height.is_multiple_of(side) || !width.is_multiple_of(side) {
        return Err(Infeasible::Ragged { block, height, width });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(preset: &str, side: u32) -> (usize, usize) {
        let (feasible, infeasible) = Space::preset(preset).unwrap().split(Size {
            height: side,
            width: side,
        });
        (feasible.len(), infeasible.len())
    }

    #[test]
    fn the_published_space_has_6048_formats_of_which_3744_fit_256() {
        assert_eq!(Space::preset("sigmod24").unwrap().formats().len(), 6048);
        assert_eq!(counts("sigmod24", 256), (3744, 6048 - 3744));
        assert_eq!(counts("sigmod24", 32), (384, 6048 - 384));
        assert_eq!(counts("sigmod24", 512), (6048, 0));
        assert_eq!(counts("sigmod24", 4), (0, 6048));
    }

    #[test]
    fn the_whole_space_has_all_anti_diagonals() {
        let per_sampling: usize = [8, 16, 32, 64, 128, 256].iter().map(|b| 2 * b - 1).sum();
        assert_eq!(
            Space::preset("sigmod24-whole").unwrap().formats().len(),
            4 * per_sampling * 3
        );
    }

    #[test]
    fn a_size_that_blocks_do_not_tile_is_infeasible_by_name() {
        let family: Family = "1x1-b8".parse().unwrap();
        assert!(matches!(
            feasibility(
                family,
                Size {
                    height: 28,
                    width: 28
                }
            ),
            Err(Infeasible::Ragged { .. })
        ));
        let family: Family = "4x4-b32".parse().unwrap();
        assert!(matches!(
            feasibility(
                family,
                Size {
                    height: 32,
                    width: 32
                }
            ),
            Err(Infeasible::TooLarge { .. })
        ));
    }

    #[test]
    fn repeats_in_the_domains_do_not_repeat_formats() {
        let mut space = Space::preset("sigmod24").unwrap();
        space.quants = vec![50, 50];
        assert_eq!(space.formats().len(), 6048 / 3);
    }
}
