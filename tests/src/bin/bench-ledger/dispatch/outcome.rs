//! Made-up results: they depend on nothing but the task.

use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::profile::{Access, AccessProfile, ExecuteProfile, FormatAccess, Timing};
use imgcalc_shared::task::{EpochPoint, Outcome, Task, Trained};

/// What a worker might say of a task.
pub fn of(task: &Task, weights: &ObjectRef) -> Outcome {
    let id = task.id().to_string();
    let share =
        u32::from_str_radix(&id[..8], 16).map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX));
    let timing = Timing {
        median_us: 1.0 + share,
        p95_us: 2.0 + share,
        repeats: 16,
    };
    let access = Access {
        read: timing,
        decode: timing,
        transfer: timing,
        bytes: 100.0 + share,
    };
    let access = AccessProfile {
        batch: access,
        single: access,
    };
    match task {
        Task::Columns { .. } => Outcome::Columns {
            objects: 8,
            bytes: 1 << 30,
        },
        Task::ProfileAccess { formats, .. } => Outcome::ProfileAccess {
            rows: formats
                .iter()
                .map(|&format| FormatAccess { format, access })
                .collect(),
        },
        Task::ProfileExecute { shape, .. } => Outcome::ProfileExecute(ExecuteProfile {
            shape: *shape,
            batch: timing,
            single: timing,
            parameters: 1 << 20,
        }),
        Task::ProfileJpeg { .. } => Outcome::ProfileJpeg { access },
        Task::Train { hyper, .. } => Outcome::Train(Trained {
            weights: weights.clone(),
            loss: 1.0 + share,
            accuracy: 0.5 + 0.4 * share,
            test_accuracy: None,
            curve: (1..=hyper.epochs)
                .map(|epoch| EpochPoint {
                    epoch,
                    loss: 1.0 + share / f64::from(epoch),
                    accuracy: 0.5 + 0.4 * share,
                })
                .collect(),
            bytes_read: 1 << 30,
            seconds: 100.0 + share,
        }),
    }
}
