//! Keeps a folder below its bound: what was used longest ago goes first.

use super::{FINISHED, UNFINISHED};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// A file that is being written this long belongs to a process that is gone.
const UNFINISHED_MAX: Duration = Duration::from_secs(3600);
/// Once there is no room, so much of the bound is freed: the folder need not be looked through for every file.
const FREED_SHARE: u64 = 16;
/// Processes that may share a folder and fill it between two looks of one without exceeding the bound.
const SHARED_BY: u64 = 8;

#[derive(Debug)]
pub(super) struct Room {
    folder: PathBuf,
    bytes_max: u64,
    /// What this process writes at the moment.
    pending: AtomicU64,
    /// What it may still write before it looks again.
    allowed: Mutex<u64>,
}

/// Room for a file until that has its name.
#[derive(Debug)]
pub(super) struct Reserved<'a> {
    room: &'a Room,
    bytes: u64,
}

#[derive(Debug)]
struct Found {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

impl Room {
    pub(super) fn new(folder: &Path, bytes_max: u64) -> Room {
        Room {
            folder: folder.to_path_buf(),
            bytes_max,
            pending: AtomicU64::new(0),
            allowed: Mutex::new(0),
        }
    }

    /// Whether a file of so many bytes could stay at all.
    pub(super) fn can_hold(&self, bytes: u64) -> bool {
        bytes <= self.bytes_max
    }

    /// Evicts as much as a file of so many bytes needs.
    pub(super) fn reserve(&self, bytes: u64) -> Reserved<'_> {
        let pending = self.pending.fetch_add(bytes, Relaxed) + bytes;
        let reserved = Reserved { room: self, bytes };
        if self.with_allowed(|allowed| match allowed.checked_sub(bytes) {
            Some(left) => {
                *allowed = left;
                true
            }
            None => false,
        }) {
            return reserved;
        }
        let kept = self.evict(pending);
        let free = self.bytes_max.saturating_sub(kept.saturating_add(pending));
        self.with_allowed(|allowed| *allowed = free / SHARED_BY);
        reserved
    }

    /// Removes files until there is room for so many bytes; the bytes of those that stay.
    fn evict(&self, needed: u64) -> u64 {
        let mut found = self.look();
        let mut total: u64 = found.iter().map(|file| file.bytes).sum();
        if total.saturating_add(needed) <= self.bytes_max {
            return total;
        }
        let kept_max = self.bytes_max - self.bytes_max / FREED_SHARE;
        found.sort_unstable_by_key(|file| file.used);
        for file in found {
            if total.saturating_add(needed) <= kept_max {
                break;
            }
            // One that is gone already was evicted by somebody else.
            let _ = fs::remove_file(&file.path);
            total -= file.bytes;
        }
        total
    }

    /// Finished files; unfinished ones that nobody finishes are removed.
    fn look(&self) -> Vec<Found> {
        let mut found = Vec::new();
        // A folder that cannot be read cannot be written either, and that is told.
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let (Some(extension), Ok(meta)) = (path.extension(), entry.metadata()) else {
                continue;
            };
            let used = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if extension == UNFINISHED && used.elapsed().is_ok_and(|age| age > UNFINISHED_MAX) {
                let _ = fs::remove_file(&path);
            } else if extension == FINISHED {
                let bytes = meta.len();
                found.push(Found { path, bytes, used });
            }
        }
        found
    }

    fn with_allowed<T>(&self, action: impl FnOnce(&mut u64) -> T) -> T {
        action(&mut self.allowed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.room.pending.fetch_sub(self.bytes, Relaxed);
    }
}
