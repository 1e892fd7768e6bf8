//! The service workers speak to.

use super::results::Results;
use super::status;
use crate::leader::{Asked, Directive as Told, Progress, Said, WorkerFacts};
use crate::peer::Peer;
use crate::view;
use imgcalc_proto::v1::workers_server::Workers;
use imgcalc_proto::v1::*;
use imgcalc_proto::{PROTOCOL, failure_class_from_wire, from_wire, task_id_from_wire, to_wire};
use imgcalc_shared::task::FailureClass;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// Longest wait for work a worker may ask for.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Longest name, host or class.
const TEXT_BYTES_MAX: usize = 256;
/// Longest URL of a base.
const BASE_BYTES_MAX: usize = 4096;

pub(super) struct Service {
    peer: Peer,
    results: Results,
}

impl Service {
    pub(super) fn new(peer: Peer) -> Service {
        Service {
            peer,
            results: Results::default(),
        }
    }

    fn account(&self, token: u64, account: Option<Account>) {
        if let Some(account) = account {
            self.peer.account(token, told(account));
        }
    }
}

#[tonic::async_trait]
impl Workers for Service {
    type ProgressStream = ReceiverStream<Result<Directive, Status>>;

    async fn register(&self, request: Request<RegisterRequest>) -> Result<Response<RegisterReply>, Status> {
        let RegisterRequest {
            protocol,
            name,
            host,
            hardware,
            threads: _,
            base,
        } = request.into_inner();
        if protocol != PROTOCOL {
            let message = format!(
                "worker {name:?} speaks protocol {protocol}, this coordinator {PROTOCOL}; use one release"
            );
            return Err(Status::failed_precondition(message));
        }
        if base.len() > BASE_BYTES_MAX {
            return Err(Status::invalid_argument(format!(
                "base must have at most {BASE_BYTES_MAX} bytes"
            )));
        }
        for (field, text) in [("name", &name), ("host", &host), ("hardware", &hardware)] {
            if text.is_empty() || text.len() > TEXT_BYTES_MAX {
                return Err(Status::invalid_argument(format!(
                    "{field} must have 1 to {TEXT_BYTES_MAX} bytes"
                )));
            }
        }
        let facts = WorkerFacts {
            name: name.clone(),
            host: host.into(),
            hardware: hardware.into(),
            base: Some(base).filter(|base| !base.is_empty()).map(Into::into),
        };
        self.peer.register(facts).await.map_err(status)?;
        let terms = self.peer.options().terms;
        let millis = |duration: Duration| duration.as_millis() as u64;
        Ok(Response::new(RegisterReply {
            worker: name,
            lease_ms: millis(terms.lease),
            heartbeat_ms: millis(terms.heartbeat),
            orphan_ms: millis(terms.orphan),
        }))
    }

    async fn lease(&self, request: Request<LeaseRequest>) -> Result<Response<LeaseReply>, Status> {
        let LeaseRequest {
            worker,
            wait_ms,
            sequence,
        } = request.into_inner();
        let wait = Duration::from_millis(wait_ms).min(WAIT_MAX);
        let reply = match self.peer.lease(worker, wait, sequence).await.map_err(status)? {
            Asked::Nothing => LeaseReply::default(),
            Asked::UnknownWorker => LeaseReply {
                unknown_worker: true,
                ..LeaseReply::default()
            },
            Asked::Drain => LeaseReply {
                drain: true,
                ..LeaseReply::default()
            },
            Asked::Lease(lease) => {
                let assignment = Assignment {
                    task_json: to_wire(&lease.task),
                    token: lease.token,
                    base: lease.base,
                    build: lease.build.0,
                    task: lease.task.id().to_string(),
                    weights_json: lease.weights.map(|weights| to_wire(&weights)).unwrap_or_default(),
                };
                LeaseReply {
                    assignment: Some(assignment),
                    ..LeaseReply::default()
                }
            }
        };
        Ok(Response::new(reply))
    }

