//! What the store reports, in the words of a base.

use super::Base;
use super::reason::Reason;
use crate::failure::Failure;
use std::error::Error;
use std::io;
use std::ops::Range;

impl Base {
    pub(super) fn missing(&self, key: &str) -> Failure {
        Failure::bad_data(format!("there is no {key} in {}", self.url()))
    }

    pub(super) fn failed(&self, verb: &str, key: &str, error: object_store::Error) -> Failure {
        let url = self.url();
        match io_kind(&error) {
            Some(io::ErrorKind::StorageFull) => Failure::storage(format!(
                "the base {url} is full: {key} cannot be written; make room on its disk, then run again"
            )),
            Some(io::ErrorKind::QuotaExceeded) => Failure::storage(format!(
                "the base {url} is full: the disk quota does not allow {key} to be written; raise it, then run again"
            )),
            _ => self.explained(verb, key, Reason::of(&error)),
        }
    }

    fn explained(&self, verb: &str, key: &str, reason: Reason) -> Failure {
        let url = self.url();
        let cannot = format!("cannot {verb} {key} in {url}");
        Failure::storage(match reason {
            Reason::NoObject => return self.missing(key),
            Reason::NoPlace => format!(
                "{cannot}: there is no such place; check the URL and AWS_ENDPOINT, or make the place first"
            ),
            Reason::Refused(why) => format!(
                "{cannot}: {why}; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they are allowed to do there"
            ),
            Reason::ElsewhereRegion(why) => format!("{cannot}: {why}; check AWS_REGION"),
            Reason::Transient(why) if self.is_remote() => format!(
                "{cannot}: {why}; it was tried again for up to {} s; check that the store and the network are up, and \
                 AWS_ENDPOINT",
                self.inner.limits.retries_total_max.as_secs()
            ),
            Reason::Transient(why) | Reason::Permanent(why) => format!("{cannot}: {why}"),
        })
    }

    pub(super) fn failed_range(&self, key: &str, range: Range<u64>, error: object_store::Error) -> Failure {
        // Stores report a range that starts beyond the end each in their own way, so the length is asked.
        if Reason::of(&error).is_transient() {
            return self.failed("read", key, error);
        }
        match self.head(key) {
            Ok(Some(bytes)) if bytes < range.end => self.truncated(key, bytes, range.end),
            _ => self.failed("read", key, error),
        }
    }

    pub(super) fn truncated(&self, key: &str, bytes: u64, needed: u64) -> Failure {
        Failure::bad_data(format!(
            "{key} in {} is truncated: it has {bytes} bytes, bytes up to {needed} are needed",
            self.url()
        ))
    }
}

/// The kind of the I/O error below, if there is one.
fn io_kind(error: &object_store::Error) -> Option<io::ErrorKind> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}
