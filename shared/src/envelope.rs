//! The wrapping of every persisted JSON value: magic, version and checksum on one line, the value below.
//!
//! ```text
//! imgcalc-manifest 1 8c5f…e2\n      what, version, BLAKE3 of everything after this line
//! {"name": …}                       the value
//! ```
//!
//! The line is text so that a person can read the object with any tool; the checksum is over the exact bytes, so
//! that a single flipped bit anywhere is found.

use crate::digest::Digest;
use serde::{Serialize, de::DeserializeOwned};

/// Longest value that is read, in bytes: a manifest of ten million images stays below it.
pub const VALUE_BYTES_MAX: usize = 1 << 30;

/// Why bytes are not the value they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEnvelope {
    /// The first line is not there or not of this kind.
    #[error("it does not start as `{what}`")]
    NotThis {
        /// What was expected.
        what: String,
    },
    /// A version this program does not know.
    #[error("it has version {found:?}, this program reads version {known}")]
    Version {
        /// What the line says, cut to 40 characters.
        found: String,
        /// What is known.
        known: u32,
    },
    /// The bytes do not have the digest their first line names: truncated or altered.
    #[error("its checksum does not match: it is truncated or altered")]
    Checksum,
    /// Longer than any value may be.
    #[error("it holds {bytes} bytes, at most {VALUE_BYTES_MAX} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Intact bytes that do not parse: why, with what was found cut out of a message longer than a few lines.
    #[error("its content is not valid: {0}")]
    Content(String),
}

/// Wraps a value as an object of kind `what` (for example `imgcalc-manifest`).
pub fn seal<T: Serialize>(what: &str, version: u32, value: &T) -> Vec<u8> {
    wrap(
        what,
        version,
        &serde_json::to_vec_pretty(value).expect("persisted values serialise"),
    )
}

/// The same without line breaks and spaces, for values of many megabytes that nobody reads.
pub fn seal_densely<T: Serialize>(what: &str, version: u32, value: &T) -> Vec<u8> {
    wrap(
        what,
        version,
        &serde_json::to_vec(value).expect("persisted values serialise"),
    )
}

fn wrap(what: &str, version: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{what} {version} {}\n", Digest::of(body)).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Unwraps what [`seal`] made, or says why it cannot.
pub fn open<T: DeserializeOwned>(what: &str, version: u32, bytes: &[u8]) -> Result<T, BadEnvelope> {
    if bytes.len() > VALUE_BYTES_MAX {
        return Err(BadEnvelope::TooLong { bytes: bytes.len() });
    }
    let not_this = || BadEnvelope::NotThis {
        what: what.to_string(),
    };
    let end = bytes
        .iter()
        .take(256)
        .position(|&byte| byte == b'\n')
        .ok_or_else(not_this)?;
    let line = std::str::from_utf8(&bytes[..end]).map_err(|_| not_this())?;
    let mut words = line.split(' ');
    if words.next() != Some(what) {
        return Err(not_this());
    }
    let found = words.next().unwrap_or_default();
    if found != version.to_string() {
        return Err(BadEnvelope::Version {
            found: found.chars().take(40).collect(),
            known: version,
        });
    }
    let body = &bytes[end + 1..];
    let stated = words.next().and_then(|word| word.parse::<Digest>().ok());
    if stated != Some(Digest::of(body)) || words.next().is_some() {
        return Err(BadEnvelope::Checksum);
    }
    serde_json::from_slice(body).map_err(|error| BadEnvelope::Content(shortened(error.to_string())))
}

/// The beginning, which says what is wrong, and the end, which says where: between them such a message repeats what it
/// found, which may be as long as the value.
fn shortened(message: String) -> String {
    const START: usize = 200;
    const END: usize = 60;
    let length = message.chars().count();
    if length <= START + END {
        return message;
    }
    let start: String = message.chars().take(START).collect();
    let end: String = message.chars().skip(length - END).collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_and_every_truncation_is_found() {
        let bytes = seal("imgcalc-test", 1, &vec![1, 2, 3]);
        assert_eq!(open::<Vec<u8>>("imgcalc-test", 1, &bytes), Ok(vec![1, 2, 3]));
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[position] ^= 1 << bit;
                // A digit of the digest may change its case without changing its value; nothing else may pass.
                if !damaged.eq_ignore_ascii_case(&bytes) {
                    assert!(
                        open::<Vec<u8>>("imgcalc-test", 1, &damaged).is_err(),
                        "byte {position} bit {bit}"
                    );
                }
            }
            assert!(open::<Vec<u8>>("imgcalc-test", 1, &bytes[..position]).is_err());
        }
    }

    #[test]
    fn a_message_does_not_repeat_all_of_what_is_wrong() {
        let long = "ü".repeat(10_000);
        let sealed = seal("imgcalc-test", 1, &long);
        let message = open::<Vec<u8>>("imgcalc-test", 1, &sealed)
            .unwrap_err()
            .to_string();
        assert!(message.chars().count() < 400, "{message}");
        assert!(
            message.contains("invalid type: string") && message.ends_with("at line 1 column 20002"),
            "{message}"
        );
        let of_a_version = format!("imgcalc-test {}\n", "1".repeat(200));
        let message = open::<Vec<u8>>("imgcalc-test", 1, of_a_version.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(message.len() < 200, "{message}");
    }
}
