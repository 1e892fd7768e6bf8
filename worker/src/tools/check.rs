//! Reads objects of a dataset as a whole and holds them against what is recorded of them.

use super::in_order::{Reach, in_order};
use super::interrupt;
use super::progress::Progress;
use crate::data::columns::{self, Stored};
use crate::data::{Base, dataset, files};
use crate::failure::Failure;
use imgcalc_shared::column::{ColumnError, Header};
use imgcalc_shared::dataset::{Manifest, ObjectRef};
use imgcalc_shared::task::FailureClass;

/// Objects that are in memory at a time.
const AT_ONCE_MAX: usize = 4;
/// Damaged chunks of one object that are named.
const FAULTS_SHOWN_MAX: usize = 20;

/// One object to check.
pub(super) enum Object<'a> {
    /// The pixels of a row group.
    Pixels(u32, &'a ObjectRef),
    Labels(&'a ObjectRef),
    /// The JPEG files of the baseline.
    Files(&'a ObjectRef),
    /// Columns of a row group, and what they must say about themselves.
    Columns {
        key: &'a str,
        bytes: u64,
        header: Header,
    },
}

/// What a check found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) objects: u64,
    pub(super) bytes: u64,
    /// A sentence for each damaged or missing object that names it.
    pub(super) damaged: Vec<String>,
}

/// The objects a manifest names.
pub(super) fn named(manifest: &Manifest) -> Vec<Object<'_>> {
    let pixels = (0u32..)
        .zip(&manifest.images)
        .map(|(group, object)| Object::Pixels(group, object));
    let files = manifest.jpeg_files.iter().map(Object::Files);
    pixels
        .chain([Object::Labels(&manifest.labels)])
        .chain(files)
        .collect()
}

/// The objects of columns.
pub(super) fn of_columns<'a>(manifest: &Manifest, stored: &'a [Stored]) -> Vec<Object<'a>> {
    let objects = stored.iter().flat_map(|stored| {
        stored.groups.iter().map(|group| Object::Columns {
            key: &group.key,
            bytes: group.bytes,
            header: stored.header(manifest, group),
        })
    });
    objects.collect()
}

/// Checks all of them. An error is one that says nothing about the objects: the base cannot be read.
pub(super) fn objects(base: &Base, manifest: &Manifest, objects: &[Object<'_>]) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut progress = Progress::new("checking", "objects", objects.len() as u64);
    let reach = Reach {
        threads: rayon::current_num_threads().min(AT_ONCE_MAX),
        ahead_max: AT_ONCE_MAX,
        wanted: usize::MAX,
    };
    let check = |number: usize| objects[number].check(base, manifest);
    let all = in_order(objects.len(), reach, check, |number, result| {
        interrupt::check()?;
        let bytes = objects[number].bytes();
        found.objects += 1;
        found.bytes += bytes;
        progress.add(1, bytes);
        match result {
            Ok(()) => {}
            Err(failure) if failure.class == FailureClass::BadData => found.damaged.push(failure.message),
            Err(failure) => return Err(anyhow::Error::from(failure)),
        }
        Ok(usize::MAX)
    });
    progress.finish();
    all.map(|()| found)
}

impl Object<'_> {
    fn bytes(&self) -> u64 {
        match self {
            Object::Pixels(_, object) | Object::Labels(object) | Object::Files(object) => object.bytes,
            Object::Columns { bytes, .. } => *bytes,
        }
    }

    fn check(&self, base: &Base, manifest: &Manifest) -> Result<(), Failure> {
        match self {
            Object::Pixels(group, _) => {
                dataset::load_group(base, manifest, *group, &manifest.row_group_images(*group))?;
            }
            Object::Labels(_) => {
                dataset::load_labels(base, manifest)?;
            }
            Object::Files(object) => {
                let name = format!("{} in {}", object.key, base.url());
                files::read(&name, &base.get_verified(object)?)?;
            }
            Object::Columns { key, header, .. } => {
                let damaged = |why: &dyn std::fmt::Display| {
                    Failure::bad_data(format!("the columns {key} in {} are damaged: {why}", base.url()))
                };
                let object = base.get(key)?;
                let footer =
                    columns::footer(object.len() as u64, &object).map_err(|error| damaged(&error))?;
                if footer.header() != header {
                    return Err(damaged(
                        &"they are not those of this dataset, format and row group",
                    ));
                }
                let faults = footer.faults(&object);
                if !faults.is_empty() {
                    return Err(damaged(&listed(&faults)));
                }
            }
        }
        Ok(())
    }
}

/// All faults in one sentence, or the first and how many more.
fn listed(faults: &[ColumnError]) -> String {
    let shown: Vec<String> = faults
        .iter()
        .take(FAULTS_SHOWN_MAX)
        .map(ColumnError::to_string)
        .collect();
    let more = match faults.len() - shown.len() {
        0 => String::new(),
        more => format!("; and {more} more chunks"),
    };
    shown.join("; ") + &more
}
