//! Coordinators, and a command that changes little: another priority for a build that is paused.

use crate::group::{Timeouts, beside};
use anyhow::Context;
use imgcalc_proto::v1::builds_client::BuildsClient;
use imgcalc_proto::v1::peers_client::PeersClient;
use imgcalc_proto::v1::{DirectRequest, MembersRequest};
use std::path::Path;
use std::process::Command;
use tonic::transport::Channel;

pub struct Client {
    client: BuildsClient<Channel>,
    build: String,
}

impl Client {
    pub fn new(channel: Channel, build: &str) -> Client {
        Client {
            client: BuildsClient::new(channel),
            build: build.into(),
        }
    }

    pub async fn commit(&mut self, number: u64) -> anyhow::Result<()> {
        let request = DirectRequest {
            build: self.build.clone(),
            wanted: String::new(),
            priority: Some((number % 1000) as i32),
        };
        self.client.direct(request).await?;
        Ok(())
    }
}

pub fn command(
    index: usize,
    ports: &[u16],
    folder: &Path,
    timeouts: Timeouts,
) -> anyhow::Result<Vec<String>> {
    let peers: Vec<String> = (1..)
        .zip(ports)
        .map(|(id, port)| format!("{id}=127.0.0.1:{port}"))
        .collect();
    let data_dir = folder.join(format!("c{index}"));
    Ok(vec![
        beside("imgcalc")?.display().to_string(),
        "serve".into(),
        format!("--data-dir={}", data_dir.display()),
        format!("--id={}", index + 1),
        format!("--peers={}", peers.join(",")),
        format!("--heartbeat-ms={}", timeouts.heartbeat_ms),
        format!("--election-ms={}", timeouts.election_ms),
    ])
}

/// Whether a coordinator leads, as it says itself.
pub async fn leads(channel: Channel, index: usize) -> anyhow::Result<bool> {
    let members = PeersClient::new(channel).members(MembersRequest {}).await?;
    Ok(members.into_inner().leader == index as u64 + 1)
}

/// Submits a build and pauses it.
pub fn subject(folder: &Path, ports: &[u16]) -> anyhow::Result<String> {
    let to: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let base = format!("file://{}", folder.join("base").display());
    let images = ".deps/fashion-mnist";
    run(&[
        "data", "import", images, "--base", &base, "--name", "f", "--size", "32", "--limit", "100",
    ])?;
    let spec = folder.join("spec.toml");
    std::fs::write(
        &spec,
        format!("name = \"bench\"\nbase = {base:?}\ndataset = \"f\"\n"),
    )?;
    let to = to.join(",");
    let spec = spec.display().to_string();
    let build = run(&["submit", &spec, "--to", &to, "--hardware", "none"])?;
    let build = build.trim().to_string();
    run(&["pause", &build, "--to", &to])?;
    Ok(build)
}

fn run(arguments: &[&str]) -> anyhow::Result<String> {
    let done = Command::new(beside("imgcalc")?)
        .args(arguments)
        .output()
        .context("cannot start imgcalc; `make build` makes it")?;
    anyhow::ensure!(
        done.status.success(),
        "imgcalc {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(String::from_utf8(done.stdout)?)
}
