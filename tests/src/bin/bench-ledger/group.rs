//! Three processes that hold a log together: coordinators, or etcd.

use crate::{etcd, ours};
use anyhow::{Context, bail};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

const SIZE: usize = 3;
/// Connections that proposers share.
const CHANNELS: usize = 8;
const START_MAX: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);
/// A commit that takes longer is tried again: an undisturbed one takes a few milliseconds.
const TRY_MAX: Duration = Duration::from_millis(100);
/// A call to a process that is gone must not hold the next one up.
const CALL_MAX: Duration = Duration::from_secs(5);

/// Whose group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ours,
    Etcd,
}

/// How soon a leader is missed.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub heartbeat_ms: u64,
    pub election_ms: u64,
}

/// A running group. Dropping kills it.
pub struct Group {
    kind: Kind,
    folder: TempDir,
    commands: Vec<Vec<String>>,
    processes: Vec<Child>,
    ports: Vec<u16>,
    channels: Vec<Vec<Channel>>,
    /// What commits name: the build.
    subject: String,
    number: u64,
}

/// One proposer's line to one process.
pub enum Client {
    Ours(ours::Client),
    Etcd(etcd::Client),
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Ours => "ours",
            Kind::Etcd => "etcd",
        }
    }
}

impl Timeouts {
    pub fn default_of(kind: Kind) -> Timeouts {
        match kind {
            Kind::Ours => Timeouts {
                heartbeat_ms: 100,
                election_ms: 500,
            },
            Kind::Etcd => Timeouts {
                heartbeat_ms: 100,
                election_ms: 1000,
            },
        }
    }
}

impl std::fmt::Display for Timeouts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "heartbeat {} ms, election {} ms",
            self.heartbeat_ms, self.election_ms
        )
    }
}

impl Group {
    pub async fn start(kind: Kind, root: &Path, timeouts: Timeouts) -> anyhow::Result<Group> {
        let folder = TempDir::new_in(root)?;
        let ports = free_ports(SIZE * 2)?;
        let (clients, peers) = ports.split_at(SIZE);
        let commands = (0..SIZE).map(|index| match kind {
            Kind::Ours => ours::command(index, clients, folder.path(), timeouts),
            Kind::Etcd => etcd::command(index, clients, peers, folder.path(), timeouts),
        });
        let commands = commands.collect::<anyhow::Result<Vec<_>>>()?;
        let channels = clients.iter().map(|port| {
            let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?
                .timeout(CALL_MAX)
                .connect_timeout(Duration::from_secs(1));
            anyhow::Ok((0..CHANNELS).map(|_| endpoint.connect_lazy()).collect())
        });
        let mut group = Group {
            kind,
            channels: channels.collect::<anyhow::Result<_>>()?,
            processes: Vec::new(),
            ports: clients.to_vec(),
            folder,
            commands,
            subject: String::new(),
            number: 0,
        };
        for index in 0..SIZE {
            let child = group.spawn(index)?;
            group.processes.push(child);
        }
        let since = Instant::now();
        while group.leader().await.is_err() {
            anyhow::ensure!(
                since.elapsed() < START_MAX,
                "{} does not elect a leader",
                kind.name()
            );
            tokio::time::sleep(PAUSE).await;
        }
        if kind == Kind::Ours {
            group.subject = ours::subject(group.folder.path(), clients)?;
        }
        Ok(group)
    }

    /// Where its files lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where a process listens for clients.
    pub fn address(&self, process: usize) -> String {
        format!("127.0.0.1:{}", self.ports[process])
    }

    /// CPU time of each process so far, ms.
    pub fn cpu_ms(&self) -> anyhow::Result<Vec<f64>> {
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let of = |child: &Child| {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id()))?;
            // The name, in parentheses, may hold spaces; user and system time are fields 14 and 15.
            let fields = stat.rsplit_once(')').context("no name in /proc/…/stat")?.1;
            let mut fields = fields.split_whitespace().skip(11);
            let mut next = || anyhow::Ok(fields.next().context("a short /proc/…/stat")?.parse::<f64>()?);
            Ok((next()? + next()?) / ticks * 1e3)
        };
        self.processes.iter().map(of).collect()
    }

    /// Which process leads.
    pub async fn leader(&self) -> anyhow::Result<usize> {
        for (index, channels) in self.channels.iter().enumerate() {
            let channel = channels[0].clone();
            let leads = match self.kind {
                Kind::Ours => ours::leads(channel, index).await,
                Kind::Etcd => etcd::leads(channel).await,
            };
            if leads.unwrap_or(false) {
                return Ok(index);
            }
        }
        bail!("nobody leads")
    }

    /// A proposer's line to a process.
    pub fn client(&self, process: usize, proposer: usize) -> anyhow::Result<Client> {
        let channel = self.channels[process][proposer % CHANNELS].clone();
        Ok(match self.kind {
            Kind::Ours => Client::Ours(ours::Client::new(channel, &self.subject)),
            Kind::Etcd => Client::Etcd(etcd::Client::new(channel, proposer)),
        })
    }

    /// Commits one entry wherever that is possible: all processes are asked at once, each again and again, since one
    /// that waits for a leader may hold a question for long.
    pub async fn commit_by(&mut self, by: Instant) -> anyhow::Result<()> {
        let mut tries = tokio::task::JoinSet::new();
        for process in 0..SIZE {
            self.number += 1;
            let (mut client, number) = (self.client(process, 0)?, self.number);
            tries.spawn(async move {
                while !matches!(
                    tokio::time::timeout(TRY_MAX, client.commit(number)).await,
                    Ok(Ok(()))
                ) {
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
        let first = tokio::time::timeout_at(by.into(), tries.join_next()).await;
        first.map_err(|_| anyhow::anyhow!("{} commits no more", self.kind.name()))?;
        Ok(())
    }

    pub fn kill(&mut self, process: usize) {
        // `Child::kill` is SIGKILL.
        let _ = self.processes[process].kill();
        let _ = self.processes[process].wait();
    }

    pub fn restart(&mut self, process: usize) -> anyhow::Result<()> {
        self.processes[process] = self.spawn(process)?;
        Ok(())
    }

    pub fn stop(&mut self) {
        (0..self.processes.len()).for_each(|process| self.kill(process));
    }

    fn spawn(&self, index: usize) -> anyhow::Result<Child> {
        let command = &self.commands[index];
        let log = std::fs::File::create(self.folder.path().join(format!("log-{index}")))?;
        Command::new(&command[0])
            .args(&command[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}; see the Makefile for what builds it", command[0]))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Client {
    pub async fn commit(&mut self, number: u64) -> anyhow::Result<()> {
        match self {
            Client::Ours(client) => client.commit(number).await,
            Client::Etcd(client) => client.commit(number).await,
        }
    }
}

/// A program beside this one.
pub fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("this program lies in a folder")?;
    Ok(folder.join(name))
}

fn free_ports(count: usize) -> anyhow::Result<Vec<u16>> {
    let held = (0..count).map(|_| TcpListener::bind("127.0.0.1:0"));
    let held = held.collect::<Result<Vec<_>, _>>()?;
    held.iter().map(|held| Ok(held.local_addr()?.port())).collect()
}
