//! Measures the steps of a training at several batches.

use super::{Observer, definition};
use crate::data::Base;
use crate::failure::Failure;
use imgcalc_engine::EngineError;
use imgcalc_shared::profile::Timing;
use imgcalc_shared::task::{BatchTiming, FailureClass, Outcome, Task};
use std::time::Duration;

const WARM_UP: usize = 2;
const REPEATS_MAX: usize = 20;
/// Time for one batch.
const BUDGET: Duration = Duration::from_millis(1500);

/// Of [`Task::ProfileTraining`]: from the smallest batch up, until memory does not suffice.
pub(super) fn run(base: &Base, task: &Task, observer: &dyn Observer) -> Result<Outcome, Failure> {
    let Task::ProfileTraining {
        net,
        shape,
        classes,
        precision,
        batches,
        threads,
        hardware: _,
    } = task
    else {
        return Err(Failure::application(format!("{task} measures no training")));
    };
    let classes = u16::try_from(*classes)
        .map_err(|_| Failure::application(format!("{classes} classes are more than 65535")))?;
    imgcalc_engine::set_threads((*threads).into());
    let net = definition::of(base, net)?;
    let mut rows = Vec::new();
    for &batch in batches {
        if observer.should_stop() {
            return Err(Failure::new(FailureClass::Preempted, "stopped on request"));
        }
        let repeats = (WARM_UP, REPEATS_MAX);
        let times = imgcalc_engine::step_times(&net, *shape, classes, *precision, batch, repeats, BUDGET);
        let times = match times {
            // Larger ones need more.
            Err(EngineError::OutOfMemory(reason)) if !rows.is_empty() => {
                tracing::info!(batch, "is too much: {reason}");
                break;
            }
            times => times?,
        };
        let micros = times.iter().map(|time| time.as_secs_f64() * 1e6);
        rows.push(BatchTiming {
            batch,
            step: Timing::of(micros.collect(), batch),
        });
    }
    Ok(Outcome::ProfileTraining { rows })
}
