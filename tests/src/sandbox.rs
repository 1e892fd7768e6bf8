//! The folder of one test: bases, specs, data directories. Builds of one test binary take turns, so that two cores
//! are not shared by several and times mean something.

use crate::dice::Dice;
use crate::processes::{self, MARK_VARIABLE, Process, Role, within};
use crate::programs::{self, PATIENCE, Running, Said};
use crate::spec::Spec;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use tempfile::TempDir;

static TURN: Mutex<()> = Mutex::new(());

/// Variables that would lead the programs elsewhere than a test does.
const CALLERS: [&str; 7] = [
    "IMGCALC_BASE",
    "IMGCALC_CHECKPOINT_SECONDS_MAX",
    "IMGCALC_COORDINATORS",
    "IMGCALC_CREDENTIALS",
    "IMGCALC_DATA_DIR",
    "IMGCALC_TO",
    "RUST_LOG",
];

/// Real images, set up by `make setup-test`.
const FASHION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.deps/fashion-mnist");

/// Children of a killed program must be gone so soon, also on a busy machine.
pub const ORPHAN_LIMIT: Duration = Duration::from_secs(30);

/// A folder, and everything started in it.
#[derive(Debug)]
pub struct Sandbox {
    mark: String,
    folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Sandbox {
    /// Waits for its turn and makes the folder.
    ///
    /// # Panics
    /// If there is no room for it.
    pub fn new() -> Sandbox {
        // A test that failed in its turn spoils nothing of the next.
        let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let folder = tempfile::Builder::new()
            .prefix("imgcalc-test-")
            .tempdir()
            .expect("a temporary folder");
        Sandbox {
            mark: folder.path().display().to_string(),
            folder,
            _turn: turn,
        }
    }

    /// A path below the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The URL of a base below the folder.
    pub fn url(&self, base: &str) -> String {
        format!("file://{}", self.path(base).display())
    }

    /// A command for `imgcalc` in this folder, marked.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.marked(programs::imgcalc(), arguments)
    }

    /// The same for `imgcalc-worker`.
    pub fn worker(&self, arguments: &[&str]) -> Command {
        self.marked(Command::new(programs::program("imgcalc-worker")), arguments)
    }

    fn marked(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.args(arguments).current_dir(self.folder.path());
        command
            .env(MARK_VARIABLE, &self.mark)
            .env("IMGCALC_CHECKPOINT_SECONDS", "0");
        for of_the_caller in CALLERS {
            command.env_remove(of_the_caller);
        }
        // A proxy that this machine has for the world outside is none for loopback.
        for name in ["NO_PROXY", "no_proxy"] {
            command.env(name, "127.0.0.1,localhost");
        }
        command
    }

    /// Runs `imgcalc` to its end.
    pub fn imgcalc(&self, arguments: &[&str]) -> Said {
        programs::run(&mut self.command(arguments))
    }

    /// The same with a data directory.
    pub fn ask(&self, data_dir: &str, arguments: &[&str]) -> Said {
        self.imgcalc(&[&["--data-dir", data_dir], arguments].concat())
    }

    /// Imports the first images of Fashion-MNIST as `fashion` and gives back the summary.
    ///
    /// # Panics
    /// If they are not set up or cannot be imported.
    pub fn import_fashion(&self, base: &str, images: u32) -> Value {
        let file = Path::new(FASHION).join("train-images-idx3-ubyte.gz");
        assert!(
            file.is_file(),
            "Fashion-MNIST is not set up: run `make setup-test`"
        );
        let (url, limit) = (self.url(base), images.to_string());
        let import = [
            "data", "import", FASHION, "--base", &url, "--name", "fashion", "--size", "32",
        ];
        self.imgcalc(&[&import[..], &["--limit", &limit, "--json"]].concat())
            .json()
    }

    /// Writes a spec and gives back its file name.
    pub fn spec(&self, name: &str, spec: &Spec) -> String {
        spec.write(&self.path(name));
        name.into()
    }

    /// Starts `imgcalc build`.
    pub fn build(&self, data_dir: &str, spec: &str, more: &[&str]) -> Running {
        programs::start(&mut self.command(&[&["--data-dir", data_dir, "build", spec][..], more].concat()))
    }

    /// Runs `imgcalc build` to its end, which must be good.
    pub fn built(&self, data_dir: &str, spec: &str, more: &[&str]) -> Said {
        self.build(data_dir, spec, more).finish(PATIENCE).ok()
    }

    /// What runs on behalf of this test.
    pub fn processes(&self) -> Vec<Process> {
        processes::marked(&self.mark)
    }

    /// One of the processes of a role, as soon as there is any.
    pub fn a_process(&self, role: Role, dice: &mut Dice) -> Option<Process> {
        let mut found = Vec::new();
        within(PATIENCE, || {
            found = self.processes();
            found.retain(|process| process.role == role);
            !found.is_empty()
        });
        let at = dice.below(found.len().max(1) as u64) as usize;
        found.get(at).copied()
    }

    /// Nothing may be left running soon.
    ///
    /// # Panics
    /// If something is.
    pub fn assert_nothing_runs(&self, after: &str) {
        let gone = within(ORPHAN_LIMIT, || self.processes().is_empty());
        assert!(gone, "left behind after {after}: {:?}", self.processes());
    }

    /// The file of the only object of a base whose key starts and ends so.
    ///
    /// # Panics
    /// If there is none, or more than one.
    pub fn object(&self, base: &str, start: &str, end: &str) -> PathBuf {
        let found = self.objects(base, start, end);
        assert_eq!(found.len(), 1, "objects {start}…{end}: {found:?}");
        found.into_iter().next().expect("counted above")
    }

    /// The files of all objects of a base whose keys start and end so, in order.
    pub fn objects(&self, base: &str, start: &str, end: &str) -> Vec<PathBuf> {
        let root = self.path(base);
        let mut found: Vec<PathBuf> = files(&root)
            .into_iter()
            .filter(|file| {
                let key = file.strip_prefix(&root).unwrap_or(file).to_string_lossy();
                key.starts_with(start) && key.ends_with(end)
            })
            .collect();
        found.sort();
        found
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Sandbox::new()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Whatever a failed test left behind is its own.
        self.processes().into_iter().for_each(processes::kill);
    }
}

/// Turns one bit of a file over.
///
/// # Panics
/// If the file is shorter.
pub fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).expect("a file to damage");
    bytes[at] ^= 0x10;
    std::fs::write(path, bytes).expect("a file can be written");
}

/// Cuts a file off.
///
/// # Panics
/// If it cannot be written.
pub fn truncate(path: &Path, length: u64) {
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .expect("a file to damage");
    file.set_len(length).expect("a file can be cut off");
}

/// All files below a folder; one that vanishes meanwhile is left out.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}
