//! Where each value of an image of one family lies.

use super::CodecError;
use crate::dataset::SIDE_MAX;
use crate::format::{Family, Format, Sampling, Size, diagonal_length, kept_in_block};
use crate::space::feasibility;

/// Length of a [`Layout`] in a persisted object, bytes.
pub const LAYOUT_BYTES: usize = 16;

/// Family, size and channels of images that have this family's values: everything positions follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    family: Family,
    size: Size,
    channels: u16,
}

impl Layout {
    /// The layout, or why images of this shape cannot have it.
    pub fn new(family: Family, size: Size, channels: u16) -> Result<Layout, CodecError> {
        Format::new(family.sampling, family.block, 1, 1)?;
        let Size { height, width } = size;
        if !(1..=SIDE_MAX).contains(&height) || !(1..=SIDE_MAX).contains(&width) {
            return Err(CodecError::Side { height, width });
        }
        if channels != 1 && channels != 3 {
            return Err(CodecError::Channels { channels });
        }
        feasibility(family, size)?;
        Ok(Layout {
            family,
            size,
            channels,
        })
    }

    /// Sampling and block size.
    pub fn family(self) -> Family {
        self.family
    }

    /// Size of an image before sampling.
    pub fn size(self) -> Size {
        self.size
    }

    /// 1 or 3.
    pub fn channels(self) -> u16 {
        self.channels
    }

    /// The format of this family with this keep and factor, or what is wrong with them.
    pub fn format(self, keep: u16, quant: u16) -> Result<Format, CodecError> {
        Ok(Format::new(self.family.sampling, self.family.block, keep, quant)?)
    }

    /// Rows and columns of blocks.
    pub fn grid(self) -> Size {
        let sampled = self.family.sampling.sampled(self.size);
        let block = u32::from(self.family.block);
        Size {
            height: sampled.height / block,
            width: sampled.width / block,
        }
    }

    /// Blocks of one channel.
    pub fn blocks(self) -> usize {
        let grid = self.grid();
        grid.height as usize * grid.width as usize
    }

    /// Values of one image at this keep (at most 2B − 1).
    pub fn values(self, keep: u16) -> usize {
        usize::from(self.channels) * self.blocks() * kept_in_block(self.family.block, keep) as usize
    }

    /// Values of one image in one anti-diagonal of one channel.
    pub fn run_values(self, diagonal: u16) -> usize {
        usize::from(diagonal_length(self.family.block, diagonal)) * self.blocks()
    }

    /// Where, in storage order, the values of one anti-diagonal of one channel begin.
    pub fn run_start(self, diagonal: u16, channel: u16) -> usize {
        self.values(diagonal) + usize::from(channel) * self.run_values(diagonal)
    }

    /// Anti-diagonals and channels below this keep, in storage order.
    pub fn runs(self, keep: u16) -> impl Iterator<Item = (u16, u16)> {
        (0..keep).flat_map(move |diagonal| (0..self.channels).map(move |channel| (diagonal, channel)))
    }

    /// The runs of one image's values at this keep, in storage order.
    pub(crate) fn split(self, values: &[i16], keep: u16) -> Vec<&[i16]> {
        let mut rest = values;
        let run = |(diagonal, _)| {
            let (run, after) = rest.split_at(self.run_values(diagonal));
            rest = after;
            run
        };
        self.runs(keep).map(run).collect()
    }

    /// Height and width of one plane of the net's input at this keep.
    pub fn plane(self, keep: u16) -> Size {
        let side = u32::from(keep.min(self.family.block));
        let grid = self.grid();
        Size {
            height: grid.height * side,
            width: grid.width * side,
        }
    }

    /// Values of all planes of one image at this keep: channels × height × width.
    pub fn plane_values(self, keep: u16) -> usize {
        let plane = self.plane(keep);
        usize::from(self.channels) * plane.height as usize * plane.width as usize
    }

    /// As it is persisted, little-endian: sampling, block, channels, zero (16 bits each), height, width (32 bits).
    pub fn to_bytes(self) -> [u8; LAYOUT_BYTES] {
        // Codes are persisted: never renumber them.
        let sampling: u16 = match self.family.sampling {
            Sampling::Full => 0,
            Sampling::Rows => 1,
            Sampling::Columns => 2,
            Sampling::Both => 3,
        };
        let mut bytes = [0; LAYOUT_BYTES];
        bytes[0..2].copy_from_slice(&sampling.to_le_bytes());
        bytes[2..4].copy_from_slice(&self.family.block.to_le_bytes());
        bytes[4..6].copy_from_slice(&self.channels.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.size.height.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.size.width.to_le_bytes());
        bytes
    }

    /// Reads what [`Layout::to_bytes`] wrote and checks it like [`Layout::new`].
    pub fn from_bytes(bytes: [u8; LAYOUT_BYTES]) -> Result<Layout, CodecError> {
        let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let long = |at: usize| u32::from(short(at)) | u32::from(short(at + 2)) << 16;
        let sampling = match short(0) {
            0 => Sampling::Full,
            1 => Sampling::Rows,
            2 => Sampling::Columns,
            3 => Sampling::Both,
            code => return Err(CodecError::Sampling { code }),
        };
        let size = Size {
            height: long(8),
            width: long(12),
        };
        Layout::new(
            Family {
                sampling,
                block: short(2),
            },
            size,
            short(4),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(family: &str, height: u32, width: u32, channels: u16) -> Result<Layout, CodecError> {
        Layout::new(family.parse().unwrap(), Size { height, width }, channels)
    }

    #[test]
    fn runs_follow_each_other_without_gaps_and_fill_the_image() {
        for (family, channels) in [("1x1-b8", 3), ("2x2-r-b16", 1), ("4x4-b8", 3)] {
            let layout = layout(family, 64, 32, channels).unwrap();
            let keep = 2 * layout.family().block - 1;
            let mut at = 0;
            for (diagonal, channel) in layout.runs(keep) {
                assert_eq!(layout.run_start(diagonal, channel), at);
                at += layout.run_values(diagonal);
            }
            assert_eq!(at, layout.values(keep));
            let sampled = layout.family().sampling.sampled(layout.size());
            assert_eq!(at as u32, sampled.height * sampled.width * u32::from(channels));
        }
    }

    #[test]
    fn a_layout_returns_from_its_bytes_and_impossible_ones_are_refused() {
        for family in ["1x1-b8", "2x2-r-b8", "2x2-c-b16", "4x4-b32"] {
            let layout = layout(family, 64, 128, 3).unwrap();
            assert_eq!(Layout::from_bytes(layout.to_bytes()), Ok(layout));
        }
        assert!(layout("1x1-b8", 12, 8, 1).is_err());
        assert!(layout("1x1-b8", 8, 8, 2).is_err());
        assert!(layout("1x1-b8", 8192, 8, 1).is_err());
        assert!(Layout::from_bytes([0xff; LAYOUT_BYTES]).is_err());
        assert!(Layout::from_bytes([0; LAYOUT_BYTES]).is_err());
    }
}
