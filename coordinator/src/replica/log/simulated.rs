//! A disk in memory that loses, tears and fails what a real one may, the same way for the same seed.

use super::bytes::mixed;
use super::disk::{Disk, DiskFile};
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

mod state;

use state::State;

/// What a simulated disk can be made to do from some change on, until it is healed or loses power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFault {
    /// Every change fails; a failed write may be there in part, and of what a failed sync was to make durable some
    /// never will be, though it is seen until the power goes.
    Io,
    /// No room is left: nothing can be made or made longer.
    Full,
    /// Nothing works any more, as after the power went.
    Off,
}

/// A disk in memory with one folder. Its clones are the same disk.
#[derive(Debug, Clone)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
    segment_bytes: u64,
    /// The process that uses this clone; those of an ended process reach the disk no more.
    process: u64,
}

/// Bytes of a segment unless said otherwise: small, so that a simulation goes through many.
const SEGMENT_BYTES: u64 = 64 << 10;

impl SimulatedDisk {
    /// An empty disk.
    pub fn new(seed: u64) -> SimulatedDisk {
        SimulatedDisk {
            state: Arc::new(Mutex::new(State::new(seed))),
            segment_bytes: SEGMENT_BYTES,
            process: 0,
        }
    }

    /// The same with segments of another size.
    pub fn with_segment_bytes(self, segment_bytes: u64) -> SimulatedDisk {
        SimulatedDisk {
            segment_bytes,
            ..self
        }
    }

    /// The power goes and returns. Of every sector written since its last sync some version is there, and of every
    /// change of names since the last sync of the folder some are. Other clones reach the disk no more; clone this one.
    pub fn crash(&mut self) {
        let process = self.locked().crash();
        self.process = process;
    }

    /// The process ends, the machine runs on: nothing is lost. Other clones reach the disk no more; clone this one.
    pub fn kill(&mut self) {
        let process = self.locked().kill();
        self.process = process;
    }

    /// After so many more changes (files made, written, synced, renamed, removed) this is wrong with the disk.
    pub fn fail_after(&self, changes: u64, fault: DiskFault) {
        let mut state = self.locked();
        state.fault = Some((state.changes + changes, fault));
    }

    /// Nothing is wrong with the disk any more.
    pub fn heal(&self) {
        self.locked().fault = None;
    }

    /// Changes asked for so far.
    pub fn changes(&self) -> u64 {
        self.locked().changes
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics under this lock")
    }

    /// The disk, if this process may still use it.
    fn reached(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.locked();
        if state.process != self.process || state.current_fault() == Some(DiskFault::Off) {
            return Err(state::broken());
        }
        Ok(state)
    }

    /// The same, for a change.
    fn changed(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.reached()?;
        state.changes += 1;
        match state.current_fault() {
            Some(DiskFault::Off) => Err(state::broken()),
            _ => Ok(state),
        }
    }
}

/// An open file of a [`SimulatedDisk`].
#[derive(Debug)]
pub struct SimulatedFile {
    disk: SimulatedDisk,
    id: u64,
}

/// Holds the folder of a [`SimulatedDisk`].
#[derive(Debug)]
pub struct SimulatedLock {
    disk: SimulatedDisk,
    alone: bool,
}

impl Disk for SimulatedDisk {
    type File = SimulatedFile;
    type Lock = SimulatedLock;

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("simulated").join(name)
    }

    fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    fn lock(&self, alone: bool) -> io::Result<Option<SimulatedLock>> {
        let taken = self.reached()?.holders.take(alone);
        Ok(taken.then(|| SimulatedLock {
            disk: self.clone(),
            alone,
        }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.reached()?.names.keys().cloned().collect())
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<SimulatedFile> {
        let id = self.changed()?.create(name, bytes)?;
        Ok(SimulatedFile {
            disk: self.clone(),
            id,
        })
    }

    fn open(&self, name: &str, _write: bool) -> io::Result<SimulatedFile> {
        let id = *self.reached()?.names.get(name).ok_or(ErrorKind::NotFound)?;
        Ok(SimulatedFile {
            disk: self.clone(),
            id,
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.changed()?.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.changed()?.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.changed()?.sync_names()
    }
}

impl DiskFile for SimulatedFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.disk.reached()?.file(self.id)?.seen.len() as u64)
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut state = self.disk.reached()?;
        let seen = state.file(self.id)?.seen.get(at as usize..);
        let seen = seen.and_then(|seen| seen.get(..buffer.len()));
        buffer.copy_from_slice(seen.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.changed()?.write(self.id, at as usize, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.changed()?.sync(self.id)
    }
}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        let mut state = self.disk.locked();
        if state.process == self.disk.process {
            state.holders.release(self.alone);
        }
    }
}
