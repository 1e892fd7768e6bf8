//! The line to the coordinators: one worker id, whichever of them answers.
//!
//! A coordinator that cannot be reached is no failure of anything: calls are repeated, in turn at all coordinators,
//! until one answers or all were silent for as long as the lease terms say.

use super::backoff::Backoff;
use imgcalc_proto::MESSAGE_BYTES_MAX;
use imgcalc_proto::security::{Bearer, Credentials, Line, LineError, endpoint, explain};
use imgcalc_proto::v1::workers_client::WorkersClient;
use imgcalc_proto::v1::{RegisterReply, RegisterRequest};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

pub(super) type Client = WorkersClient<Line>;

/// Time a coordinator has to answer a call that does not wait for work.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(30);

/// Why a call was given up.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// An address that cannot be a coordinator's, or not with these credentials.
    #[error(transparent)]
    Address(#[from] LineError),
    /// No coordinator answered for as long as a worker may go on alone.
    #[error("no coordinator of {coordinators} answers for {seconds} s (last: {last})")]
    Orphaned {
        /// Their addresses.
        coordinators: String,
        /// For how long.
        seconds: u64,
        /// What the last try gave.
        last: String,
    },
    /// A coordinator answered and said no; asking again would not help.
    #[error("the coordinator refuses: {}", .0.message())]
    Refused(Box<Status>),
}

/// What a coordinator lays down at registration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Updates of an attempt come at least this often.
    pub(super) heartbeat: Duration,
    /// A worker goes on this long without any coordinator.
    pub(super) orphan: Duration,
}

/// See the module's description.
#[derive(Debug)]
pub(super) struct Link {
    coordinators: Vec<(String, Channel)>,
    credentials: Option<Credentials>,
    identity: RegisterRequest,
    orphan_override: Option<Duration>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Which coordinator is asked.
    at: usize,
    worker: Option<String>,
    terms: Terms,
    /// Since when none answers.
    silent_since: Option<Instant>,
}

impl Link {
    /// A line to coordinators at these addresses; nothing is sent yet. Must be called within a tokio runtime.
    pub(super) fn new(
        addresses: &[String],
        credentials: Option<Credentials>,
        identity: RegisterRequest,
        orphan_override: Option<Duration>,
    ) -> Result<Self, LinkError> {
        let coordinators = addresses.iter().map(|address| {
            let endpoint = endpoint(address, credentials.as_ref())?;
            Ok((address.clone(), endpoint.connect_lazy()))
        });
        let coordinators: Vec<_> = coordinators.collect::<Result<_, LineError>>()?;
        if coordinators.is_empty() {
            let address = String::new();
            return Err(LineError::BadAddress { address }.into());
        }
        // Until a coordinator says otherwise.
        let terms = Terms {
            heartbeat: Duration::from_secs(2),
            orphan: orphan_override.unwrap_or(Duration::from_secs(600)),
        };
        Ok(Link {
            coordinators,
            credentials,
            identity,
            orphan_override,
            state: Mutex::new(State {
                at: 0,
                worker: None,
                terms,
                silent_since: None,
            }),
        })
    }

    pub(super) fn terms(&self) -> Terms {
        self.with(|state| state.terms)
    }

    /// Calls until a coordinator answers; registers first where that is needed.
    pub(super) async fn call<T, F, R>(&self, limit: Duration, call: F) -> Result<T, LinkError>
    where
        F: Fn(Client, String) -> R,
        R: Future<Output = Result<Response<T>, Status>>,
    {
        let mut backoff = Backoff::new();
        loop {
            match self.call_once(limit, &call).await {
                Ok(reply) => return Ok(reply),
                Err(status) => self.missed(status)?,
            }
            tokio::time::sleep(backoff.delay()).await;
        }
    }

    /// Calls the present coordinator once.
    pub(super) async fn call_once<T, F, R>(&self, limit: Duration, call: &F) -> Result<T, Status>
    where
        F: Fn(Client, String) -> R,
        R: Future<Output = Result<Response<T>, Status>>,
    {
        let worker = match self.with(|state| state.worker.clone()) {
            Some(worker) => worker,
            None => self.register().await?,
        };
        let reply = within(limit, call(self.client(), worker)).await?;
        self.heard();
        Ok(reply)
    }

    /// To be told what a call that did not succeed gave: decides whether another makes sense, and at whom.
    pub(super) fn missed(&self, status: Status) -> Result<(), LinkError> {
        match status.code() {
            Code::NotFound => {
                self.heard();
                self.forget_worker();
                return Ok(());
            }
            Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::Unimplemented => {
                self.heard();
                return Err(LinkError::Refused(Box::new(status)));
            }
            _ => {}
        }
        let coordinators = self.coordinators.len();
        let (address, is_first, silent, orphan) = self.with(|state| {
            let address = &self.coordinators[state.at].0;
            state.at = (state.at + 1) % coordinators;
            let is_first = state.silent_since.is_none() && state.worker.is_none();
            let since = *state.silent_since.get_or_insert_with(Instant::now);
            (address, is_first, since.elapsed(), state.terms.orphan)
        });
        let explained = explain(&status, address, self.credentials.as_ref());
        match &explained {
            // Wrong credentials are no outage: who starts the worker should not have to wait for its end to hear it.
            Some(why) if is_first => tracing::warn!("{why}"),
            _ => tracing::debug!(coordinator = address, %status, "a call does not succeed"),
        }
        if silent < orphan {
            return Ok(());
        }
        let addresses: Vec<&str> = self
            .coordinators
            .iter()
            .map(|(address, _)| address.as_str())
            .collect();
        Err(LinkError::Orphaned {
            coordinators: addresses.join(", "),
            seconds: silent.as_secs(),
            last: explained.unwrap_or_else(|| status.message().to_string()),
        })
    }

    /// A coordinator was heard: the time alone starts over.
    pub(super) fn heard(&self) {
        if let Some(since) = self.with(|state| state.silent_since.take()) {
            tracing::info!(
                seconds = since.elapsed().as_secs_f32(),
                "a coordinator answers again"
            );
        }
    }

    /// The coordinators do not know the worker id (any more): the next call registers again.
    pub(super) fn forget_worker(&self) {
        if self.with(|state| state.worker.take()).is_some() {
            tracing::info!("the coordinator does not know this worker; registering again");
        }
    }

    async fn register(&self) -> Result<String, Status> {
        let mut client = self.client();
        let reply: RegisterReply = within(CALL_LIMIT, client.register(self.identity.clone())).await?;
        self.heard();
        // A heartbeat of 0 would be a busy loop.
        let terms = Terms {
            heartbeat: Duration::from_millis(reply.heartbeat_ms.max(10)),
            orphan: self
                .orphan_override
                .unwrap_or(Duration::from_millis(reply.orphan_ms)),
        };
        tracing::info!(worker = reply.worker, name = self.identity.name, "registered");
        self.with(|state| {
            state.worker = Some(reply.worker.clone());
            state.terms = terms;
        });
        Ok(reply.worker)
    }

    fn client(&self) -> Client {
        let channel = self.with(|state| self.coordinators[state.at].1.clone());
        WorkersClient::with_interceptor(channel, Bearer::of(self.credentials.as_ref()))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    fn with<T>(&self, action: impl FnOnce(&mut State) -> T) -> T {
        action(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn within<T>(
    limit: Duration,
    reply: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Status> {
    match tokio::time::timeout(limit, reply).await {
        Ok(reply) => Ok(reply?.into_inner()),
        Err(_) => Err(Status::deadline_exceeded(format!("no answer within {limit:?}"))),
    }
}
