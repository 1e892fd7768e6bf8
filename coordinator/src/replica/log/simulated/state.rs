//! What a simulated disk holds: what is seen of it, and what would be left without power.

use super::DiskFault;
use super::mixed;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};

const SECTOR_BYTES: usize = 512;

/// Everything about one disk.
#[derive(Debug)]
pub(super) struct State {
    files: BTreeMap<u64, Bytes>,
    files_made: u64,
    /// The names that are seen.
    pub names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    /// Changes of names since they were synced.
    renames: Vec<NameChange>,
    pub holders: Holders,
    pub process: u64,
    pub changes: u64,
    /// From which change on.
    pub fault: Option<(u64, DiskFault)>,
    dice: u64,
}

/// The bytes of one file.
#[derive(Debug, Default)]
pub(super) struct Bytes {
    pub seen: Vec<u8>,
    durable: Vec<u8>,
    /// What each sector written since the last sync was in turn.
    written: BTreeMap<usize, Vec<Vec<u8>>>,
    /// Whether the length is not yet durable.
    resized: bool,
}

#[derive(Debug)]
enum NameChange {
    Set(String, u64),
    Moved(String, String, u64),
    Removed(String),
}

/// Who holds the folder.
#[derive(Debug, Default)]
pub(super) struct Holders {
    alone: bool,
    lookers: u32,
}

/// An input or output error.
pub(super) fn broken() -> io::Error {
    io::Error::other("input/output error of the simulated disk")
}

impl Holders {
    pub fn take(&mut self, alone: bool) -> bool {
        if self.alone || alone && self.lookers > 0 {
            return false;
        }
        self.alone = alone;
        self.lookers += u32::from(!alone);
        true
    }

    pub fn release(&mut self, alone: bool) {
        self.alone &= !alone;
        self.lookers -= u32::from(!alone);
    }
}

impl State {
    pub fn new(seed: u64) -> State {
        State {
            files: BTreeMap::new(),
            files_made: 0,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            renames: Vec::new(),
            holders: Holders::default(),
            process: 0,
            changes: 0,
            fault: None,
            dice: mixed(seed ^ 0xd15c),
        }
    }

    /// What is wrong with the disk now.
    pub fn current_fault(&self) -> Option<DiskFault> {
        let (from, fault) = self.fault?;
        (self.changes > from).then_some(fault)
    }

    /// A number below that one.
    fn thrown(&mut self, below: usize) -> usize {
        self.dice = self.dice.wrapping_add(1);
        (mixed(self.dice) >> 16) as usize % below
    }

    pub fn file(&mut self, id: u64) -> io::Result<&mut Bytes> {
        self.files.get_mut(&id).ok_or_else(broken)
    }

    pub fn create(&mut self, name: &str, bytes: u64) -> io::Result<u64> {
        match self.current_fault() {
            Some(DiskFault::Full) => return Err(ErrorKind::StorageFull.into()),
            Some(_) => return Err(broken()),
            None => {}
        }
        self.files_made += 1;
        let made = Bytes {
            seen: vec![0; bytes as usize],
            resized: true,
            ..Bytes::default()
        };
        self.files.insert(self.files_made, made);
        self.names.insert(name.into(), self.files_made);
        self.renames.push(NameChange::Set(name.into(), self.files_made));
        Ok(self.files_made)
    }

