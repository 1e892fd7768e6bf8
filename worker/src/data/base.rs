//! The base: a location in an object store where everything a build keeps lies under keys.
//!
//! Calls block until they are done. Async code calls them inside `spawn_blocking`. A base behind a network is asked
//! again as long as [`Limits`] allow where that can help, and everything else fails at once.

mod again;
mod credentials;
mod errors;
mod known;
mod limits;
mod open;
mod read;
mod reason;
mod s3;
mod transfer;

use super::account::{Account, Meter};
use super::cache::Cache;
use crate::failure::Failure;
use bytes::Bytes;
use futures::TryStreamExt;
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::digest::Digest;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use open::Opened;
use reason::Reason;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

pub(crate) use known::{Identity, Known, Tail};
pub use limits::Limits;

/// A handle of a base. Clones share one connection and one account of bytes.
#[derive(Clone, Debug)]
pub struct Base {
    inner: Arc<Inner>,
    /// Only where a network lies between.
    cache: Option<Arc<Cache>>,
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
    limits: Limits,
    /// Of reads: the disk and memory move whole objects at no extra cost.
    read_limits: Limits,
    /// Whether the place is known to be there: a store may answer for a missing place as for a missing object.
    place_seen: AtomicBool,
    known: Known,
    meter: Meter,
}

impl Base {
    /// Opens `file:///folder` (made if it is not there), `s3://place/prefix` (settings from the `AWS_*`
    /// environment variables) or `memory://` (empty at first, gone with its last clone).
    pub fn open(url: &str) -> Result<Base, Failure> {
        Base::open_with(url, &s3::from_env(), Limits::default())
    }

    /// The same with settings, by the names of their environment variables, and limits of one's own.
    pub fn open_with(url: &str, settings: &[(String, String)], limits: Limits) -> Result<Base, Failure> {
        let Opened {
            url,
            store,
            unsynced,
            runtime,
        } = open::open(url, settings, &limits)?;
        let mut read_limits = limits.clone();
        if runtime.is_none() {
            read_limits.request_bytes_max = u64::MAX;
        }
        Ok(Base {
            cache: None,
            inner: Arc::new(Inner {
                url,
                store,
                unsynced,
                runtime,
                limits,
                read_limits,
                place_seen: AtomicBool::new(false),
                known: Known::default(),
                meter: Meter::default(),
            }),
        })
    }

