//! A fleet of simulated workers that are busy for some time with each task.

use super::outcome;
use imgcalc_proto::from_wire;
use imgcalc_proto::v1::Assignment;
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::task::Task;
use imgcalc_tests::simulated::Simulated;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

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
            let worker = Worker {
                line: Simulated::new(addresses, number)?,
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
    line: Simulated,
    number: u64,
    shared: Arc<Shared>,
}

impl Worker {
    async fn work(mut self) -> anyhow::Result<()> {
        self.line.register().await?;
        for question in 1_u64.. {
            if self.shared.stopped.load(Ordering::Relaxed) {
                break;
            }
            let asked = Instant::now();
            if let Some(assignment) = self.line.lease().await? {
                lock(&self.shared.latencies_ms).push(asked.elapsed().as_secs_f64() * 1e3);
                // No generator is needed: any spread keeps the fleet out of step.
                let share = (self.number * 7919 + question * 104_729) % 1000;
                self.does(assignment, share as f64 / 1000.0).await?;
            }
        }
        Ok(())
    }

    async fn does(&mut self, assignment: Assignment, share: f64) -> anyhow::Result<()> {
        let mean = Duration::from_millis(self.shared.task_ms.load(Ordering::Relaxed));
        self.line.reports(&assignment, mean.mul_f64(0.5 + share)).await?;
        let task: Task = from_wire("task_json", &assignment.task_json)?;
        let outcome = outcome::of(&task, &self.shared.weights);
        self.line.complete(assignment, &outcome).await?;
        self.shared.done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
