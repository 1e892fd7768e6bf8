//! Trainings by the worker's own stage, from the base to committed weights.

use imgcalc_shared::dataset::Splits;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::task::{Input, Start, Task};
use imgcalc_shared::training::{Hyper, Net};
use imgcalc_worker::data::Base;
use imgcalc_worker::stages::{self, Attempt, Cadence, Context, Observer, Progress};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// Validation images: few, for their pass is not measured.
pub const VALIDATION_IMAGES: u32 = 64;

/// What is trained.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Training {
    /// The dataset in the base.
    pub dataset: Digest,
    /// The first so many training images of it.
    pub images: u32,
    /// What the net sees.
    pub input: Input,
    /// The net.
    pub net: Net,
    /// Passes over the images.
    pub epochs: u32,
    /// Images a step.
    pub batch: u32,
    /// Another seed is another training: one that is done would be found done.
    pub seed: u64,
    /// Threads of an operation.
    pub threads: u16,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Trained {
    /// Training images a second, validation not counted.
    pub images_per_second: f64,
    /// Bytes read from the base.
    pub bytes_read: u64,
    /// From the task to the first step: reading, decoding, the net.
    pub seconds_before: f64,
    /// From the task to its outcome.
    pub seconds: f64,
}

impl Training {
    /// Its hyper-parameters, which the peers get too.
    pub fn hyper(&self) -> Hyper {
        Hyper {
            learning_rate: 0.01,
            momentum: 0.9,
            weight_decay: 5e-4,
            batch_size: self.batch,
            epochs: self.epochs,
            seed: self.seed,
            ..Hyper::default()
        }
    }

    /// Runs it.
    pub fn run(&self, context: &mut Context) -> anyhow::Result<Trained> {
        let task = Task::Train {
            dataset: self.dataset,
            images: Splits {
                train: self.images,
                validation: VALIDATION_IMAGES,
                test: 0,
            },
            input: self.input,
            net: self.net.clone(),
            hyper: self.hyper(),
            start: Start::Scratch,
            threads: self.threads,
            leg: None,
        };
        let attempt = Attempt {
            token: 1,
            weights: None,
        };
        let begin = Instant::now();
        let mut watch = Watch {
            images_per_second: f64::NAN,
            first_step: Cell::new(None),
        };
        let before = context.base().bytes_read();
        stages::run(&task, attempt, context, &mut watch)?;
        let seconds = begin.elapsed().as_secs_f64();
        let first_step = watch.first_step.get();
        Ok(Trained {
            images_per_second: watch.images_per_second,
            bytes_read: context.base().bytes_read() - before,
            seconds_before: first_step.map_or(f64::NAN, |at| (at - begin).as_secs_f64()),
            seconds,
        })
    }
}

/// As a runner has it, with a cadence of checkpoints that no measurement reaches.
pub fn context(url: &str, threads: u16) -> anyhow::Result<Context> {
    let never = Duration::from_secs(86_400);
    let cadence = Cadence {
        min: never,
        max: never,
    };
    Ok(Context::new(Base::open(url)?, threads, cadence))
}

struct Watch {
    images_per_second: f64,
    first_step: Cell<Option<Instant>>,
}

impl Observer for Watch {
    fn progress(&mut self, progress: &Progress) {
        self.images_per_second = progress.images_per_second;
    }

    fn should_stop(&self) -> bool {
        // Asked before every step.
        if self.first_step.get().is_none() {
            self.first_step.set(Some(Instant::now()));
        }
        false
    }
}
