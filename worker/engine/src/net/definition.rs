//! What a net is made from.

use imgcalc_shared::digest::Digest;
use imgcalc_shared::training::Net;
use std::sync::Arc;

/// A net with what is needed to build it: nothing more where it is built in, the file's bytes where it is a script.
#[derive(Clone)]
pub struct Definition {
    net: Net,
    script: Option<Arc<[u8]>>,
}

impl Definition {
    /// The net that a TorchScript file is; it is named by the digest of the bytes. They are looked at when it is built.
    pub fn of_script(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Definition {
            net: Net::Torchscript {
                script: Digest::of(&bytes).to_string(),
            },
            script: Some(bytes),
        }
    }

    /// What it is called.
    pub fn net(&self) -> &Net {
        &self.net
    }

    pub(crate) fn script(&self) -> Option<&[u8]> {
        self.script.as_deref()
    }
}

impl From<&Net> for Definition {
    /// A built-in net. One that is a script is refused when it is built: its bytes are not there.
    fn from(net: &Net) -> Self {
        Definition {
            net: net.clone(),
            script: None,
        }
    }
}

impl From<&Definition> for Definition {
    fn from(definition: &Definition) -> Self {
        definition.clone()
    }
}

impl std::fmt::Debug for Definition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.net.fmt(f)
    }
}
