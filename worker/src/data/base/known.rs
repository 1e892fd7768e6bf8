//! What is known of objects that were looked at, so that the next read of one is a single request.

use bytes::Bytes;
use imgcalc_shared::column::Footer;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Estimated memory after which all of it is forgotten, bytes: footers of some thousands of row groups.
const BYTES_MAX: usize = 64 << 20;
/// Estimated memory of one object without a footer, and of one entry of a footer's chunk table, bytes.
const OBJECT_BYTES: usize = 512;
const CHUNK_BYTES: usize = 48;

/// What tells one content of a key from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    /// Bytes of the object.
    pub length: u64,
    /// The store's mark of this content, if it gives any.
    pub tag: Option<String>,
}

/// The end of a column object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    /// What it says.
    pub footer: Footer,
    /// The footer as it is stored, and what follows it.
    pub bytes: Bytes,
}

/// Of objects by key. Bounded; what is forgotten is looked up again.
#[derive(Debug, Default)]
pub(crate) struct Known {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    objects: HashMap<String, Object>,
    bytes: usize,
}

#[derive(Debug)]
struct Object {
    identity: Identity,
    tail: Option<Arc<Tail>>,
}

impl Known {
    /// An object as it was last seen, with its footer if that was read.
    pub(crate) fn get(&self, key: &str) -> Option<(Identity, Option<Arc<Tail>>)> {
        let inner = self.inner();
        let object = inner.objects.get(key)?;
        Some((object.identity.clone(), object.tail.clone()))
    }

    /// An object was seen; the footer of any other content is forgotten.
    pub(crate) fn see(&self, key: &str, identity: Identity) {
        let mut inner = self.inner();
        if inner
            .objects
            .get(key)
            .is_none_or(|known| known.identity != identity)
        {
            inner.insert(key, identity, None);
        }
    }

    /// The footer of an object was read.
    pub(crate) fn learn(&self, key: &str, identity: Identity, tail: Arc<Tail>) {
        self.inner().insert(key, identity, Some(tail));
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn insert(&mut self, key: &str, identity: Identity, tail: Option<Arc<Tail>>) {
        self.remove(key);
        let object = Object { identity, tail };
        let bytes = object.bytes(key);
        if self.bytes + bytes > BYTES_MAX {
            // Whoever reads so many objects in turn would find none of the oldest either.
            *self = Inner::default();
        }
        self.bytes += bytes;
        self.objects.insert(key.to_string(), object);
    }

    fn remove(&mut self, key: &str) {
        if let Some(object) = self.objects.remove(key) {
            self.bytes -= object.bytes(key);
        }
    }
}

impl Object {
    fn bytes(&self, key: &str) -> usize {
        let tail = self.tail.as_ref().map_or(0, |tail| {
            let header = tail.footer.header();
            tail.bytes.len() + usize::from(header.keep) * usize::from(header.channels) * CHUNK_BYTES
        });
        OBJECT_BYTES + key.len() + tail
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgcalc_shared::column::{self, Header, Step};
    use imgcalc_shared::format::Size;

    fn identity(length: u64) -> Identity {
        Identity {
            length,
            tag: Some(format!("tag {length}")),
        }
    }

    fn tail() -> Arc<Tail> {
        let header = Header {
            family: "1x1-b8".parse().unwrap(),
            quant: 1,
            size: Size { height: 8, width: 8 },
            channels: 1,
            keep: 1,
            first_image: 0,
            images: 1,
        };
        let object = column::write(&header, &[vec![7]]).unwrap();
        match Footer::read(object.len() as u64, &object).unwrap() {
            Step::Done(footer) => Arc::new(Tail {
                footer,
                bytes: object.into(),
            }),
            more => panic!("{more:?}"),
        }
    }

    #[test]
    fn a_footer_is_known_until_its_object_has_another_identity() {
        let known = Known::default();
        known.learn("x", identity(1), tail());
        known.see("x", identity(1));
        assert_eq!(known.get("x"), Some((identity(1), Some(tail()))));
        known.see("x", identity(2));
        assert_eq!(known.get("x"), Some((identity(2), None)));
        assert_eq!(known.inner().bytes, OBJECT_BYTES + 1);
    }

    #[test]
    fn what_is_known_stays_below_its_bound() {
        let known = Known::default();
        for number in 0..BYTES_MAX / OBJECT_BYTES * 2 {
            known.see(&number.to_string(), identity(1));
            assert!(known.inner().bytes <= BYTES_MAX);
        }
        assert!(
            known
                .get(&(BYTES_MAX / OBJECT_BYTES * 2 - 1).to_string())
                .is_some()
        );
    }
}
