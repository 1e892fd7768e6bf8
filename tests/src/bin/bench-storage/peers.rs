//! The process that runs the peers written for Python: columns in containers, image files.

use anyhow::Context;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const PROGRAM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/bin/bench-storage/python/serve.py"
);
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.deps/peers");

/// Containers and codings of whole columns, and what is said of each.
pub const COLUMNS: [(&str, &str); 6] = [
    ("pco", "pco level 8"),
    ("parquet", "Parquet, dictionary + zstd 3"),
    ("lance", "Lance 2.1, zstd 3"),
    ("vortex", "Vortex, default"),
    ("vortex-compact", "Vortex, compact"),
    ("zarr", "zarr v3, sharded, Blosc zstd 5"),
];

/// The process; it ends when its stdin does.
pub struct Peers {
    child: Child,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    scratch: PathBuf,
}

impl Peers {
    /// Starts it; what peers store lies in this folder.
    pub fn start(scratch: &Path) -> anyhow::Result<Peers> {
        anyhow::ensure!(
            Path::new(PACKAGES).join("stamp").is_file(),
            "the peers are not set up: run `tests/setup/python.sh peers`, which `make bench-storage` does by itself"
        );
        std::fs::create_dir_all(scratch)?;
        let mut child = Command::new("python3")
            .arg(PROGRAM)
            .env("PYTHONPATH", PACKAGES)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start python3")?;
        let ask = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("a piped stdout is there")?);
        Ok(Peers {
            child,
            ask,
            answers,
            scratch: scratch.to_path_buf(),
        })
    }

    /// Asks for one thing and waits for it.
    pub fn ask(&mut self, ask: &Value) -> anyhow::Result<Value> {
        let stdin = self.ask.as_mut().context("the peers have not ended yet")?;
        writeln!(stdin, "{ask}").context("the process of the peers is gone")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line)
            .with_context(|| format!("the process of the peers ended at {}; see above", ask["do"]))?;
        if let Some(refused) = answer["refused"].as_str() {
            anyhow::bail!("{refused}");
        }
        if let Some(error) = answer["error"].as_str() {
            anyhow::bail!("{} of {}: {error}", ask["do"], ask["peer"]);
        }
        Ok(answer)
    }

    /// The peers' packages with their versions.
    pub fn versions(&mut self) -> anyhow::Result<String> {
        let answer = self.ask(&json!({"do": "versions"}))?;
        let versions = answer.as_object().context("the peers say their versions")?;
        let words = versions
            .iter()
            .map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or_default()));
        Ok(words.collect::<Vec<_>>().join(", "))
    }

    /// Puts values where the process finds them.
    pub fn hand_over(&self, name: &str, values: impl IntoIterator<Item = i16>) -> anyhow::Result<PathBuf> {
        let path = self.scratch.join(name);
        let bytes: Vec<u8> = values.into_iter().flat_map(i16::to_le_bytes).collect();
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Where a peer's column lies.
    fn place(&self, peer: &str) -> PathBuf {
        self.scratch.join("columns").join(peer)
    }

    /// Stores a file of values as a column; its bytes.
    pub fn write(&mut self, peer: &str, values: &Path, lengths: &[usize]) -> anyhow::Result<f64> {
        let to = self.place(peer);
        let ask = json!({"do": "write", "peer": peer, "values": values, "lengths": lengths, "to": to});
        number(&self.ask(&ask)?, "bytes")
    }

    /// Reads chunks of that column back; seconds of CPU time. With `check` they are held against that file.
    pub fn read(&mut self, peer: &str, lengths: &[usize], check: Option<&Path>) -> anyhow::Result<f64> {
        let to = self.place(peer);
        let ask = json!({"do": "read", "peer": peer, "lengths": lengths, "to": to, "check": check});
        number(&self.ask(&ask)?, "cpu_s")
    }

    /// Stores each of so many equal runs of a file for itself and removes the file; bytes, and bytes in file blocks of
    /// 4 KiB.
    pub fn write_per_image(
        &mut self,
        peer: &str,
        values: &Path,
        images: usize,
    ) -> anyhow::Result<(f64, f64)> {
        let ask = json!({"do": "per_image", "peer": peer, "values": values, "images": images});
        let answer = self.ask(&ask)?;
        std::fs::remove_file(values)?;
        Ok((number(&answer, "bytes")?, number(&answer, "file_bytes")?))
    }

    /// Reads them back; seconds of CPU time.
    pub fn read_per_image(&mut self, peer: &str) -> anyhow::Result<f64> {
        number(
            &self.ask(&json!({"do": "read_per_image", "peer": peer}))?,
            "cpu_s",
        )
    }

    /// Decodes the image files that `pictures` made; seconds of CPU time.
    pub fn read_pictures(&mut self, peer: &str) -> anyhow::Result<f64> {
        number(&self.ask(&json!({"do": "read_pictures", "peer": peer}))?, "cpu_s")
    }

    /// Makes image files of the first crops; what they take.
    pub fn pictures(&mut self, peer: &str, crops: &Path, images: usize) -> anyhow::Result<Value> {
        self.ask(&json!({"do": "pictures", "peer": peer, "crops": crops, "images": images}))
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        self.ask = None;
        let _ = self.child.wait();
        // What could not be removed is overwritten by the next run.
        let _ = std::fs::remove_dir_all(&self.scratch);
    }
}

/// A number of an answer.
pub fn number(answer: &Value, field: &str) -> anyhow::Result<f64> {
    let number = answer[field].as_f64();
    number.with_context(|| format!("the answer {answer} has no number {field}"))
}
