//! The log of one peer: opens, appends, keeps and installs snapshots.

use super::batch::{self, HEADER_BYTES, Place};
use super::disk::{Disk, DiskFile};
use super::record::{self, CONTINUED_BYTES, ENTRY_HEAD_BYTES, HARD_STATE_BYTES};
use super::recover::{self, Found, MADE, Span, segment_name};
use super::segment::{BATCHES_AT, Head, Mark, SECTOR_BYTES};
use super::snapshot::{self, SnapshotName};
use super::{ENTRY_BYTES_MAX, Entry, HardState, LogError, Recovered, Snapshot};
use std::io;

/// Bytes of entries in one batch; a longer append is several. One entry always fits.
const BATCH_BYTES_MAX: usize = ENTRY_BYTES_MAX + ENTRY_HEAD_BYTES;

/// The durable log of one peer. Drop it to close it.
pub struct Log<D: Disk> {
    disk: D,
    /// The segment that is written now.
    file: D::File,
    head: Head,
    /// Where the next batch goes.
    end: Place,
    /// The mark last written, and the slot the next one goes to.
    mark: Mark,
    slot: usize,
    /// The segments that count, the one that is written now last.
    spans: Vec<Span>,
    last_index: u64,
    hard_state: HardState,
    bytes_since_snapshot: u64,
    buffer: Vec<u8>,
    failed: bool,
    _lock: D::Lock,
}

impl<D: Disk> Log<D> {
    /// Opens the log, making it if the folder holds none, and gives back what it holds.
    pub fn open(disk: D) -> Result<(Log<D>, Recovered), LogError> {
        let lock = lock(&disk, true)?;
        let found = recover::look(&disk)?;
        // What a crashed or failed process left may be seen and yet not be on the disk.
        settle(&disk, &found).map_err(|error| LogError::of(disk.path(""), error))?;
        let head = found
            .segments
            .last()
            .map_or_else(|| first_head(&disk), |segment| Ok(segment.head))?;
        if !found.made {
            make_durable(&disk, MADE).map_err(|error| LogError::of(disk.path(MADE), error))?;
        }
        let name = segment_name(head.sequence);
        let file = disk
            .open(&name, true)
            .map_err(|error| LogError::of(disk.path(&name), error))?;
        let newest = found.segments.last();
        let log = Log {
            file,
            end: newest.map_or(head.place(), |segment| segment.end),
            mark: newest.map_or(Mark::of(head.place()), |segment| segment.mark),
            slot: newest.map_or(1, |segment| 1 - segment.slot),
            last_index: found.last_index(),
            hard_state: found.recovered.hard_state,
            bytes_since_snapshot: recover::bytes_since_snapshot(&found.segments),
            spans: match found.spans {
                spans if spans.is_empty() => vec![Span::new(head.sequence)],
                spans => spans,
            },
            head,
            buffer: Vec::new(),
            failed: false,
            _lock: lock,
            disk,
        };
        Ok((log, found.recovered))
    }

    /// Reads what a log holds and changes nothing. A folder without one holds nothing. It promises nothing: what a
    /// failed process left may be seen here and yet not be on the disk.
    pub fn read(disk: &D) -> Result<Recovered, LogError> {
        let _lock = lock(disk, false)?;
        Ok(recover::look(disk)?.recovered)
    }

    /// Appends, and returns once it is durable. An entry whose index is there already overrides it and all after it.
    /// After a crash all of it is there or nothing; of more than [`ENTRY_BYTES_MAX`] a part may be.
    pub fn append(&mut self, entries: &[Entry], hard_state: Option<&HardState>) -> Result<(), LogError> {
        self.check_entries(entries)?;
        if entries.is_empty() && hard_state.is_none() {
            return Ok(());
        }
        self.attempt(|log| {
            let mut rest = entries;
            loop {
                let (now, later) = rest.split_at(count_fitting(rest));
                // Last, as it may speak of the last entry.
                log.write(now, hard_state.filter(|_| later.is_empty()))?;
                if later.is_empty() {
                    return Ok(());
                }
                rest = later;
            }
        })
    }

