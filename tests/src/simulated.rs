//! Simulated workers: all of the protocol, none of the work, and the builds that they can work for.

use imgcalc_proto::v1::workers_client::WorkersClient;
use imgcalc_proto::v1::{Assignment, CompleteRequest, LeaseRequest, ProgressUpdate, RegisterRequest};
use imgcalc_proto::{PROTOCOL, to_wire};
use imgcalc_shared::dataset::{ObjectRef, Splits};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::Size;
use imgcalc_shared::spec::{DatasetFacts, Surroundings};
use imgcalc_shared::task::Outcome;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

/// Hardware class of simulated workers.
pub const HARDWARE: &str = "simulated";

/// How often a worker reports.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long it waits for work.
const WAIT_MS: u64 = 5_000;
/// Pause before another coordinator is asked.
const PAUSE: Duration = Duration::from_millis(200);
/// A call that nobody answers for so long is given up.
const SILENT_MAX: Duration = Duration::from_secs(30);

type Client = WorkersClient<Channel>;

/// A worker. Dropped, it vanishes without a word.
pub struct Simulated {
    /// Lines to all coordinators.
    clients: Vec<Client>,
    /// The one that led last.
    at: usize,
    name: String,
    host: String,
    /// Of its last question; it rises over restarts too.
    sequence: u64,
}

impl Simulated {
    /// A worker on a host of its own that has not said a word yet, of the coordinators at these addresses.
    pub fn new(addresses: &[String], number: usize) -> anyhow::Result<Simulated> {
        let client = |address| {
            let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
            anyhow::Ok(WorkersClient::new(endpoint.connect_lazy()))
        };
        Ok(Simulated {
            clients: addresses.iter().map(client).collect::<anyhow::Result<_>>()?,
            at: 0,
            name: format!("w{number}"),
            host: format!("host-{number}"),
            sequence: micros_of_clock(),
        })
    }

    /// Introduces itself.
    pub async fn register(&mut self) -> anyhow::Result<()> {
        let register = RegisterRequest {
            protocol: PROTOCOL,
            name: self.name.clone(),
            host: self.host.clone(),
            hardware: HARDWARE.into(),
            threads: 1,
            base: String::new(),
        };
        self.ask(register, |mut client, register| async move {
            client.register(register).await
        })
        .await?;
        Ok(())
    }

    /// Asks for work once; none where there is none for some seconds, or where another coordinator leads now and the worker
    /// had to introduce itself again.
    pub async fn lease(&mut self) -> anyhow::Result<Option<Assignment>> {
        self.sequence += 1;
        let question = LeaseRequest {
            worker: self.name.clone(),
            wait_ms: WAIT_MS,
            sequence: self.sequence,
        };
        let reply = self
            .ask(question, |mut client, question| async move {
                client.lease(question).await
            })
            .await?;
        if reply.unknown_worker {
            self.register().await?;
            return Ok(None);
        }
        Ok(reply.assignment)
    }

    /// Reports on a task for as long as it takes.
    pub async fn reports(&mut self, assignment: &Assignment, takes: Duration) -> anyhow::Result<()> {
        if takes.is_zero() {
            return Ok(());
        }
        let end = Instant::now() + takes;
        let mut report = None;
        while Instant::now() < end {
            let (updates, directives) = match &mut report {
                Some(open) => open,
                closed => {
                    let (updates, stream) = mpsc::channel(1);
                    let stream = ReceiverStream::new(stream);
                    match self.clients[self.at].clone().progress(stream).await {
                        Ok(reply) => closed.insert((updates, reply.into_inner())),
                        // The next question finds who leads now.
                        Err(_) => {
                            sleep(HEARTBEAT.min(end.saturating_duration_since(Instant::now()))).await;
                            continue;
                        }
                    }
                }
            };
            let update = ProgressUpdate {
                worker: self.name.clone(),
                task: assignment.task.clone(),
                token: assignment.token,
                epoch: 1,
                epochs: 10,
                loss: 1.0,
                accuracy: -1.0,
                images_per_second: 1000.0,
                ..ProgressUpdate::default()
            };
            let _ = updates.send(update).await;
            match directives.message().await {
                Ok(Some(directive)) => anyhow::ensure!(!directive.stop, "stopped: {}", directive.reason),
                Ok(None) | Err(_) => report = None,
            }
            sleep(HEARTBEAT.min(end.saturating_duration_since(Instant::now()))).await;
        }
        Ok(())
    }

    /// Hands over a result, which must be taken.
    pub async fn complete(&mut self, assignment: Assignment, outcome: &Outcome) -> anyhow::Result<()> {
        let result = CompleteRequest {
            worker: self.name.clone(),
            task: assignment.task,
            token: assignment.token,
            outcome_json: to_wire(outcome),
            account: None,
        };
        let reply = self
            .ask(result, |mut client, result| async move {
                client.complete(result).await
            })
            .await?;
        anyhow::ensure!(
            reply.verdict != "refused",
            "a result is refused: {}",
            reply.reason
        );
        Ok(())
    }

    /// Asks one coordinator after another until one answers, as a worker does.
    async fn ask<Q: Clone, A, F>(&mut self, request: Q, call: impl Fn(Client, Q) -> F) -> anyhow::Result<A>
    where
        F: Future<Output = Result<tonic::Response<A>, Status>>,
    {
        let since = Instant::now();
        loop {
            match call(self.clients[self.at].clone(), request.clone()).await {
                Ok(reply) => return Ok(reply.into_inner()),
                Err(status) if status.code() != Code::Unavailable || since.elapsed() > SILENT_MAX => {
                    return Err(status.into());
                }
                Err(_) => {
                    self.at = (self.at + 1) % self.clients.len();
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

fn micros_of_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_micros() as u64
}

/// What surrounds a spec whose tasks simulated workers do: a dataset that nobody reads, and a folder as the base.
pub fn surroundings(base: &Path, side: u32, classes: u32, splits: Splits) -> Surroundings {
    let dataset = DatasetFacts {
        digest: Digest::of(b"simulated"),
        size: Size {
            height: side,
            width: side,
        },
        channels: 3,
        classes,
        splits,
        has_jpeg_files: false,
    };
    Surroundings {
        base: format!("file://{}", base.display()),
        dataset,
        hardware: HARDWARE.into(),
        script: None,
        weights: None,
    }
}

/// Puts weights into a base that every result may name.
pub fn weights(base: &Path) -> anyhow::Result<ObjectRef> {
    let content = [7; 1024];
    let digest = Digest::of(&content);
    let key = format!("weights-{digest}");
    std::fs::create_dir_all(base)?;
    std::fs::write(base.join(&key), content)?;
    Ok(ObjectRef {
        key,
        bytes: content.len() as u64,
        digest,
    })
}
