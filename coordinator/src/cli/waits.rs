//! Why a build that could go on does not: whom its ready tasks wait for.

use crate::plan::{Plan, Standing};
use crate::view::{BuildView, WorkerView};
use std::collections::BTreeSet;

/// What to tell the user, if no worker there is may take a task that could be done.
pub(super) fn waits_for(view: &BuildView, plan: &Plan, workers: &[WorkerView]) -> Option<String> {
    let mut ready = plan
        .tasks
        .iter()
        .filter(|planned| planned.standing == Standing::Ready)
        .peekable();
    if !view.running.is_empty() || ready.peek().is_none() {
        return None;
    }
    let staying: Vec<&WorkerView> = workers.iter().filter(|worker| !worker.draining).collect();
    if staying.is_empty() {
        return Some("a worker: none is there; start `imgcalc-worker --coordinators …`".into());
    }
    let classes: BTreeSet<&str> = staying.iter().map(|worker| worker.hardware.as_str()).collect();
    let mut wanted: BTreeSet<&str> = BTreeSet::new();
    for planned in ready {
        // One that any worker may do is no reason to worry.
        wanted.insert(planned.task.hardware()?);
    }
    if wanted.iter().any(|class| classes.contains(class)) {
        return None;
    }
    let list = |classes: BTreeSet<&str>| classes.into_iter().collect::<Vec<_>>().join(", ");
    Some(format!(
        "a worker of hardware class {}: the workers there are of {}; start one of that class, or submit with \
         `--hardware` or a recorded profile",
        list(wanted),
        list(classes)
    ))
}