    /// Keeps a snapshot of what was appended, durably; then segments that hold nothing after it go, and the snapshot
    /// before it.
    pub fn keep_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), LogError> {
        self.check_index(snapshot.index, self.head.snapshot.index, self.last_index)?;
        self.attempt(|log| {
            let named = snapshot::write(&log.disk, log.head.sequence + 1, snapshot)?;
            let after = log.spans.iter().find(|span| span.last > snapshot.index);
            let first = after.map_or(log.head.sequence + 1, |span| span.sequence);
            log.go_on(first, named, 0)
        })
    }

    /// Replaces everything by the leader's snapshot, atomically.
    pub fn install_snapshot(&mut self, snapshot: &Snapshot, hard_state: &HardState) -> Result<(), LogError> {
        self.check_index(snapshot.index, self.head.snapshot.index, u64::MAX - 1)?;
        self.attempt(|log| {
            let named = snapshot::write(&log.disk, log.head.sequence + 1, snapshot)?;
            log.hard_state = *hard_state;
            log.last_index = snapshot.index;
            log.go_on(log.head.sequence + 1, named, 0)
        })
    }

    /// Bytes appended since the snapshot was kept or installed: what a new one would save, and more.
    pub fn bytes_since_snapshot(&self) -> u64 {
        self.bytes_since_snapshot
    }

    fn check_entries(&self, entries: &[Entry]) -> Result<(), LogError> {
        let mut last = self.last_index;
        for entry in entries {
            if entry.data.len() > ENTRY_BYTES_MAX {
                return Err(LogError::TooLong {
                    bytes: entry.data.len(),
                });
            }
            self.check_index(entry.index, self.head.snapshot.index + 1, last + 1)?;
            last = entry.index;
        }
        Ok(())
    }

    fn check_index(&self, index: u64, lowest: u64, highest: u64) -> Result<(), LogError> {
        if (lowest..=highest).contains(&index) && index < u64::MAX {
            return Ok(());
        }
        Err(LogError::OutOfPlace {
            path: self.disk.path(""),
            index,
            lowest,
            highest,
        })
    }

    /// Does it, unless something failed before. A failed sync is never tried again: the second may succeed and mean
    /// nothing.
    fn attempt(&mut self, work: impl FnOnce(&mut Log<D>) -> Result<(), LogError>) -> Result<(), LogError> {
        if self.failed {
            return Err(LogError::Failed {
                path: self.disk.path(""),
            });
        }
        let done = work(self);
        self.failed = done.is_err();
        done
    }

    fn write(&mut self, entries: &[Entry], hard_state: Option<&HardState>) -> Result<(), LogError> {
        let entry_bytes: usize = entries
            .iter()
            .map(|entry| ENTRY_HEAD_BYTES + entry.data.len())
            .sum();
        let room = batch::bytes(entry_bytes + hard_state.map_or(0, |_| HARD_STATE_BYTES));
        if self.end.fitted().position + room + reserve() > self.head.bytes {
            self.go_on(self.head.first, self.head.snapshot, room)?;
        }
        let after = self.write_batch(|body| {
            entries.iter().for_each(|entry| record::put_entry(body, entry));
            hard_state
                .iter()
                .for_each(|state| record::put_hard_state(body, state));
            entries.len() as u32 + u32::from(hard_state.is_some())
        })?;
        self.bytes_since_snapshot += after.position - self.end.position;
        self.end = after;
        for entry in entries {
            recover::taken(&mut self.spans, entry.index, self.last_index);
            self.last_index = entry.index;
        }
        self.hard_state = hard_state.copied().unwrap_or(self.hard_state);
        Ok(())
    }

    /// Writes a batch at the end, with the mark that all before it was acknowledged, and syncs both.
    fn write_batch(&mut self, records: impl FnOnce(&mut Vec<u8>) -> u32) -> Result<Place, LogError> {
        let place = self.end.fitted();
        let after = batch::write(&mut self.buffer, place, records);
        let written = self
            .write_mark()
            .and_then(|()| self.file.write_at(place.position, &self.buffer))
            .and_then(|()| self.file.sync());
        match written {
            Ok(()) => Ok(after),
            Err(error) => Err(LogError::of(
                self.disk.path(&segment_name(self.head.sequence)),
                error,
            )),
        }
    }

    /// Writes the mark that everything up to the end was acknowledged. The next sync carries it.
    fn write_mark(&mut self) -> io::Result<()> {
        let mark = Mark::of(self.end);
        if mark == self.mark {
            return Ok(());
        }
        let (at, bytes) = mark.write(self.slot);
        self.file.write_at(at, &bytes)?;
        self.mark = mark;
        self.slot = 1 - self.slot;
        Ok(())
    }

    /// Goes on in a new segment with room for that batch. What no longer counts then goes.
    fn go_on(&mut self, first: u64, snapshot: SnapshotName, room: u64) -> Result<(), LogError> {
        let old = self.head;
        let head = Head {
            sequence: old.sequence + 1,
            bytes: segment_bytes(&self.disk, room),
            first,
            number: self.end.number,
            before: self.end.before,
            hard_state: self.hard_state,
            snapshot,
        };
        let file = make_segment(&self.disk, &head)?;
        if first <= old.sequence {
            self.write_batch(|body| {
                record::put_continued(body, head.sequence);
                1
            })?;
        }
        self.file = file;
        self.head = head;
        self.end = head.place();
        (self.mark, self.slot) = (Mark::of(self.end), 1);
        let gone: Vec<Span> = self.spans.extract_if(.., |span| span.sequence < first).collect();
        self.spans.push(Span::new(head.sequence));
        let old_segments = gone.iter().map(|span| segment_name(span.sequence));
        let mut leftovers: Vec<String> = old_segments.collect();
        if snapshot != old.snapshot {
            self.bytes_since_snapshot = 0;
            leftovers.extend((old.snapshot.number != 0).then(|| snapshot::file_name(old.snapshot.number)));
        }
        for name in leftovers {
            self.disk
                .remove(&name)
                .map_err(|error| LogError::of(self.disk.path(&name), error))?;
        }
        Ok(())
    }
}

