//! What can be read of a base.

use super::known::{Identity, Known};
use super::{Base, path, transfer};
use crate::data::cache::{Cache, Name};
use crate::failure::Failure;
use bytes::Bytes;
use futures::TryStreamExt;
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::digest::Digest;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectMeta, ObjectStoreExt};
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

impl Base {
    /// A whole object.
    pub fn get(&self, key: &str) -> Result<Bytes, Failure> {
        self.read(key, None)?
            .map_err(|_| Failure::application("an object of any length is refused for its length"))
    }

    /// The bytes `range` of an object; an error when it is shorter.
    pub fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, Failure> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let path = path(key)?;
        let bytes = self
            .wait(async || self.range(&path, range.clone(), None).await)
            .map_err(|error| self.failed_range(key, range.clone(), error))?;
        // A store answers a range beyond the end with what there is.
        if bytes.len() as u64 != range.end - range.start {
            return Err(self.truncated(key, self.size(key)?, range.end));
        }
        self.inner.meter.asked(bytes.len());
        Ok(bytes)
    }

    /// A whole object, after its length and digest were compared with what is recorded of it.
    pub fn get_verified(&self, object: &ObjectRef) -> Result<Bytes, Failure> {
        let damaged =
            |what: String| Failure::bad_data(format!("{} in {} is damaged: {what}", object.key, self.url()));
        // Nothing is read, or allocated, of an object that cannot be the right one.
        let bytes = self
            .read(&object.key, Some(object.bytes))?
            .map_err(|bytes| damaged(format!("it has {bytes} bytes, {} are recorded", object.bytes)))?;
        if Digest::of(&bytes) != object.digest {
            return Err(damaged("its content does not have the recorded digest".into()));
        }
        Ok(bytes)
    }

    /// The same for what many tasks read: from the cache, if there is one and it has the object, which is put there
    /// otherwise.
    pub(crate) fn get_shared(&self, object: &ObjectRef) -> Result<Bytes, Failure> {
        let Some(cache) = self.cache.as_deref() else {
            return self.get_verified(object);
        };
        let name = Name::of_content(&object.digest, object.bytes);
        if let Some(bytes) = cache.find(&name).and_then(|copy| copy.prefix(object.bytes)) {
            self.note_asked(bytes.len(), true);
            return Ok(bytes);
        }
        let bytes = self.get_verified(object)?;
        cache.put(&name, &bytes, &[]);
        Ok(bytes)
    }

    /// The last bytes of an object, all if it is shorter; and what the object is.
    pub(crate) fn read_end(&self, key: &str, bytes: u64) -> Result<(Bytes, Identity), Failure> {
        let path = path(key)?;
        self.wait(async || transfer::read_end(self.store(), &path, bytes, &self.inner.meter).await)
            .map_err(|error| self.failed_range(key, 0..1, error))
    }

    /// The bytes `range` of an object if it is still the one that is known; none if it is another now.
    pub(crate) fn read_known(
        &self,
        key: &str,
        range: Range<u64>,
        identity: &Identity,
    ) -> Result<Option<Bytes>, Failure> {
        let path = path(key)?;
        let read = async || match self.range(&path, range.clone(), identity.tag.clone()).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::Precondition { .. }) => Ok(None),
            Err(error) => Err(error),
        };
        let bytes = self
            .wait(read)
            .map_err(|error| self.failed_range(key, range.clone(), error))?;
        Ok(bytes.filter(|bytes| bytes.len() as u64 == range.end - range.start))
    }

    /// Whether there is an object of this key.
    pub fn exists(&self, key: &str) -> Result<bool, Failure> {
        Ok(self.head(key)?.is_some())
    }

    /// The length of an object, if it is there.
    pub fn head(&self, key: &str) -> Result<Option<u64>, Failure> {
        let path = path(key)?;
        let look = async || {
            self.inner.meter.request();
            self.store().head(&path).await
        };
        match self.wait(look) {
            Ok(meta) => {
                self.inner.place_seen.store(true, Relaxed);
                Ok(Some(meta.size))
            }
            Err(StoreError::NotFound { .. }) => self.look_for_place(key).map(|()| None),
            Err(error) => Err(self.failed("read", key, error)),
        }
    }

    /// The length of an object that must be there.
    pub fn size(&self, key: &str) -> Result<u64, Failure> {
        self.head(key)?.ok_or_else(|| self.missing(key))
    }

    /// Keys and lengths of the objects below a folder, in the order of their keys.
    pub fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, Failure> {
        let objects = self.list_identities(prefix)?.into_iter();
        Ok(objects.map(|(key, identity)| (key, identity.length)).collect())
    }

    /// Keys of the objects below a folder, in order, and what they are.
    pub(crate) fn list_identities(&self, prefix: &str) -> Result<Vec<(String, Identity)>, Failure> {
        let path = path(prefix)?;
        let list = async || {
            self.inner.meter.request();
            self.store().list(Some(&path)).try_collect().await
        };
        let found: Vec<ObjectMeta> = self
            .wait(list)
            .map_err(|error| self.failed("list", prefix, error))?;
        let object = |meta: ObjectMeta| {
            let identity = Identity {
                length: meta.size,
                tag: meta.e_tag,
            };
            (meta.location.to_string(), identity)
        };
        let mut keys: Vec<(String, Identity)> = found.into_iter().map(object).collect();
        keys.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok(keys)
    }

    /// What is known of objects by what was read of them.
    pub(crate) fn known(&self) -> &Known {
        &self.inner.known
    }

    /// The cache on local disk, if there is one, and the name of a copy of this object there.
    pub(crate) fn cached_as(&self, key: &str, identity: &Identity) -> Option<(&Cache, Name)> {
        let cache = self.cache.as_deref()?;
        Some((cache, Name::of_object(self.url(), key, identity)?))
    }

    /// Notes bytes that somebody wanted and got from [`Base::read_end`] or [`Base::read_known`], or from the cache.
    pub(crate) fn note_asked(&self, bytes: usize, cached: bool) {
        self.inner.meter.asked(bytes);
        if cached {
            self.inner.meter.cached(bytes);
        }
    }

    /// A whole object, or the length it has if that is not the expected one.
    fn read(&self, key: &str, expected: Option<u64>) -> Result<Result<Bytes, u64>, Failure> {
        let path = path(key)?;
        let (limits, meter) = (&self.inner.read_limits, &self.inner.meter);
        let read = self
            .wait(async || transfer::read(self.store(), &path, expected, limits, meter).await)
            .map_err(|error| self.failed("read", key, error))?;
        if let Ok(bytes) = &read {
            meter.asked(bytes.len());
        }
        Ok(read)
    }

    async fn range(
        &self,
        path: &Path,
        range: Range<u64>,
        tag: Option<String>,
    ) -> object_store::Result<Bytes> {
        let (limits, meter) = (&self.inner.read_limits, &self.inner.meter);
        transfer::read_range(self.store(), path, range, tag, limits, meter).await
    }
}
