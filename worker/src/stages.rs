//! What a worker does: one task kind, one function.
//!
//! A stage takes a task and gives an outcome or a [`Failure`]. It knows nothing of leases or coordinators; what it
//! tells on the way goes to an [`Observer`].

pub mod access;
pub mod columns;
mod definition;
mod embed;
mod execute;
pub mod jpeg;
mod proxies;
mod steps;
mod supernet;
mod train;

use crate::data::Base;
use crate::failure::Failure;
use imgcalc_engine::EngineError;
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::task::{FailureClass, Outcome, Task};
use serde::{Deserialize, Serialize};

pub use train::{Cadence, tidy};

/// What stays the same, and warm, from one task to the next.
#[derive(Debug)]
pub struct Context {
    base: Base,
    threads: u16,
    cadence: Cadence,
    images: train::ImageCache,
    window_bytes: u64,
}

impl Context {
    /// For tasks whose data lies in `base`. Profiles compute with `threads` threads; a training says itself how many.
    /// A training writes its checkpoints at this cadence.
    pub fn new(base: Base, threads: u16, cadence: Cadence) -> Self {
        Context {
            base,
            threads,
            cadence,
            images: train::ImageCache::default(),
            window_bytes: train::WINDOW_BYTES,
        }
    }

    /// The same with another window: for tests and measurements, since with another one trainings have other results.
    pub fn with_window_bytes(self, window_bytes: u64) -> Self {
        Context { window_bytes, ..self }
    }

    /// Where its tasks read and write.
    pub fn base(&self) -> &Base {
        &self.base
    }
}

/// One attempt of a task.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// Fencing token: what the attempt writes beyond shared content lies under it.
    pub token: u64,
    /// First weights, where the task starts from those of another; where it goes on from another, the state of that.
    pub weights: Option<&'a ObjectRef>,
}

/// How far a training is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Epochs done.
    pub epoch: u32,
    /// Of so many.
    pub epochs: u32,
    /// Mean training loss of the present epoch so far.
    pub loss: f64,
    /// Validation accuracy after the last epoch, if one is done.
    pub accuracy: Option<f64>,
    /// Training images a second.
    pub images_per_second: f64,
    /// Bytes the task read from the base.
    pub bytes_read: u64,
}

/// Whoever waits for the outcome.
pub trait Observer {
    /// Told now and then.
    fn progress(&mut self, progress: &Progress);
    /// Asked often; after true the task soon fails as pre-empted.
    fn should_stop(&self) -> bool;
    /// Whether a training that stops is to leave a checkpoint of where it is.
    fn wants_checkpoint(&self) -> bool {
        false
    }
}

/// Does the task.
pub fn run(
    task: &Task,
    attempt: Attempt,
    context: &mut Context,
    observer: &mut dyn Observer,
) -> Result<Outcome, Failure> {
    match task {
        Task::Columns { .. } => columns::run(&context.base, task, observer),
        Task::ProfileAccess { .. } => access::run(&context.base, task, context.threads, observer),
        Task::ProfileExecute {
            net,
            shape,
            classes,
            batch,
            hardware: _,
        } => {
            let net = definition::of(&context.base, net)?;
            execute::run(&net, *shape, *classes, *batch, context.threads, observer)
        }
        Task::ProfileJpeg { .. } => jpeg::run(&context.base, task, context.threads, observer),
        Task::ProfileTraining { .. } => steps::run(&context.base, task, observer),
        Task::Proxies { .. } => proxies::run(task, context, observer),
        Task::Supernet { .. } => supernet::run(task, attempt, context, observer),
        Task::Train { .. } => train::run(task, attempt, context, observer),
        Task::Embed { .. } => embed::run(task, attempt, context, observer),
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let class = match error {
            EngineError::Numeric { .. } => FailureClass::Numeric,
            EngineError::BadWeights(_) | EngineError::BadCheckpoint(_) | EngineError::BadData(_) => {
                FailureClass::BadData
            }
            EngineError::Stopped => FailureClass::Preempted,
            EngineError::OutOfMemory(_) => FailureClass::OutOfMemory,
            EngineError::Checkpoint(_) | EngineError::Images(_) => FailureClass::Storage,
            EngineError::Torch(_) => FailureClass::Application,
        };
        Failure::new(class, error.to_string())
    }
}
