//! `imgcalc serve`: one coordinator of a group, until it is told to end.

use super::at::At;
use super::group::{Group, PeersLine, said};
use crate::leader::Terms;
use crate::peer::{Options, Peer};
use crate::replica::{Identity, PeerId, Timing};
use crate::server;
use anyhow::{Context, bail};
use imgcalc_proto::v1::MembersRequest;
use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Where a coordinator without peers listens.
const LISTEN_ALONE: &str = "127.0.0.1:4700";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which peer this is: a number from 1 [default: what the data directory says, else 1].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    id: Option<PeerId>,
    /// The group's first peers, all of them, this one too: 1=host:port,2=host:port,3=host:port. The same on each.
    #[arg(long, value_delimiter = ',', value_parser = peer, value_name = "ID=HOST:PORT,…", conflicts_with = "join")]
    peers: Vec<(PeerId, String)>,
    /// Join a running group instead: addresses of some of its coordinators. Then add this one with
    /// `imgcalc peers add`.
    #[arg(long, value_delimiter = ',', value_name = "HOST:PORT,…", requires = "id")]
    join: Vec<String>,
    /// Address to listen on [default: this peer's own in --peers].
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Name of the group, where one machine serves several with the same addresses in turn.
    #[arg(long, default_value = "imgcalc")]
    group: String,
    /// The leader is heard this often, milliseconds.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(5..=60_000))]
    heartbeat_ms: u64,
    /// A leader silent for this long, up to twice that, is replaced, milliseconds.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(20..=600_000))]
    election_ms: u64,
    /// A worker's lease runs out this long after it was last heard, seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    lease_seconds: u64,
    /// What it holds is given to others this long after that, seconds.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    grace_seconds: u64,
    /// Workers go on without any coordinator for so long, seconds.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=864_000))]
    orphan_seconds: u64,
}

pub(super) async fn run(arguments: Args, at: &At) -> anyhow::Result<()> {
    anyhow::ensure!(
        arguments.election_ms >= arguments.heartbeat_ms * 2,
        "--election-ms {} is too short for --heartbeat-ms {}: a leader must be heard at least twice before it is \
         replaced",
        arguments.election_ms,
        arguments.heartbeat_ms
    );
    let (identity, listen) = identity(&arguments, at).await?;
    let listen = resolve(&listen)?;
    let data_dir = &at.data_dir;
    let what = format!("imgcalc serve --id {}", identity.id);
    let lock = data_dir.lock(&what)?;
    let seconds = Duration::from_secs;
    let millis = Duration::from_millis;
    let peer = Peer::start(Options {
        data_dir: data_dir.0.clone(),
        identity: identity.clone(),
        terms: Terms {
            lease: seconds(arguments.lease_seconds),
            grace: seconds(arguments.grace_seconds),
            heartbeat: Terms::default()
                .heartbeat
                .min(seconds(arguments.lease_seconds) / 4),
            orphan: seconds(arguments.orphan_seconds),
        },
        timing: Timing::of(millis(arguments.heartbeat_ms), millis(arguments.election_ms)),
        credentials: at.credentials().cloned(),
    })?;
    let address = server::serve(peer.clone(), listen).await?;
    lock.announce(address, &what)?;
    eprintln!(
        "peer {} of group {} listens on {address}; data directory {}",
        identity.id,
        identity.group,
        data_dir.0.display()
    );
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
        why = peer.stopped() => bail!("{why}"),
    }
    eprintln!("peer {} ends; it hands leadership over", identity.id);
    peer.close().await;
    Ok(())
}

/// Who this is, and where it listens.
async fn identity(arguments: &Args, at: &At) -> anyhow::Result<(Identity, String)> {
    let known = Identity::read(&at.data_dir.0)?;
    let founders: BTreeMap<PeerId, String> = arguments.peers.iter().cloned().collect();
    anyhow::ensure!(
        founders.len() == arguments.peers.len(),
        "--peers names a peer twice; every peer needs an id of its own"
    );
    if !arguments.join.is_empty() {
        let id = arguments.id.context("--join needs --id")?;
        let listen = arguments
            .listen
            .clone()
            .context("--join needs --listen: the address that `imgcalc peers add` tells the others")?;
        // A peer that joined before knows its group, whether the others answer now or not.
        if let Some(known) = known.filter(|known| known.id == id) {
            return Ok((known, listen));
        }
        let (group, founders) = group_of(arguments, at).await?;
        return Ok((Identity { group, id, founders }, listen));
    }
    if founders.is_empty() {
        let identity = known.unwrap_or_else(Identity::alone);
        if let Some(id) = arguments.id {
            anyhow::ensure!(
                id == identity.id,
                "the data directory {} belongs to peer {}, not {id}; name all peers with --peers to start a group",
                at.data_dir.0.display(),
                identity.id
            );
        }
        let own = identity.founders.get(&identity.id).filter(|own| !own.is_empty());
        let listen = arguments.listen.clone().or_else(|| own.cloned());
        return Ok((identity, listen.unwrap_or_else(|| LISTEN_ALONE.into())));
    }
    let id = match (arguments.id, &known) {
        (Some(id), _) => id,
        (None, Some(known)) => known.id,
        (None, None) => bail!("--peers needs --id: which of them is this one?"),
    };
    let own = founders.get(&id).with_context(|| {
        let ids: Vec<String> = founders.keys().map(PeerId::to_string).collect();
        format!("--peers names {} and not this peer, {id}", ids.join(", "))
    })?;
    let listen = arguments.listen.clone().unwrap_or_else(|| own.clone());
    Ok((Identity::new(&arguments.group, id, founders), listen))
}

/// The group that is to be joined.
async fn group_of(arguments: &Args, at: &At) -> anyhow::Result<(String, BTreeMap<PeerId, String>)> {
    let mut group = Group::new(arguments.join.clone(), at.credentials().cloned())?;
    let mut last = None;
    for address in arguments.join.clone() {
        let mut client: PeersLine = group.peers_client(&address)?;
        match client.members(MembersRequest {}).await {
            Ok(reply) => {
                let reply = reply.into_inner();
                let founders = imgcalc_proto::from_wire("founders", &reply.founders_json)
                    .map_err(|status| said(*status))?;
                return Ok((reply.group, founders));
            }
            Err(status) => last = Some(said(status)),
        }
    }
    let all = arguments.join.join(", ");
    Err(last.unwrap_or_else(|| anyhow::anyhow!("nobody is named")))
        .with_context(|| format!("no coordinator of {all} answers"))
}

fn resolve(address: &str) -> anyhow::Result<SocketAddr> {
    let mut found = address
        .to_socket_addrs()
        .with_context(|| format!("{address:?} is not an address to listen on; write host:port"))?;
    found
        .next()
        .with_context(|| format!("{address:?} has no address"))
}

pub(super) fn peer(text: &str) -> Result<(PeerId, String), String> {
    let bad = || format!("{text:?}: write ID=HOST:PORT, for example 1=10.0.0.1:4700");
    let (id, address) = text.split_once('=').ok_or_else(bad)?;
    let id: PeerId = id.parse().map_err(|_| bad())?;
    let port = address
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse::<u16>().ok());
    if id == 0 || port.is_none() {
        return Err(bad());
    }
    Ok((id, address.to_string()))
}
