//! What the store reports, in the words of a base.

use super::Base;
use crate::failure::Failure;
use std::error::Error;
use std::io;
use std::ops::Range;

impl Base {
    pub(super) fn missing(&self, key: &str) -> Failure {
        Failure::bad_data(format!("there is no {key} in {}", self.url()))
    }

    pub(super) fn failed(&self, verb: &str, key: &str, error: object_store::Error) -> Failure {
        if matches!(error, object_store::Error::NotFound { .. }) {
            return self.missing(key);
        }
        let url = self.url();
        match io_kind(&error) {
            Some(io::ErrorKind::StorageFull) => Failure::storage(format!(
                "the base {url} is full: {key} cannot be written; make room on its disk, then run again"
            )),
            Some(io::ErrorKind::QuotaExceeded) => Failure::storage(format!(
                "the base {url} is full: the disk quota does not allow {key} to be written; raise it, then run again"
            )),
            _ => Failure::storage(format!("cannot {verb} {key} in {url}: {}", root(&error))),
        }
    }

    pub(super) fn failed_range(&self, key: &str, range: Range<u64>, error: object_store::Error) -> Failure {
        // Stores report a range that starts beyond the end each in their own way, so the length is asked.
        match self.head(key) {
            Ok(Some(bytes)) if bytes < range.end => Failure::bad_data(format!(
                "{key} in {} is truncated: it has {bytes} bytes, bytes up to {} are needed",
                self.url(),
                range.end
            )),
            _ => self.failed("read", key, error),
        }
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

/// The innermost cause: the outer ones repeat the key and the name of the store.
fn root(error: &object_store::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
