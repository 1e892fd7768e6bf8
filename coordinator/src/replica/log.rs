//! The durable log of one peer: entries, hard state and the newest snapshot, in a folder of files.
//!
//! ```text
//! ledger/
//!   lock                            held while the log is open; empty
//!   made                            says that a log was made here; empty
//!   segment-00000000000000000007    of one size (8 MiB), zeros where nothing was written yet
//!   segment-00000000000000000008    the last is written now
//!   snapshot-00000000000000000007   what the log starts after, named by the first segment that says so
//!   ….new                           not finished, does not count
//! ```
//!
//! All numbers are little-endian, all checksums xxh3-64. A segment is a head, two marks, and batches:
//!
//! ```text
//!    0  "imgc-log" · u32 version 1 · u32 0                      head, one sector of 512 bytes
//!   16  u64 sequence · u64 length of the file · u64 first       the oldest segment that counts
//!   40  u64 number of its first batch · u64 running checksum before it
//!   56  u64 term · u64 vote · u64 commit                        hard state as the segment began
//!   80  u64 number · u64 index · u64 term · u64 checksum        the snapshot the log starts after; zeros: none
//!  504  u64 checksum of bytes 0 to 504
//!  512  "imgcmark" · u64 sequence · u64 position · u64 running checksum · u64 checksum     mark, slot 0
//! 1024  the same                                                                           mark, slot 1
//! 2048  batches, each at a multiple of 8, the header never across two sectors
//!
//! batch
//!    0  "btch" · u32 length of all of it · u64 number · u64 running checksum before it
//!   24  u32 mask · u32 records · u64 checksum of the body
//!   40  u64 checksum of sequence, position and the 40 bytes before: the running checksum after it
//!   48  body: records · zeros to a multiple of 8 · "endbatch"
//!
//! record
//!    u8 1 commands, 2 members · u32 length · u64 index · u64 term · data
//!    u8 3 · u64 term · u64 vote · u64 commit                    hard state
//!    u8 4 · u64 sequence                                        the log goes on in that segment; stands alone and last
//!
//! snapshot
//!    0  "imgcsnap" · u32 version 1 · u32 0 · u64 number · u64 index · u64 term
//!   40  u64 length of members · u64 length of data · u64 checksum of members · u64 checksum of data
//!   72  u64 checksum of bytes 0 to 72
//!   80  members · data
//! ```
//!
//! **One append is one batch, one write of it and one sync.** The mark says up to where batches were acknowledged; it
//! is written beside the next batch, into the older slot, and has no sync of its own except when the log is closed.
//!
//! **Torn or damaged.** A crash may leave any sectors of the last write out, and no other. So, from the first batch
//! that cannot be read on: it is discarded as never acknowledged if it stands after the mark, no later batch is there,
//! and a whole sector of it is as blank as before it was written. Everything else is damage, and the log is not opened.
//! For this a body that would have a sector with less than two bytes that are not zero is written under a mask
//! (`batch.rs`), so a flipped bit is never taken for a lost sector. One damaged mark makes no difference. With both
//! damaged nobody knows what was acknowledged, and the log is not opened; no crash does that.
//!
//! **What is only seen is not trusted.** After a failed sync nothing more is written; the next opening writes what
//! stands after the mark once more and syncs it, blanks what is torn, and only then says what the log holds.
//!
//! **Files come and go atomically.** A file is finished under another name, synced, renamed, and the folder synced. A
//! segment's head names the snapshot and the oldest segment that counts, so making one is what keeps a snapshot, or
//! installs one in place of everything. The segment before then says that the log goes on: a missing one is noticed.

mod batch;
mod bytes;
mod disk;
mod error;
mod record;
mod recover;
mod segment;
mod simulated;
mod snapshot;
mod writer;

#[cfg(test)]
mod tests;

pub use disk::{Disk, DiskFile, FolderDisk};
pub use error::LogError;
pub use simulated::{DiskFault, SimulatedDisk};
pub use writer::Log;

/// Longest entry, in bytes: an adopted profile of the largest space stays below it.
pub const ENTRY_BYTES_MAX: usize = 64 << 20;
/// Length of an ordinary segment, in bytes; one for a longer batch is as long as that needs.
pub const SEGMENT_BYTES: u64 = 8 << 20;

/// Of segments and snapshots.
const VERSION: u32 = 1;

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From 1, without gaps.
    pub index: u64,
    /// Of the leader that made it.
    pub term: u64,
    /// What its data is.
    pub kind: EntryKind,
    /// Opaque here.
    pub data: Vec<u8>,
}

/// What the data of an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// Commands of the ledger.
    Commands,
    /// A change of the group's members.
    Members,
}

/// What a peer must not forget beside its entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HardState {
    /// The newest term it knows.
    pub term: u64,
    /// Whom it voted for in that term, 0 for nobody.
    pub vote: u64,
    /// The highest index it knows to be committed.
    pub commit: u64,
}

/// Everything up to an index, in one value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The last index it covers.
    pub index: u64,
    /// The term of that.
    pub term: u64,
    /// The group's members then; opaque here.
    pub members: Vec<u8>,
    /// Opaque here.
    pub data: Vec<u8>,
}

/// What a log holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The newest.
    pub hard_state: HardState,
    /// The newest.
    pub snapshot: Option<Snapshot>,
    /// The entries after the snapshot, without gaps.
    pub entries: Vec<Entry>,
}
