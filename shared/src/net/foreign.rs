//! What is known of a file of weights that was put into the base to start trainings from.
//!
//! ```text
//!     weights/files/<digest>.safetensors    the file
//!     weights/names/<name>                  the sealed facts, which name the digest
//! ```

use super::NetError;
use crate::digest::Digest;
use crate::envelope::{self, BadEnvelope};
use crate::training::Net;
use serde::{Deserialize, Serialize};

/// Longest file of weights, in bytes: a billion 32-bit floats fit.
pub const WEIGHTS_BYTES_MAX: u64 = 4 << 30;

const WHAT: &str = "imgcalc-weights-file";
const VERSION: u32 = 1;

/// Below it lie the names of files of weights.
pub const WEIGHTS_NAMES: &str = "weights/names";

/// What a file of weights was found to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsFacts {
    /// Of the file's bytes.
    pub digest: Digest,
    /// Length of the file.
    pub bytes: u64,
    /// The net its variables belong to; a script by its digest.
    pub net: Net,
    /// Channels of its input.
    pub channels: u16,
    /// Outputs.
    pub classes: u16,
}

impl WeightsFacts {
    /// Refuses a training that cannot start from these weights. The number of classes may differ where the net is built in:
    /// its output layer then starts anew.
    pub fn serves(&self, net: &Net, channels: u16, classes: u16) -> Result<(), NetError> {
        if self.net != *net {
            return Err(NetError(format!(
                "the weights are those of {:?}, not of {net:?}",
                self.net
            )));
        }
        if self.channels != channels {
            return Err(NetError(format!(
                "the weights take images of {} channels, these have {channels}: import the dataset with as many channels as they take",
                self.channels
            )));
        }
        if self.classes != classes && matches!(net, Net::Torchscript { .. }) {
            return Err(NetError(format!(
                "the weights tell {} classes apart, the dataset has {classes}: export the net with --classes {classes}",
                self.classes
            )));
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        if self.channels == 0 || self.classes == 0 {
            return Err("there is no channel or class".into());
        }
        if !(1..=WEIGHTS_BYTES_MAX).contains(&self.bytes) {
            return Err(format!(
                "weights of {} bytes; they may have {WEIGHTS_BYTES_MAX}",
                self.bytes
            ));
        }
        Ok(())
    }
}

/// Key of a file of weights.
pub fn weights_file_key(digest: &Digest) -> String {
    format!("weights/files/{digest}.safetensors")
}

/// Key of the facts of the weights of this name.
pub fn weights_name_key(name: &str) -> String {
    format!("{WEIGHTS_NAMES}/{name}")
}

/// The object of a name.
pub fn seal_weights(facts: &WeightsFacts) -> Vec<u8> {
    envelope::seal(WHAT, VERSION, facts)
}

/// Reads what [`seal_weights`] wrote.
pub fn open_weights(bytes: &[u8]) -> Result<WeightsFacts, BadEnvelope> {
    let facts: WeightsFacts = envelope::open(WHAT, VERSION, bytes)?;
    facts.check().map_err(BadEnvelope::Content)?;
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(net: Net) -> WeightsFacts {
        WeightsFacts {
            digest: Digest::of(b"weights"),
            bytes: 7,
            net,
            channels: 3,
            classes: 1000,
        }
    }

    #[test]
    fn weights_serve_their_own_net_and_another_number_of_classes_only_where_it_is_built_in() {
        let resnet = facts(Net::Resnet18 {});
        assert_eq!(resnet.serves(&Net::Resnet18 {}, 3, 10), Ok(()));
        assert!(resnet.serves(&Net::Resnet50 {}, 3, 10).is_err());
        assert!(resnet.serves(&Net::Resnet18 {}, 1, 10).is_err());
        let script = Net::Torchscript { script: "ab".into() };
        assert_eq!(facts(script.clone()).serves(&script, 3, 1000), Ok(()));
        assert!(facts(script.clone()).serves(&script, 3, 10).is_err());
    }

    #[test]
    fn facts_return_from_their_bytes_and_those_that_cannot_be_are_refused() {
        let good = facts(Net::Resnet18 {});
        assert_eq!(open_weights(&seal_weights(&good)), Ok(good.clone()));
        let mut none = good.clone();
        none.channels = 0;
        assert!(open_weights(&seal_weights(&none)).is_err());
        let mut long = good;
        long.bytes = WEIGHTS_BYTES_MAX + 1;
        assert!(open_weights(&seal_weights(&long)).is_err());
    }
}
