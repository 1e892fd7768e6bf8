//! Named arrays of 32-bit floats as bytes that say what they are and notice damage.
//!
//! The bytes are a safetensors file:
//!
//! ```text
//!     8 bytes    length of the header
//!     header     JSON: name → dtype F32, shape, range; and under `__metadata__` the one key `imgcalc`:
//!                  {"magic": …, "version": 1, "checksum": BLAKE3 in hexadecimal, "body": JSON of what the kind of file adds}
//!     the rest   the arrays in the order of their names, little-endian
//! ```
//!
//! The checksum covers magic, version, body and every name, shape and number, so any flipped bit is an error. Equal contents give equal bytes.

use crate::net::Values;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::HashMap;

const VERSION: u32 = 1;
const KEY: &str = "imgcalc";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    magic: String,
    version: u32,
    checksum: String,
    body: String,
}

/// Bytes of this kind (`magic`) with these arrays.
pub(crate) fn write<B: Serialize>(magic: &str, body: &B, values: &Values) -> Result<Vec<u8>, String> {
    let body = serde_json::to_string(body).map_err(|error| error.to_string())?;
    let bytes: Vec<(&String, Vec<usize>, Vec<u8>)> = values
        .iter()
        .map(|(name, (shape, numbers))| {
            let shape = shape.iter().map(|&side| side as usize).collect();
            (name, shape, packed(numbers))
        })
        .collect();
    let mut views = Vec::with_capacity(bytes.len());
    for (name, shape, bytes) in &bytes {
        views.push((
            *name,
            TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(|error| error.to_string())?,
        ));
    }
    let checksum = checksum(
        magic,
        &body,
        views.iter().map(|(name, view)| (name.as_str(), view)),
    );
    let seal = Seal {
        magic: magic.into(),
        version: VERSION,
        checksum,
        body,
    };
    let seal = serde_json::to_string(&seal).map_err(|error| error.to_string())?;
    // One key only: several would be written in random order.
    safetensors::serialize(views, Some(HashMap::from([(KEY.to_string(), seal)])))
        .map_err(|error| error.to_string())
}

/// What the kind of file adds, and the arrays; or what is wrong with the bytes.
pub(crate) fn read<B: DeserializeOwned>(magic: &str, bytes: &[u8]) -> Result<(B, Values), String> {
    let (_, header) =
        SafeTensors::read_metadata(bytes).map_err(|error| format!("no safetensors header: {error}"))?;
    let file = SafeTensors::deserialize(bytes).map_err(|error| format!("no safetensors file: {error}"))?;
    let seal = header
        .metadata()
        .as_ref()
        .and_then(|all| all.get(KEY))
        .ok_or_else(|| format!("no metadata `{KEY}`"))?;
    let seal: Seal = serde_json::from_str(seal).map_err(|error| format!("metadata `{KEY}`: {error}"))?;
    if seal.magic != magic {
        return Err(format!("this is a {:?}, not a {magic:?}", seal.magic));
    }
    if seal.version != VERSION {
        return Err(format!(
            "version {} is not {VERSION}; read it with the program that wrote it",
            seal.version
        ));
    }
    let mut views: Vec<(&str, TensorView)> = file.iter().collect();
    views.sort_by_key(|(name, _)| *name);
    if let Some((name, view)) = views.iter().find(|(_, view)| view.dtype() != Dtype::F32) {
        return Err(format!("array `{name}` has type {:?}, not F32", view.dtype()));
    }
    if seal.checksum != checksum(magic, &seal.body, views.iter().map(|(name, view)| (*name, view))) {
        return Err("the checksum does not match: the bytes are damaged".into());
    }
    let body = serde_json::from_str(&seal.body).map_err(|error| format!("body: {error}"))?;
    let array = |(name, view): (&str, TensorView)| {
        let shape = view.shape().iter().map(|&side| side as i64).collect();
        (name.to_string(), (shape, numbers(view.data())))
    };
    Ok((body, views.into_iter().map(array).collect()))
}

/// Whether the bytes begin as a file that [`write`] made, of whatever kind.
pub(crate) fn is_sealed(bytes: &[u8]) -> bool {
    SafeTensors::read_metadata(bytes).is_ok_and(|(_, header)| {
        header
            .metadata()
            .as_ref()
            .is_some_and(|all| all.contains_key(KEY))
    })
}

/// Numbers from their bytes.
pub(crate) fn numbers(bytes: &[u8]) -> Vec<f32> {
    let (chunks, _) = bytes.as_chunks::<4>();
    chunks.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

/// In place in one allocation: compiled to a copy, where an iterator of single bytes would look at each.
fn packed(numbers: &[f32]) -> Vec<u8> {
    let mut bytes = vec![0; 4 * numbers.len()];
    let (chunks, _) = bytes.as_chunks_mut::<4>();
    for (chunk, number) in chunks.iter_mut().zip(numbers) {
        *chunk = number.to_le_bytes();
    }
    bytes
}

/// Says which array is missing, too many, of another shape or not finite.
pub(crate) fn check<'a>(
    values: &Values,
    expected: impl Iterator<Item = (String, &'a [i64])>,
) -> Result<(), String> {
    let mut known = 0;
    for (name, shape) in expected {
        let (found, numbers) = values
            .get(&name)
            .ok_or_else(|| format!("array `{name}` is missing"))?;
        if found != shape {
            return Err(format!("array `{name}` has shape {found:?}, not {shape:?}"));
        }
        if !numbers.iter().all(|number| number.is_finite()) {
            return Err(format!("array `{name}` holds a number that is not finite"));
        }
        known += 1;
    }
    // Every expected name was found, so more names than those are foreign; the caller has taken out what else belongs here.
    if values.len() > known {
        return Err(format!("{} arrays where {known} belong", values.len()));
    }
    Ok(())
}

fn checksum<'a>(
    magic: &str,
    body: &str,
    views: impl Iterator<Item = (&'a str, &'a TensorView<'a>)>,
) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(magic.as_bytes());
    part(&VERSION.to_le_bytes());
    part(body.as_bytes());
    for (name, view) in views {
        part(name.as_bytes());
        part(format!("{:?}", view.shape()).as_bytes());
        part(view.data());
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_return_from_their_bytes_in_little_endian() {
        let all = [0.0, -1.5, f32::MIN_POSITIVE, f32::MAX, f32::NEG_INFINITY];
        let bytes = packed(&all);
        assert_eq!(bytes[4..8], [0, 0, 0xC0, 0xBF]);
        assert_eq!(numbers(&bytes), all);
    }

    #[test]
    fn only_a_file_with_a_seal_is_sealed() {
        let values = Values::from([("a".to_string(), (vec![2], vec![1.0, 2.0]))]);
        let sealed = write("kind", &1, &values).unwrap();
        assert!(is_sealed(&sealed));
        let bytes = packed(&[1.0]);
        let view = TensorView::new(Dtype::F32, vec![1], &bytes).unwrap();
        let plain = safetensors::serialize([("a", view)], None).unwrap();
        assert!(!is_sealed(&plain) && !is_sealed(&sealed[..9]) && !is_sealed(b""));
    }
}
