//! The durable log: commands in a redb file, one entry each, each with its own checksum.
//!
//! ```text
//! table "entries"   index (u64, from 1, without gaps) → xxh3-64 of the rest (8 bytes, little-endian) · JSON of a Command
//! table "head"      "magic"   → "imgcalc-ledger 1"
//!                   "entries" → number of entries (decimal)
//! ```
//!
//! A batch of entries is one transaction: it is there whole after a crash or not at all, and [`Log::append`] returns
//! after the disk says so. What cannot be read back is never skipped: opening fails and names the entry.

use super::Command;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::path::{Path, PathBuf};

const ENTRIES: TableDefinition<u64, &[u8]> = TableDefinition::new("entries");
const HEAD: TableDefinition<&str, &str> = TableDefinition::new("head");
const MAGIC: &str = "imgcalc-ledger 1";

/// Longest entry in bytes: an adopted profile of the largest space stays below it.
const ENTRY_BYTES_MAX: usize = 64 << 20;

/// The log of one data directory.
#[derive(Debug)]
pub struct Log {
    database: Database,
    path: PathBuf,
    entries: u64,
}

/// Why the log cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Another process has it open.
    #[error("the ledger {path} is open in another process")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// Truncated or altered. It is not repaired: that would forget.
    #[error(
        "the ledger {path} is damaged: {what}; restore it from a copy; its entries were left as they are"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and how.
        what: String,
    },
    /// Intact, but not of this release.
    #[error(
        "the ledger {path} is of another release: entry {entry}: {what}; use that release, or another data directory"
    )]
    OtherRelease {
        /// The file.
        path: PathBuf,
        /// Number of the entry, from 1.
        entry: u64,
        /// What this release cannot read.
        what: String,
    },
    /// The disk has no room.
    #[error(
        "no room is left for the ledger {path}; free some and run the same command again, nothing acknowledged is lost"
    )]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// An entry too long to be one.
    #[error("a ledger entry of {bytes} bytes is longer than {ENTRY_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Anything else the disk says.
    #[error("the ledger {path} cannot be used: {what}")]
    Disk {
        /// The file.
        path: PathBuf,
        /// What it says.
        what: String,
    },
}

impl Log {
    /// Opens the log, making it if it is not there, and gives back all its commands in order.
    pub fn open(path: &Path) -> Result<(Log, Vec<Command>), LogError> {
        let fresh = !path.exists();
        // redb checks its own structure with assertions as well as errors; a damaged file must give an error.
        let opened = quietly(|| open_checked(path, fresh));
        let damaged = |what: &str| LogError::Damaged {
            path: path.into(),
            what: what.into(),
        };
        let database = opened.ok_or_else(|| damaged("its structure is broken"))??;
        let read = quietly(|| read_all(&database, path));
        let commands = read.ok_or_else(|| damaged("its structure is broken"))??;
        let entries = commands.len() as u64;
        Ok((
            Log {
                database,
                path: path.into(),
                entries,
            },
            commands,
        ))
    }

    /// Appends a batch and returns once it is durable.
    pub fn append(&mut self, commands: &[Command]) -> Result<(), LogError> {
        if commands.is_empty() {
            return Ok(());
        }
        let frames: Vec<Vec<u8>> = commands.iter().map(frame).collect();
        if let Some(frame) = frames.iter().find(|frame| frame.len() > ENTRY_BYTES_MAX) {
            return Err(LogError::TooLong { bytes: frame.len() });
        }
        self.write(&frames).map_err(|error| failure(&self.path, error))?;
        self.entries += frames.len() as u64;
        Ok(())
    }

    /// Number of entries.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    fn write(&self, frames: &[Vec<u8>]) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(ENTRIES)?;
            for (index, frame) in (self.entries + 1..).zip(frames) {
                table.insert(index, frame.as_slice())?;
            }
            let mut head = transaction.open_table(HEAD)?;
            head.insert(
                "entries",
                (self.entries + frames.len() as u64).to_string().as_str(),
            )?;
        }
        transaction.commit()?;
        Ok(())
    }
}

/// What `work` gives, or nothing if it panics, of which then nothing is printed: the error says it better.
fn quietly<T>(work: impl FnOnce() -> T) -> Option<T> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    std::panic::set_hook(hook);
    done.ok()
}

