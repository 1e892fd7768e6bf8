//! Trainings under way: how far they are, and a build that is stopped in the middle of one.

use crate::answers::attempts;
use crate::processes::within;
use crate::programs::{PATIENCE, Said};
use crate::sandbox::{Sandbox, files};
use imgcalc_shared::digest::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Tries to interrupt a build in the middle of a training.
const STOPS_MAX: usize = 5;

/// How far the trainings of a base are, told by the checkpoints they leave.
#[derive(Debug)]
pub struct Epochs {
    tasks: PathBuf,
    /// Epochs that count of each training.
    most: u64,
    /// Most epochs ever seen, by task: what a finished training had left is deleted.
    seen: BTreeMap<String, u64>,
}

impl Epochs {
    /// Of the trainings of a base. Of each, at most `most` epochs count, which all of them have: whoever looks too
    /// late to see the last checkpoints of one misses nothing.
    pub fn of(base: &Path, most: u64) -> Epochs {
        Epochs {
            tasks: base.join("tasks"),
            most,
            seen: BTreeMap::new(),
        }
    }

    /// Epochs done of all trainings together.
    pub fn done(&mut self) -> u64 {
        for file in files(&self.tasks) {
            let key = file
                .strip_prefix(&self.tasks)
                .unwrap_or(&file)
                .to_string_lossy()
                .into_owned();
            let (Some((task, _)), Some(name)) = (key.split_once('/'), file.file_stem()) else {
                continue;
            };
            let name = name.to_string_lossy();
            let epochs = if name.starts_with("weights-") {
                self.most
            } else {
                // In the middle of an epoch the step follows. What is just being written has a name of its own.
                let place = name.strip_prefix("checkpoint-").unwrap_or_default();
                let epoch = place.split('-').next().and_then(|epoch| epoch.parse().ok());
                epoch.unwrap_or(0).min(self.most)
            };
            let most = self.seen.entry(task.into()).or_default();
            *most = epochs.max(*most);
        }
        self.seen.values().sum()
    }
}

/// The checkpoints that lie in a base.
pub fn checkpoints(sandbox: &Sandbox, base: &str) -> Vec<PathBuf> {
    let mut found = sandbox.objects(base, "tasks/", ".safetensors");
    found.retain(|path| path.display().to_string().contains("/checkpoint-"));
    found
}

/// Digests of the weights that lie in a base, by the task that wrote them, the baseline's too. An attempt that was killed
/// after it had written them leaves its own: they must be the same.
///
/// # Panics
/// If an object cannot be read.
pub fn weights(sandbox: &Sandbox, base: &str) -> BTreeMap<String, BTreeSet<Digest>> {
    let tasks = sandbox.path(base).join("tasks");
    let mut found: BTreeMap<String, BTreeSet<Digest>> = BTreeMap::new();
    for file in sandbox.objects(base, "tasks/", ".safetensors") {
        let is_weights = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with("weights-");
        let task = file.strip_prefix(&tasks).ok().and_then(|key| key.iter().next());
        if let (Some(task), true) = (task, file.file_name().is_some_and(is_weights)) {
            let bytes = std::fs::read(&file).expect("weights can be read");
            let digests = found.entry(task.to_string_lossy().into_owned()).or_default();
            digests.insert(Digest::of(&bytes));
        }
    }
    found
}

/// The arrays of a file of weights, all of 32-bit floats, by name.
///
/// # Panics
/// If it is none.
pub fn arrays(weights: &Path) -> BTreeMap<String, Vec<f32>> {
    let bytes = std::fs::read(weights).expect("weights can be read");
    // Length of the header, header, arrays.
    let (length, rest) = bytes.split_first_chunk().expect("a length");
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header).expect("a header");
    let array = |(name, about): (String, serde_json::Value)| {
        let at = |end: usize| Some(about["data_offsets"][end].as_u64()? as usize);
        let (floats, _) = data[at(0)?..at(1)?].as_chunks();
        Some((name, floats.iter().copied().map(f32::from_le_bytes).collect()))
    };
    header.into_iter().filter_map(array).collect()
}

/// Starts a build and interrupts it in the middle of a training: what it said, and the checkpoints that this leaves.
/// A training may be over before the interrupt arrives; then the build goes on, and the next one is tried.
///
/// # Panics
/// If nothing is left: the trainings are too short for this machine.
pub fn stopped(
    sandbox: &Sandbox,
    data_dir: &str,
    spec: &str,
    base: &str,
    more: &[&str],
) -> (Said, Vec<PathBuf>) {
    for _ in 0..STOPS_MAX {
        let before = checkpoints(sandbox, base);
        let mut build = sandbox.build(data_dir, spec, more);
        let fresh = || {
            checkpoints(sandbox, base)
                .iter()
                .any(|path| !before.contains(path))
        };
        assert!(
            within(PATIENCE, || fresh() || build.is_over()),
            "no training comes so far:\n{}",
            build.stderr()
        );
        build.interrupt();
        let said = build.finish(PATIENCE);
        assert_ne!(
            said.code,
            Some(0),
            "the build ends before it is stopped in a training: make its trainings longer\n{}",
            said.stderr
        );
        assert_eq!(said.code, Some(130), "{}", said.stderr);
        // What a finished training left and nobody had time to delete is read by nobody.
        let all = attempts(sandbox, data_dir);
        let root = sandbox.path(base).join("tasks");
        let is_open = |path: &PathBuf| {
            let mut tasks = all.iter().filter(|(id, _)| path.starts_with(root.join(id)));
            tasks.any(|(_, task)| task.standing != "done")
        };
        let left: Vec<PathBuf> = checkpoints(sandbox, base).into_iter().filter(is_open).collect();
        if !left.is_empty() {
            return (said, left);
        }
        eprintln!("all trainings had ended when the build was stopped; once more");
    }
    panic!("{STOPS_MAX} times no training was under way when the build was stopped: make them longer")
}
