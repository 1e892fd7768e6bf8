//! Looks at an untrained net on a batch of the images it would be trained on.

use super::{Context, Observer, definition};
use crate::data::dataset;
use crate::failure::Failure;
use imgcalc_shared::task::{FailureClass, Outcome, Proxies, Task};

/// Of [`Task::Proxies`].
pub(super) fn run(task: &Task, context: &mut Context, observer: &dyn Observer) -> Result<Outcome, Failure> {
    let Task::Proxies {
        dataset,
        images,
        input,
        net,
        batch,
        seed,
        threads,
    } = task
    else {
        return Err(Failure::application(format!("{task} looks at no net")));
    };
    // The task says how many: with another number the sums would differ.
    imgcalc_engine::set_threads((*threads).into());
    let manifest = dataset::load_manifest(&context.base, dataset)?;
    let window_bytes = context.window_bytes;
    // As trainings have them: what the device holds of one serves the other.
    let (mut feeds, read) = context
        .images
        .feeds(&context.base, &manifest, *images, *input, window_bytes)?;
    if observer.should_stop() {
        return Err(Failure::new(FailureClass::Preempted, "stopped on request"));
    }
    let net = definition::of(&context.base, net)?;
    let found = imgcalc_engine::proxies(&net, &mut feeds, *batch, *seed)
        .map_err(|error| read.failure().unwrap_or_else(|| error.into()))?;
    Ok(Outcome::Proxies(Proxies {
        synflow: found.synflow,
        grad_norm: found.grad_norm,
        jacobian_covariance: found.jacobian_covariance,
        naswot: found.naswot,
    }))
}
