//! The column object: all coefficients of one family over one row group of images.
//!
//! Its chunks lie in prefix order, so that a format is one contiguous range from the start of the object; a larger
//! keep read once serves every smaller one. [`write()`] draws the bytes; [`Footer`] reads them without doing I/O.

mod check;
mod decode;
mod footer;
mod key;
mod write;

use crate::codec::{CodecError, Layout};
use crate::coding::CodingError;
use crate::format::{Family, Size};

pub use decode::{ChunkFacts, Decoding};
pub use footer::{Footer, Step};
pub use key::{folder, key, parse_key};
pub use write::{write, write_coefficients};

/// Most images in one object.
pub const IMAGES_MAX: u32 = 65_536;
/// Most values in one object.
pub const OBJECT_VALUES_MAX: u64 = 1 << 30;
/// Longest footer, bytes: three channels of a block of 256 have 1,533 chunks.
pub const FOOTER_BYTES_MAX: u64 = (FOOTER_HEAD_BYTES + 1533 * ENTRY_BYTES) as u64;
/// How much [`Footer::read`] asks for first, bytes: every footer fits, so one request is always enough.
pub const TAIL_BYTES: u64 = FOOTER_BYTES_MAX + TRAILER_BYTES as u64;

/// Both ends of the object: what it is, and its version.
const MAGIC: [u8; 16] = *b"imgcalc-column\x01\0";
const VERSION: u16 = 1;
const VERSION_AT: usize = 14;
/// Footer before the chunk table, bytes.
const FOOTER_HEAD_BYTES: usize = 32;
/// One entry of the chunk table, bytes.
const ENTRY_BYTES: usize = 24;
/// What follows the footer, bytes.
const TRAILER_BYTES: usize = 28;

/// What a column object holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Sampling and block size.
    pub family: Family,
    /// What the coefficients were divided by. Undivided ones (1) serve every factor, but take several times the bytes
    /// of those of one.
    pub quant: u16,
    /// Size of every image.
    pub size: Size,
    /// 1 (grey) or 3 (YCbCr).
    pub channels: u16,
    /// Anti-diagonals stored.
    pub keep: u16,
    /// Number of the first image.
    pub first_image: u32,
    /// How many images.
    pub images: u32,
}

/// Why bytes are not the column they should be, or a column cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// The magic is missing at one end.
    #[error("it does not {0} as a column object")]
    NotAColumn(End),
    /// A version this program does not know.
    #[error("it has version {found}, this program reads version {VERSION}; make the columns anew")]
    Version {
        /// What the object says.
        found: u16,
    },
    /// The tail is longer than the object or not the part that was asked for.
    #[error("{found} bytes were handed over of an object of {object_length}")]
    Tail {
        /// Length of what was handed over.
        found: u64,
        /// Length of the object.
        object_length: u64,
    },
    /// A footer longer than any can be, or than the object.
    #[error("its footer of {bytes} bytes is impossible (at most {FOOTER_BYTES_MAX} bytes)")]
    FooterLength {
        /// What the trailer says.
        bytes: u64,
    },
    /// The footer is not the one that was written.
    #[error("the checksum of its footer does not match: it is truncated or altered")]
    FooterChecksum,
    /// An intact footer that contradicts itself or the object's length.
    #[error("its footer is not valid: {0}")]
    Footer(&'static str),
    /// Images of this shape have no such columns.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Too few or too many images.
    #[error("{images} images are not 1 to {IMAGES_MAX} with numbers of 32 bits; use a smaller row group")]
    Images {
        /// How many.
        images: u64,
    },
    /// Too much for one object.
    #[error("it would hold {values} values, at most {OBJECT_VALUES_MAX}; use a smaller row group or keep")]
    TooManyValues {
        /// How many.
        values: u64,
    },
    /// More anti-diagonals asked for than are stored.
    #[error("keep {asked} is asked for, {stored} anti-diagonals are stored")]
    Keep {
        /// The format's.
        asked: u16,
        /// The object's.
        stored: u16,
    },
    /// Values quantised by another factor.
    #[error("quantisation factor {asked} is asked for, the values are stored divided by {stored}")]
    Quant {
        /// The format's.
        asked: u16,
        /// The object's.
        stored: u16,
    },
    /// Fewer bytes than the prefix of this keep has.
    #[error("the prefix has {expected} bytes, {found} were read")]
    Prefix {
        /// Its length.
        expected: u64,
        /// As many as there are.
        found: u64,
    },
    /// One damaged chunk.
    #[error("the chunk of anti-diagonal {diagonal}, channel {channel} is damaged: {fault}")]
    Chunk {
        /// Its anti-diagonal.
        diagonal: u16,
        /// Its channel.
        channel: u16,
        /// What is wrong with it.
        fault: ChunkFault,
    },
}

/// One end of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The first bytes.
    Start,
    /// The last bytes.
    End,
}

/// What is wrong with a chunk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkFault {
    /// Not the bytes that were written.
    #[error("its checksum does not match")]
    Checksum,
    /// Intact bytes that do not decode.
    #[error(transparent)]
    Coding(#[from] CodingError),
}

impl Header {
    /// The layout of one image, after everything about the header was checked.
    fn checked_layout(&self) -> Result<Layout, ColumnError> {
        let layout = Layout::new(self.family, self.size, self.channels)?;
        layout.format(self.keep, self.quant)?;
        let images = u64::from(self.images);
        if !(1..=IMAGES_MAX).contains(&self.images) || self.first_image.checked_add(self.images).is_none() {
            return Err(ColumnError::Images { images });
        }
        let values = (layout.values(self.keep) as u64).saturating_mul(images);
        if values > OBJECT_VALUES_MAX {
            return Err(ColumnError::TooManyValues { values });
        }
        Ok(layout)
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            End::Start => "start",
            End::End => "end",
        })
    }
}

/// Whether these 16 bytes are the magic, in a version that is known.
fn check_magic(bytes: &[u8], end: End) -> Result<(), ColumnError> {
    if bytes.get(..VERSION_AT) != Some(&MAGIC[..VERSION_AT]) || bytes.len() != MAGIC.len() {
        return Err(ColumnError::NotAColumn(end));
    }
    match u16::from_le_bytes([bytes[VERSION_AT], bytes[VERSION_AT + 1]]) {
        VERSION => Ok(()),
        found => Err(ColumnError::Version { found }),
    }
}
