//! Made-up trainings: how long they take and what comes of them, by nothing but their points.

use super::MEDIAN;
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::made_up;
use imgcalc_shared::task::{EpochPoint, Leg, Outcome, Task};
use imgcalc_shared::training::Hyper;
use imgcalc_tests::dice::Dice;
use std::time::Duration;

/// Deviation of the logarithm of a trial's time for an epoch: two in three are within 1.65 times the median.
const SPREAD: f64 = 0.5;
/// The learning rate that is best, and how the score falls with the square of the distance from it, in decades.
const BEST: f64 = 0.1;
const FALL: f64 = 0.2;

/// How long a task takes: none where it is no stretch of a trial.
pub(super) fn takes(task: &Task) -> Option<(Leg, Duration)> {
    match task {
        Task::Train {
            hyper,
            leg: Some(leg),
            ..
        } => {
            let seed = Digest::of_value(hyper).short();
            let epoch = epoch_of(u64::from_str_radix(&seed[..8], 16).unwrap_or(0));
            Some((*leg, epoch * (leg.until - leg.after)))
        }
        _ => None,
    }
}

/// How long an epoch of a trial takes, log-normal.
pub(super) fn epoch_of(seed: u64) -> Duration {
    let mut dice = Dice::new(seed);
    // Box and Muller, "A Note on the Generation of Random Normal Deviates" (1958); 1 − share is never 0.
    let radius = (-2.0 * (1.0 - dice.share()).ln()).sqrt();
    let normal = radius * (std::f64::consts::TAU * dice.share()).cos();
    MEDIAN.mul_f64((SPREAD * normal).exp())
}

/// What comes of a task. All weights and states are one object, which is there.
pub(super) fn outcome(task: &Task, object: &ObjectRef) -> Outcome {
    let mut outcome = made_up::outcome(task);
    if let (Task::Train { hyper, leg, .. }, Outcome::Train(trained)) = (task, &mut outcome) {
        let leg = leg.unwrap_or(Leg {
            after: 0,
            until: hyper.epochs,
        });
        let point = |epoch| EpochPoint {
            epoch,
            loss: 1.0 / f64::from(epoch),
            accuracy: score(hyper, epoch),
        };
        trained.curve = (leg.after + 1..=leg.until).map(point).collect();
        trained.accuracy = score(hyper, leg.until);
        trained.weights = object.clone();
        trained.state = trained.state.take().map(|_| object.clone());
    }
    outcome
}

fn score(hyper: &Hyper, epoch: u32) -> f64 {
    let off = (hyper.learning_rate / BEST).log10();
    (0.9 - FALL * off * off).max(0.1) * (1.0 - (-f64::from(epoch) / 3.0).exp())
}
