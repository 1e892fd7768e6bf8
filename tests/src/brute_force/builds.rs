//! Builds through the command line, and what they found.

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Builds in one data directory, on Fashion-MNIST. What one of them trained the next ones have.
pub struct Builds {
    root: PathBuf,
}

/// A build that is over.
pub struct Build<'a> {
    builds: &'a Builds,
    id: String,
}

impl Builds {
    /// Imports the dataset.
    pub fn prepare(root: &Path) -> anyhow::Result<Builds> {
        std::fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
        let root = root.canonicalize()?;
        let base = format!("file://{}/base", root.display());
        let import = [
            "data",
            "import",
            ".deps/fashion-mnist",
            "--base",
            &base,
            "--name",
            "fashion-mnist",
            "--size",
            "32",
        ];
        imgcalc(&import)?;
        Ok(Builds { root })
    }

    /// Runs a build to its end. The text says neither name, base, dataset nor workers.
    pub fn build(&self, name: &str, text: &str) -> anyhow::Result<Build<'_>> {
        let head = format!("name = \"{name}\"\nbase = \"base\"\ndataset = \"fashion-mnist\"\n");
        let spec = self.root.join(format!("{name}.toml"));
        std::fs::write(
            &spec,
            format!("{head}{text}\n[workers]\ncount = 2\nthreads = 1\n"),
        )?;
        let done = self.imgcalc(&["build", &spec.display().to_string(), "--json"])?;
        let done: Built = serde_json::from_str(&done).context("the build's answer is not JSON")?;
        Ok(Build {
            builds: self,
            id: done.build,
        })
    }

    fn imgcalc(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let data_dir = self.root.display().to_string();
        imgcalc(&[&["--data-dir", data_dir.as_str()], arguments].concat())
    }
}

impl Build<'_> {
    /// What `imgcalc status` says of it.
    pub fn status<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        self.json(&["status", &self.id, "--json"])
    }

    /// Every format with its cost and accuracy.
    pub fn candidates<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        self.json(&["explore", &self.id, "--all", "--json"])
    }

    fn json<T: DeserializeOwned>(&self, arguments: &[&str]) -> anyhow::Result<T> {
        let text = self.builds.imgcalc(arguments)?;
        serde_json::from_str(&text).with_context(|| format!("imgcalc {}", arguments.join(" ")))
    }
}

#[derive(Deserialize)]
struct Built {
    build: String,
}

/// Runs `imgcalc` from beside this program and gives back its stdout.
fn imgcalc(arguments: &[&str]) -> anyhow::Result<String> {
    let program = std::env::current_exe()?.with_file_name("imgcalc");
    let output = Command::new(&program)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("{} cannot be run; `make build` makes it", program.display()))?;
    ensure!(output.status.success(), "imgcalc {} failed", arguments.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}