impl<D: Disk> Drop for Log<D> {
    /// Marks that all was acknowledged. If that fails nothing is lost: the next sync would have carried it.
    fn drop(&mut self) {
        if !self.failed && self.mark != Mark::of(self.end) {
            let _ = self.write_mark().and_then(|()| self.file.sync());
        }
    }
}

fn lock<D: Disk>(disk: &D, alone: bool) -> Result<D::Lock, LogError> {
    let path = || disk.path("");
    let lock = disk.lock(alone).map_err(|error| LogError::of(path(), error))?;
    lock.ok_or_else(|| LogError::Busy { path: path() })
}

/// Makes durable what was found, and removes what no longer counts.
fn settle<D: Disk>(disk: &D, found: &Found) -> io::Result<()> {
    disk.sync()?;
    for (segment, next) in found
        .segments
        .iter()
        .zip(found.segments.iter().skip(1).map(Some).chain([None]))
    {
        // Once the next segment has a batch, this one was whole on the disk.
        if segment.tail.is_empty() && next.is_none() || next.is_some_and(|next| !next.is_unused()) {
            continue;
        }
        let unended = next.filter(|_| segment.continued.is_none());
        // After a failed sync the kernel shows bytes that the disk never got; written again they are synced again.
        let mut file = disk.open(&segment_name(segment.head.sequence), true)?;
        file.write_at(segment.mark.position, &segment.tail)?;
        file.sync()?;
        if let Some(next) = unended {
            let mut buffer = Vec::new();
            let place = segment.end.fitted();
            batch::write(&mut buffer, place, |body| {
                record::put_continued(body, next.head.sequence);
                1
            });
            file.write_at(place.position, &buffer)?;
            file.sync()?;
        }
    }
    found.leftovers.iter().try_for_each(|name| disk.remove(name))
}

/// Makes the first segment of a new log.
fn first_head<D: Disk>(disk: &D) -> Result<Head, LogError> {
    let head = Head {
        sequence: 1,
        bytes: segment_bytes(disk, 0),
        first: 1,
        number: 1,
        before: 0,
        hard_state: HardState::default(),
        snapshot: SnapshotName::default(),
    };
    make_segment(disk, &head).map(|_| head)
}

/// Makes an empty segment, durably: where its name is seen, all of it is there.
fn make_segment<D: Disk>(disk: &D, head: &Head) -> Result<D::File, LogError> {
    let name = segment_name(head.sequence);
    let new = format!("{name}.new");
    let make = || {
        let mut file = disk.create(&new, head.bytes)?;
        file.write_at(0, &head.write())?;
        file.sync()?;
        disk.rename(&new, &name)?;
        disk.sync()?;
        Ok(file)
    };
    make().map_err(|error| LogError::of(disk.path(&name), error))
}

fn make_durable<D: Disk>(disk: &D, name: &str) -> io::Result<()> {
    disk.create(name, 0)?;
    disk.sync()
}

/// Length of a new segment in which a batch of so many bytes fits.
fn segment_bytes<D: Disk>(disk: &D, room: u64) -> u64 {
    let needed = BATCHES_AT + room + reserve();
    disk.segment_bytes().max(needed).next_multiple_of(SECTOR_BYTES)
}

/// Bytes a segment keeps free to say where the log goes on.
fn reserve() -> u64 {
    HEADER_BYTES + batch::bytes(CONTINUED_BYTES)
}

/// How many of the entries go into the next batch: at least one, if there is one.
fn count_fitting(entries: &[Entry]) -> usize {
    let mut bytes = 0;
    let fitting = entries.iter().take_while(|entry| {
        bytes += ENTRY_HEAD_BYTES + entry.data.len();
        bytes <= BATCH_BYTES_MAX
    });
    fitting.count()
}
