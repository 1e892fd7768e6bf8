//! The line to the coordinators: one worker id, whichever of them answers.
//!
//! A coordinator that cannot be reached is no failure of anything: calls are repeated, in turn at all coordinators,
//! until one answers or all were silent for as long as the lease terms say. Of several coordinators one leads and serves;
//! any other names it, and is no reason to wait.

use super::backoff::Backoff;
use imgcalc_proto::MESSAGE_BYTES_MAX;
use imgcalc_proto::security::{Bearer, Credentials, Line, LineError, endpoint, explain};
use imgcalc_proto::v1::workers_client::WorkersClient;
use imgcalc_proto::v1::{LeaveRequest, RegisterReply, RegisterRequest};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

pub(super) type Client = WorkersClient<Line>;

/// Time a coordinator has to answer a call that does not wait for work.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(30);
/// Time to say goodbye.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);
/// Metadata in which a coordinator that does not lead names the one that does, as host:port.
const LEADER_KEY: &str = "imgcalc-leader";
/// Coordinators a worker gets to know; a group has a handful.
const COORDINATORS_MAX: usize = 64;
/// Hints followed in a row without a pause: while a leader is elected, coordinators may point at each other.
const HINTS_MAX: u32 = 3;

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
    credentials: Option<Credentials>,
    identity: RegisterRequest,
    orphan_override: Option<Duration>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Those named at the start, and those that one of them named as the leader: a group's members change.
    coordinators: Vec<(String, Channel)>,
    /// Which of them is asked.
    at: usize,
    worker: Option<String>,
    /// Whether any of them ever served this worker: its credentials are then no question any more.
    served: bool,
    terms: Terms,
    /// Since when none answers.
    silent_since: Option<Instant>,
    /// Hints followed since one served.
    hints: u32,
}

/// When a call that did not succeed is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// At once: it is known who leads.
    Now,
    /// After a while.
    Later,
}

