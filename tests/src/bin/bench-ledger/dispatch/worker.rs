//! Simulated workers: all of the protocol, none of the work.

use super::outcome;
use anyhow::Context;
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

pub const HARDWARE: &str = "simulated";

/// How often a worker reports.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long it waits for work.
const WAIT_MS: u64 = 5_000;
/// Workers that connect at once.
const CONNECT_AT_ONCE: usize = 50;

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
    pub async fn start(address: &str, workers: usize, weights: Arc<ObjectRef>) -> anyhow::Result<Fleet> {
        let shared = Arc::new(Shared {
            weights,
            done: AtomicUsize::new(0),
            task_ms: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            latencies_ms: Mutex::default(),
            failure: Mutex::default(),
        });
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
        for first in (0..workers).step_by(CONNECT_AT_ONCE) {
            for number in first..workers.min(first + CONNECT_AT_ONCE) {
                let channel = endpoint.connect().await?;
                let shared = shared.clone();
                tokio::spawn(async move {
                    let worker = Worker {
                        client: WorkersClient::new(channel),
                        name: format!("w{number}"),
                        shared: shared.clone(),
                    };
                    if let Err(error) = worker.work(number as u64).await
                        && !shared.stopped.load(Ordering::Relaxed)
                    {
                        *lock(&shared.failure) = Some(format!("{error:#}"));
                    }
                });
            }
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
    client: WorkersClient<Channel>,
    name: String,
    shared: Arc<Shared>,
}

impl Worker {
    async fn work(mut self, number: u64) -> anyhow::Result<()> {
        let register = RegisterRequest {
            protocol: PROTOCOL,
            name: self.name.clone(),
            host: format!("host-{number}"),
            hardware: HARDWARE.into(),
            threads: 1,
            base: String::new(),
        };
        self.client.register(register).await?;
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
            let reply = self.client.lease(question).await?.into_inner();
            anyhow::ensure!(!reply.unknown_worker, "the coordinator forgot a worker");
            if let Some(assignment) = reply.assignment {
                lock(&self.shared.latencies_ms).push(asked.elapsed().as_secs_f64() * 1e3);
                // No generator is needed: any spread keeps the fleet out of step.
                let share = (number * 7919 + sequence * 104_729) % 1000;
                self.does(assignment, share as f64 / 1000.0).await?;
            }
        }
        Ok(())
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
        };
        let reply = self.client.complete(result).await?.into_inner();
        anyhow::ensure!(
            reply.verdict == "committed",
            "a result is {}: {}",
            reply.verdict,
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
        let (updates, stream) = mpsc::channel(1);
        let mut directives = self
            .client
            .progress(ReceiverStream::new(stream))
            .await?
            .into_inner();
        let end = Instant::now() + takes;
        while Instant::now() < end {
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
            updates
                .send(update)
                .await
                .context("the coordinator ends a report")?;
            let directive = directives.message().await?.context("no directive comes")?;
            anyhow::ensure!(!directive.stop, "stopped: {}", directive.reason);
            sleep(HEARTBEAT.min(end.saturating_duration_since(Instant::now()))).await;
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
