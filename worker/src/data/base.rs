//! The base: a location in an object store where everything a build keeps lies under keys.
//!
//! Calls block until they are done. Async code calls them inside `spawn_blocking`.

mod errors;
mod open;

use crate::failure::Failure;
use bytes::Bytes;
use futures::TryStreamExt;
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::digest::Digest;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use open::Opened;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A handle of a base. Clones share one connection and one account of bytes.
#[derive(Clone, Debug)]
pub struct Base {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Without a password or query, as shown in errors.
    url: String,
    store: Box<dyn ObjectStore>,
    /// The same place without waiting for the disk, where that makes a difference.
    unsynced: Option<Box<dyn ObjectStore>>,
    /// Drives stores that speak over sockets. The disk and memory need none: polled outside a runtime they work on
    /// the calling thread, which a profile counts on.
    runtime: Option<tokio::runtime::Runtime>,
    requests: AtomicU64,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
}

impl Base {
    /// Opens `file:///folder` (made if it is not there), `s3://place/prefix` (settings from the `AWS_*`
    /// environment variables) or `memory://` (empty at first, gone with its last clone).
    pub fn open(url: &str) -> Result<Base, Failure> {
        let Opened {
            url,
            store,
            unsynced,
            runtime,
        } = open::open(url)?;
        let count = || AtomicU64::new(0);
        Ok(Base {
            inner: Arc::new(Inner {
                url,
                store,
                unsynced,
                runtime,
                requests: count(),
                bytes_read: count(),
                bytes_written: count(),
            }),
        })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// Read requests so far.
    pub fn requests(&self) -> u64 {
        self.inner.requests.load(Relaxed)
    }

    /// Bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.inner.bytes_read.load(Relaxed)
    }

    /// Bytes written so far.
    pub fn bytes_written(&self) -> u64 {
        self.inner.bytes_written.load(Relaxed)
    }

    /// A whole object.
    pub fn get(&self, key: &str) -> Result<Bytes, Failure> {
        let path = path(key)?;
        let bytes = self
            .wait(async { self.inner.store.get(&path).await?.bytes().await })
            .map_err(|error| self.failed("read", key, error))?;
        Ok(self.count(bytes))
    }

