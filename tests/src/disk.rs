//! A disk that is too small: a tmpfs of a given size, mounted for one test.

use std::path::{Path, PathBuf};
use std::process::Command;

const INSIDE_VARIABLE: &str = "IMGCALC_TEST_INSIDE_NAMESPACE";

/// A mounted disk; unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

/// Runs a test that mounts. Who may not mount runs it once more in a user namespace, where everybody may.
///
/// # Panics
/// If neither is possible here: the test then proves nothing and must not pass.
pub fn where_mounting_works(test: &str, prove: impl FnOnce()) {
    let probe = tempfile::tempdir().expect("a temporary folder");
    match mount(probe.path(), 64 << 10) {
        Ok(()) => {
            drop(SmallDisk(probe.path().into()));
            prove();
        }
        Err(why) if std::env::var_os(INSIDE_VARIABLE).is_some() => {
            panic!("no tmpfs can be mounted, not even in a user namespace: {why}; run this test as root")
        }
        Err(why) => {
            let this = std::env::current_exe().expect("the test knows its own path");
            let status = Command::new("unshare")
                .args(["--user", "--map-root-user", "--mount"])
                .arg(this)
                .args(["--exact", test, "--nocapture"])
                .env(INSIDE_VARIABLE, "1")
                .status();
            let proven = status.as_ref().is_ok_and(std::process::ExitStatus::success);
            assert!(
                proven,
                "no tmpfs can be mounted ({why}), and in a user namespace the test ends with {status:?}; \
                 run it as root to prove what happens on a full disk"
            );
        }
    }
}

impl SmallDisk {
    /// Mounts a disk of so many bytes.
    ///
    /// # Panics
    /// If that is not possible; see [`where_mounting_works`].
    pub fn mount(at: &Path, bytes: u64) -> SmallDisk {
        std::fs::create_dir_all(at).expect("a folder to mount on");
        mount(at, bytes).unwrap_or_else(|why| panic!("cannot mount on {}: {why}", at.display()));
        SmallDisk(at.into())
    }

    /// Takes the filler away.
    ///
    /// # Panics
    /// If it is not there.
    pub fn make_room(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("there is a filler");
    }

    /// Leaves this much room, by a file that takes the rest.
    ///
    /// # Panics
    /// If that is not possible.
    pub fn leave_room(&self, bytes: u64) {
        let free = rustix::fs::statvfs(&self.0).expect("a disk has figures");
        let free = free.f_bavail * free.f_frsize;
        let filler = vec![0; free.saturating_sub(bytes) as usize];
        std::fs::write(self.0.join("filler"), filler).expect("there is room for the filler");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process of a failed test may still have a file open.
        if let Err(why) = said(Command::new("umount").arg("--lazy").arg(&self.0)) {
            eprintln!("{} stays mounted: {why}", self.0.display());
        }
    }
}

fn mount(at: &Path, bytes: u64) -> Result<(), String> {
    let options = format!("size={bytes}");
    said(
        Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "imgcalc-test"])
            .arg(at),
    )
}

fn said(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_string())
}
