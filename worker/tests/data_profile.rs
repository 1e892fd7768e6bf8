//! Access profiles: what is measured is plausible, and nothing of it stays behind.

mod data_support;

use data_support::*;
use imgcalc_shared::dataset::Manifest;
use imgcalc_shared::format::Format;
use imgcalc_shared::task::{FailureClass, Jpeg, Outcome, Task};
use imgcalc_worker::data::Base;
use imgcalc_worker::stages::{Observer, Progress, access, jpeg};

/// Stops a stage or lets it go on.
struct Watch {
    stop: bool,
}

impl Observer for Watch {
    fn progress(&mut self, _: &Progress) {}

    fn should_stop(&self) -> bool {
        self.stop
    }
}

fn dataset() -> (tempfile::TempDir, Base, Manifest) {
    let folder = tempfile::tempdir().unwrap();
    good_folder(&folder.path().join("in"), 40);
    let base = Base::open(&format!("file://{}/base", folder.path().display())).unwrap();
    let manifest = import(&base, &folder.path().join("in"), "--size 32").unwrap();
    (folder, base, manifest)
}

fn formats(texts: &[&str]) -> Vec<Format> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn task(manifest: &Manifest, texts: &[&str]) -> Task {
    Task::ProfileAccess {
        dataset: manifest.digest,
        formats: formats(texts),
        batch: 16,
        hardware: "any".into(),
    }
}

#[test]
fn every_format_is_measured_in_batches_and_singly_and_nothing_stays() {
    let (_folder, base, manifest) = dataset();
    let task = task(&manifest, &["1x1-b8-k8-q20", "1x1-b8-k1-q100", "1x1-b8-k15-q1"]);
    let outcome = access::run(&base, &task, 1, &mut Watch { stop: false }).unwrap();
    assert!(task.accepts(&outcome), "{outcome:?}");
    let Outcome::ProfileAccess { rows } = outcome else {
        panic!("{outcome:?}");
    };
    let bytes = |row: usize| (rows[row].access.batch.bytes, rows[row].access.single.bytes);
    assert!(
        bytes(1) < bytes(0) && bytes(0) < bytes(2),
        "a coarser format is smaller"
    );
    for row in &rows {
        for access in [row.access.batch, row.access.single] {
            for timing in [access.read, access.decode, access.transfer] {
                assert!(timing.median_us > 0.0 && timing.repeats >= 15, "{row:?}");
            }
        }
    }
    assert_eq!(base.list("scratch").unwrap(), []);
}

#[test]
fn jpeg_files_of_source_and_of_any_quality_are_measured() {
    let (_folder, base, manifest) = dataset();
    for jpeg in [Jpeg::Source, Jpeg::Quality(75), Jpeg::Quality(96)] {
        let task = Task::ProfileJpeg {
            dataset: manifest.digest,
            jpeg,
            batch: 16,
            hardware: "any".into(),
        };
        let outcome = jpeg::run(&base, &task, 1, &mut Watch { stop: false }).unwrap();
        assert!(task.accepts(&outcome), "{outcome:?}");
    }
    assert_eq!(base.list("scratch").unwrap(), []);
}

#[test]
fn a_profile_stops_when_asked_and_leaves_nothing() {
    let (_folder, base, manifest) = dataset();
    let failure = access::run(
        &base,
        &task(&manifest, &["1x1-b8-k8-q20"]),
        1,
        &mut Watch { stop: true },
    )
    .unwrap_err();
    assert_eq!(failure.class, FailureClass::Preempted);
    assert_eq!(base.list("scratch").unwrap(), []);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let (_folder, base, manifest) = dataset();
    let refusal = |texts: &[&str]| {
        access::run(&base, &task(&manifest, texts), 1, &mut Watch { stop: false })
            .unwrap_err()
            .message
    };
    assert!(refusal(&["1x1-b8-k8-q20", "1x1-b16-k8-q20"]).contains("not of one family"));
    assert!(refusal(&["1x1-b64-k8-q20"]).contains("does not fit"));
}