    /// The bytes `range` of an object; an error when it is shorter.
    pub fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, Failure> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let path = path(key)?;
        let bytes = self
            .wait(self.inner.store.get_range(&path, range.clone()))
            .map_err(|error| self.failed_range(key, range.clone(), error))?;
        // A store answers a range beyond the end with what there is.
        if bytes.len() as u64 != range.end - range.start {
            let end = range.start + bytes.len() as u64;
            return Err(Failure::bad_data(format!(
                "{key} in {} is truncated: it ends at byte {end}, bytes up to {} are needed",
                self.url(),
                range.end
            )));
        }
        Ok(self.count(bytes))
    }

    /// A whole object, after its length and digest were compared with what is recorded of it.
    pub fn get_verified(&self, object: &ObjectRef) -> Result<Bytes, Failure> {
        let damaged =
            |what: String| Failure::bad_data(format!("{} in {} is damaged: {what}", object.key, self.url()));
        // Asked before it is read, so that nothing is allocated for an object that cannot be the right one.
        let bytes = self.size(&object.key)?;
        if bytes != object.bytes {
            return Err(damaged(format!(
                "it has {bytes} bytes, {} are recorded",
                object.bytes
            )));
        }
        let bytes = self.get(&object.key)?;
        if Digest::of(&bytes) != object.digest {
            return Err(damaged("its content does not have the recorded digest".into()));
        }
        Ok(bytes)
    }

    /// Writes an object, replacing one that is there. On disk it has reached the disk when this returns.
    pub fn put(&self, key: &str, bytes: impl Into<Bytes>) -> Result<ObjectRef, Failure> {
        let bytes: Bytes = bytes.into();
        let object = ObjectRef {
            key: key.to_string(),
            bytes: bytes.len() as u64,
            digest: Digest::of(&bytes),
        };
        self.write(&object, bytes)?;
        Ok(object)
    }

    /// Writes an object that need not survive a power cut.
    pub fn put_temporary(&self, key: &str, bytes: impl Into<Bytes>) -> Result<(), Failure> {
        let (path, bytes): (Path, Bytes) = (path(key)?, bytes.into());
        let store = self.inner.unsynced.as_ref().unwrap_or(&self.inner.store);
        let length = bytes.len() as u64;
        self.wait(store.put(&path, bytes.into()))
            .map_err(|error| self.failed("write", key, error))?;
        self.inner.bytes_written.fetch_add(length, Relaxed);
        Ok(())
    }

    /// Writes an object under a key that is its digest. An intact one that is already there is left alone.
    pub fn put_content(&self, prefix: &str, bytes: impl Into<Bytes>) -> Result<ObjectRef, Failure> {
        let bytes: Bytes = bytes.into();
        let digest = Digest::of(&bytes);
        let object = ObjectRef {
            key: format!("{prefix}/{digest}"),
            bytes: bytes.len() as u64,
            digest,
        };
        // Read and compared rather than only looked up, so that writing again heals a damaged object.
        if !self.exists(&object.key)? || self.get_verified(&object).is_err() {
            self.write(&object, bytes)?;
        }
        Ok(object)
    }

    /// Whether there is an object of this key.
    pub fn exists(&self, key: &str) -> Result<bool, Failure> {
        Ok(self.head(key)?.is_some())
    }

    /// The length of an object, if it is there.
    pub fn head(&self, key: &str) -> Result<Option<u64>, Failure> {
        let path = path(key)?;
        match self.wait(self.inner.store.head(&path)) {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", key, error)),
        }
    }

    /// The length of an object that must be there.
    pub fn size(&self, key: &str) -> Result<u64, Failure> {
        self.head(key)?.ok_or_else(|| self.missing(key))
    }

    /// Keys and lengths of the objects below a folder, in the order of their keys.
    pub fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, Failure> {
        let path = path(prefix)?;
        let found: Vec<object_store::ObjectMeta> = self
            .wait(self.inner.store.list(Some(&path)).try_collect())
            .map_err(|error| self.failed("list", prefix, error))?;
        let mut keys: Vec<(String, u64)> = found
            .into_iter()
            .map(|meta| (meta.location.to_string(), meta.size))
            .collect();
        keys.sort_unstable();
        Ok(keys)
    }

    /// Removes an object; none being there is fine.
    pub fn delete(&self, key: &str) -> Result<(), Failure> {
        let path = path(key)?;
        match self.wait(self.inner.store.delete(&path)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("delete", key, error)),
        }
    }

    fn write(&self, object: &ObjectRef, bytes: Bytes) -> Result<(), Failure> {
        let path = path(&object.key)?;
        self.wait(self.inner.store.put(&path, bytes.into()))
            .map_err(|error| self.failed("write", &object.key, error))?;
        self.inner.bytes_written.fetch_add(object.bytes, Relaxed);
        Ok(())
    }

    fn count(&self, bytes: Bytes) -> Bytes {
        self.inner.requests.fetch_add(1, Relaxed);
        self.inner.bytes_read.fetch_add(bytes.len() as u64, Relaxed);
        bytes
    }

    fn wait<F: Future>(&self, work: F) -> F::Output {
        match &self.inner.runtime {
            Some(runtime) => runtime.block_on(work),
            None => futures::executor::block_on(work),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Waiting for its threads, as a runtime does by itself, is not allowed in async code.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Keys come from manifests too: one that would leave the base is refused.
fn path(key: &str) -> Result<Path, Failure> {
    Path::parse(key).map_err(|error| Failure::bad_data(format!("{key:?} is no key of a base: {error}")))
}

#[cfg(test)]
mod tests;
