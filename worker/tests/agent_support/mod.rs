//! What the tests of agent and runner share: a base with a tiny dataset, trainings on it, processes.
#![allow(dead_code)]

pub mod agent;
pub mod coordinator;
pub mod held;
pub mod process;
pub mod runner;

#[path = "../data_support/mod.rs"]
mod data_support;

use imgcalc_shared::dataset::{Manifest, Splits};
use imgcalc_shared::task::{Input, Start, Task};
use imgcalc_shared::training::{Hyper, InputShape, Net};
use imgcalc_worker::data::{Base, columns};
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_imgcalc-worker");
/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(300);

const IMAGES: Splits = Splits {
    train: 80,
    validation: 20,
    test: 10,
};

/// A base on disk with a dataset of 28 × 28 grey images and the columns of one family.
pub struct World {
    pub folder: TempDir,
    pub base: Base,
    pub manifest: Manifest,
}

impl World {
    pub fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        data_support::idx_folder(&source, 100, 10);
        let base = Base::open(&format!("file://{}", folder.path().join("base").display())).unwrap();
        let manifest = data_support::import(&base, &source, "").unwrap();
        columns::make(
            &base,
            &manifest,
            &["1x1-b8-k4-q1".parse().unwrap()],
            IMAGES,
            || false,
        )
        .unwrap();
        World {
            folder,
            base,
            manifest,
        }
    }

    pub fn url(&self) -> String {
        self.base.url().to_string()
    }

    /// A training of so many epochs, each of them short.
    pub fn training(&self, epochs: u32) -> Task {
        Task::Train {
            dataset: self.manifest.digest,
            images: IMAGES,
            input: Input::Format("1x1-b8-k2-q20".parse().unwrap()),
            net: net(),
            hyper: Hyper {
                learning_rate: 0.01,
                momentum: 0.9,
                weight_decay: 1e-4,
                batch_size: 16,
                epochs,
                seed: 7,
                ..Hyper::default()
            },
            start: Start::Scratch,
            threads: 1,
            leg: None,
        }
    }

    /// Keys of the checkpoints of a task.
    pub fn checkpoints(&self, task: &Task) -> Vec<String> {
        self.objects(task, "/checkpoint-")
    }

    /// Keys of the weights of a task.
    pub fn weights(&self, task: &Task) -> Vec<String> {
        self.objects(task, "/weights-")
    }

    /// Keys of the states of a leg.
    pub fn states(&self, task: &Task) -> Vec<String> {
        self.objects(task, "/state-")
    }

    fn objects(&self, task: &Task, part: &str) -> Vec<String> {
        let keys = self.base.list(&format!("tasks/{}", task.id())).unwrap();
        let keys = keys.into_iter().map(|(key, _)| key);
        keys.filter(|key| key.contains(part)).collect()
    }
}

/// A measurement that is done in a second.
pub fn measurement() -> Task {
    Task::ProfileExecute {
        net: net(),
        shape: InputShape {
            channels: 1,
            height: 8,
            width: 8,
        },
        classes: 3,
        batch: 2,
        hardware: "test".into(),
    }
}

fn net() -> Net {
    Net::SmallResnet {
        width: 4,
        blocks: vec![1, 1],
    }
}

pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process runs; a zombie does not.
pub fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != "Z")
}

/// Whether a process stands still.
pub fn is_stopped(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state == "T")
}

/// Live children of a process.
pub fn children(parent: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|&pid| stat(pid).is_some_and(|(state, of)| of == parent && state != "Z"))
        .collect()
}

pub fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}

/// Flips a bit in the middle of a stored object.
pub fn damage(base_folder: &Path, key: &str) {
    let path = base_folder.join(key);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// State and parent of a process.
fn stat(pid: u32) -> Option<(String, u32)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.to_string(), fields.next()?.parse().ok()?))
}
