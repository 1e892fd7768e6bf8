//! The coordinator's directory: the ledger, log files, reports, and who holds it.

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A data directory on this machine.
#[derive(Clone, Debug)]
pub(super) struct DataDir(pub(super) PathBuf);

/// Who holds a data directory: written into its lock file by the process that has locked it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Holder {
    /// Its process.
    pub(super) pid: u32,
    /// Where its coordinator listens, once it does.
    pub(super) address: Option<String>,
    /// What it does.
    pub(super) what: String,
}

/// The lock; given back when dropped or when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock(File);

impl DataDir {
    /// The directory named by a flag or the environment, else the user's own.
    pub(super) fn of(named: Option<&Path>) -> anyhow::Result<DataDir> {
        if let Some(named) = named {
            return Ok(DataDir(std::path::absolute(named)?));
        }
        let share = std::env::var_os("XDG_DATA_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute());
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
        let share = share
            .or_else(home)
            .context("no home directory; name a data directory with --data-dir")?;
        Ok(DataDir(share.join("imgcalc")))
    }

    pub(super) fn ledger(&self) -> PathBuf {
        crate::peer::ledger_folder(&self.0)
    }

    pub(super) fn logs(&self) -> PathBuf {
        crate::peer::log_folder(&self.0)
    }

    /// Takes the directory for this process, or says who has it.
    pub(super) fn lock(&self, what: &str) -> anyhow::Result<Lock> {
        std::fs::create_dir_all(&self.0)
            .with_context(|| format!("cannot make the data directory {}", self.0.display()))?;
        let file = self
            .lock_file()
            .with_context(|| format!("cannot open {}", self.0.join("lock").display()))?;
        match file.try_lock() {
            Ok(()) => {
                let lock = Lock(file);
                lock.write(&Holder {
                    pid: std::process::id(),
                    address: None,
                    what: what.into(),
                })?;
                Ok(lock)
            }
            Err(TryLockError::WouldBlock) => {
                let holder = read(&file).map_or("another process".to_string(), |holder| {
                    format!("process {} (`{}`)", holder.pid, holder.what)
                });
                bail!(
                    "the data directory {} is held by {holder}; wait for it, stop it, or use another --data-dir",
                    self.0.display()
                )
            }
            Err(TryLockError::Error(error)) => Err(error).context("cannot lock the data directory"),
        }
    }

    /// Who holds the directory now, if anybody.
    pub(super) fn holder(&self) -> anyhow::Result<Option<Holder>> {
        if !self.0.join("lock").exists() {
            return Ok(None);
        }
        let file = self.lock_file()?;
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(read(&file).unwrap_or(Holder {
                pid: 0,
                address: None,
                what: "unknown".into(),
            }))),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    fn lock_file(&self) -> std::io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.0.join("lock"))
    }
}

impl Lock {
    /// Says where the coordinator of this process listens.
    pub(super) fn announce(&self, address: std::net::SocketAddr, what: &str) -> anyhow::Result<()> {
        self.write(&Holder {
            pid: std::process::id(),
            address: Some(address.to_string()),
            what: what.into(),
        })
    }

    fn write(&self, holder: &Holder) -> anyhow::Result<()> {
        let text = serde_json::to_vec(holder)?;
        let mut file = &self.0;
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(&text));
        written.context(
            "cannot write the lock file of the data directory; is its disk full? Nothing was changed",
        )
    }
}

fn read(file: &File) -> Option<Holder> {
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
