//! The few file operations the log needs, so that it also runs over a disk that is only simulated.

use super::SEGMENT_BYTES;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// One folder of files. Names are plain, without separators.
pub trait Disk {
    /// An open file.
    type File: DiskFile;
    /// Holds the folder for as long as it lives.
    type Lock;

    /// Where a file lies, or the folder itself if the name is empty; for messages.
    fn path(&self, name: &str) -> PathBuf;
    /// Bytes of an ordinary segment on this disk.
    fn segment_bytes(&self) -> u64 {
        SEGMENT_BYTES
    }
    /// Takes the folder, alone or together with others that look only; nothing if it is taken. Alone also makes it.
    fn lock(&self, alone: bool) -> io::Result<Option<Self::Lock>>;
    /// The names of all files; none if there is no folder.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Makes a file of so many zero bytes, in place of any of that name, with its blocks allocated.
    fn create(&self, name: &str, bytes: u64) -> io::Result<Self::File>;
    /// Opens a file that is there: to look only, or to write as well.
    fn open(&self, name: &str, write: bool) -> io::Result<Self::File>;
    /// Gives a file another name, atomically, in place of any file of that name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes the names durable: which files there are.
    fn sync(&self) -> io::Result<()>;
}

/// An open file of a [`Disk`].
pub trait DiskFile {
    /// Its length.
    fn bytes(&self) -> io::Result<u64>;
    /// Fills the buffer from there on, or fails.
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()>;
    /// Writes all of it there.
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes its bytes durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder of a real file system.
#[derive(Debug, Clone)]
pub struct FolderDisk {
    folder: PathBuf,
    segment_bytes: u64,
}

impl FolderDisk {
    /// The folder, which need not be there yet.
    pub fn at(folder: impl Into<PathBuf>) -> FolderDisk {
        FolderDisk {
            folder: folder.into(),
            segment_bytes: SEGMENT_BYTES,
        }
    }

    /// The same with segments of another size: small ones keep tests quick.
    pub fn with_segment_bytes(self, segment_bytes: u64) -> FolderDisk {
        FolderDisk {
            segment_bytes,
            ..self
        }
    }
}

/// Bytes written at once to allocate a file.
const ZEROS_BYTES: usize = 1 << 18;

impl Disk for FolderDisk {
    type File = File;
    type Lock = Option<File>;

    fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() {
            return self.folder.clone();
        }
        self.folder.join(name)
    }

    fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    fn lock(&self, alone: bool) -> io::Result<Option<Option<File>>> {
        if alone && !self.folder.exists() {
            std::fs::create_dir_all(&self.folder)?;
            if let Some(parent) = self.folder.parent() {
                sync_folder(parent)?;
            }
        }
        let opened = OpenOptions::new()
            .read(true)
            .write(alone)
            .create(alone)
            .truncate(false)
            .open(self.path("lock"));
        let file = match opened {
            // Who looks only makes no lock file; where there is none, nobody holds it.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !alone => return Ok(Some(None)),
            opened => opened?,
        };
        match if alone {
            file.try_lock()
        } else {
            file.try_lock_shared()
        } {
            Ok(()) => Ok(Some(Some(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let folder = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            folder => folder?,
        };
        // A name that is not UTF-8 is none of the log's.
        folder
            .filter_map(|file| file.map(|file| file.file_name().into_string().ok()).transpose())
            .collect()
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<File> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(self.path(name))?;
        // Zeros that are really written: reserved blocks would cost a metadata commit at each first write.
        let zeros = vec![0; ZEROS_BYTES.min(bytes as usize)];
        let mut left = bytes as usize;
        while left > 0 {
            let now = left.min(zeros.len());
            file.write_all(&zeros[..now])?;
            left -= now;
        }
        Ok(file)
    }

    fn open(&self, name: &str, write: bool) -> io::Result<File> {
        OpenOptions::new().read(true).write(write).open(self.path(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path(name))
    }

    fn sync(&self) -> io::Result<()> {
        sync_folder(&self.folder)
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    // The parent of a relative name of one part is empty and means the current folder.
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    File::open(folder)?.sync_all()
}

impl DiskFile for File {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(buffer, at)
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn sync(&mut self) -> io::Result<()> {
        // The length never changes after `create`, whose file this is the first sync of; data is enough, and a new
        // length counts as data.
        self.sync_data()
    }
}