    /// The same base with a cache on local disk, if a network lies between; otherwise the cache would only be a copy of
    /// one disk on another.
    pub fn with_cache(self, cache: Arc<Cache>) -> Base {
        Base {
            cache: self.is_remote().then_some(cache),
            ..self
        }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// What was read so far; the difference of two accounts is what was read between them.
    pub fn account(&self) -> Account {
        self.inner.meter.account()
    }

    /// Requests that read, so far.
    pub fn requests(&self) -> u64 {
        self.account().requests
    }

    /// Bytes read so far, without what a cache gave.
    pub fn bytes_read(&self) -> u64 {
        self.account().bytes_moved
    }

    /// Bytes written so far.
    pub fn bytes_written(&self) -> u64 {
        self.inner.meter.written()
    }

    /// Writes an object, replacing one that is there; readers see the old one or the new one, whole. On disk it has
    /// reached the disk when this returns.
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

    /// Writes an object unless there is one already. True if the object that is there now is this one: of several
    /// writers of different contents exactly one is told so. For small objects: they travel in one request.
    pub fn put_if_absent(&self, key: &str, bytes: impl Into<Bytes>) -> Result<bool, Failure> {
        let (path, bytes): (Path, Bytes) = (path(key)?, bytes.into());
        let length = bytes.len() as u64;
        if length > self.inner.limits.request_bytes_max {
            return Err(Failure::application(format!(
                "{key} has {length} bytes, more than the {} that are written at a time: put it under a key of its own",
                self.inner.limits.request_bytes_max
            )));
        }
        let written = self
            .wait(async || self.create(&path, &bytes).await)
            .map_err(|error| self.failed("write", key, error))?;
        if written {
            self.inner.meter.wrote(length);
        }
        Ok(written)
    }

    /// Writes an object that need not survive a power cut.
    pub fn put_temporary(&self, key: &str, bytes: impl Into<Bytes>) -> Result<(), Failure> {
        let (path, bytes): (Path, Bytes) = (path(key)?, bytes.into());
        let store = self.inner.unsynced.as_deref().unwrap_or(self.store());
        let length = bytes.len() as u64;
        self.wait(async || self.send(store, &path, bytes.clone()).await)
            .map_err(|error| self.failed("write", key, error))?;
        self.inner.meter.wrote(length);
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

    /// Removes an object; none being there is fine.
    pub fn delete(&self, key: &str) -> Result<(), Failure> {
        let path = path(key)?;
        match self.wait(async || self.store().delete(&path).await) {
            Ok(()) => Ok(()),
            Err(error) if Reason::of(&error) == Reason::NoObject => Ok(()),
            Err(error) => Err(self.failed("delete", key, error)),
        }
    }

    fn write(&self, object: &ObjectRef, bytes: Bytes) -> Result<(), Failure> {
        let path = path(&object.key)?;
        self.wait(async || self.send(self.store(), &path, bytes.clone()).await)
            .map_err(|error| self.failed("write", &object.key, error))?;
        self.inner.meter.wrote(object.bytes);
        Ok(())
    }

    async fn send(&self, store: &dyn ObjectStore, path: &Path, bytes: Bytes) -> object_store::Result<()> {
        if self.is_remote() {
            return transfer::write(store, path, bytes, &self.inner.limits).await;
        }
        // The disk and memory move whole objects at no extra cost, and replace them in one step.
        store.put(path, bytes.into()).await.map(|_| ())
    }

    async fn create(&self, path: &Path, bytes: &Bytes) -> object_store::Result<bool> {
        let mode = PutOptions::from(PutMode::Create);
        let taken = match self.store().put_opts(path, bytes.clone().into(), mode).await {
            Ok(_) => return Ok(true),
            Err(error @ StoreError::AlreadyExists { .. }) => error,
            Err(error) => return Err(error),
        };
        // It may be our own: of a request that was repeated because its answer was lost.
        match self.store().get(path).await {
            Ok(there) if there.meta.size != bytes.len() as u64 => Ok(false),
            Ok(there) => Ok(there.bytes().await? == *bytes),
            // Another writer is about to write it, or it was deleted meanwhile.
            Err(StoreError::NotFound { .. }) => Err(taken),
            Err(error) => Err(error),
        }
    }

    /// Fails if there is no such place, as far as the store tells.
    fn look_for_place(&self, key: &str) -> Result<(), Failure> {
        if !self.is_remote() || self.inner.place_seen.load(Relaxed) {
            return Ok(());
        }
        let look = async || {
            self.inner.meter.request();
            self.store().list(None).try_next().await
        };
        match self.wait(look) {
            Err(error) if Reason::of(&error) == Reason::NoPlace => Err(self.failed("read", key, error)),
            // Who may not list finds out by reading.
            _ => {
                self.inner.place_seen.store(true, Relaxed);
                Ok(())
            }
        }
    }

    fn store(&self) -> &dyn ObjectStore {
        &*self.inner.store
    }

    /// Whether a network lies between.
    fn is_remote(&self) -> bool {
        self.inner.runtime.is_some()
    }

    fn wait<T>(
        &self,
        mut operation: impl AsyncFnMut() -> object_store::Result<T>,
    ) -> object_store::Result<T> {
        match &self.inner.runtime {
            Some(runtime) => runtime.block_on(again::persist(&self.inner.limits, operation)),
            None => futures::executor::block_on(operation()),
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
