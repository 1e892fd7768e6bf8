//! One column object, read with as few requests as it takes: its end once, which tells everything else, and then one
//! range for each keep.

use super::ahead::{Gates, Pass};
use super::{Base, Header, footer};
use crate::data::base::{Identity, Tail};
use crate::failure::Failure;
use bytes::Bytes;
use imgcalc_shared::column::{ColumnError, Footer, TAIL_BYTES};
use std::fmt::Display;
use std::sync::Arc;

/// How often an object is looked at anew that is another one whenever it is read.
const LOOKS_MAX: usize = 5;

/// The columns of one row group.
#[derive(Debug)]
pub(super) struct Object<'a> {
    pub(super) base: &'a Base,
    pub(super) key: &'a str,
    /// What they must say about themselves.
    pub(super) expected: &'a Header,
}

/// A prefix in memory, and what it holds.
struct Read<'a> {
    tail: Arc<Tail>,
    prefix: Bytes,
    /// Whether nothing of it was remembered from an earlier read or cached.
    fresh: bool,
    cached: bool,
    _memory: Pass<'a>,
}

impl Object<'_> {
    /// Has the prefix of this keep decoded. Where what was remembered or cached does not decode, all is read anew.
    pub(super) fn decode(
        &self,
        keep: u16,
        gates: &Gates,
        mut decode: impl FnMut(&Footer, &[u8]) -> Result<(), ColumnError>,
    ) -> Result<(), Failure> {
        let mut remember = true;
        loop {
            let read = self.read(keep, gates, remember)?;
            let _core = gates.cores.pass(1);
            match decode(&read.tail.footer, &read.prefix) {
                Ok(()) => {
                    self.base.note_asked(read.prefix.len(), read.cached);
                    return Ok(());
                }
                Err(error) if read.fresh => return Err(self.damaged(&error)),
                Err(_) => remember = false,
            }
        }
    }

    fn read<'g>(&self, keep: u16, gates: &'g Gates, mut remember: bool) -> Result<Read<'g>, Failure> {
        for _ in 0..LOOKS_MAX {
            let remembered = remember.then(|| self.remembered()).flatten();
            let fresh = remembered.is_none();
            let (identity, tail, whole) = match remembered {
                Some((identity, tail)) => (identity, tail, None),
                None => self.read_end()?,
            };
            let bytes = match self.prefix_bytes(&tail.footer, keep) {
                Ok(bytes) => bytes,
                Err(failure) if fresh => return Err(failure),
                Err(_) => {
                    remember = false;
                    continue;
                }
            };
            let _memory = gates.bytes.pass(bytes);
            let cached = remember.then(|| self.cached(&identity, bytes)).flatten();
            if let Some(prefix) = cached {
                return Ok(Read {
                    tail,
                    prefix,
                    fresh: false,
                    cached: true,
                    _memory,
                });
            }
            // The end that was read may hold a small object as a whole.
            let prefix = match whole {
                Some(whole) => Some(whole.slice(..bytes as usize)),
                None => self.base.read_known(self.key, 0..bytes, &identity)?,
            };
            if let Some(prefix) = prefix {
                self.put(&identity, &prefix, &tail);
                return Ok(Read {
                    tail,
                    prefix,
                    fresh,
                    cached: false,
                    _memory,
                });
            }
            // Somebody has just written it anew.
            remember = false;
        }
        Err(self.damaged(&"they change whenever they are read"))
    }

    /// The end of the object as it was when it was last seen.
    fn remembered(&self) -> Option<(Identity, Arc<Tail>)> {
        let (identity, tail) = self.base.known().get(self.key)?;
        if let Some(tail) = tail {
            return Some((identity, tail));
        }
        let (cache, name) = self.base.cached_as(self.key, &identity)?;
        let bytes = cache.find(&name)?.tail().clone();
        let footer = footer(identity.length, &bytes).ok()?;
        let tail = Arc::new(Tail { footer, bytes });
        self.base.known().learn(self.key, identity.clone(), tail.clone());
        Some((identity, tail))
    }

    /// The end of the object as it is now, and the whole of one that is not longer than what is read for that.
    fn read_end(&self) -> Result<(Identity, Arc<Tail>, Option<Bytes>), Failure> {
        let (bytes, identity) = self.base.read_end(self.key, TAIL_BYTES)?;
        let footer = footer(identity.length, &bytes).map_err(|error| self.damaged(&error))?;
        let start = identity.length - bytes.len() as u64;
        // Chunks that lie before the footer are not remembered with it.
        let chunks_end = footer.prefix(footer.header().keep).map_or(0, |range| range.end);
        let own = Bytes::copy_from_slice(&bytes[chunks_end.saturating_sub(start) as usize..]);
        let tail = Arc::new(Tail { footer, bytes: own });
        self.base.known().learn(self.key, identity.clone(), tail.clone());
        Ok((identity, tail, (start == 0).then_some(bytes)))
    }

    fn prefix_bytes(&self, footer: &Footer, keep: u16) -> Result<u64, Failure> {
        if footer.header() != self.expected {
            return Err(self.damaged(&"they are not those of this dataset, format and row group"));
        }
        let range = footer.prefix(keep).map_err(|error| self.damaged(&error))?;
        Ok(range.end)
    }

    fn cached(&self, identity: &Identity, bytes: u64) -> Option<Bytes> {
        let (cache, name) = self.base.cached_as(self.key, identity)?;
        cache.find(&name)?.prefix(bytes)
    }

    fn put(&self, identity: &Identity, prefix: &[u8], tail: &Tail) {
        if let Some((cache, name)) = self.base.cached_as(self.key, identity) {
            cache.put(&name, prefix, &tail.bytes);
        }
    }

    fn damaged(&self, why: &dyn Display) -> Failure {
        let (key, url) = (self.key, self.base.url());
        Failure::bad_data(format!("the columns {key} in {url} are damaged: {why}"))
    }
}
