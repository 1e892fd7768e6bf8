//! What stands before the pages of a pixel object.

use super::image_bytes;
use imgcalc_shared::dataset::SIDE_MAX;
use imgcalc_shared::format::Size;
use std::ops::Range;
use twox_hash::XxHash3_64;

/// First bytes of a pixel object; the version follows.
pub const MAGIC: [u8; 14] = *b"imgcalc-pixels";

const VERSION: u16 = 0;
const HEAD_BYTES: usize = 16;
const FIXED_BYTES: usize = HEAD_BYTES + 20;
const PAGE_BYTES: usize = 12;
const IMAGES_MAX: u32 = 65_536;

/// The header of a pixel object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Images in it.
    pub images: u32,
    /// Size of each.
    pub size: Size,
    /// 1 or 3.
    pub channels: u16,
    /// Images of a page.
    pub page_images: u32,
    pages: Vec<Page>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Page {
    bytes: u32,
    checksum: u64,
}

impl Header {
    pub(super) fn of(size: Size, channels: u16, images: u32, page_images: u32, pages: &[Vec<u8>]) -> Header {
        let pages = pages.iter().map(|page| Page {
            bytes: page.len() as u32,
            checksum: XxHash3_64::oneshot(page),
        });
        Header {
            images,
            size,
            channels,
            page_images,
            pages: pages.collect(),
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let (height, width, channels) = (self.size.height, self.size.width, self.channels.into());
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        for number in [self.images, height, width, channels, self.page_images] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for page in &self.pages {
            bytes.extend_from_slice(&page.bytes.to_le_bytes());
            bytes.extend_from_slice(&page.checksum.to_le_bytes());
        }
        bytes.extend_from_slice(&XxHash3_64::oneshot(&bytes).to_le_bytes());
        bytes
    }

    /// Reads the header and checks that the object has the length it says; pages are checked as they are unpacked.
    pub fn read(object: &[u8]) -> Result<Header, String> {
        if !object.starts_with(&MAGIC) {
            return Err("it does not start as pixels do".into());
        }
        let fixed = object.first_chunk::<FIXED_BYTES>().ok_or("it is truncated")?;
        let version = u16::from_le_bytes([fixed[14], fixed[15]]);
        if version != VERSION {
            return Err(format!(
                "it has version {version}, this program reads version {VERSION}"
            ));
        }
        let mut numbers = [0; 5];
        for (number, bytes) in numbers.iter_mut().zip(fixed[HEAD_BYTES..].as_chunks().0) {
            *number = u32::from_le_bytes(*bytes);
        }
        let [images, height, width, channels, page_images] = numbers;
        let sides = 1..=SIDE_MAX;
        // Checked before the table is allocated: the checksum that covers these numbers lies behind it.
        if !(1..=IMAGES_MAX).contains(&images)
            || !sides.contains(&height)
            || !sides.contains(&width)
            || !matches!(channels, 1 | 3)
            || !(1..=IMAGES_MAX).contains(&page_images)
        {
            return Err("its header is out of range".into());
        }
        let pages = images.div_ceil(page_images) as usize;
        let end = FIXED_BYTES + pages * PAGE_BYTES;
        let stated = object.get(end..end + 8).ok_or("it is truncated")?;
        if XxHash3_64::oneshot(&object[..end]).to_le_bytes() != stated {
            return Err("the checksum of its header does not match".into());
        }
        let table = object[FIXED_BYTES..end].chunks_exact(PAGE_BYTES).map(|entry| {
            let (mut bytes, mut checksum) = ([0; 4], [0; 8]);
            bytes.copy_from_slice(&entry[..4]);
            checksum.copy_from_slice(&entry[4..]);
            Page {
                bytes: u32::from_le_bytes(bytes),
                checksum: u64::from_le_bytes(checksum),
            }
        });
        let header = Header {
            images,
            size: Size { height, width },
            channels: channels as u16,
            page_images,
            pages: table.collect(),
        };
        let length = end as u64 + 8 + header.pages.iter().map(|page| u64::from(page.bytes)).sum::<u64>();
        if length != object.len() as u64 {
            return Err(format!("it has {} bytes, its header says {length}", object.len()));
        }
        Ok(header)
    }

    /// The images of one page, after its checksum was compared.
    pub(super) fn unpack(&self, object: &[u8], page: u32) -> Result<Vec<u8>, String> {
        let stored = &object[self.page(page as usize)];
        if XxHash3_64::oneshot(stored) != self.pages[page as usize].checksum {
            return Err(format!("the checksum of page {page} does not match"));
        }
        let images = self.page_images.min(self.images - page * self.page_images);
        let bytes = images as usize * image_bytes(self.size, self.channels);
        let pixels =
            zstd::bulk::decompress(stored, bytes).map_err(|error| format!("page {page}: {error}"))?;
        if pixels.len() != bytes {
            return Err(format!(
                "page {page} holds {} bytes of pixels, not {bytes}",
                pixels.len()
            ));
        }
        Ok(pixels)
    }

    fn page(&self, page: usize) -> Range<usize> {
        let bytes = |pages: &[Page]| -> usize { pages.iter().map(|page| page.bytes as usize).sum() };
        let first = FIXED_BYTES + self.pages.len() * PAGE_BYTES + 8;
        let start = first + bytes(&self.pages[..page]);
        start..start + self.pages[page].bytes as usize
    }
}
