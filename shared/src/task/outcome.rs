//! What comes out of a task.

use super::{Embedded, Task};
use crate::dataset::ObjectRef;
use crate::profile::{AccessProfile, ExecuteProfile, FormatAccess, Timing};
use serde::{Deserialize, Serialize};

/// What a task gives back. Facts and keys only: bytes stay in the base.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// Of [`Task::Columns`].
    Columns {
        /// Objects that now hold the columns.
        objects: u32,
        /// Their bytes.
        bytes: u64,
    },
    /// Of [`Task::ProfileAccess`], a row for each format asked for, in that order.
    ProfileAccess {
        /// The rows.
        rows: Vec<FormatAccess>,
    },
    /// Of [`Task::ProfileExecute`].
    ProfileExecute(ExecuteProfile),
    /// Of [`Task::ProfileJpeg`].
    ProfileJpeg {
        /// What it costs.
        access: AccessProfile,
    },
    /// Of [`Task::ProfileTraining`].
    ProfileTraining {
        /// A row for each batch that memory sufficed for, from the first.
        rows: Vec<BatchTiming>,
    },
    /// Of [`Task::Proxies`].
    Proxies(Proxies),
    /// Of [`Task::Supernet`].
    Supernet(Supernet),
    /// Of [`Task::Train`].
    Train(Trained),
    /// Of [`Task::Embed`].
    Embed(Embedded),
}

/// Steps of a training at one batch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchTiming {
    /// Images of a batch.
    pub batch: u32,
    /// Time of a step, per image.
    pub step: Timing,
}

/// How an untrained net looks; of each, more is better. The engine says what they are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxies {
    /// Natural logarithm of the synaptic flow: sum of weight times the gradient of the output by it, all made positive.
    pub synflow: f64,
    /// Norm of the loss's gradient.
    pub grad_norm: f64,
    /// How differently the net reacts to different images: the score of the correlations of its Jacobian.
    pub jacobian_covariance: f64,
    /// How differently different images light up the net: log-determinant of the kernel of its binary codes.
    pub naswot: f64,
}

/// Nets that were trained at once with shared weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Supernet {
    /// For each net, in the order of the task, the share of validation images that it classifies rightly with its share of the
    /// weights, 0 to 1.
    pub accuracies: Vec<f64>,
    /// One point per epoch, of the net that holds them all.
    pub curve: Vec<EpochPoint>,
    /// Bytes of columns or pixels it asked the base for (cached reads count 0).
    pub bytes_read: u64,
    /// Wall time of the attempt that finished, seconds.
    pub seconds: f64,
    /// Images per step, where memory did not suffice for as many as the task says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_halved_to: Option<u32>,
}

/// A finished training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trained {
    /// The weights, safetensors.
    pub weights: ObjectRef,
    /// Mean training loss of the last epoch.
    pub loss: f64,
    /// Share of validation images classified rightly, 0 to 1.
    pub accuracy: f64,
    /// The same on test images, where the task names some.
    pub test_accuracy: Option<f64>,
    /// One point per epoch.
    pub curve: Vec<EpochPoint>,
    /// Bytes of columns or pixels the training asked the base for (cached reads count 0).
    pub bytes_read: u64,
    /// Wall time of the attempt that finished, seconds.
    pub seconds: f64,
    /// Images per step, where memory did not suffice for as many as the task says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_halved_to: Option<u32>,
    /// Of a leg: weights and optimiser's state at its end, from which another training can go on. Its curve has the leg's
    /// epochs only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ObjectRef>,
}

/// One epoch of a training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochPoint {
    /// From 1.
    pub epoch: u32,
    /// Mean training loss.
    pub loss: f64,
    /// Validation accuracy, 0 to 1.
    pub accuracy: f64,
}

impl Proxies {
    /// Every number, in the order of the fields.
    pub fn all(&self) -> [f64; 4] {
        [
            self.synflow,
            self.grad_norm,
            self.jacobian_covariance,
            self.naswot,
        ]
    }
}

impl Task {
    /// Whether this outcome is of this kind and answers exactly what was asked, with numbers that can be.
    pub fn accepts(&self, outcome: &Outcome) -> bool {
        let sane = |access: &AccessProfile| {
            [access.batch, access.single].iter().all(|access| {
                let timings = [access.read, access.decode, access.transfer];
                timings.iter().all(|timing| timing.is_sane())
                    && access.bytes.is_finite()
                    && access.bytes >= 0.0
            })
        };
        let share = |value: f64| (0.0..=1.0).contains(&value);
        match (self, outcome) {
            (Task::Columns { .. }, Outcome::Columns { .. }) => true,
            (Task::ProfileAccess { formats, .. }, Outcome::ProfileAccess { rows }) => {
                rows.len() == formats.len()
                    && rows
                        .iter()
                        .zip(formats)
                        .all(|(row, format)| row.format == *format && sane(&row.access))
            }
            (Task::ProfileExecute { shape, .. }, Outcome::ProfileExecute(profile)) => {
                profile.shape == *shape && profile.batch.is_sane() && profile.single.is_sane()
            }
            (Task::ProfileJpeg { .. }, Outcome::ProfileJpeg { access }) => sane(access),
            (Task::ProfileTraining { batches, .. }, Outcome::ProfileTraining { rows }) => {
                !rows.is_empty()
                    && rows.len() <= batches.len()
                    && rows
                        .iter()
                        .zip(batches)
                        .all(|(row, batch)| row.batch == *batch && row.step.is_sane())
            }
            (Task::Proxies { .. }, Outcome::Proxies(proxies)) => {
                proxies.all().into_iter().all(f64::is_finite) && proxies.grad_norm >= 0.0
            }
            (Task::Supernet { nets, hyper, .. }, Outcome::Supernet(found)) => {
                found.accuracies.len() == nets.len()
                    && found.accuracies.iter().copied().all(share)
                    && found.curve.len() == hyper.epochs as usize
                    && (1..).zip(&found.curve).all(|(epoch, point)| {
                        point.epoch == epoch && point.loss.is_finite() && share(point.accuracy)
                    })
                    && found.seconds.is_finite()
            }
            (
                Task::Train {
                    images, hyper, leg, ..
                },
                Outcome::Train(trained),
            ) => {
                // Only a training that is over is scored on test images.
                let is_over = leg.is_none_or(|leg| leg.until == hyper.epochs);
                share(trained.accuracy)
                    && trained.loss.is_finite()
                    && trained.state.is_some() == leg.is_some()
                    && leg
                        .is_none_or(|leg| trained.curve.last().is_some_and(|point| point.epoch == leg.until))
                    && trained.test_accuracy.is_some() == (images.test > 0 && is_over)
                    && trained.test_accuracy.is_none_or(share)
            }
            (
                Task::Embed {
                    formats, embedding, ..
                },
                Outcome::Embed(embedded),
            ) => embedded.answers(formats, embedding),
            _ => false,
        }
    }
}
