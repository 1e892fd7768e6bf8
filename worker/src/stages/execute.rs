//! Measures how long a net takes over inputs of one shape.

use super::Observer;
use crate::failure::Failure;
use imgcalc_engine::Definition;
use imgcalc_shared::profile::{ExecuteProfile, Timing};
use imgcalc_shared::task::{FailureClass, Outcome};
use imgcalc_shared::training::InputShape;
use std::time::Duration;

const WARM_UP: usize = 3;
/// Fewer say nothing about a 95th percentile.
const REPEATS_MIN: usize = 15;
const REPEATS_MAX: usize = 400;
/// Time for one measurement, where that suffices for the fewest repeats.
const BUDGET: Duration = Duration::from_millis(250);
/// Time for the fewest repeats.
const BUDGET_MAX: Duration = Duration::from_secs(120);
/// A p95 above so many medians means that something else ran meanwhile: measure again.
const UNSTEADY: f64 = 3.0;
const MEASUREMENTS_MAX: usize = 3;

/// Of [`imgcalc_shared::task::Task::ProfileExecute`].
pub(super) fn run(
    net: &Definition,
    shape: InputShape,
    classes: u32,
    batch: u32,
    threads: u16,
    observer: &dyn Observer,
) -> Result<Outcome, Failure> {
    let classes = u16::try_from(classes)
        .map_err(|_| Failure::application(format!("{classes} classes are more than 65535")))?;
    imgcalc_engine::set_threads(threads.into());
    let measure = |images: u32| {
        steadiest(|| {
            if observer.should_stop() {
                return Err(Failure::new(FailureClass::Preempted, "stopped on request"));
            }
            let times = |repeats, budget| {
                imgcalc_engine::execute_times(net, shape, classes, images, WARM_UP, repeats, budget)
            };
            let mut durations = times(REPEATS_MAX, BUDGET)?;
            if durations.len() < REPEATS_MIN {
                durations = times(REPEATS_MIN, BUDGET_MAX)?;
            }
            let micros = durations.iter().map(|duration| duration.as_secs_f64() * 1e6);
            Ok(Timing::of(micros.collect(), images))
        })
    };
    Ok(Outcome::ProfileExecute(ExecuteProfile {
        shape,
        batch: measure(batch)?,
        single: measure(1)?,
        parameters: imgcalc_engine::parameters(net, &shape, classes)?,
    }))
}

/// The first steady measurement, or the steadiest of a few.
fn steadiest(mut measure: impl FnMut() -> Result<Timing, Failure>) -> Result<Timing, Failure> {
    let spread = |timing: &Timing| timing.p95_us / timing.median_us.max(f64::MIN_POSITIVE);
    let mut best = measure()?;
    for _ in 1..MEASUREMENTS_MAX {
        if spread(&best) <= UNSTEADY {
            break;
        }
        let next = measure()?;
        if spread(&next) < spread(&best) {
            best = next;
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(p95_us: f64) -> Timing {
        Timing {
            median_us: 1.0,
            p95_us,
            repeats: 15,
        }
    }

    fn chosen(spreads: &[f64]) -> (f64, usize) {
        let mut taken = 0;
        let best = steadiest(|| {
            taken += 1;
            Ok(timing(spreads[taken - 1]))
        });
        (best.unwrap().p95_us, taken)
    }

    #[test]
    fn an_unsteady_measurement_is_repeated_and_the_steadiest_kept() {
        assert_eq!(chosen(&[2.9]), (2.9, 1));
        assert_eq!(chosen(&[9.0, 1.5]), (1.5, 2));
        assert_eq!(chosen(&[9.0, 4.0, 5.0]), (4.0, 3));
    }
}
