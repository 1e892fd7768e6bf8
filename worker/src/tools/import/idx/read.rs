//! Reads one IDX file.

use anyhow::{Context, bail, ensure};
use flate2::bufread::MultiGzDecoder;
use imgcalc_shared::dataset::SIDE_MAX;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

/// Most bytes of values read from one file: all of them are held in memory.
const BYTES_MAX: u64 = 4 << 30;

/// An array of bytes.
pub(super) struct Array {
    /// Length of each dimension.
    pub(super) lengths: Vec<u32>,
    /// The values, the last dimension fastest.
    pub(super) bytes: Vec<u8>,
}

/// The array in a file, which must have this many dimensions.
pub(super) fn read(path: &Path, dimensions: u8) -> anyhow::Result<Array> {
    let open = || -> anyhow::Result<Array> {
        let mut file = BufReader::new(File::open(path)?);
        // By content: unpacked files often keep their .gz.
        if file.fill_buf()?.starts_with(&[0x1F, 0x8B]) {
            parse(&mut MultiGzDecoder::new(file), dimensions)
        } else {
            parse(&mut file, dimensions)
        }
    };
    open().with_context(|| format!("{} cannot be used", path.display()))
}

fn parse(file: &mut impl Read, dimensions: u8) -> anyhow::Result<Array> {
    let magic = number(file)?;
    let expected = 0x0000_0800 + u32::from(dimensions);
    let what = if dimensions == 3 { "images" } else { "labels" };
    ensure!(
        magic == expected,
        "its magic number is {magic:#010x}, IDX {what} have {expected:#010x}"
    );
    let lengths: Vec<u32> = (0..dimensions).map(|_| number(file)).collect::<Result<_, _>>()?;
    ensure!(lengths[0] > 0, "it is empty");
    ensure!(
        lengths[1..].iter().all(|side| (1..=SIDE_MAX).contains(side)),
        "its images have the sides {:?}, 1 to {SIDE_MAX} pixels can be imported",
        &lengths[1..]
    );
    // Sides are at most 2^12 and the count below 2^32: no overflow.
    let bytes = lengths.iter().map(|&length| u64::from(length)).product::<u64>();
    ensure!(
        bytes <= BYTES_MAX,
        "it says it holds {bytes} bytes, at most {BYTES_MAX} are read"
    );
    let mut values = Vec::new();
    // One byte more than it should have, to see whether it ends; grows as bytes come, whatever the header says.
    match file.take(bytes + 1).read_to_end(&mut values) {
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => return Err(error).context("it is damaged"),
        _ if (values.len() as u64) < bytes => {
            bail!(
                "it is truncated: {} of {bytes} bytes of {what} are there",
                values.len()
            )
        }
        Err(_) => bail!("it is truncated: its gzip trailer is missing"),
        Ok(_) => ensure!(values.len() as u64 == bytes, "something follows its {what}"),
    }
    Ok(Array {
        lengths,
        bytes: values,
    })
}

fn number(file: &mut impl Read) -> anyhow::Result<u32> {
    let mut bytes = [0; 4];
    match file.read_exact(&mut bytes) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            bail!("it is truncated: its header is incomplete")
        }
        other => other.context("it is damaged")?,
    }
    Ok(u32::from_be_bytes(bytes))
}
