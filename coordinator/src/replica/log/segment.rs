//! A segment file: its head, its two marks, and its batches. Drawn in [`super`].

use super::batch::{self, HEADER_BYTES, Place, Seen};
use super::bytes::{checksum, put_u32, put_u64, u32_at, u64_at};
use super::error::{Fault, damaged};
use super::record::Record;
use super::snapshot::SnapshotName;
use super::{ENTRY_BYTES_MAX, HardState, VERSION};

const MAGIC: [u8; 8] = *b"imgc-log";
const MARK_MAGIC: [u8; 8] = *b"imgcmark";

/// What a disk writes whole or not at all, in bytes.
pub(super) const SECTOR_BYTES: u64 = 512;
/// Where the first batch of a segment stands, in bytes.
pub(super) const BATCHES_AT: u64 = 4 * SECTOR_BYTES;
/// Longest segment file, in bytes: the longest batch fits, with what stands around it.
pub(super) const SEGMENT_BYTES_MAX: u64 = ENTRY_BYTES_MAX as u64 + (1 << 20);

/// The first sector of a segment: with it, what follows can be read without the segments before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// From 1, without gaps.
    pub sequence: u64,
    /// Length of the file.
    pub bytes: u64,
    /// The oldest segment that still counts, as of this one.
    pub first: u64,
    /// Number of its first batch.
    pub number: u64,
    /// The running checksum before that.
    pub before: u64,
    /// As it was when the segment was made.
    pub hard_state: HardState,
    /// What the log starts after.
    pub snapshot: SnapshotName,
}

impl Head {
    /// The first sectors: head and both marks.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = vec![0; 3 * SECTOR_BYTES as usize];
        bytes[..8].copy_from_slice(&MAGIC);
        put_u32(&mut bytes, 8, VERSION);
        let numbers = [
            self.sequence,
            self.bytes,
            self.first,
            self.number,
            self.before,
            self.hard_state.term,
            self.hard_state.vote,
            self.hard_state.commit,
            self.snapshot.number,
            self.snapshot.index,
            self.snapshot.term,
            self.snapshot.sum,
        ];
        for (number, at) in numbers.into_iter().zip((16..).step_by(8)) {
            put_u64(&mut bytes, at, number);
        }
        seal(&mut bytes[..SECTOR_BYTES as usize]);
        for slot in 0..2 {
            let (at, mark) = Mark::of(self.place()).write(slot);
            bytes[at as usize..at as usize + mark.len()].copy_from_slice(&mark);
        }
        bytes
    }

    /// Reads and checks the first sector of a file of that length.
    fn read(file: &[u8], sequence: u64) -> Result<Head, Fault> {
        let Some(sector) = file.get(..BATCHES_AT as usize) else {
            return damaged(format!("it is cut short at byte {}", file.len()));
        };
        let sector = &sector[..SECTOR_BYTES as usize];
        check_sealed(sector, MAGIC)?;
        let number = |at: usize| u64_at(sector, 16 + 8 * at);
        let head = Head {
            sequence: number(0),
            bytes: number(1),
            first: number(2),
            number: number(3),
            before: number(4),
            hard_state: HardState {
                term: number(5),
                vote: number(6),
                commit: number(7),
            },
            snapshot: SnapshotName {
                number: number(8),
                index: number(9),
                term: number(10),
                sum: number(11),
            },
        };
        if head.sequence != sequence || head.first > sequence || head.first == 0 {
            return damaged(format!(
                "it says it is segment {} of a log from {} on",
                head.sequence, head.first
            ));
        }
        if head.bytes != file.len() as u64 {
            return damaged(format!("it has {} bytes instead of {}", file.len(), head.bytes));
        }
        Ok(head)
    }

    /// Where its first batch goes.
    pub fn place(&self) -> Place {
        Place {
            sequence: self.sequence,
            position: BATCHES_AT,
            number: self.number,
            before: self.before,
        }
    }
}

/// Closes a sector with its checksum.
pub(super) fn seal(sector: &mut [u8]) {
    let at = sector.len() - 8;
    let sum = checksum(&sector[..at]);
    put_u64(sector, at, sum);
}

/// Checks magic, checksum and version of a sealed sector. These three stand in the same places in every version.
pub(super) fn check_sealed(sector: &[u8], magic: [u8; 8]) -> Result<(), Fault> {
    let at = sector.len() - 8;
    if !sector.starts_with(&magic) || checksum(&sector[..at]) != u64_at(sector, at) {
        return damaged("its head does not match its checksum");
    }
    match u32_at(sector, 8) {
        VERSION => Ok(()),
        version => Err(Fault::OtherRelease(format!(
            "it has version {version}, this release reads version {VERSION}"
        ))),
    }
}

