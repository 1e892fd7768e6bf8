//! Finds out what a folder holds. Changes nothing in it.

use super::disk::{Disk, DiskFile};
use super::error::Fault;
use super::record::Record;
use super::segment::{BATCHES_AT, SEGMENT_BYTES_MAX, Segment};
use super::snapshot;
use super::{Entry, LogError, Recovered};
use std::collections::BTreeSet;

/// Says by being there that a log was made, so that one whose segments are all gone is not taken for a new one.
pub(super) const MADE: &str = "made";
/// How the name of a file ends that is not finished.
const UNFINISHED: &str = ".new";

/// The name of a segment's file.
pub(super) fn segment_name(sequence: u64) -> String {
    format!("segment-{sequence:020}")
}

/// A segment as the log remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub sequence: u64,
    /// The highest index of an entry in it that still counts, 0 if none does.
    pub last: u64,
}

impl Span {
    /// Of a segment without entries.
    pub fn new(sequence: u64) -> Span {
        Span { sequence, last: 0 }
    }
}

/// What a folder holds.
pub(super) struct Found {
    pub recovered: Recovered,
    /// The segments that count, oldest first, without their records; none if there is no log.
    pub segments: Vec<Segment>,
    pub spans: Vec<Span>,
    /// Files that no longer count, or never did.
    pub leftovers: Vec<String>,
    pub made: bool,
}

/// Reads all there is.
pub(super) fn look<D: Disk>(disk: &D) -> Result<Found, LogError> {
    let mut names = Names::default();
    for name in disk.list().map_err(|error| LogError::of(disk.path(""), error))? {
        names.add(name);
    }
    let mut found = Found {
        recovered: Recovered::default(),
        segments: Vec::new(),
        spans: Vec::new(),
        leftovers: names.unfinished,
        made: names.made,
    };
    let Some(&last) = names.segments.last() else {
        if names.made || !names.snapshots.is_empty() {
            let what = "its segments are missing".into();
            return Err(LogError::Damaged {
                path: disk.path(""),
                what,
            });
        }
        return Ok(found);
    };
    let newest = read_segment(disk, last)?;
    let (first, snapshot) = (newest.head.first, newest.head.snapshot);
    for sequence in first..last {
        found.segments.push(read_segment(disk, sequence)?);
    }
    found.segments.push(newest);
    check_links(disk, &found.segments)?;
    replay(&mut found);
    found
        .recovered
        .entries
        .retain(|entry| entry.index > snapshot.index);
    let mut expected = (snapshot.index + 1..).zip(&found.recovered.entries);
    if let Some((missing, _)) = expected.find(|(index, entry)| entry.index != *index) {
        let path = disk.path(&segment_name(first));
        let what = format!("entry {missing} is missing, which should stand there or in a later one");
        return Err(LogError::Damaged { path, what });
    }
    if snapshot.number != 0 {
        let name = snapshot::file_name(snapshot.number);
        let bytes = read_file(disk, &name, u64::MAX)?;
        let read = snapshot::read(bytes, &snapshot).map_err(|fault| fault.at(disk.path(&name)))?;
        found.recovered.snapshot = Some(read);
    }
    let old = names
        .segments
        .range(..first)
        .map(|sequence| segment_name(*sequence));
    let other = names
        .snapshots
        .iter()
        .filter(|number| **number != snapshot.number);
    found.leftovers.extend(old);
    found
        .leftovers
        .extend(other.map(|number| snapshot::file_name(*number)));
    Ok(found)
}

/// The files of a folder, by what they are.
#[derive(Default)]
struct Names {
    segments: BTreeSet<u64>,
    snapshots: BTreeSet<u64>,
    unfinished: Vec<String>,
    made: bool,
}

impl Names {
    fn add(&mut self, name: String) {
        let number = |prefix: &str, of: fn(u64) -> String| {
            let number = name.strip_prefix(prefix)?.parse().ok()?;
            (of(number) == name).then_some(number)
        };
        if let Some(sequence) = number("segment-", segment_name) {
            self.segments.insert(sequence);
        } else if let Some(number) = number("snapshot-", snapshot::file_name) {
            self.snapshots.insert(number);
        } else if name == MADE {
            self.made = true;
        } else if name.ends_with(UNFINISHED) {
            self.unfinished.push(name);
        }
    }
}