impl Again {
    pub(super) async fn pause(self, backoff: &mut Backoff) {
        if self == Again::Later {
            tokio::time::sleep(backoff.delay()).await;
        }
    }
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
            credentials,
            identity,
            orphan_override,
            state: Mutex::new(State {
                coordinators,
                at: 0,
                worker: None,
                served: false,
                terms,
                silent_since: None,
                hints: 0,
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
                Err(status) => self.missed(status)?.pause(&mut backoff).await,
            }
        }
    }

    /// Says that this worker ends, if it is registered and somebody listens.
    pub(super) async fn leave(&self) {
        let goodbye = async {
            let mut backoff = Backoff::new();
            while self.with(|state| state.worker.is_some()) {
                let leave =
                    |mut client: Client, worker| async move { client.leave(LeaveRequest { worker }).await };
                match self
                    .call_once(LEAVE_LIMIT, &leave)
                    .await
                    .map_err(|status| self.missed(status))
                {
                    Ok(_) => return tracing::info!("has left"),
                    // Unknown to the coordinator: gone already.
                    Err(Ok(again)) => again.pause(&mut backoff).await,
                    Err(Err(error)) => return tracing::info!("cannot say goodbye: {error}"),
                }
            }
        };
        if tokio::time::timeout(LEAVE_LIMIT, goodbye).await.is_err() {
            tracing::info!("no coordinator hears the goodbye");
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
    pub(super) fn missed(&self, status: Status) -> Result<Again, LinkError> {
        match status.code() {
            Code::NotFound => {
                self.heard();
                self.forget_worker();
                return Ok(Again::Later);
            }
            Code::Unavailable if leader(&status).is_some_and(|leader| self.follow(leader)) => {
                return Ok(Again::Now);
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
        let (address, is_first, silent, orphan) = self.with(|state| {
            let address = state.coordinators[state.at].0.clone();
            state.at = (state.at + 1) % state.coordinators.len();
            let is_first = state.silent_since.is_none() && !state.served;
            let since = *state.silent_since.get_or_insert_with(Instant::now);
            (address, is_first, since.elapsed(), state.terms.orphan)
        });
        let explained = explain(&status, &address, self.credentials.as_ref());
        match &explained {
            // Wrong credentials are no outage: who starts the worker should not have to wait for its end to hear it.
            Some(why) if is_first => tracing::warn!("{why}"),
            _ => tracing::debug!(coordinator = address, %status, "a call does not succeed"),
        }
        if silent < orphan {
            return Ok(Again::Later);
        }
        let addresses: Vec<String> = self.with(|state| {
            let all = state.coordinators.iter();
            all.map(|(address, _)| address.clone()).collect()
        });
        Err(LinkError::Orphaned {
            coordinators: addresses.join(", "),
            seconds: silent.as_secs(),
            last: explained.unwrap_or_else(|| status.message().to_string()),
        })
    }

    /// A coordinator was heard: the time alone starts over.
    pub(super) fn heard(&self) {
        let silent_since = self.with(|state| {
            state.hints = 0;
            state.silent_since.take()
        });
        if let Some(since) = silent_since {
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

    /// Turns to the coordinator that is said to lead. False if nobody is named, or the one that says so, or if too many
    /// hints were followed in vain: then the next in turn is asked after a while.
    fn follow(&self, leader: &str) -> bool {
        let line = || Some(endpoint(leader, self.credentials.as_ref()).ok()?.connect_lazy());
        self.with(|state| {
            // A coordinator lives: this worker is not alone.
            state.silent_since = None;
            let known = state
                .coordinators
                .iter()
                .position(|(address, _)| address == leader);
            let at = known.or_else(|| {
                if leader.is_empty() || state.coordinators.len() >= COORDINATORS_MAX {
                    return None;
                }
                state.coordinators.push((leader.to_string(), line()?));
                Some(state.coordinators.len() - 1)
            });
            match at {
                Some(at) if at != state.at && state.hints < HINTS_MAX => {
                    state.hints += 1;
                    state.at = at;
                    tracing::debug!(leader, "turns to the coordinator that leads");
                    true
                }
                _ => {
                    state.hints = 0;
                    false
                }
            }
        })
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
            state.served = true;
            state.terms = terms;
        });
        Ok(reply.worker)
    }

    fn client(&self) -> Client {
        let channel = self.with(|state| state.coordinators[state.at].1.clone());
        WorkersClient::with_interceptor(channel, Bearer::of(self.credentials.as_ref()))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    fn with<T>(&self, action: impl FnOnce(&mut State) -> T) -> T {
        action(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The leader a coordinator that does not lead names.
fn leader(status: &Status) -> Option<&str> {
    status.metadata().get(LEADER_KEY)?.to_str().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        let addresses = ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"].map(String::from);
        Link::new(&addresses, None, RegisterRequest::default(), None).unwrap()
    }

    fn follower(leader: &'static str) -> Status {
        let mut status = Status::unavailable("not the leader");
        let value = tonic::metadata::MetadataValue::from_static(leader);
        status.metadata_mut().insert(LEADER_KEY, value);
        status
    }

    fn at(link: &Link) -> String {
        link.with(|state| state.coordinators[state.at].0.clone())
    }

    #[tokio::test]
    async fn a_named_leader_is_asked_at_once_whether_it_was_known_or_not() {
        let link = link();
        for leader in ["127.0.0.1:3", "127.0.0.1:9"] {
            assert_eq!(link.missed(follower(leader)).unwrap(), Again::Now);
            assert_eq!(at(&link), leader);
        }
        assert_eq!(link.missed(Status::unavailable("gone")).unwrap(), Again::Later);
    }

    #[tokio::test]
    async fn a_hint_that_leads_nowhere_costs_a_pause_and_the_next_is_asked() {
        // Nobody is known to lead, itself, what is no address, and what credentials would be needed for.
        for odd in ["", "127.0.0.1:1", "nonsense", "10.0.0.1:4700"] {
            let link = link();
            assert_eq!(link.missed(follower(odd)).unwrap(), Again::Later, "{odd:?}");
            assert_eq!(at(&link), "127.0.0.1:2", "{odd:?}");
        }
    }

    #[tokio::test]
    async fn coordinators_that_point_at_each_other_do_not_make_a_busy_loop() {
        let link = link();
        let mut pauses = 0;
        for _ in 0..100 {
            let other = if at(&link) == "127.0.0.1:1" {
                "127.0.0.1:2"
            } else {
                "127.0.0.1:1"
            };
            pauses += u32::from(link.missed(follower(other)).unwrap() == Again::Later);
        }
        assert_eq!(pauses, 100 / (HINTS_MAX + 1));
    }
}