/// Up to where a segment was acknowledged, at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub position: u64,
    pub before: u64,
    sequence: u64,
}

impl Mark {
    /// Everything before that place.
    pub fn of(place: Place) -> Mark {
        Mark {
            position: place.position,
            before: place.before,
            sequence: place.sequence,
        }
    }

    /// Its bytes, and where they go.
    pub fn write(&self, slot: usize) -> (u64, [u8; 40]) {
        let mut bytes = [0; 40];
        bytes[..8].copy_from_slice(&MARK_MAGIC);
        put_u64(&mut bytes, 8, self.sequence);
        put_u64(&mut bytes, 16, self.position);
        put_u64(&mut bytes, 24, self.before);
        seal(&mut bytes);
        (SECTOR_BYTES * (1 + slot as u64), bytes)
    }

    fn read(segment: &[u8], slot: usize, sequence: u64) -> Option<Mark> {
        let bytes = &segment[SECTOR_BYTES as usize * (1 + slot)..][..40];
        let intact = bytes.starts_with(&MARK_MAGIC)
            && checksum(&bytes[..32]) == u64_at(bytes, 32)
            && u64_at(bytes, 8) == sequence;
        intact.then(|| Mark {
            position: u64_at(bytes, 16),
            before: u64_at(bytes, 24),
            sequence,
        })
    }
}

/// A segment that was read and found right.
#[derive(Debug)]
pub(super) struct Segment {
    pub head: Head,
    pub records: Vec<Record>,
    /// Where the next batch goes; before the last one if that says where the log goes on.
    pub end: Place,
    /// The segment it goes on in.
    pub continued: Option<u64>,
    /// Which mark is the newer one.
    pub slot: usize,
    pub mark: Mark,
    /// What stands from the mark on, with zeros in place of what is torn.
    pub tail: Vec<u8>,
}

impl Segment {
    /// Reads the bytes of a file.
    pub fn read(file: &[u8], sequence: u64) -> Result<Segment, Fault> {
        let head = Head::read(file, sequence)?;
        let (slot, mark) = newer_mark(file, sequence)?;
        let mut segment = Segment {
            end: head.place(),
            records: Vec::new(),
            continued: None,
            slot,
            mark,
            tail: Vec::new(),
            head,
        };
        let mut intact_to = BATCHES_AT;
        let mut marked = segment.reaches_mark()?;
        while segment.continued.is_none() {
            let place = segment.end.fitted();
            if place.position + HEADER_BYTES > head.bytes {
                break;
            }
            let Seen::Batch(records, after) = batch::read(file, place)? else {
                break;
            };
            intact_to = after.position;
            match records.as_slice() {
                [Record::Continued(next)] => segment.continued = Some(*next),
                _ => {
                    segment.records.extend(records);
                    segment.end = after;
                    marked |= segment.reaches_mark()?;
                }
            }
        }
        if !marked {
            return damaged(format!(
                "its batches end at byte {intact_to} though they were acknowledged up to byte {}",
                mark.position
            ));
        }
        if segment.continued.is_none()
            && let Some(later) = batch::find_later(file, sequence, intact_to, segment.end.number)
        {
            return damaged(format!(
                "the batch at byte {intact_to} is gone, a later one stands at byte {later}"
            ));
        }
        let written = file
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        segment.tail = file[mark.position as usize..intact_to as usize].to_vec();
        segment.tail.resize(
            written
                .saturating_sub(mark.position as usize)
                .max(segment.tail.len()),
            0,
        );
        Ok(segment)
    }

    /// Whether it has no batch yet.
    pub fn is_unused(&self) -> bool {
        self.end == self.head.place()
    }

    /// Whether this is the place of the mark; then what came before must be what was acknowledged.
    fn reaches_mark(&self) -> Result<bool, Fault> {
        if self.end.position != self.mark.position {
            return Ok(false);
        }
        if self.end.before != self.mark.before {
            return damaged(format!(
                "what stands before byte {} is not what was acknowledged",
                self.mark.position
            ));
        }
        Ok(true)
    }
}

/// The newer of the marks that are intact. A crash damages none, as each fits a sector; with both damaged nobody knows
/// what was acknowledged.
fn newer_mark(file: &[u8], sequence: u64) -> Result<(usize, Mark), Fault> {
    let marks = (0..2).filter_map(|slot| Some((slot, Mark::read(file, slot, sequence)?)));
    match marks.max_by_key(|(slot, mark)| (mark.position, usize::MAX - slot)) {
        Some(newest) => Ok(newest),
        None => damaged(
            "both of its marks, which say up to where it was acknowledged, do not match their checksums",
        ),
    }
}
