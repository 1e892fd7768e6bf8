//! Made-up outcomes, for tests and benchmarks that do no work (feature `made-up`): each depends on nothing but its task.

use crate::dataset::ObjectRef;
use crate::format::Format;
use crate::profile::{Access, AccessProfile, ExecuteProfile, FormatAccess, Timing};
use crate::task::{
    BatchTiming, Embedded, EpochPoint, FormatVector, Outcome, Proxies, Supernet, Task, Trained,
};

/// An outcome that the task accepts.
///
/// # Panics
/// Never: the name of a task is hexadecimal.
pub fn outcome(task: &Task) -> Outcome {
    let number = u32::from_str_radix(&task.id().to_string()[..8], 16).expect("a task's name is hexadecimal");
    let share = f64::from(number) / f64::from(u32::MAX);
    let timing = Timing {
        median_us: 1.0 + share,
        p95_us: 2.0 + share,
        repeats: 1,
    };
    let access = Access {
        read: timing,
        decode: timing,
        transfer: timing,
        bytes: 10.0 + share,
    };
    let access = AccessProfile {
        batch: access,
        single: access,
    };
    match task {
        Task::Columns { .. } => Outcome::Columns { objects: 1, bytes: 1 },
        Task::ProfileAccess { formats, .. } => {
            let rows = formats.iter().map(|&format| FormatAccess { format, access });
            Outcome::ProfileAccess { rows: rows.collect() }
        }
        Task::ProfileExecute { shape, .. } => Outcome::ProfileExecute(ExecuteProfile {
            shape: *shape,
            batch: timing,
            single: timing,
            parameters: 1,
        }),
        Task::ProfileJpeg { .. } => Outcome::ProfileJpeg { access },
        Task::ProfileTraining { batches, .. } => {
            let rows = batches.iter().map(|&batch| BatchTiming { batch, step: timing });
            Outcome::ProfileTraining { rows: rows.collect() }
        }
        Task::Proxies { .. } => Outcome::Proxies(Proxies {
            synflow: 10.0 + share,
            grad_norm: 1.0 + share,
            jacobian_covariance: share - 10.0,
            naswot: 100.0 + share,
        }),
        Task::Supernet { nets, hyper, .. } => {
            // Apart from each other, and otherwise with every task.
            let accuracy = |at: usize| (share + 0.618 * at as f64).fract();
            let point = |epoch: u32| EpochPoint {
                epoch,
                loss: 1.0,
                accuracy: 0.5,
            };
            Outcome::Supernet(Supernet {
                accuracies: (0..nets.len()).map(accuracy).collect(),
                curve: (1..=hyper.epochs).map(point).collect(),
                bytes_read: 1,
                seconds: 1.0,
                batch_halved_to: None,
            })
        }
        Task::Train { hyper, leg, .. } => Outcome::Train(Trained {
            weights: object(task),
            loss: 1.0,
            accuracy: 0.5 + 0.4 * share,
            test_accuracy: None,
            curve: vec![EpochPoint {
                epoch: leg.map_or(hyper.epochs, |leg| leg.until),
                loss: 1.0,
                accuracy: 0.5 + 0.4 * share,
            }],
            bytes_read: 1,
            seconds: 1.0,
            batch_halved_to: None,
            state: leg.map(|_| object(task)),
        }),
        Task::Embed {
            formats, embedding, ..
        } => {
            // Formats of like features have like vectors.
            let row = |&format: &Format| {
                let mut vector: Vec<f64> = format.features().to_vec();
                vector.push(1.0 + share);
                vector.resize(embedding.dimensions.into(), 0.0);
                FormatVector::new(format, &vector)
            };
            Outcome::Embed(Embedded {
                rows: formats.iter().map(row).collect(),
                curve: Vec::new(),
                images: 1,
                bytes_read: 1,
                seconds: 1.0,
            })
        }
    }
}

fn object(task: &Task) -> ObjectRef {
    ObjectRef {
        key: task.id().to_string(),
        bytes: 1,
        digest: task.id().0,
    }
}
