//! The simulated disk, and one that lies: it acknowledges every sync and does none.

use crate::replica::log::{Disk, DiskFile, SimulatedDisk};
use std::io;
use std::path::PathBuf;

#[derive(Clone, Debug)]
pub(super) struct SimDisk {
    pub(super) below: SimulatedDisk,
    pub(super) lies: bool,
}

pub(super) struct SimFile {
    below: <SimulatedDisk as Disk>::File,
    lies: bool,
}

impl SimDisk {
    fn file(&self, below: <SimulatedDisk as Disk>::File) -> SimFile {
        SimFile {
            below,
            lies: self.lies,
        }
    }
}

impl Disk for SimDisk {
    type File = SimFile;
    type Lock = <SimulatedDisk as Disk>::Lock;

    fn path(&self, name: &str) -> PathBuf {
        self.below.path(name)
    }

    fn segment_bytes(&self) -> u64 {
        self.below.segment_bytes()
    }

    fn lock(&self, alone: bool) -> io::Result<Option<Self::Lock>> {
        self.below.lock(alone)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.below.list()
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<SimFile> {
        Ok(self.file(self.below.create(name, bytes)?))
    }

    fn open(&self, name: &str, write: bool) -> io::Result<SimFile> {
        Ok(self.file(self.below.open(name, write)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.below.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.below.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.below.sync()
    }
}

impl DiskFile for SimFile {
    fn bytes(&self) -> io::Result<u64> {
        self.below.bytes()
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.below.read_at(at, buffer)
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.below.write_at(at, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.lies {
            return Ok(());
        }
        self.below.sync()
    }
}
