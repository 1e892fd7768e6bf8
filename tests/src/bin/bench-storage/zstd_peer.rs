//! zstd of one image's values, made narrow first: zigzag, one byte a value, larger ones apart.
//!
//! That halves what zstd has to look at and beats zstd on plain i16 in bytes and time.

use crate::ours::on_all_cores;
use anyhow::Context;
use zstd::bulk::{Compressor, Decompressor};

/// Stands for a value that does not fit.
const ESCAPE: u8 = 255;

/// Each image for itself, at this level; all cores are at it.
pub fn encode(images: &[Vec<i16>], level: i32) -> anyhow::Result<Vec<Vec<u8>>> {
    let encode = |part: &[Vec<i16>]| {
        let mut compressor = Compressor::new(level)?;
        let frames = part.iter().map(|image| compressor.compress(&narrow(image)));
        Ok(frames.collect::<Result<Vec<_>, _>>()?)
    };
    on_all_cores(images, encode)
}

/// All of them into one buffer of so many values each.
pub fn decode(frames: &[Vec<u8>], values: usize, out: &mut Vec<i16>) -> anyhow::Result<()> {
    let mut decompressor = Decompressor::new()?;
    let mut bytes = Vec::with_capacity(3 * values);
    out.clear();
    for frame in frames {
        decompressor.decompress_to_buffer(frame, &mut bytes)?;
        widen(&bytes, values, out)?;
    }
    Ok(())
}

fn narrow(values: &[i16]) -> Vec<u8> {
    let (mut bytes, mut large) = (Vec::with_capacity(values.len()), Vec::new());
    for &value in values {
        let zigzag = ((value << 1) ^ (value >> 15)) as u16;
        match u8::try_from(zigzag) {
            Ok(byte) if byte != ESCAPE => bytes.push(byte),
            _ => {
                bytes.push(ESCAPE);
                large.extend_from_slice(&value.to_le_bytes());
            }
        }
    }
    bytes.extend_from_slice(&large);
    bytes
}

fn widen(bytes: &[u8], values: usize, out: &mut Vec<i16>) -> anyhow::Result<()> {
    let (small, large) = bytes.split_at_checked(values).context("a frame is too short")?;
    let start = out.len();
    out.extend(
        small
            .iter()
            .map(|&byte| i16::from(byte >> 1) ^ -i16::from(byte & 1)),
    );
    if !large.is_empty() {
        let mut large = large.chunks_exact(2);
        for (value, _) in out[start..]
            .iter_mut()
            .zip(small)
            .filter(|(_, byte)| **byte == ESCAPE)
        {
            let pair = large.next().context("a large value is missing")?;
            *value = i16::from_le_bytes([pair[0], pair[1]]);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back() {
        let all: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        let images = [all.clone(), vec![0; 1 << 16]];
        let mut out = Vec::new();
        decode(&encode(&images, 3).unwrap(), 1 << 16, &mut out).unwrap();
        assert_eq!(out, images.concat());
    }
}
