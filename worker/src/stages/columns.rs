//! Makes columns of a family.

use super::Observer;
use crate::data::{Base, columns, dataset};
use crate::failure::Failure;
use imgcalc_shared::task::{Outcome, Task};

/// Does a [`Task::Columns`].
pub fn run(base: &Base, task: &Task, observer: &mut dyn Observer) -> Result<Outcome, Failure> {
    let Task::Columns {
        dataset,
        formats,
        images,
    } = task
    else {
        return Err(Failure::application(format!("{task} makes no columns")));
    };
    let manifest = dataset::load_manifest(base, dataset)?;
    let (objects, bytes) = columns::make(base, &manifest, formats, *images, || observer.should_stop())?;
    Ok(Outcome::Columns { objects, bytes })
}
