//! A client of a group of coordinators: asks the one that leads, whichever that is.

use crate::server::LEADER_KEY;
use crate::view::Members;
use anyhow::Context;
use imgcalc_proto::security::{self, Credentials};
use imgcalc_proto::v1::MembersRequest;
use imgcalc_proto::v1::builds_client::BuildsClient;
use imgcalc_proto::v1::peers_client::PeersClient;
use imgcalc_proto::{MESSAGE_BYTES_MAX, from_wire};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

/// A client of one coordinator.
pub(super) type Client = BuildsClient<security::Line>;
/// A client of one coordinator that asks about the group.
pub(super) type PeersLine = PeersClient<security::Line>;

/// An election takes about a second, a restart of the machine some more: so long nobody has to repeat a command.
const PATIENCE: Duration = Duration::from_secs(30);
/// One answer; a view of a large build takes a while to send.
const CALL_MAX: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);
/// So often each coordinator may break the line off, with no other answer between, before certificates are the cause.
const BREAKS_MAX: usize = 2;

/// The coordinators that may lead.
#[derive(Clone, Debug)]
pub(super) struct Group {
    addresses: Vec<String>,
    at: usize,
    credentials: Option<Credentials>,
    channels: BTreeMap<String, Channel>,
}

impl Group {
    /// The group whose coordinators listen at these addresses, or some of them.
    pub(super) fn new(addresses: Vec<String>, credentials: Option<Credentials>) -> anyhow::Result<Group> {
        anyhow::ensure!(
            !addresses.is_empty(),
            "no coordinator is named; use --to host:port,…"
        );
        for address in &addresses {
            security::endpoint(address, credentials.as_ref())?;
        }
        Ok(Group {
            addresses,
            at: 0,
            credentials,
            channels: BTreeMap::new(),
        })
    }

    /// Their addresses, as far as they are known.
    pub(super) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Addresses of all coordinators, those too that nobody named, as far as the group tells.
    pub(super) async fn everybody(&mut self) -> Vec<String> {
        let ask = |mut client: PeersLine| async move { client.members(MembersRequest {}).await };
        if let Ok(reply) = self.ask_peers(ask).await
            && let Ok(members) = from_wire::<Members>("members", &reply.members_json)
        {
            let told = members.members.into_iter().map(|member| member.address);
            for address in told.filter(|address| !address.is_empty()) {
                if !self.addresses.contains(&address) {
                    self.addresses.push(address);
                }
            }
        }
        self.addresses.clone()
    }

    /// Asks the leader about builds.
    pub(super) async fn ask<T, R>(&mut self, call: impl Fn(Client) -> R) -> anyhow::Result<T>
    where
        R: Future<Output = Result<Response<T>, Status>>,
    {
        self.leader(|line| call(builds(line))).await
    }

    /// Asks the leader about the group.
    pub(super) async fn ask_peers<T, R>(&mut self, call: impl Fn(PeersLine) -> R) -> anyhow::Result<T>
    where
        R: Future<Output = Result<Response<T>, Status>>,
    {
        self.leader(|line| call(peers(line))).await
    }

    /// A client of one of them.
    pub(super) fn client(&mut self, address: &str) -> anyhow::Result<Client> {
        Ok(builds(self.line(address)?))
    }

    /// A client of one of them that asks about the group.
    pub(super) fn peers_client(&mut self, address: &str) -> anyhow::Result<PeersLine> {
        Ok(peers(self.line(address)?))
    }

    /// Calls the leader; looks for it while there is hope.
    async fn leader<T, R>(&mut self, call: impl Fn(security::Line) -> R) -> anyhow::Result<T>
    where
        R: Future<Output = Result<Response<T>, Status>>,
    {
        let since = Instant::now();
        let mut broken = 0;
        loop {
            let address = self.addresses[self.at].clone();
            let line = self.line(&address)?;
            let status = match tokio::time::timeout(CALL_MAX, call(line)).await {
                Ok(Ok(reply)) => return Ok(reply.into_inner()),
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded(format!("{address} does not answer")),
            };
            // A coordinator that dies breaks a line off like one with other certificates, but not twice, nor all do.
            let broke = match security::explain(&status, &address, self.credentials.as_ref()) {
                Some(why) if broken + 1 >= BREAKS_MAX * self.addresses.len() => anyhow::bail!(why),
                explained => explained.is_some(),
            };
            broken = if broke { broken + 1 } else { 0 };
            let again = broke
                || matches!(
                    status.code(),
                    Code::Unavailable | Code::DeadlineExceeded | Code::Unknown
                );
            if !again {
                return Err(said(status));
            }
            if since.elapsed() >= PATIENCE {
                return Err(said(status)).with_context(|| {
                    let all = self.addresses.join(", ");
                    format!(
                        "no coordinator of {all} could answer for {} s",
                        PATIENCE.as_secs()
                    )
                });
            }
            if !self.follow(&status) {
                self.at = (self.at + 1) % self.addresses.len();
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Goes where a coordinator says that the leader is; whether it said so.
    fn follow(&mut self, status: &Status) -> bool {
        let Some(leader) = status
            .metadata()
            .get(LEADER_KEY)
            .and_then(|value| value.to_str().ok())
        else {
            return false;
        };
        if leader.is_empty() || self.addresses[self.at] == leader {
            return false;
        }
        let known = self.addresses.iter().position(|address| address == leader);
        self.at = known.unwrap_or_else(|| {
            self.addresses.push(leader.to_string());
            self.addresses.len() - 1
        });
        true
    }

    fn line(&mut self, address: &str) -> anyhow::Result<security::Line> {
        let channel = match self.channels.get(address) {
            Some(channel) => channel.clone(),
            None => {
                let channel = security::endpoint(address, self.credentials.as_ref())?.connect_lazy();
                self.channels.insert(address.into(), channel.clone());
                channel
            }
        };
        Ok(security::Line::new(
            channel,
            security::Bearer::of(self.credentials.as_ref()),
        ))
    }
}

fn builds(line: security::Line) -> Client {
    BuildsClient::new(line)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

fn peers(line: security::Line) -> PeersLine {
    PeersClient::new(line)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

/// A status as an error for people.
pub(super) fn said(status: Status) -> anyhow::Error {
    anyhow::anyhow!("{}", status.message())
}
