//! gRPC in front of the leader: unwraps messages, asks, wraps answers. Decides nothing.

pub mod auth;
mod builds;
mod workers;

use crate::leader::{Leader, LeaderError};
use imgcalc_proto::MESSAGE_BYTES_MAX;
use imgcalc_proto::v1::builds_server::BuildsServer;
use imgcalc_proto::v1::workers_server::WorkersServer;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tonic::Status;

/// Listens on a loopback address; port 0 takes a free one. Serves until the runtime ends.
pub async fn serve(leader: Leader, address: SocketAddr) -> anyhow::Result<SocketAddr> {
    anyhow::ensure!(
        address.ip().is_loopback(),
        "{address} is not a loopback address: without certificates the coordinator listens on this machine only"
    );
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let workers = WorkersServer::new(workers::Service {
        leader: leader.clone(),
    })
    .max_decoding_message_size(MESSAGE_BYTES_MAX)
    .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let builds = BuildsServer::new(builds::Service { leader })
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(async move {
        let server = tonic::transport::Server::builder()
            .add_service(workers)
            .add_service(builds);
        if let Err(error) = server.serve_with_incoming(incoming).await {
            tracing::error!("the gRPC server stopped: {error}");
        }
    });
    Ok(address)
}

fn status(error: LeaderError) -> Status {
    match error {
        LeaderError::Stopped(why) => Status::unavailable(why),
        LeaderError::Refused(why) => Status::failed_precondition(why),
    }
}
