//! The service clients speak to.

use super::status;
use crate::leader::Leader;
use imgcalc_proto::v1::builds_server::Builds;
use imgcalc_proto::v1::*;
use imgcalc_proto::{from_wire, to_wire};
use imgcalc_shared::build::BuildId;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

pub(super) struct Service {
    pub(super) leader: Leader,
}

#[tonic::async_trait]
impl Builds for Service {
    type LogsStream = ReceiverStream<Result<LogLine, Status>>;

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitReply>, Status> {
        let build = from_wire("build_json", &request.into_inner().build_json).map_err(|status| *status)?;
        let (id, known) = self.leader.submit(build).await.map_err(status)?;
        Ok(Response::new(SubmitReply { build: id.0, known }))
    }

    async fn direct(&self, request: Request<DirectRequest>) -> Result<Response<DirectReply>, Status> {
        let DirectRequest { build, .. } = request.into_inner();
        self.leader.cancel(BuildId(build)).await.map_err(status)?;
        Ok(Response::new(DirectReply {}))
    }

    async fn retry(&self, _: Request<RetryRequest>) -> Result<Response<RetryReply>, Status> {
        Err(Status::unimplemented("retry"))
    }

    async fn drain(&self, _: Request<DrainRequest>) -> Result<Response<DrainReply>, Status> {
        Err(Status::unimplemented("drain"))
    }

    async fn adopt(&self, request: Request<AdoptRequest>) -> Result<Response<AdoptReply>, Status> {
        let records =
            from_wire("record_json", &request.into_inner().record_json).map_err(|status| *status)?;
        let adopted = self.leader.adopt(records).await.map_err(status)?;
        Ok(Response::new(AdoptReply {
            adopted: adopted as u64,
        }))
    }

    async fn overview(&self, _: Request<OverviewRequest>) -> Result<Response<OverviewReply>, Status> {
        let overview = self.leader.overview().await.map_err(status)?;
        Ok(Response::new(OverviewReply {
            overview_json: to_wire(&overview),
        }))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetReply>, Status> {
        let view = self
            .leader
            .view(BuildId(request.into_inner().build))
            .await
            .map_err(status)?;
        Ok(Response::new(GetReply {
            view_json: to_wire(&view),
        }))
    }

    async fn logs(&self, request: Request<LogsRequest>) -> Result<Response<Self::LogsStream>, Status> {
        let LogsRequest { build, follow } = request.into_inner();
        let (past, mut coming) = self.leader.logs(BuildId(build)).await.map_err(status)?;
        let (lines, receiver) = mpsc::channel(64);
        tokio::spawn(async move {
            for text in past {
                if lines.send(Ok(LogLine { text })).await.is_err() {
                    return;
                }
            }
            while follow && let Some(text) = coming.recv().await {
                if lines.send(Ok(LogLine { text })).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
