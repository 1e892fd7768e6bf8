//! What a replica says of itself and of the log.

use super::PeerId;

/// Where a peer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It leads; the term says which reign.
    Leader {
        /// Rises with every reign.
        term: u64,
    },
    /// It follows, or nobody leads.
    Follower {
        /// Who leads, if that is known.
        leader: Option<PeerId>,
    },
}

/// What a turn brought.
#[derive(Debug, Default)]
pub struct Turn {
    /// What was committed, in order.
    pub committed: Vec<Committed>,
    /// Reads whose answers may be given once everything up to the index is applied: (context, index).
    pub reads: Vec<(u64, u64)>,
}

/// One committed entry, or a snapshot that stands for many.
#[derive(Debug)]
pub enum Committed {
    /// Proposed data.
    Data {
        /// Its place in the log.
        index: u64,
        /// The reign in which it was proposed.
        term: u64,
        /// As proposed; empty for the first entry of a reign.
        data: Vec<u8>,
    },
    /// Members changed.
    Members {
        /// Its place in the log.
        index: u64,
    },
    /// Everything before is replaced by this image.
    Image {
        /// The last entry it stands for.
        index: u64,
        /// As given to [`super::Replica::keep_image`] by the peer that made it.
        data: Vec<u8>,
    },
}

/// A proposal was not taken: this peer does not lead, or hands leadership over right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotTaken;
