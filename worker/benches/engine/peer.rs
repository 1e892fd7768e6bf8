//! The process that runs PyTorch.

use anyhow::Context;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/serve.py");
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.deps/pytorch");

/// The process; it ends when its stdin does.
pub struct Peer {
    child: Child,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    versions: Value,
}

impl Peer {
    /// Starts it; its operations take as many threads as ours.
    pub fn start(threads: u16) -> anyhow::Result<Peer> {
        anyhow::ensure!(
            Path::new(PACKAGES).join("stamp").is_file(),
            "PyTorch is not set up: run `tests/setup/python.sh pytorch` (4.7 GB), which `make bench-engine` does by itself"
        );
        let mut child = Command::new("python3")
            .arg(PROGRAM)
            .env("PYTHONPATH", PACKAGES)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            // As cargo sets it for ours.
            .env("OMP_WAIT_POLICY", "PASSIVE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start python3")?;
        let ask = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("a piped stdout is there")?);
        let mut peer = Peer {
            child,
            ask,
            answers,
            versions: Value::Null,
        };
        peer.versions = peer.ask(&json!({"do": "start", "threads": threads}))?;
        Ok(peer)
    }

    /// Asks for one thing and waits for it.
    pub fn ask(&mut self, ask: &Value) -> anyhow::Result<Value> {
        let stdin = self.ask.as_mut().context("the peer has not ended yet")?;
        writeln!(stdin, "{ask}").context("the process of the peer is gone")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line)
            .with_context(|| format!("the process of the peer ended at {}; see above", ask["do"]))?;
        if let Some(error) = answer["error"].as_str() {
            anyhow::bail!("{} in PyTorch: {error}", ask["do"]);
        }
        Ok(answer)
    }

    /// The same for one number of the answer.
    pub fn number(&mut self, ask: &Value, field: &str) -> anyhow::Result<f64> {
        let answer = self.ask(ask)?;
        let number = answer[field].as_f64();
        number.with_context(|| format!("the answer {answer} has no number {field}"))
    }

    /// Its versions and its device.
    pub fn described(&self) -> String {
        let word = |name: &str| self.versions[name].as_str().unwrap_or_default().to_string();
        format!(
            "PyTorch {} and torchvision {} in Python {} on {}",
            word("torch"),
            word("torchvision"),
            word("python"),
            word("device")
        )
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.ask = None;
        let _ = self.child.wait();
    }
}
