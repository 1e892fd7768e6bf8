//! One file of the cache: the beginning of an object, and its end where that tells what the beginning holds.
//!
//! ```text
//! head      "imgcalc-cached" u16 version               16 bytes
//! name      its name: hexadecimal BLAKE3 of its origin   64
//! lengths   u64 bytes of the prefix, u64 of the tail   16
//! table     for each page of the prefix                 8
//!             u64 xxh3-64 of its 1 MiB or less
//! tail      last bytes of the object                    …
//! checksum  u64 xxh3-64 of everything before it         8
//! prefix    first bytes of the object                   …
//! ```
//!
//! Numbers are little-endian. Pages exist so that a shorter prefix is verified without reading a longer one.

use super::{Cache, Name};
use bytes::Bytes;
use imgcalc_shared::digest::Digest;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use twox_hash::XxHash3_64;

const MAGIC: [u8; 14] = *b"imgcalc-cached";
const VERSION: u16 = 0;
const NAME_AT: usize = 16;
const LENGTHS_AT: usize = NAME_AT + 64;
const FIXED_BYTES: usize = LENGTHS_AT + 16;
const CHECKSUM_BYTES: usize = 8;
const PAGE_BYTES: usize = 1 << 20;
/// Longest tail, bytes: any footer of a column object is far shorter.
const TAIL_BYTES_MAX: u64 = 1 << 20;
/// Longest prefix, bytes: no object of a base is longer.
const PREFIX_BYTES_MAX: u64 = 1 << 40;

/// Why a file is not the copy it should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("it does not start as a cached file of version {VERSION}")]
    Head,
    #[error("it is a copy of something else")]
    Name,
    #[error("it has {found} bytes, its head says otherwise")]
    Length { found: u64 },
    #[error("a checksum does not match")]
    Checksum,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A file whose head is intact; the prefix is verified as it is read.
#[derive(Debug)]
pub(crate) struct Copy<'a> {
    cache: &'a Cache,
    name: Name,
    pages: Vec<u64>,
    tail: Bytes,
    prefix_at: u64,
    prefix_bytes: u64,
    file: File,
}

impl<'a> Copy<'a> {
    pub(super) fn open(cache: &'a Cache, name: &Name, file: File) -> Result<Self, Fault> {
        let found = file.metadata()?.len();
        let mut fixed = [0; FIXED_BYTES];
        if found < FIXED_BYTES as u64 {
            return Err(Fault::Length { found });
        }
        file.read_exact_at(&mut fixed, 0)?;
        if fixed[..MAGIC.len()] != MAGIC || fixed[MAGIC.len()..NAME_AT] != VERSION.to_le_bytes() {
            return Err(Fault::Head);
        }
        if fixed[NAME_AT..LENGTHS_AT] != *name.0.to_string().as_bytes() {
            return Err(Fault::Name);
        }
        let prefix_bytes = number(&fixed[LENGTHS_AT..]);
        let tail_bytes = number(&fixed[LENGTHS_AT + 8..]);
        if prefix_bytes > PREFIX_BYTES_MAX || tail_bytes > TAIL_BYTES_MAX {
            return Err(Fault::Length { found });
        }
        let table_bytes = prefix_bytes.div_ceil(PAGE_BYTES as u64) * 8;
        let rest_bytes = table_bytes + tail_bytes + CHECKSUM_BYTES as u64;
        let prefix_at = FIXED_BYTES as u64 + rest_bytes;
        // Before anything is allocated: what the file has bounds what it can say.
        if prefix_at + prefix_bytes != found {
            return Err(Fault::Length { found });
        }
        let mut head = fixed.to_vec();
        head.resize(prefix_at as usize, 0);
        file.read_exact_at(&mut head[FIXED_BYTES..], FIXED_BYTES as u64)?;
        let (body, checksum) = head.split_at(head.len() - CHECKSUM_BYTES);
        if XxHash3_64::oneshot(body) != number(checksum) {
            return Err(Fault::Checksum);
        }
        let (table, tail) = body[FIXED_BYTES..].split_at(table_bytes as usize);
        Ok(Copy {
            cache,
            name: name.clone(),
            pages: table.chunks_exact(8).map(number).collect(),
            tail: Bytes::copy_from_slice(tail),
            prefix_at,
            prefix_bytes,
            file,
        })
    }

    /// Last bytes of the object, as they were put.
    pub(crate) fn tail(&self) -> &Bytes {
        &self.tail
    }

    /// How much of the object's beginning it has.
    pub(crate) fn prefix_bytes(&self) -> u64 {
        self.prefix_bytes
    }

    /// The first bytes of the object, if there are as many and they are intact.
    pub(crate) fn prefix(&self, bytes: u64) -> Option<Bytes> {
        if bytes > self.prefix_bytes {
            return None;
        }
        match self.read(bytes) {
            Ok(prefix) => Some(prefix),
            Err(fault) => self.cache.damaged(&self.name, &fault),
        }
    }

    fn read(&self, bytes: u64) -> Result<Bytes, Fault> {
        let page = PAGE_BYTES as u64;
        // Whole pages: only those have checksums.
        let read = (bytes.div_ceil(page) * page).min(self.prefix_bytes);
        let mut prefix = vec![0; read as usize];
        self.file.read_exact_at(&mut prefix, self.prefix_at)?;
        let mut pages = prefix.chunks(PAGE_BYTES).zip(&self.pages);
        if !pages.all(|(page, checksum)| XxHash3_64::oneshot(page) == *checksum) {
            return Err(Fault::Checksum);
        }
        Ok(Bytes::from(prefix).slice(..bytes as usize))
    }
}

/// Everything before the prefix.
pub(super) fn head(name: &Digest, prefix: &[u8], tail: &[u8]) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&VERSION.to_le_bytes());
    head.extend_from_slice(name.to_string().as_bytes());
    head.extend_from_slice(&(prefix.len() as u64).to_le_bytes());
    head.extend_from_slice(&(tail.len() as u64).to_le_bytes());
    for page in prefix.chunks(PAGE_BYTES) {
        head.extend_from_slice(&XxHash3_64::oneshot(page).to_le_bytes());
    }
    head.extend_from_slice(tail);
    head.extend_from_slice(&XxHash3_64::oneshot(&head).to_le_bytes());
    head
}

/// The number that these bytes start with.
fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
