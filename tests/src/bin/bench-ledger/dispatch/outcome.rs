//! What simulated workers say of a task.

use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::made_up;
use imgcalc_shared::task::{EpochPoint, Outcome, Task};

/// A made-up outcome as long as a real one: with weights that are there, and a point for every epoch.
pub fn of(task: &Task, weights: &ObjectRef) -> Outcome {
    let mut outcome = made_up::outcome(task);
    if let (Task::Train { hyper, .. }, Outcome::Train(trained)) = (task, &mut outcome) {
        trained.weights = weights.clone();
        trained.curve = (1..=hyper.epochs)
            .map(|epoch| EpochPoint {
                epoch,
                loss: 1.0 + trained.accuracy / f64::from(epoch),
                accuracy: trained.accuracy,
            })
            .collect();
    }
    outcome
}
