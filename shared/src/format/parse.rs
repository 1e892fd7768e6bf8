//! The textual id of formats and families, and its parser.

use super::{BLOCK_MAX, Family, Format, QUANT_MAX, Sampling};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Why a text or its parts are not a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFormat {
    /// Not of the form `SAMPLING-bB-kK-qQ`.
    #[error("{text:?} is not a format; write SAMPLING-bBLOCK-kKEEP-qQUANT, for example 1x1-b32-k3-q50")]
    Form {
        /// The text, cut to 80 characters.
        text: String,
    },
    /// An unknown sampling.
    #[error("sampling {text:?} is unknown; it is one of 1x1, 2x2-r, 2x2-c, 4x4")]
    Sampling {
        /// The text, cut to 80 characters.
        text: String,
    },
    /// A block side that is no power of two in range.
    #[error("block size {block} is not a power of two from 8 to {BLOCK_MAX}")]
    Block {
        /// The side.
        block: u16,
    },
    /// A keep outside the block.
    #[error("keep {keep} is outside 1 to {keep_max}, the anti-diagonals of a block of {block}")]
    Keep {
        /// The keep.
        keep: u16,
        /// The block it is for.
        block: u16,
        /// 2·block − 1.
        keep_max: u16,
    },
    /// A quantisation factor out of range.
    #[error("quantisation factor {quant} is outside 1 to {QUANT_MAX}")]
    Quant {
        /// The factor.
        quant: u16,
    },
}

fn clipped(text: &str) -> String {
    text.chars().take(80).collect()
}

impl fmt::Display for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Sampling::Full => "1x1",
            Sampling::Rows => "2x2-r",
            Sampling::Columns => "2x2-c",
            Sampling::Both => "4x4",
        })
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-b{}", self.sampling, self.block))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-k{}-q{}", self.family, self.keep, self.quant))
    }
}

impl FromStr for Sampling {
    type Err = BadFormat;

    fn from_str(text: &str) -> Result<Self, BadFormat> {
        Sampling::ALL
            .into_iter()
            .find(|sampling| sampling.to_string() == text)
            .ok_or_else(|| BadFormat::Sampling { text: clipped(text) })
    }
}

/// Splits the last `-xNUMBER` off a text; numbers have one spelling: no sign, no leading zero.
fn take_number(text: &str, letter: char) -> Option<(&str, u16)> {
    let (rest, last) = text.rsplit_once('-')?;
    let digits = last.strip_prefix(letter)?;
    let number: u16 = digits.parse().ok()?;
    (number.to_string() == digits).then_some((rest, number))
}

impl FromStr for Family {
    type Err = BadFormat;

    fn from_str(text: &str) -> Result<Self, BadFormat> {
        let (sampling, block) =
            take_number(text, 'b').ok_or_else(|| BadFormat::Form { text: clipped(text) })?;
        Ok(Format::new(sampling.parse()?, block, 1, 1)?.family())
    }
}

impl FromStr for Format {
    type Err = BadFormat;

    fn from_str(text: &str) -> Result<Self, BadFormat> {
        let parts = || {
            let (rest, quant) = take_number(text, 'q')?;
            let (rest, keep) = take_number(rest, 'k')?;
            let (sampling, block) = take_number(rest, 'b')?;
            Some((sampling, block, keep, quant))
        };
        let (sampling, block, keep, quant) =
            parts().ok_or_else(|| BadFormat::Form { text: clipped(text) })?;
        Format::new(sampling.parse()?, block, keep, quant)
    }
}

/// Serialises a type as the text it prints and parses.
macro_rules! serialize_as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
serialize_as_text!(Sampling, Family, Format);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_returns_from_its_text() {
        for sampling in Sampling::ALL {
            for (block, keep, quant) in [(8, 1, 20), (8, 15, 1), (256, 256, 100), (64, 127, 4096)] {
                let format = Format::new(sampling, block, keep, quant).unwrap();
                assert_eq!(format.to_string().parse(), Ok(format));
                assert_eq!(format.family().to_string().parse(), Ok(format.family()));
            }
        }
        assert_eq!(
            Format::new(Sampling::Full, 32, 3, 50).unwrap().to_string(),
            "1x1-b32-k3-q50"
        );
    }

    #[test]
    fn what_is_no_format_is_refused_by_part() {
        let error = |text: &str| text.parse::<Format>().unwrap_err();
        for text in [
            "",
            "1x1",
            "1x1-b8-k1",
            "1x1-b8-k1-q",
            "1x1-b08-k1-q5",
            "1x1-b8-k+1-q5",
            "1x1-b8-k1-q5-",
            "1x1-b8-k1-q99999",
        ] {
            assert!(matches!(error(text), BadFormat::Form { .. }), "{text}");
        }
        assert!(matches!(error("3x3-b8-k1-q5"), BadFormat::Sampling { .. }));
        assert!(matches!(error("1x1-b12-k1-q5"), BadFormat::Block { block: 12 }));
        assert!(matches!(error("1x1-b8-k16-q5"), BadFormat::Keep { keep: 16, .. }));
        assert!(matches!(error("1x1-b8-k0-q5"), BadFormat::Keep { keep: 0, .. }));
        assert!(matches!(error("1x1-b8-k1-q0"), BadFormat::Quant { quant: 0 }));
    }
}
