//! etcd, spoken to in the two calls of its v3 API that are needed (etcd 3.4, `rpc.proto`).

use crate::group::Timeouts;
use std::path::Path;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic_prost::ProstCodec;

/// As long as a command of the ledger.
const VALUE_BYTES: usize = 130;

#[derive(Clone, PartialEq, prost::Message)]
struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PutResponse {}

#[derive(Clone, PartialEq, prost::Message)]
struct StatusRequest {}

#[derive(Clone, PartialEq, prost::Message)]
struct StatusResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<Header>,
    #[prost(uint64, tag = "4")]
    leader: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Header {
    #[prost(uint64, tag = "2")]
    member_id: u64,
}

pub struct Client {
    channel: Channel,
    key: Vec<u8>,
}

impl Client {
    pub fn new(channel: Channel, proposer: usize) -> Client {
        Client {
            channel,
            key: format!("key-{proposer}").into_bytes(),
        }
    }

    pub async fn commit(&mut self, number: u64) -> anyhow::Result<()> {
        let request = PutRequest {
            key: self.key.clone(),
            value: vec![b'a' + (number % 26) as u8; VALUE_BYTES],
        };
        let _: PutResponse = call(&self.channel, "/etcdserverpb.KV/Put", request).await?;
        Ok(())
    }
}

pub fn command(
    index: usize,
    clients: &[u16],
    peers: &[u16],
    folder: &Path,
    timeouts: Timeouts,
) -> anyhow::Result<Vec<String>> {
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    let group: Vec<String> = (0..)
        .zip(peers)
        .map(|(name, port)| format!("e{name}={}", url(*port)))
        .collect();
    Ok(vec![
        ".deps/etcd/etcd".into(),
        format!("--name=e{index}"),
        format!("--data-dir={}", folder.join(format!("e{index}")).display()),
        format!("--listen-client-urls={}", url(clients[index])),
        format!("--advertise-client-urls={}", url(clients[index])),
        format!("--listen-peer-urls={}", url(peers[index])),
        format!("--initial-advertise-peer-urls={}", url(peers[index])),
        format!("--initial-cluster={}", group.join(",")),
        "--initial-cluster-state=new".into(),
        format!("--heartbeat-interval={}", timeouts.heartbeat_ms),
        format!("--election-timeout={}", timeouts.election_ms),
        "--pre-vote".into(),
        "--log-level=error".into(),
    ])
}

/// Whether a member leads.
pub async fn leads(channel: Channel) -> anyhow::Result<bool> {
    let path = "/etcdserverpb.Maintenance/Status";
    let status: StatusResponse = call(&channel, path, StatusRequest {}).await?;
    let own = status.header.unwrap_or_default().member_id;
    Ok(status.leader != 0 && status.leader == own)
}

async fn call<Q, A>(channel: &Channel, path: &'static str, request: Q) -> anyhow::Result<A>
where
    Q: prost::Message + Send + Sync + 'static,
    A: prost::Message + Default + Send + Sync + 'static,
{
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await?;
    let codec: ProstCodec<Q, A> = ProstCodec::default();
    let path = PathAndQuery::from_static(path);
    let reply = grpc.unary(tonic::Request::new(request), path, codec).await?;
    Ok(reply.into_inner())
}
