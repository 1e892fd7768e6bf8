//! gRPC in front of a peer: unwraps messages, asks, wraps answers. Decides nothing.

pub mod auth;
mod builds;
mod peers;
mod results;
mod workers;

use crate::leader::LeaderError;
use crate::peer::Peer;
use auth::Auth;
use imgcalc_proto::MESSAGE_BYTES_MAX;
use imgcalc_proto::security::{may_listen, server_tls};
use imgcalc_proto::v1::builds_server::BuildsServer;
use imgcalc_proto::v1::peers_server::PeersServer;
use imgcalc_proto::v1::workers_server::WorkersServer;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tonic::Status;
use tonic::service::Routes;
use tonic::transport::Server;

/// Key of the metadata in which a coordinator that does not lead says who does, host:port.
pub(crate) const LEADER_KEY: &str = "imgcalc-leader";

/// A dead line is noticed after interval and time-out together.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEP_ALIVE_LIMIT: Duration = Duration::from_secs(10);

/// Listens on an address; port 0 takes a free one. Serves until the runtime ends. Without credentials only an
/// address of this machine is allowed.
pub async fn serve(peer: Peer, address: SocketAddr) -> anyhow::Result<SocketAddr> {
    let credentials = peer.options().credentials.clone();
    may_listen(address, credentials.as_ref())?;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| anyhow::anyhow!("cannot listen on {address}: {error}"))?;
    let address = listener.local_addr()?;
    let mut server = Server::builder()
        .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_LIMIT));
    if let Some(credentials) = &credentials {
        server = server.tls_config(server_tls(credentials)?)?;
    }
    let guarded = Auth::of(credentials.as_ref())?.guard(routes(peer));
    // Without it a small answer waits for an acknowledgement that the other side delays, 40 ms on Linux.
    let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
    tokio::spawn(async move {
        if let Err(error) = server.serve_with_incoming(guarded, incoming).await {
            tracing::error!("the gRPC server stopped: {error}");
        }
    });
    Ok(address)
}

fn routes(peer: Peer) -> Routes {
    let workers = WorkersServer::new(workers::Service::new(peer.clone()))
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let builds = BuildsServer::new(builds::Service { peer: peer.clone() })
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let peers = PeersServer::new(peers::Service { peer })
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    Routes::new(workers)
        .add_service(builds)
        .add_service(peers)
        .prepare()
}

fn status(error: LeaderError) -> Status {
    match error {
        LeaderError::Stopped(why) => Status::unavailable(why),
        LeaderError::Refused(why) => Status::failed_precondition(why),
        LeaderError::NotLeader { leader } => {
            let words = LeaderError::NotLeader {
                leader: leader.clone(),
            }
            .to_string();
            let mut status = Status::unavailable(words);
            // Empty where nobody is known to lead: a coordinator that answers is not silence.
            if let Ok(address) = leader.unwrap_or_default().parse() {
                status.metadata_mut().insert(LEADER_KEY, address);
            }
            status
        }
    }
}
