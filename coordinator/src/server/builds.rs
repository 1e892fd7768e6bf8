//! The service clients speak to.

use super::status;
use crate::ledger::Wanted;
use crate::peer::Peer;
use imgcalc_proto::v1::builds_server::Builds;
use imgcalc_proto::v1::*;
use imgcalc_proto::{from_wire, to_wire};
use imgcalc_shared::build::BuildId;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

pub(super) struct Service {
    pub(super) peer: Peer,
}

#[tonic::async_trait]
impl Builds for Service {
    type LogsStream = ReceiverStream<Result<LogLine, Status>>;

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitReply>, Status> {
        let SubmitRequest { build_json, priority } = request.into_inner();
        let build = from_wire("build_json", &build_json).map_err(|status| *status)?;
        let (id, known) = self.peer.submit(build, priority).await.map_err(status)?;
        Ok(Response::new(SubmitReply { build: id.0, known }))
    }

    async fn direct(&self, request: Request<DirectRequest>) -> Result<Response<DirectReply>, Status> {
        let DirectRequest {
            build,
            wanted,
            priority,
        } = request.into_inner();
        let wanted = match wanted.as_str() {
            "" => None,
            "run" => Some(Wanted::Run),
            "pause" => Some(Wanted::Pause),
            "cancel" => Some(Wanted::Cancel),
            other => {
                let message = format!("wanted = {other:?}: write run, pause or cancel");
                return Err(Status::invalid_argument(message));
            }
        };
        self.peer
            .direct(BuildId(build), wanted, priority)
            .await
            .map_err(status)?;
        Ok(Response::new(DirectReply {}))
    }

    async fn amend(&self, request: Request<AmendRequest>) -> Result<Response<AmendReply>, Status> {
        let AmendRequest {
            build,
            amendment_json,
        } = request.into_inner();
        let amendment = from_wire("amendment_json", &amendment_json).map_err(|status| *status)?;
        let amended = self.peer.amend(BuildId(build), amendment).await;
        let known = amended.map_err(status)?;
        Ok(Response::new(AmendReply { known }))
    }

    async fn retry(&self, request: Request<RetryRequest>) -> Result<Response<RetryReply>, Status> {
        let RetryRequest { build, task } = request.into_inner();
        let tasks = self.peer.retry(BuildId(build), task).await.map_err(status)?;
        Ok(Response::new(RetryReply { tasks: tasks as u64 }))
    }

    async fn drain(&self, request: Request<DrainRequest>) -> Result<Response<DrainReply>, Status> {
        let DrainRequest { worker, cancel } = request.into_inner();
        let known = self.peer.drain(worker, cancel).await.map_err(status)?;
        Ok(Response::new(DrainReply { known }))
    }

    async fn adopt(&self, request: Request<AdoptRequest>) -> Result<Response<AdoptReply>, Status> {
        let records =
            from_wire("record_json", &request.into_inner().record_json).map_err(|status| *status)?;
        let adopted = self.peer.adopt(records).await.map_err(status)?;
        Ok(Response::new(AdoptReply {
            adopted: adopted as u64,
        }))
    }

    async fn overview(&self, _: Request<OverviewRequest>) -> Result<Response<OverviewReply>, Status> {
        let overview = self.peer.overview().await.map_err(status)?;
        Ok(Response::new(OverviewReply {
            overview_json: to_wire(&overview),
        }))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetReply>, Status> {
        let view = self
            .peer
            .view(BuildId(request.into_inner().build))
            .await
            .map_err(status)?;
        Ok(Response::new(GetReply {
            view_json: to_wire(&view),
        }))
    }

    async fn logs(&self, request: Request<LogsRequest>) -> Result<Response<Self::LogsStream>, Status> {
        let LogsRequest { build, follow, here } = request.into_inner();
        let build = BuildId(build);
        let (past, coming) = if here {
            (self.peer.logs_here(&build), None)
        } else {
            let (past, coming) = self.peer.logs(build).await.map_err(status)?;
            (past, Some(coming).filter(|_| follow))
        };
        let (lines, receiver) = mpsc::channel(64);
        tokio::spawn(async move {
            for text in past {
                if lines.send(Ok(LogLine { text, past: true })).await.is_err() {
                    return;
                }
            }
            let Some(mut coming) = coming else {
                return;
            };
            while let Some(text) = coming.recv().await {
                if lines.send(Ok(LogLine { text, past: false })).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
