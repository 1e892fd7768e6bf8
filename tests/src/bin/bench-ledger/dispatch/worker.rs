//! Simulated workers: all of the protocol, none of the work.

use super::outcome;
use imgcalc_proto::v1::workers_client::WorkersClient;
use imgcalc_proto::v1::{Assignment, CompleteRequest, LeaseRequest, ProgressUpdate, RegisterRequest};
use imgcalc_proto::{PROTOCOL, from_wire, to_wire};
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::task::Task;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

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

/// All of them.
pub struct Fleet {
    shared: Arc<Shared>,
}

struct Shared {
    weights: Arc<ObjectRef>,
    done: AtomicUsize,
    task_ms: AtomicU64,
    stopped: AtomicBool,
    latencies_ms: Mutex<Vec<f64>>,
    failure: Mutex<Option<String>>,
}

impl Fleet {
    /// Workers of the coordinators at these addresses.
    pub fn start(addresses: &[String], workers: usize, weights: Arc<ObjectRef>) -> anyhow::Result<Fleet> {
        let shared = Arc::new(Shared {
            weights,
            done: AtomicUsize::new(0),
            task_ms: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            latencies_ms: Mutex::default(),
            failure: Mutex::default(),
        });
        for number in 0..workers {
            let client = |address| {
                let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
                anyhow::Ok(WorkersClient::new(endpoint.connect_lazy()))
            };
            let worker = Worker {
                clients: addresses.iter().map(client).collect::<anyhow::Result<_>>()?,
                at: 0,
                name: format!("w{number}"),
                number: number as u64,
                shared: shared.clone(),
            };
            let shared = shared.clone();
            tokio::spawn(async move {
                if let Err(error) = worker.work().await
                    && !shared.stopped.load(Ordering::Relaxed)
                {
                    *lock(&shared.failure) = Some(format!("{error:#}"));
                }
            });
        }
        Ok(Fleet { shared })
    }

    /// Tasks done so far.
    pub fn done(&self) -> usize {
        self.shared.done.load(Ordering::Relaxed)
    }

    /// From now on a task takes so long in the mean: half to one and a half of it.
    pub fn task_takes(&self, mean: Duration) {
        self.shared
            .task_ms
            .store(mean.as_millis() as u64, Ordering::Relaxed);
    }

    pub fn forget_latencies(&self) {
        lock(&self.shared.latencies_ms).clear();
    }

    /// From the question for work to the lease.
    pub fn latencies_ms(&self) -> Vec<f64> {
        lock(&self.shared.latencies_ms).clone()
    }

    /// Why a worker ended, if one did.
    pub fn failure(&self) -> anyhow::Result<()> {
        match &*lock(&self.shared.failure) {
            Some(why) => anyhow::bail!("a simulated worker fails: {why}"),
            None => Ok(()),
        }
    }

    pub fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
    }
}

struct Worker {
    /// Lines to all coordinators.
    clients: Vec<Client>,
    /// The one that led last.
    at: usize,
    name: String,
    number: u64,
    shared: Arc<Shared>,
}

impl Worker {
    async fn work(mut self) -> anyhow::Result<()> {
        self.register().await?;
        for sequence in 1.. {
            if self.shared.stopped.load(Ordering::Relaxed) {
                break;
            }
            let asked = Instant::now();
            let question = LeaseRequest {
                worker: self.name.clone(),
                wait_ms: WAIT_MS,
                sequence,
            };
            let reply = self
                .ask(question, |mut client, question| async move {
                    client.lease(question).await
                })
                .await?;
            if reply.unknown_worker {
                // Another coordinator leads now.
                self.register().await?;
            } else if let Some(assignment) = reply.assignment {
                lock(&self.shared.latencies_ms).push(asked.elapsed().as_secs_f64() * 1e3);
                // No generator is needed: any spread keeps the fleet out of step.
                let share = (self.number * 7919 + sequence * 104_729) % 1000;
                self.does(assignment, share as f64 / 1000.0).await?;
            }
        }
        Ok(())
    }

    async fn register(&mut self) -> anyhow::Result<()> {
        let register = RegisterRequest {
            protocol: PROTOCOL,
            name: self.name.clone(),
            host: format!("host-{}", self.number),
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

    async fn does(&mut self, assignment: Assignment, share: f64) -> anyhow::Result<()> {
        let mean = Duration::from_millis(self.shared.task_ms.load(Ordering::Relaxed));
        self.reports(&assignment, mean.mul_f64(0.5 + share)).await?;
        let task: Task = from_wire("task_json", &assignment.task_json)?;
        let result = CompleteRequest {
            worker: self.name.clone(),
            task: assignment.task,
            token: assignment.token,
            outcome_json: to_wire(&outcome::of(&task, &self.shared.weights)),
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
        self.shared.done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Reports on a task for as long as it takes.
    async fn reports(&mut self, assignment: &Assignment, takes: Duration) -> anyhow::Result<()> {
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
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
