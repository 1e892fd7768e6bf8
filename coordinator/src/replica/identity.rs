//! Whose data directory it is: the group and the peer, written once and compared at every start.

use super::members::{Members, PeerId};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::envelope;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

const KIND: &str = "imgcalc-peer";
const VERSION: u32 = 1;
const FILE: &str = "peer";

/// A peer of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The group: the digest of its name and its founders.
    pub group: String,
    /// The peer.
    pub id: PeerId,
    /// The group's first members: every peer starts its log from them, however late it joins.
    pub founders: BTreeMap<PeerId, String>,
}

/// Why a data directory is not this peer's.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It belongs to somebody else.
    #[error(
        "the data directory {path} belongs to peer {found} of group {found_group}, not to peer {wanted} of group \
         {wanted_group}; use that peer's directory, or a new one"
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        found: PeerId,
        /// Of which group.
        found_group: String,
        /// Who wanted it.
        wanted: PeerId,
        /// Of which group.
        wanted_group: String,
    },
    /// A ledger lies there and nothing says whose.
    #[error(
        "the data directory {path} holds a ledger, but its file `peer` is missing; restore it from a copy"
    )]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("{path} is damaged: {what}; restore it from a copy")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How.
        what: String,
    },
    /// The disk refuses.
    #[error("{path} cannot be used: {error}")]
    Disk {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

impl Identity {
    /// A peer of a new group. The same name and founders make the same group everywhere.
    pub fn new(name: &str, id: PeerId, founders: BTreeMap<PeerId, String>) -> Identity {
        let text = serde_json::to_string(&(name, &founders)).expect("text serialises");
        let group = Digest::of(text.as_bytes()).short().to_string();
        Identity { group, id, founders }
    }

    /// The peer of a data directory that no other machine shares: a group of one that nobody reaches.
    pub fn alone() -> Identity {
        Identity::new("alone", 1, BTreeMap::from([(1, String::new())]))
    }

    /// The members a log of this group starts from.
    pub fn members(&self) -> Members {
        Members::founders(self.founders.clone())
    }

    /// What a data directory says of itself, if it says anything.
    pub fn read(folder: &Path) -> Result<Option<Identity>, IdentityError> {
        let path = folder.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => {
                envelope::open(KIND, VERSION, &bytes)
                    .map(Some)
                    .map_err(|error| IdentityError::Damaged {
                        path,
                        what: error.to_string(),
                    })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(IdentityError::Disk { path, error }),
        }
    }

    /// Takes a data directory for this peer, or refuses because it is another's. `ledger` is where its log lies.
    pub fn claim(&self, folder: &Path, ledger: &Path) -> Result<(), IdentityError> {
        match Identity::read(folder)? {
            Some(found) if found == *self => Ok(()),
            Some(found) => Err(IdentityError::Foreign {
                path: folder.into(),
                found: found.id,
                found_group: found.group,
                wanted: self.id,
                wanted_group: self.group.clone(),
            }),
            None if ledger.exists() => Err(IdentityError::Missing { path: folder.into() }),
            None => self.write(folder).map_err(|error| IdentityError::Disk {
                path: folder.join(FILE),
                error,
            }),
        }
    }

    fn write(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let part = folder.join("peer.part");
        let mut file = std::fs::File::create(&part)?;
        file.write_all(&envelope::seal(KIND, VERSION, self))?;
        file.sync_all()?;
        std::fs::rename(&part, folder.join(FILE))?;
        std::fs::File::open(folder)?.sync_all()
    }
}
