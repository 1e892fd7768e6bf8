//! What this machine is called and what class of hardware it is.

use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// The name of this machine in the network.
pub(super) fn name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_string(),
        name => name.to_string(),
    }
}

/// The hardware class, as the program's own `hardware` verb tells it: finding out about a GPU would leave the agent with
/// a part of it.
pub(super) async fn hardware(program: &Path, threads: u16) -> std::io::Result<String> {
    let output = Command::new(program)
        .args(["hardware", "--threads", &threads.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .await?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_string();
    if output.status.success() && !text.is_empty() && text.len() <= 256 {
        return Ok(text);
    }
    Err(std::io::Error::other(format!(
        "`hardware` tells nothing ({})",
        output.status
    )))
}