fn read_segment<D: Disk>(disk: &D, sequence: u64) -> Result<Segment, LogError> {
    let name = segment_name(sequence);
    let bytes = read_file(disk, &name, SEGMENT_BYTES_MAX)?;
    Segment::read(&bytes, sequence).map_err(|fault| fault.at(disk.path(&name)))
}

fn read_file<D: Disk>(disk: &D, name: &str, bytes_max: u64) -> Result<Vec<u8>, LogError> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Fault::Damaged("it is missing".into()).at(disk.path(name)),
        _ => LogError::of(disk.path(name), error),
    };
    let file = disk.open(name, false).map_err(failed)?;
    let bytes = file.bytes().map_err(failed)?;
    if bytes > bytes_max {
        let what = format!("it has {bytes} bytes, at most {bytes_max} are possible");
        return Err(Fault::Damaged(what).at(disk.path(name)));
    }
    let mut buffer = vec![0; bytes as usize];
    file.read_at(0, &mut buffer).map_err(failed)?;
    Ok(buffer)
}

/// Each segment must go on in the next, and that where it ends; the last must not go on.
fn check_links<D: Disk>(disk: &D, segments: &[Segment]) -> Result<(), LogError> {
    let damaged = |sequence: u64, what: &str| {
        let path = disk.path(&segment_name(sequence));
        Err(LogError::Damaged {
            path,
            what: what.into(),
        })
    };
    for pair in segments.windows(2) {
        let [one, next] = pair else { continue };
        let follows = (next.head.number, next.head.before) == (one.end.number, one.end.before);
        // A crash between making a segment and saying so in the one before leaves it empty.
        let unused = one.continued.is_none() && next.is_unused();
        if !follows || !(unused || one.continued == Some(next.head.sequence)) {
            return damaged(one.head.sequence, "it does not end where the next segment begins");
        }
    }
    match segments.last().and_then(|last| last.continued) {
        Some(missing) => damaged(
            missing,
            "it is missing, the one before says that the log goes on in it",
        ),
        None => Ok(()),
    }
}

/// Puts the entries in order. Those of segments that no longer count may leave a hole in front of what was overridden
/// later, so gaplessness shows only at the end.
fn replay(found: &mut Found) {
    let mut entries: Vec<Entry> = Vec::new();
    let spans = &mut found.spans;
    for segment in &mut found.segments {
        found.recovered.hard_state = segment.head.hard_state;
        spans.push(Span::new(segment.head.sequence));
        for record in std::mem::take(&mut segment.records) {
            match record {
                Record::Entry(entry) => {
                    put(&mut entries, spans, entry);
                }
                Record::HardState(state) => found.recovered.hard_state = state,
                Record::Continued(_) => {}
            }
        }
    }
    found.recovered.entries = entries;
}

fn put(entries: &mut Vec<Entry>, spans: &mut [Span], entry: Entry) {
    let last = entries.last().map_or(0, |last| last.index);
    taken(spans, entry.index, last);
    if entry.index <= last {
        entries.truncate(entries.partition_point(|kept| kept.index < entry.index));
    }
    entries.push(entry);
}

/// Notes that an entry goes into the last segment, in place of all from its index up to the last one.
pub(super) fn taken(spans: &mut [Span], index: u64, last: u64) {
    if index <= last {
        for span in &mut *spans {
            span.last = span.last.min(index.saturating_sub(1));
        }
    }
    if let Some(current) = spans.last_mut() {
        current.last = index;
    }
}

/// Bytes of batches in the segments that began after the newest snapshot was taken.
pub(super) fn bytes_since_snapshot(segments: &[Segment]) -> u64 {
    let number = segments.last().map_or(0, |last| last.head.snapshot.number);
    let since = segments
        .iter()
        .filter(|segment| segment.head.snapshot.number == number);
    since.map(|segment| segment.end.position - BATCHES_AT).sum()
}

impl Found {
    /// The last index: of the last entry, else of the snapshot.
    pub fn last_index(&self) -> u64 {
        let snapshot = self
            .recovered
            .snapshot
            .as_ref()
            .map_or(0, |snapshot| snapshot.index);
        self.recovered
            .entries
            .last()
            .map_or(snapshot, |entry| entry.index)
    }
}
