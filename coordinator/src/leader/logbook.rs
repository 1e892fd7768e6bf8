//! Log lines of builds: appended to one file each and sent to those who follow. Never part of the ledger.

use imgcalc_shared::build::BuildId;
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tokio::sync::mpsc;

/// Lines of the past that are sent to a reader, at most; the file has all.
const LINES_MAX: usize = 100_000;

#[derive(Debug)]
pub(crate) struct Logbook {
    folder: Option<PathBuf>,
    followers: HashMap<BuildId, Vec<mpsc::UnboundedSender<String>>>,
}

/// The log file of a build in the folder of log files.
pub(crate) fn file(folder: &Path, build: &BuildId) -> PathBuf {
    folder.join(format!("{build}.log"))
}

/// The last lines of a build's log file.
pub(crate) fn read(folder: &Path, build: &BuildId) -> Vec<String> {
    let text = std::fs::read(file(folder, build)).unwrap_or_default();
    let lines: Vec<String> = String::from_utf8_lossy(&text)
        .lines()
        .map(str::to_string)
        .collect();
    lines[lines.len().saturating_sub(LINES_MAX)..].to_vec()
}

impl Logbook {
    /// Without a folder nothing is kept.
    pub(crate) fn new(folder: Option<PathBuf>) -> Logbook {
        Logbook {
            folder,
            followers: HashMap::new(),
        }
    }

    /// Writes lines, each with the time and who says it.
    pub(super) fn write(&mut self, build: &BuildId, who: &str, text: &str) {
        if self.folder.is_none() {
            return;
        }
        let now = humantime::format_rfc3339_seconds(SystemTime::now());
        let lines: Vec<String> = text.lines().map(|line| format!("{now} {who}: {line}")).collect();
        if let Err(error) = self.append(build, &lines) {
            // Losing a log line must not stop a build.
            tracing::warn!("the log file of {build} cannot be written: {error}");
        }
        if let Some(followers) = self.followers.get_mut(build) {
            followers.retain(|follower| lines.iter().all(|line| follower.send(line.clone()).is_ok()));
        }
    }

    /// The lines so far, and a channel for those to come; it ends with the build.
    pub(super) fn follow(
        &mut self,
        build: &BuildId,
        goes_on: bool,
    ) -> (Vec<String>, mpsc::UnboundedReceiver<String>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        if goes_on {
            self.followers.entry(build.clone()).or_default().push(sender);
        }
        let past = self.folder.as_ref().map(|folder| read(folder, build));
        (past.unwrap_or_default(), receiver)
    }

    /// Ends the channels of those who follow.
    pub(super) fn end(&mut self, build: &BuildId) {
        self.followers.remove(build);
    }

    fn append(&self, build: &BuildId, lines: &[String]) -> std::io::Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        std::fs::create_dir_all(folder)?;
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(file(folder, build))?;
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        file.write_all(text.as_bytes())
    }
}
