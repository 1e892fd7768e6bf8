//! The service coordinators speak to each other, and clients about them.

use super::status;
use crate::peer::Peer;
use crate::replica::{Message, PeerId};
use imgcalc_proto::v1::peers_server::Peers;
use imgcalc_proto::v1::*;
use imgcalc_proto::{PROTOCOL, from_wire, to_wire};
use std::collections::BTreeMap;
use tonic::{Request, Response, Status, Streaming};

/// Longest message: an image of a ledger with millions of tasks stays below it.
const MESSAGE_BYTES_MAX: usize = 4 << 30;

pub(super) struct Service {
    pub(super) peer: Peer,
}

#[tonic::async_trait]
impl Peers for Service {
    async fn deliver(
        &self,
        request: Request<Streaming<PeerFrame>>,
    ) -> Result<Response<DeliverReply>, Status> {
        let mut frames = request.into_inner();
        let mut begun: BTreeMap<PeerId, Vec<u8>> = BTreeMap::new();
        while let Some(frame) = frames.message().await? {
            self.check(&frame)?;
            let bytes = begun.entry(frame.from).or_default();
            if bytes.len() + frame.piece.len() > MESSAGE_BYTES_MAX {
                return Err(Status::out_of_range("a message is too long"));
            }
            bytes.extend_from_slice(&frame.piece);
            if !frame.more {
                let bytes = begun.remove(&frame.from).unwrap_or_default();
                let message = Message::decode(&bytes, frame.from, frame.to)
                    .map_err(|error| Status::invalid_argument(error.to_string()))?;
                self.peer.message(message).await.map_err(status)?;
            }
        }
        Ok(Response::new(DeliverReply {}))
    }

    async fn members(&self, _: Request<MembersRequest>) -> Result<Response<MembersReply>, Status> {
        let members = self.peer.members().await.map_err(status)?;
        let leader = members.members.iter().find(|member| member.leads);
        Ok(Response::new(MembersReply {
            group: members.group.clone(),
            leader: leader.map_or(0, |leader| leader.id),
            founders_json: to_wire(&self.peer.options().identity.founders),
            members_json: to_wire(&members),
        }))
    }

    async fn change(&self, request: Request<ChangeRequest>) -> Result<Response<ChangeReply>, Status> {
        let change = from_wire("change_json", &request.into_inner().change_json).map_err(|status| *status)?;
        self.peer.change(change).await.map_err(status)?;
        Ok(Response::new(ChangeReply {}))
    }
}

impl Service {
    fn check(&self, frame: &PeerFrame) -> Result<(), Status> {
        let own = &self.peer.options().identity;
        if frame.protocol != PROTOCOL {
            return Err(Status::failed_precondition(format!(
                "peer {} speaks protocol {}, peer {} speaks {PROTOCOL}; use one release",
                frame.from, frame.protocol, own.id
            )));
        }
        if frame.group != own.group {
            return Err(Status::failed_precondition(format!(
                "peer {} is of group {}, this one of {}; check --peers and --group",
                frame.from, frame.group, own.group
            )));
        }
        if frame.to != own.id {
            return Err(Status::failed_precondition(format!(
                "this is peer {}, not peer {}; check the addresses in --peers",
                own.id, frame.to
            )));
        }
        if frame.from == own.id {
            return Err(Status::failed_precondition(format!(
                "another coordinator says that it is peer {} too; every peer needs an id of its own",
                own.id
            )));
        }
        Ok(())
    }
}
