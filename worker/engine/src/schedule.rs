//! The learning rate of each step.

use imgcalc_shared::training::{Hyper, Schedule};

/// The rate of step `step`, from 0, where an epoch has `steps`: a linear rise over the warm-up, then the schedule over what is
/// left.
pub(crate) fn rate(hyper: &Hyper, step: u64, steps: u64) -> f64 {
    let peak = hyper.learning_rate;
    let warmup = u64::from(hyper.warmup_epochs) * steps;
    if step < warmup {
        return peak * (step + 1) as f64 / warmup as f64;
    }
    let (step, all) = (step - warmup, u64::from(hyper.epochs) * steps - warmup);
    match hyper.schedule {
        Schedule::Constant => peak,
        Schedule::Cosine => 0.5 * peak * (1.0 + (std::f64::consts::PI * step as f64 / all as f64).cos()),
        Schedule::Step { every, factor } => {
            let times = step / steps / u64::from(every.max(1));
            peak * factor.powi(i32::try_from(times).unwrap_or(i32::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hyper(schedule: Schedule, warmup_epochs: u32) -> Hyper {
        Hyper {
            learning_rate: 0.4,
            epochs: 10,
            schedule,
            warmup_epochs,
            ..Hyper::default()
        }
    }

    #[test]
    fn the_cosine_falls_from_the_peak_over_half_of_it_to_nothing() {
        let cosine = |step| rate(&hyper(Schedule::Cosine, 0), step, 1);
        assert_eq!(cosine(0), 0.4);
        assert!((cosine(5) - 0.2).abs() < 1e-15);
        assert!(cosine(10).abs() < 1e-15);
        assert!((0..10).all(|step| cosine(step) > cosine(step + 1)));
    }

    #[test]
    fn a_warm_up_rises_to_the_peak_and_the_rest_follows_over_what_is_left() {
        let warm = |step| rate(&hyper(Schedule::Cosine, 2), step, 3);
        assert!((warm(0) - 0.4 / 6.0).abs() < 1e-15);
        assert!((0..5).all(|step| warm(step) < warm(step + 1)));
        assert!((warm(5) - 0.4).abs() < 1e-15 && warm(6) == 0.4);
        assert!((warm(6 + 12) - 0.2).abs() < 1e-15);
    }

    #[test]
    fn steps_multiply_at_the_ends_of_epochs() {
        let schedule = Schedule::Step {
            every: 2,
            factor: 0.5,
        };
        let stepped: Vec<f64> = (0..10).map(|step| rate(&hyper(schedule, 0), step, 2)).collect();
        assert_eq!(stepped[..4], [0.4; 4]);
        assert_eq!(stepped[4..8], [0.2; 4]);
        assert_eq!(stepped[8..], [0.1; 2]);
        assert_eq!(rate(&hyper(Schedule::Constant, 0), 19, 2), 0.4);
    }
}
