//! What an import has finished, for the case that it is ended before it is done.
//!
//! Each row group whose pixels are in the base leaves one small sealed object under a key that holds the digest of
//! everything the pixels follow from: the source's files as they are now and the options. The same command finds
//! them and goes on behind the last; another one, or a source that changed, does not. They go when the dataset is
//! there. Whatever they say is checked; behind one that cannot be believed everything is done again.

use super::source::{Part, Source};
use super::{ImportArgs, OnBad};
use crate::data::Base;
use crate::failure::Failure;
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::envelope;
use imgcalc_shared::format::Size;
use serde::{Deserialize, Serialize};

const WHAT: &str = "imgcalc-import";
const VERSION: u32 = 1;
/// Longest record that is read, bytes: a row group's worth of left-out images with their reasons.
const RECORD_BYTES_MAX: u64 = 256 << 20;

/// One finished row group. Which images it holds follows from the order of the candidates and those left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// Its pixels.
    pub(super) object: ObjectRef,
    /// Whether no candidate is left behind it.
    pub(super) last: bool,
    /// Candidates left out since the row group before.
    pub(super) left_out: Vec<LeftOut>,
}

/// One candidate that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LeftOut {
    /// Whether it is one of the source's own test images.
    pub(super) test: bool,
    /// Its number in the source.
    pub(super) index: u32,
    /// Why.
    pub(super) reason: String,
}

/// Where the records of one import lie.
pub(super) struct Records {
    folder: String,
}

impl Records {
    /// Of this source and these options.
    pub(super) fn of(
        source: &Source,
        size: Size,
        channels: u16,
        row_group: u32,
        args: &ImportArgs,
    ) -> Records {
        let program = env!("CARGO_PKG_VERSION");
        let inputs = (program, source.listing(), size, channels, row_group);
        let options = (args.seed, args.limit, args.on_bad == OnBad::Skip);
        let digest = Digest::of_value(&(WHAT, VERSION, inputs, options));
        Records {
            folder: format!("datasets/imports/{digest}"),
        }
    }

    fn key(&self, group: u32) -> String {
        format!("{}/rg-{group:05}", self.folder)
    }

    /// Remembers a row group. To be called when its pixels are in the base.
    pub(super) fn put(&self, base: &Base, group: u32, record: &Record) -> Result<(), Failure> {
        let bytes = envelope::seal_densely(WHAT, VERSION, record);
        base.put(&self.key(group), bytes).map(|_| ())
    }

    /// The record of a row group, if there is one that can be believed and its pixels are there.
    pub(super) fn get(&self, base: &Base, group: u32) -> Result<Option<Record>, Failure> {
        let key = self.key(group);
        let Some(length) = base.head(&key)? else {
            return Ok(None);
        };
        match self.believed(base, &key, length)? {
            Ok(record) => Ok(Some(record)),
            Err(why) => {
                self.distrust(base, group, &why);
                Ok(None)
            }
        }
    }

    /// Says that a record is of no use.
    pub(super) fn distrust(&self, base: &Base, group: u32, why: &str) {
        tracing::warn!(
            key = self.key(group),
            base = base.url(),
            why,
            "what an interrupted import noted cannot be used: what follows is imported again"
        );
    }

    /// Removes them all.
    pub(super) fn clear(&self, base: &Base) -> Result<(), Failure> {
        for (key, _) in base.list(&self.folder)? {
            base.delete(&key)?;
        }
        Ok(())
    }

    fn believed(&self, base: &Base, key: &str, length: u64) -> Result<Result<Record, String>, Failure> {
        if length > RECORD_BYTES_MAX {
            return Ok(Err(format!(
                "it has {length} bytes, at most {RECORD_BYTES_MAX} are read"
            )));
        }
        let record: Record = match envelope::open(WHAT, VERSION, &base.get(key)?) {
            Ok(record) => record,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let object = &record.object;
        // Content is compared whenever it is read; here it is enough that it is there as a whole.
        if object.key != format!("{}/{}", super::writer::PREFIX, object.digest) {
            return Ok(Err(format!("{:?} is no key of pixels", object.key)));
        }
        match base.head(&object.key)? {
            Some(bytes) if bytes == object.bytes => Ok(Ok(record)),
            Some(bytes) => Ok(Err(format!(
                "{} has {bytes} bytes, not {}",
                object.key, object.bytes
            ))),
            None => Ok(Err(format!("{} is not there", object.key))),
        }
    }
}

impl LeftOut {
    pub(super) fn is(&self, part: Part, index: u32) -> bool {
        (self.test, self.index) == (part == Part::Test, index)
    }
}
