//! One image in one format: the `.ic` file a deployed application stores.
//!
//! ```text
//! head      "imgcalc-image\0" u16 version                        16 bytes
//! layout    codec::Layout of the stored image                    16
//! fields    u16 keep, u16 quant, u32 height, u32 width           12   (of the image before padding)
//! values    one coded run (module coding), storage order          …
//! checksum  u64 xxh3-64 of everything before it                   8
//! ```
//!
//! Numbers are little-endian. An image the family's blocks do not tile is padded below and to the right by repeating
//! its last row and column; one they do tile holds the very integers its column holds.

mod planes;

use crate::codec::{CodecError, LAYOUT_BYTES, Layout, Picture, Transform};
use crate::coding::{self, CodingError, Shape};
use crate::format::{Family, Format, Size};
use twox_hash::XxHash3_64;

pub use planes::{Planes, PlanesDecoder};

/// Its version in the last two bytes.
const MAGIC: [u8; 16] = *b"imgcalc-image\0\x01\0";
const VERSION: u16 = 1;
const VERSION_AT: usize = 14;
const FIELDS_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 8;

/// The values of one image, with all that gives them meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The format they have.
    pub format: Format,
    /// Size of the image.
    pub size: Size,
    /// Size of the padded image the values describe.
    pub stored_size: Size,
    /// 1 (grey) or 3 (YCbCr).
    pub channels: u16,
    /// Quantised values of the padded image in storage order.
    pub values: Vec<i16>,
}

/// Why bytes are not an encoded image, or an image cannot be encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodedError {
    /// The magic is missing, or the bytes end before the values.
    #[error("it is not an encoded image")]
    NotAnImage,
    /// A version this program does not know.
    #[error("it has version {found}, this program reads version {VERSION}; encode it anew")]
    Version {
        /// What the file says.
        found: u16,
    },
    /// Not the bytes that were written.
    #[error("its checksum does not match: it is truncated or altered")]
    Checksum,
    /// Intact bytes whose two sizes do not belong together.
    #[error("its stored size is not that of its padded image")]
    StoredSize,
    /// A format or shape that cannot be.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Values that do not decode.
    #[error("its values are damaged: {0}")]
    Coding(#[from] CodingError),
}

/// The file that holds this picture in this format.
pub fn encode(picture: &Picture, format: Format) -> Result<Vec<u8>, EncodedError> {
    picture.check()?;
    let stored_size = padded_size(picture.size, format.family());
    let mut transform = Transform::new(format.family(), stored_size, picture.channels)?;
    let values = if stored_size == picture.size {
        transform.values(picture, format)?
    } else {
        transform.values(&resized(picture, stored_size), format)?
    };
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&transform.layout().to_bytes());
    bytes.extend_from_slice(&format.keep().to_le_bytes());
    bytes.extend_from_slice(&format.quant().to_le_bytes());
    bytes.extend_from_slice(&picture.size.height.to_le_bytes());
    bytes.extend_from_slice(&picture.size.width.to_le_bytes());
    bytes.extend_from_slice(&coding::encode(&values, Shape::FLAT));
    bytes.extend_from_slice(&XxHash3_64::oneshot(&bytes).to_le_bytes());
    Ok(bytes)
}

/// The values of an encoded image.
pub fn decode_values(bytes: &[u8]) -> Result<Encoded, EncodedError> {
    let head = Head::of(bytes)?;
    let Head { layout, format, .. } = head;
    let values = coding::decode(head.coded, Shape::FLAT, layout.values(format.keep()))?;
    Ok(Encoded {
        format,
        size: head.size,
        stored_size: layout.size(),
        channels: layout.channels(),
        values,
    })
}

/// Everything of a file but its values, checked.
struct Head<'a> {
    layout: Layout,
    format: Format,
    /// Of the image before padding.
    size: Size,
    coded: &'a [u8],
}

impl Head<'_> {
    fn of(bytes: &[u8]) -> Result<Head<'_>, EncodedError> {
        if bytes.get(..VERSION_AT) != Some(&MAGIC[..VERSION_AT]) {
            return Err(EncodedError::NotAnImage);
        }
        let mut rest = &bytes[VERSION_AT..];
        let version = u16::from_le_bytes(take(&mut rest)?);
        if version != VERSION {
            return Err(EncodedError::Version { found: version });
        }
        let (checked, checksum) = bytes
            .split_last_chunk::<CHECKSUM_BYTES>()
            .ok_or(EncodedError::NotAnImage)?;
        if XxHash3_64::oneshot(checked) != u64::from_le_bytes(*checksum) {
            return Err(EncodedError::Checksum);
        }
        let coded_at = MAGIC.len() + LAYOUT_BYTES + FIELDS_BYTES;
        let coded = checked.get(coded_at..).ok_or(EncodedError::NotAnImage)?;
        let layout = Layout::from_bytes(take(&mut rest)?)?;
        let (keep, quant) = (
            u16::from_le_bytes(take(&mut rest)?),
            u16::from_le_bytes(take(&mut rest)?),
        );
        let format = layout.format(keep, quant)?;
        let height = u32::from_le_bytes(take(&mut rest)?);
        let size = Size {
            height,
            width: u32::from_le_bytes(take(&mut rest)?),
        };
        // Sizes above the stored one are refused first: padding a huge one would overflow.
        let stored_size = layout.size();
        let inside =
            (1..=stored_size.height).contains(&size.height) && (1..=stored_size.width).contains(&size.width);
        if !inside || padded_size(size, layout.family()) != stored_size {
            return Err(EncodedError::StoredSize);
        }
        Ok(Head {
            layout,
            format,
            size,
            coded,
        })
    }
}

/// The picture of an encoded image, cropped to its own size, for people to look at.
pub fn decode_picture(bytes: &[u8]) -> Result<Picture, EncodedError> {
    let Encoded {
        format,
        size,
        stored_size,
        channels,
        values,
    } = decode_values(bytes)?;
    let mut transform = Transform::new(format.family(), stored_size, channels)?;
    Ok(resized(
        &transform.picture(&values, format.keep(), format.quant())?,
        size,
    ))
}

/// The next size the family's blocks tile.
fn padded_size(size: Size, family: Family) -> Size {
    let block = u32::from(family.block);
    Size {
        height: size.height.next_multiple_of(block * family.sampling.row_step()),
        width: size.width.next_multiple_of(block * family.sampling.column_step()),
    }
}

/// Crops below and to the right, or repeats the last row and column there.
fn resized(picture: &Picture, size: Size) -> Picture {
    let (width, channels) = (picture.size.width as usize, usize::from(picture.channels));
    let mut samples = Vec::with_capacity(size.height as usize * size.width as usize * channels);
    for row in 0..size.height.min(picture.size.height) as usize {
        let pixels = &picture.samples[row * width * channels..][..width * channels];
        let copied = width.min(size.width as usize);
        samples.extend_from_slice(&pixels[..copied * channels]);
        for _ in copied..size.width as usize {
            samples.extend_from_slice(&pixels[(width - 1) * channels..]);
        }
    }
    let last_row = samples.len() - size.width as usize * channels;
    for _ in picture.size.height..size.height {
        samples.extend_from_within(last_row..last_row + size.width as usize * channels);
    }
    Picture {
        size,
        channels: picture.channels,
        samples,
    }
}

/// The next N bytes.
fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], EncodedError> {
    let (first, rest) = bytes.split_first_chunk().ok_or(EncodedError::NotAnImage)?;
    *bytes = rest;
    Ok(*first)
}
