//! A cache on local disk of what many tasks read of remote bases: beginnings of column objects, objects of pixels.
//!
//! Files are named by what they are a copy of, so that an object that was written anew is another file, and verified as
//! they are read. Any number of processes may share the folder: a file appears whole under its name or not at all, and
//! one that vanishes is read from the base again. Nothing that goes wrong here is an error of a task.

mod copy;
mod room;

use super::base::Identity;
use copy::Fault;
use imgcalc_shared::digest::Digest;
use room::Room;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

pub(crate) use copy::Copy;

/// How a finished file ends, and one that is being written.
const FINISHED: &str = "cached";
const UNFINISHED: &str = "part";

/// Why a folder cannot be a cache.
#[derive(Debug, thiserror::Error)]
#[error(
    "the cache folder {} cannot be used: {error}; give one on a local disk that this user may write",
    .folder.display()
)]
pub struct CacheError {
    folder: PathBuf,
    error: io::Error,
}

/// A folder of copies, of at most so many bytes in all.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    room: Room,
    /// What tells files that this writes from those of others: processes of two containers may have the same number.
    mark: u64,
    /// Files written so far.
    count: AtomicU64,
    /// Whether nothing is stored any more.
    given_up: AtomicBool,
    told_damage: AtomicBool,
}

/// Name of a copy: hash of what makes its original what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(Digest);

impl Name {
    /// Of the beginning of an object; none if the store has no mark of its content.
    pub(crate) fn of_object(base: &str, key: &str, identity: &Identity) -> Option<Name> {
        let tag = identity.tag.as_ref()?;
        Some(Name(Digest::of_value(&(base, key, identity.length, tag))))
    }

    /// Of a whole object with this content, wherever it lies.
    pub(crate) fn of_content(digest: &Digest, bytes: u64) -> Name {
        Name(Digest::of_value(&(digest, bytes)))
    }
}

impl Cache {
    /// Opens a folder, which is made if it is not there, after a try to write there. What other processes are writing
    /// at the moment may exceed `bytes_max`.
    pub fn open(folder: &Path, bytes_max: u64) -> Result<Cache, CacheError> {
        let cache = Cache {
            folder: folder.to_path_buf(),
            room: Room::new(folder, bytes_max),
            mark: RandomState::new().hash_one(std::process::id()),
            count: AtomicU64::new(0),
            given_up: AtomicBool::new(false),
            told_damage: AtomicBool::new(false),
        };
        let probe = cache.unfinished("probe");
        let tried = fs::create_dir_all(folder)
            .and_then(|()| fs::write(&probe, b"imgcalc"))
            .and_then(|()| fs::remove_file(&probe));
        match tried {
            Ok(()) => Ok(cache),
            Err(error) => Err(CacheError {
                folder: folder.to_path_buf(),
                error,
            }),
        }
    }

    /// The copy of this name, if there is an intact one.
    pub(crate) fn find(&self, name: &Name) -> Option<Copy<'_>> {
        // Not there, or taken away by somebody: either way the base has it.
        let file = File::open(self.finished(name)).ok()?;
        // One that cannot be marked as used is evicted sooner.
        let _ = file.set_modified(SystemTime::now());
        match Copy::open(self, name, file) {
            Ok(copy) => Some(copy),
            Err(fault) => self.damaged(name, &fault),
        }
    }

    /// Keeps a copy of an object's beginning and its last bytes, unless there is one of as much or more.
    pub(crate) fn put(&self, name: &Name, prefix: &[u8], tail: &[u8]) {
        if self.given_up.load(Relaxed) {
            return;
        }
        let head = copy::head(&name.0, prefix, tail);
        let bytes = (head.len() + prefix.len()) as u64;
        // Nothing that others use is evicted for what cannot stay.
        if !self.room.can_hold(bytes) || self.holds(name, prefix.len() as u64) {
            return;
        }
        let reserved = self.room.reserve(bytes);
        let part = self.unfinished(&name.0.to_string());
        let written = write(&part, &head, prefix).and_then(|()| fs::rename(&part, self.finished(name)));
        drop(reserved);
        if let Err(error) = written {
            let _ = fs::remove_file(&part);
            self.give_up(&error);
        }
    }

    fn holds(&self, name: &Name, prefix_bytes: u64) -> bool {
        let Ok(file) = File::open(self.finished(name)) else {
            return false;
        };
        Copy::open(self, name, file).is_ok_and(|copy| copy.prefix_bytes() >= prefix_bytes)
    }

    fn damaged<T>(&self, name: &Name, fault: &Fault) -> Option<T> {
        let _ = fs::remove_file(self.finished(name));
        if !self.told_damage.swap(true, Relaxed) {
            let folder = self.folder.display();
            tracing::warn!(
                "a file of the cache {folder} is damaged and read anew from the base, as any further one will be \
                 without a word: {fault}"
            );
        }
        None
    }

    fn give_up(&self, error: &io::Error) {
        if !self.given_up.swap(true, Relaxed) {
            let folder = self.folder.display();
            tracing::warn!("nothing more is put into the cache {folder}: {error}; the base is read instead");
        }
    }

    fn finished(&self, name: &Name) -> PathBuf {
        self.folder.join(format!("{}.{FINISHED}", name.0))
    }

    fn unfinished(&self, name: &str) -> PathBuf {
        let (mark, count) = (self.mark, self.count.fetch_add(1, Relaxed));
        self.folder.join(format!("{name}-{mark:x}-{count}.{UNFINISHED}"))
    }
}

fn write(path: &Path, head: &[u8], prefix: &[u8]) -> io::Result<()> {
    // Not synced: after a power cut the checksums tell what is whole.
    let mut file = File::create_new(path)?;
    file.write_all(head)?;
    file.write_all(prefix)
}

#[cfg(test)]
mod tests;
