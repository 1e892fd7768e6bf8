//! What reading costs: bytes that were asked for, bytes that moved for them, requests, and what a cache saved.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Sub;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Reads of a base up to a moment, or between two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// What was wanted: prefixes and whole objects, without what had to be read to find them.
    pub bytes_asked: u64,
    /// What came from the base, over a network or from its disk.
    pub bytes_moved: u64,
    /// Requests that read: of bytes, of a length, of a list. A request that is repeated by the store's client counts once.
    pub requests: u64,
    /// What a cache on local disk gave instead of the base.
    pub bytes_cached: u64,
}

/// Counts while others read.
#[derive(Debug, Default)]
pub(super) struct Meter {
    asked: AtomicU64,
    moved: AtomicU64,
    requests: AtomicU64,
    cached: AtomicU64,
    written: AtomicU64,
}

impl Meter {
    pub(super) fn account(&self) -> Account {
        Account {
            bytes_asked: self.asked.load(Relaxed),
            bytes_moved: self.moved.load(Relaxed),
            requests: self.requests.load(Relaxed),
            bytes_cached: self.cached.load(Relaxed),
        }
    }

    pub(super) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    /// A request that reads is sent.
    pub(super) fn request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    pub(super) fn asked(&self, bytes: usize) {
        self.asked.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn moved(&self, bytes: usize) {
        self.moved.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn cached(&self, bytes: usize) {
        self.cached.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn wrote(&self, bytes: u64) {
        self.written.fetch_add(bytes, Relaxed);
    }
}

impl Sub for Account {
    type Output = Account;

    /// What was read since an earlier moment of the same base.
    fn sub(self, earlier: Account) -> Account {
        Account {
            bytes_asked: self.bytes_asked.saturating_sub(earlier.bytes_asked),
            bytes_moved: self.bytes_moved.saturating_sub(earlier.bytes_moved),
            requests: self.requests.saturating_sub(earlier.requests),
            bytes_cached: self.bytes_cached.saturating_sub(earlier.bytes_cached),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "asked for {}, read {} in {} requests, {} from the cache",
            Size(self.bytes_asked),
            Size(self.bytes_moved),
            self.requests,
            Size(self.bytes_cached)
        )
    }
}

/// Bytes for people.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as f64;
        match self.0 {
            0..1_024 => write!(f, "{bytes} B"),
            1_024..1_048_576 => write!(f, "{:.1} KiB", bytes / 1024.0),
            1_048_576..1_073_741_824 => write!(f, "{:.1} MiB", bytes / 1_048_576.0),
            _ => write!(f, "{:.2} GiB", bytes / 1_073_741_824.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_a_difference_and_is_told_in_words() {
        let meter = Meter::default();
        meter.moved(5_000_000);
        meter.request();
        let before = meter.account();
        meter.asked(2 << 30);
        meter.moved(1536);
        meter.cached(700);
        meter.request();
        meter.request();
        let told = (meter.account() - before).to_string();
        let expected = "asked for 2.00 GiB, read 1.5 KiB in 2 requests, 700 B from the cache";
        assert_eq!(told, expected);
    }
}
