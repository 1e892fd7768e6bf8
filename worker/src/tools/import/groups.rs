//! Packs and writes row groups beside the decoding of the next one.

use super::record::{LeftOut, Record, Records};
use super::writer::PREFIX;
use crate::data::{Base, pixels};
use crate::failure::Failure;
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::format::Size;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

/// Decoded images that make a row group.
pub(super) struct Group {
    pub(super) images: Vec<Vec<u8>>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) last: bool,
}

/// Where groups go.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) base: &'a Base,
    pub(super) records: &'a Records,
    pub(super) size: Size,
    pub(super) channels: u16,
    /// Number of the first group that comes.
    pub(super) first: u32,
}

/// The thread that writes. It holds one group, and the next one waits with whoever filled it.
pub(super) struct GroupWriter<'scope> {
    groups: SyncSender<Group>,
    thread: ScopedJoinHandle<'scope, Result<Vec<ObjectRef>, Failure>>,
}

impl<'scope> GroupWriter<'scope> {
    pub(super) fn start(scope: &'scope Scope<'scope, '_>, target: Target<'scope>) -> Self {
        let (groups, received) = sync_channel(0);
        GroupWriter {
            groups,
            thread: scope.spawn(move || write_all(target, received)),
        }
    }

    /// Hands a group over as soon as the one before is written. False if writing failed: [`GroupWriter::end`] says
    /// why.
    pub(super) fn put(&self, group: Group) -> bool {
        self.groups.send(group).is_ok()
    }

    /// Waits until everything is written.
    pub(super) fn end(self) -> Result<Vec<ObjectRef>, Failure> {
        drop(self.groups);
        match self.thread.join() {
            Ok(written) => written,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn write_all(target: Target<'_>, groups: Receiver<Group>) -> Result<Vec<ObjectRef>, Failure> {
    let mut written = Vec::new();
    for group in groups {
        let packed = pixels::write_images(target.size, target.channels, &group.images);
        drop(group.images);
        let object = target.base.put_content(PREFIX, packed)?;
        let record = Record {
            object: object.clone(),
            last: group.last,
            left_out: group.left_out,
        };
        let number = target.first + written.len() as u32;
        target.records.put(target.base, number, &record)?;
        written.push(object);
    }
    Ok(written)
}