    pub fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.check_io()?;
        let id = self.names.remove(from).ok_or(ErrorKind::NotFound)?;
        self.names.insert(to.into(), id);
        self.renames.push(NameChange::Moved(from.into(), to.into(), id));
        Ok(())
    }

    pub fn remove(&mut self, name: &str) -> io::Result<()> {
        self.check_io()?;
        self.names.remove(name).ok_or(ErrorKind::NotFound)?;
        self.renames.push(NameChange::Removed(name.into()));
        Ok(())
    }

    pub fn sync_names(&mut self) -> io::Result<()> {
        self.check_io()?;
        self.durable_names = self.names.clone();
        self.renames.clear();
        self.forget_unnamed();
        Ok(())
    }

    pub fn write(&mut self, id: u64, at: usize, bytes: &[u8]) -> io::Result<()> {
        let end = at + bytes.len();
        let longer = end > self.file(id)?.seen.len();
        let (bytes, outcome) = match self.current_fault() {
            Some(DiskFault::Full) if longer => return Err(ErrorKind::StorageFull.into()),
            Some(DiskFault::Io) => {
                // What is written in part is written by whole sectors at least.
                let to = (at + self.thrown(bytes.len() + 1)) / SECTOR_BYTES * SECTOR_BYTES;
                (&bytes[..to.saturating_sub(at)], Err(broken()))
            }
            _ => (bytes, Ok(())),
        };
        let file = self.file(id)?;
        let end = at + bytes.len();
        if end > file.seen.len() {
            file.seen.resize(end, 0);
            file.resized = true;
        }
        file.seen[at..end].copy_from_slice(bytes);
        for sector in at / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            let now = file.sector(sector).to_vec();
            file.written.entry(sector).or_default().push(now);
        }
        outcome
    }

    pub fn sync(&mut self, id: u64) -> io::Result<()> {
        let outcome = self.check_io();
        let seed = self.thrown(usize::MAX) as u64;
        let file = self.file(id)?;
        let arrives = |number: usize| outcome.is_ok() || mixed(seed ^ number as u64) & 1 == 0;
        if std::mem::take(&mut file.resized) && arrives(usize::MAX) {
            file.durable.resize(file.seen.len(), 0);
        }
        for sector in std::mem::take(&mut file.written).into_keys() {
            if arrives(sector) {
                let now = file.sector(sector).to_vec();
                file.keep(sector, &now);
            }
        }
        outcome
    }

    fn check_io(&self) -> io::Result<()> {
        match self.current_fault() {
            Some(DiskFault::Io | DiskFault::Off) => Err(broken()),
            _ => Ok(()),
        }
    }

    /// Leaves what would be left without power, and gives the next process.
    pub fn crash(&mut self) -> u64 {
        for change in std::mem::take(&mut self.renames) {
            if self.thrown(2) == 0 {
                continue;
            }
            match change {
                NameChange::Set(name, id) => {
                    self.durable_names.insert(name, id);
                }
                NameChange::Moved(from, to, id) => {
                    self.durable_names.remove(&from);
                    self.durable_names.insert(to, id);
                }
                NameChange::Removed(name) => {
                    self.durable_names.remove(&name);
                }
            }
        }
        self.names = self.durable_names.clone();
        self.forget_unnamed();
        let mut files = std::mem::take(&mut self.files);
        for file in files.values_mut() {
            self.crash_file(file);
        }
        self.files = files;
        self.fault = None;
        self.kill()
    }

    fn crash_file(&mut self, file: &mut Bytes) {
        if std::mem::take(&mut file.resized) && self.thrown(2) == 1 {
            file.durable.resize(file.seen.len(), 0);
        }
        for (sector, versions) in std::mem::take(&mut file.written) {
            let which = self.thrown(versions.len() + 1);
            if let Some(version) = versions.get(which) {
                file.keep(sector, version);
            }
        }
        file.seen = file.durable.clone();
    }

    /// Ends the process that used the disk, and gives the next.
    pub fn kill(&mut self) -> u64 {
        self.holders = Holders::default();
        self.process += 1;
        self.process
    }

    fn forget_unnamed(&mut self) {
        let (names, durable) = (&self.names, &self.durable_names);
        let named: std::collections::BTreeSet<u64> =
            names.values().chain(durable.values()).copied().collect();
        self.files.retain(|id, _| named.contains(id));
    }
}

impl Bytes {
    fn sector(&self, sector: usize) -> &[u8] {
        let end = (sector + 1) * SECTOR_BYTES;
        &self.seen[sector * SECTOR_BYTES..end.min(self.seen.len())]
    }

    /// Makes a version of a sector durable, as far as the durable length reaches.
    fn keep(&mut self, sector: usize, version: &[u8]) {
        let rest = self.durable.get_mut(sector * SECTOR_BYTES..).unwrap_or_default();
        let bytes = version.len().min(rest.len());
        rest[..bytes].copy_from_slice(&version[..bytes]);
    }
}
