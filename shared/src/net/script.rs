//! What is known of a net that came as a TorchScript file: the file lies in the base under the digest of its bytes, and a
//! name leads to the facts somebody found by trying it.
//!
//! ```text
//!     nets/<digest>.pt      the file
//!     nets/names/<name>     the sealed facts, which name the digest
//! ```

use super::NetError;
use crate::digest::Digest;
use crate::envelope::{self, BadEnvelope};
use crate::training::{InputShape, Net};
use serde::{Deserialize, Serialize};

/// Longest script, in bytes: a net of 250 million parameters fits.
pub const SCRIPT_BYTES_MAX: u64 = 1 << 30;
/// Largest side that is ever tried.
pub const SCRIPT_SIDE_MAX: u16 = 1024;

const WHAT: &str = "imgcalc-script";
const VERSION: u32 = 1;

/// Below it lie the names of scripts.
pub const SCRIPT_NAMES: &str = "nets/names";

/// What a script was found to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptFacts {
    /// Of the file's bytes.
    pub digest: Digest,
    /// Length of the file.
    pub bytes: u64,
    /// Fitted numbers.
    pub parameters: u64,
    /// Channels it takes.
    pub channels: u16,
    /// Outputs.
    pub classes: u16,
    /// Sides of images it takes, as square images were tried: ascending and apart.
    pub sides: Vec<Sides>,
}

/// A run of sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sides {
    /// The smallest.
    pub first: u16,
    /// The largest.
    pub last: u16,
}

impl ScriptFacts {
    /// The net as builds and tasks name it.
    pub fn net(&self) -> Net {
        Net::Torchscript {
            script: self.digest.to_string(),
        }
    }

    /// The smallest side it takes.
    pub fn smallest(&self) -> u16 {
        self.sides.first().map_or(1, |run| run.first)
    }

    /// Refuses images it does not take.
    pub fn takes(&self, shape: InputShape) -> Result<(), NetError> {
        if shape.channels != self.channels {
            return Err(NetError(format!(
                "the script takes images of {} channels, these have {}: export it again with --channels {1}",
                self.channels, shape.channels
            )));
        }
        let taken = |side: u16| {
            self.sides
                .iter()
                .any(|run| (run.first..=run.last).contains(&side))
        };
        if taken(shape.height) && taken(shape.width) {
            return Ok(());
        }
        Err(NetError(match self.sides.as_slice() {
            [Sides { first, last }] if first == last => format!(
                "images of {shape} are not for the script: it is bound to one size, {}x{first}x{first}",
                self.channels
            ),
            _ => format!(
                "images of {shape} are not for the script: the sides it takes are {}",
                self.sides_text()
            ),
        }))
    }

    /// Sides for people, for example `5-8, 12, 16-256`.
    pub fn sides_text(&self) -> String {
        const SHOWN: usize = 8;
        let one = |run: &Sides| match run.first == run.last {
            true => run.first.to_string(),
            false => format!("{}-{}", run.first, run.last),
        };
        let mut text: Vec<String> = self.sides.iter().take(SHOWN).map(one).collect();
        if let [.., last] = self.sides.as_slice()
            && self.sides.len() > SHOWN
        {
            text.extend(["…".to_string(), one(last)]);
        }
        text.join(", ")
    }

    fn check(&self) -> Result<(), String> {
        let apart = self.sides.windows(2).all(|two| two[0].last < two[1].first);
        let runs = self.sides.iter().all(|run| (1..=run.last).contains(&run.first));
        let largest = self.sides.last().map_or(0, |run| run.last);
        if !apart || !runs || !(1..=SCRIPT_SIDE_MAX).contains(&largest) {
            return Err("the sides are not ascending runs from 1 to 1024".into());
        }
        if self.channels == 0 || self.classes == 0 || self.parameters == 0 {
            return Err("there is no channel, class or parameter".into());
        }
        if !(1..=SCRIPT_BYTES_MAX).contains(&self.bytes) {
            return Err(format!(
                "a script of {} bytes; it may have {SCRIPT_BYTES_MAX}",
                self.bytes
            ));
        }
        Ok(())
    }
}

/// Key of a script.
pub fn script_key(digest: &Digest) -> String {
    format!("nets/{digest}.pt")
}

/// Key of the facts of the script of this name.
pub fn script_name_key(name: &str) -> String {
    format!("{SCRIPT_NAMES}/{name}")
}

/// The object of a name.
pub fn seal_script(facts: &ScriptFacts) -> Vec<u8> {
    envelope::seal(WHAT, VERSION, facts)
}

/// Reads what [`seal_script`] wrote.
pub fn open_script(bytes: &[u8]) -> Result<ScriptFacts, BadEnvelope> {
    let facts: ScriptFacts = envelope::open(WHAT, VERSION, bytes)?;
    facts.check().map_err(BadEnvelope::Content)?;
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(sides: &[(u16, u16)]) -> ScriptFacts {
        ScriptFacts {
            digest: Digest::of(b"script"),
            bytes: 6,
            parameters: 9,
            channels: 3,
            classes: 10,
            sides: sides.iter().map(|&(first, last)| Sides { first, last }).collect(),
        }
    }

    fn shape(channels: u16, height: u16, width: u16) -> InputShape {
        InputShape {
            channels,
            height,
            width,
        }
    }

    #[test]
    fn both_sides_must_be_among_those_a_script_takes() {
        let facts = facts(&[(4, 6), (8, 8)]);
        assert_eq!(facts.smallest(), 4);
        assert_eq!(facts.takes(shape(3, 4, 8)), Ok(()));
        let error = facts.takes(shape(3, 7, 8)).unwrap_err().to_string();
        assert!(error.ends_with("the sides it takes are 4-6, 8"), "{error}");
        assert!(facts.takes(shape(3, 8, 3)).is_err());
        let error = facts.takes(shape(1, 8, 8)).unwrap_err().to_string();
        assert!(error.ends_with("--channels 1"), "{error}");
    }

    #[test]
    fn a_script_bound_to_one_size_says_so() {
        let error = facts(&[(8, 8)]).takes(shape(3, 9, 9)).unwrap_err().to_string();
        assert!(error.ends_with("it is bound to one size, 3x8x8"), "{error}");
    }

    #[test]
    fn many_sides_are_not_all_told() {
        let every_fourth: Vec<(u16, u16)> = (1..=64).map(|side| (4 * side, 4 * side)).collect();
        assert_eq!(
            facts(&every_fourth).sides_text(),
            "4, 8, 12, 16, 20, 24, 28, 32, …, 256"
        );
    }

    #[test]
    fn facts_return_from_their_bytes_and_those_that_cannot_be_are_refused() {
        let good = facts(&[(4, 6), (8, 8)]);
        assert_eq!(open_script(&seal_script(&good)), Ok(good.clone()));
        for sides in [
            &[][..],
            &[(0, 3)],
            &[(5, 4)],
            &[(4, 6), (6, 8)],
            &[(8, 9), (1, 2)],
            &[(1, 1025)],
        ] {
            assert!(open_script(&seal_script(&facts(sides))).is_err(), "{sides:?}");
        }
        let mut none = good.clone();
        none.classes = 0;
        assert!(open_script(&seal_script(&none)).is_err());
        let mut long = good;
        long.bytes = SCRIPT_BYTES_MAX + 1;
        assert!(open_script(&seal_script(&long)).is_err());
    }
}