fn open_checked(path: &Path, fresh: bool) -> Result<Database, LogError> {
    let failed = |error: redb::Error| match error {
        redb::Error::DatabaseAlreadyOpen => LogError::Busy { path: path.into() },
        error if fresh => failure(path, error),
        error => match failure(path, error) {
            LogError::Disk { path, what } => LogError::Damaged { path, what },
            other => other,
        },
    };
    if !fresh && std::fs::metadata(path).is_ok_and(|metadata| metadata.len() == 0) {
        // redb would take an empty file for a new one and forget.
        return Err(LogError::Damaged {
            path: path.into(),
            what: "it is empty".into(),
        });
    }
    let mut database = Database::create(path).map_err(|error| failed(error.into()))?;
    if fresh {
        let write = || -> Result<(), redb::Error> {
            let transaction = database.begin_write()?;
            transaction.open_table(ENTRIES)?;
            let mut head = transaction.open_table(HEAD)?;
            head.insert("magic", MAGIC)?;
            head.insert("entries", "0")?;
            drop(head);
            transaction.commit()?;
            Ok(())
        };
        write().map_err(failed)?;
        sync_folder(path);
    } else {
        let intact = database.check_integrity().map_err(|error| failed(error.into()))?;
        if !intact {
            return Err(LogError::Damaged {
                path: path.into(),
                what: "checksums of its pages do not match".into(),
            });
        }
    }
    Ok(database)
}

/// A new file is durable only when its folder's entry is.
fn sync_folder(path: &Path) {
    if let Some(folder) = path.parent()
        && let Ok(folder) = std::fs::File::open(folder)
    {
        let _ = folder.sync_all();
    }
}

fn read_all(database: &Database, path: &Path) -> Result<Vec<Command>, LogError> {
    let damaged = |what: String| LogError::Damaged {
        path: path.into(),
        what,
    };
    let Raw {
        magic,
        entries,
        frames,
    } = read_raw(database).map_err(|error| damaged(error.to_string()))?;
    if magic.as_deref() != Some(MAGIC) {
        return Err(damaged(format!("it says {magic:?} where {MAGIC:?} should stand")));
    }
    if entries != Some(frames.len().to_string()) {
        return Err(damaged(format!(
            "it holds {} entries where {entries:?} were written",
            frames.len()
        )));
    }
    let mut commands = Vec::with_capacity(frames.len());
    for ((index, frame), expected) in frames.iter().zip(1u64..) {
        if *index != expected {
            return Err(damaged(format!("entry {expected} is missing")));
        }
        let command =
            unframe(frame).ok_or_else(|| damaged(format!("entry {index} does not match its checksum")))?;
        let other = |what: serde_json::Error| LogError::OtherRelease {
            path: path.into(),
            entry: *index,
            what: what.to_string(),
        };
        commands.push(command.map_err(other)?);
    }
    Ok(commands)
}

/// What the tables hold, unchecked.
struct Raw {
    magic: Option<String>,
    entries: Option<String>,
    frames: Vec<(u64, Vec<u8>)>,
}

fn read_raw(database: &Database) -> Result<Raw, redb::Error> {
    let transaction = database.begin_read()?;
    let head = transaction.open_table(HEAD)?;
    let text = |key: &str| -> Result<Option<String>, redb::Error> {
        Ok(head.get(key)?.map(|value| value.value().into()))
    };
    let mut frames = Vec::new();
    for entry in transaction.open_table(ENTRIES)?.iter()? {
        let (index, frame) = entry?;
        frames.push((index.value(), frame.value().to_vec()));
    }
    Ok(Raw {
        magic: text("magic")?,
        entries: text("entries")?,
        frames,
    })
}

fn frame(command: &Command) -> Vec<u8> {
    let json = serde_json::to_vec(command).expect("commands serialise");
    let mut frame = twox_hash::XxHash3_64::oneshot(&json).to_le_bytes().to_vec();
    frame.extend_from_slice(&json);
    frame
}

fn unframe(frame: &[u8]) -> Option<Result<Command, serde_json::Error>> {
    let (checksum, json) = frame.split_first_chunk::<8>()?;
    (u64::from_le_bytes(*checksum) == twox_hash::XxHash3_64::oneshot(json))
        .then(|| serde_json::from_slice(json))
}

fn failure(path: &Path, error: redb::Error) -> LogError {
    match error {
        redb::Error::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => {
            LogError::Full { path: path.into() }
        }
        redb::Error::DatabaseAlreadyOpen => LogError::Busy { path: path.into() },
        redb::Error::Corrupted(what) => LogError::Damaged {
            path: path.into(),
            what,
        },
        error => LogError::Disk {
            path: path.into(),
            what: error.to_string(),
        },
    }
}