    async fn progress(
        &self,
        request: Request<Streaming<ProgressUpdate>>,
    ) -> Result<Response<Self::ProgressStream>, Status> {
        let mut updates = request.into_inner();
        let (directives, receiver) = mpsc::channel(4);
        let peer = self.peer.clone();
        tokio::spawn(async move {
            while let Ok(Some(update)) = updates.message().await {
                let said = match progress(update) {
                    Ok(progress) => peer.progress(progress).await.map_err(status),
                    Err(status) => Err(*status),
                };
                let directive = said.map(|Told { stop, drain }| Directive {
                    stop: stop.is_some(),
                    reason: stop.unwrap_or_default(),
                    drain,
                });
                let failed = directive.is_err();
                if directives.send(directive).await.is_err() || failed {
                    break;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn complete(&self, request: Request<CompleteRequest>) -> Result<Response<CompleteReply>, Status> {
        let CompleteRequest {
            task,
            token,
            outcome_json,
            account,
            worker: _,
        } = request.into_inner();
        self.account(token, account);
        let task = task_id_from_wire(&task).map_err(|status| *status)?;
        let outcome = from_wire("outcome_json", &outcome_json).map_err(|status| *status)?;
        let base = self.peer.base_of(task, token).await.map_err(status)?;
        if let Some(base) = base
            && let Some(missing) = self.results.missing(&base, &outcome).await?
        {
            // Whoever started from such weights would fail; now the attempt does.
            self.peer
                .fail(task, token, FailureClass::BadData, missing.clone())
                .await
                .map_err(status)?;
            return Ok(Response::new(CompleteReply {
                verdict: "refused".into(),
                reason: missing,
            }));
        }
        let said = self.peer.complete(task, token, outcome).await.map_err(status)?;
        let (verdict, reason) = match said {
            Said::Committed => ("committed", String::new()),
            Said::AlreadyCommitted => ("already_committed", String::new()),
            Said::Refused(reason) => ("refused", reason),
        };
        Ok(Response::new(CompleteReply {
            verdict: verdict.into(),
            reason,
        }))
    }

    async fn fail(&self, request: Request<FailRequest>) -> Result<Response<FailReply>, Status> {
        let FailRequest {
            task,
            token,
            class,
            message,
            account,
            worker: _,
        } = request.into_inner();
        self.account(token, account);
        let task = task_id_from_wire(&task).map_err(|status| *status)?;
        let class = failure_class_from_wire(&class).map_err(|status| *status)?;
        self.peer
            .fail(task, token, class, message)
            .await
            .map_err(status)?;
        Ok(Response::new(FailReply {}))
    }

    async fn leave(&self, request: Request<LeaveRequest>) -> Result<Response<LeaveReply>, Status> {
        let worker = request.into_inner().worker;
        let why = "the worker left".to_string();
        self.peer
            .gone(Some(worker), FailureClass::Preempted, why)
            .await
            .map_err(status)?;
        Ok(Response::new(LeaveReply {}))
    }
}

fn progress(update: ProgressUpdate) -> Result<Progress, Box<Status>> {
    Ok(Progress {
        task: task_id_from_wire(&update.task)?,
        worker: update.worker,
        token: update.token,
        epoch: update.epoch,
        epochs: update.epochs,
        loss: Some(update.loss).filter(|loss| loss.is_finite()),
        accuracy: Some(update.accuracy).filter(|accuracy| (0.0..=1.0).contains(accuracy)),
        images_per_second: update.images_per_second,
        bytes_read: update.bytes_read,
        account: update.account.map(told),
        log: update.log,
    })
}

fn told(account: Account) -> view::Account {
    view::Account {
        bytes_asked: account.bytes_asked,
        bytes_moved: account.bytes_moved,
        requests: account.requests,
        bytes_cached: account.bytes_cached,
    }
}
