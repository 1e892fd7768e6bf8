//! A coordinator of its own for every search, at its default settings, so that several run side by side.

use anyhow::Context;
use imgcalc_tests::programs::program;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A process. Dropping kills it.
pub(super) struct Coordinator {
    child: Child,
    /// Where it listens.
    pub(super) address: String,
}

impl Coordinator {
    /// Starts it; what it keeps and says lies in this folder.
    pub(super) fn start(folder: &Path) -> anyhow::Result<Coordinator> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let log = std::fs::File::create(folder.join("log"))?;
        let child = Command::new(program("imgcalc"))
            .arg("--data-dir")
            .arg(folder.join("coordinator"))
            .args(["serve", "--id", "1", "--peers", &format!("1={address}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot start imgcalc; `make build` makes it")?;
        Ok(Coordinator { child, address })
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
