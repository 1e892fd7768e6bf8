//! A container of small files kept as they came: the JPEG files the baseline is measured on.
//!
//! ```text
//! head      "imgcalc-files\0" u16 version        16 bytes
//! count     u32 files                             4
//! table     for each file u32 bytes               4
//! files     one after the other                   …
//! checksum  u64 xxh3-64 of everything before it   8
//! ```
//!
//! Numbers are little-endian.

use crate::failure::Failure;
use twox_hash::XxHash3_64;

/// First bytes of the container; the version follows.
pub const MAGIC: [u8; 14] = *b"imgcalc-files\0";

/// Most files of a container.
pub const FILES_MAX: usize = 256;

const VERSION: u16 = 0;
const FIXED_BYTES: usize = 20;

/// Packs files, at most [`FILES_MAX`], each shorter than 4 GiB.
pub fn write(files: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&(files.len() as u32).to_le_bytes());
    for file in files {
        bytes.extend_from_slice(&(file.len() as u32).to_le_bytes());
    }
    bytes.extend(files.iter().flatten());
    bytes.extend_from_slice(&XxHash3_64::oneshot(&bytes).to_le_bytes());
    bytes
}

/// The files of a container. `name` is what errors call it.
pub fn read<'a>(name: &str, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>, Failure> {
    parse(bytes).map_err(|why| Failure::bad_data(format!("the files {name} are damaged: {why}")))
}

fn parse(bytes: &[u8]) -> Result<Vec<&[u8]>, String> {
    if !bytes.starts_with(&MAGIC) {
        return Err("they do not start as kept files do".into());
    }
    let (body, checksum) = bytes.split_last_chunk::<8>().ok_or("they are truncated")?;
    if XxHash3_64::oneshot(body).to_le_bytes() != *checksum {
        return Err("their checksum does not match: they are truncated or altered".into());
    }
    let number = |at: usize| -> Result<usize, String> {
        let bytes = body.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        Ok(u32::from_le_bytes(bytes.ok_or("they are truncated")?) as usize)
    };
    let fixed = body.first_chunk::<FIXED_BYTES>().ok_or("they are truncated")?;
    let (version, count) = (u16::from_le_bytes([fixed[14], fixed[15]]), number(16)?);
    if version != VERSION {
        return Err(format!(
            "they have version {version}, this program reads version {VERSION}"
        ));
    }
    if count > FILES_MAX {
        return Err(format!("there are {count} of them, at most {FILES_MAX} are kept"));
    }
    let mut rest = body.get(FIXED_BYTES + 4 * count..).ok_or("they are truncated")?;
    let mut files = Vec::with_capacity(count);
    for index in 0..count {
        let (file, after) = rest
            .split_at_checked(number(FIXED_BYTES + 4 * index)?)
            .ok_or("they are truncated")?;
        files.push(file);
        rest = after;
    }
    if rest.is_empty() {
        Ok(files)
    } else {
        Err("something follows the last one".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_return_and_every_damage_is_found() {
        let files = vec![vec![1, 2, 3], vec![], vec![9; 40]];
        let bytes = write(&files);
        assert_eq!(read("x", &bytes).unwrap(), [&files[0][..], &files[1], &files[2]]);
        for position in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 1 << (position % 8);
            assert!(read("x", &damaged).is_err(), "byte {position}");
            assert!(
                read("x", &bytes[..position])
                    .unwrap_err()
                    .message
                    .contains("files x")
            );
        }
    }
}
