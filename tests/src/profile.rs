//! Profiles with made-up times. Which formats are trained depends on the times of all, and those on the machine; with
//! these, every machine trains the same.

use crate::programs::PATIENCE;
use crate::sandbox::Sandbox;
use crate::spec::Spec;
use imgcalc_shared::envelope;
use imgcalc_shared::format::{Format, Size};
use imgcalc_shared::net;
use imgcalc_shared::profile::{Access, AccessProfile, Timing};
use imgcalc_shared::task::{Outcome, Task};
use imgcalc_shared::training::Net;
use serde::{Deserialize, Serialize};

/// What `imgcalc profile export` writes.
const PROFILE: (&str, u32) = ("imgcalc-profile", 1);

/// All datasets of these tests have images of this size.
const IMAGE: Size = Size {
    height: 32,
    width: 32,
};

/// µs for every value of an image that is read, decoded, moved or looked at by the net.
const VALUE_US: f64 = 0.01;

/// µs for each part of the JPEG baseline, slower than any format.
const JPEG_US: f64 = 100.0;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    task: Task,
    outcome: Outcome,
}

/// Writes a profile for builds of this spec, and of any other with the same space, net and batch on the same images.
/// The more values a format keeps, the longer it takes, from below 1 µs up to 30 µs. Of the tiny spec's four buckets
/// the fastest holds mostly 4x4, the slowest only 1x1.
///
/// # Panics
/// If the spec cannot be profiled.
pub fn made_up(sandbox: &Sandbox, spec: &Spec, out: &str) {
    let (data_dir, file) = (format!("{out}.data"), format!("{out}.toml"));
    // Nothing is that fast: the build ends when all is profiled.
    let only_profiled = spec.clone().with("answer.times_us", vec![0.001]);
    let file = sandbox.spec(&file, &only_profiled);
    let refusal = sandbox.build(&data_dir, &file, &[]).finish(PATIENCE).refused();
    assert!(refusal.contains("answer.times_us"), "{refusal}");
    sandbox.ask(&data_dir, &["profile", "export", "--out", out]).ok();

    rewrite(sandbox, out, out, |record| invent(&mut record.outcome));
}

/// Writes to `out` what a made-up profile says, as if it were of builds of another net.
///
/// # Panics
/// If the net cannot be counted.
pub fn for_net(sandbox: &Sandbox, profile: &str, other: &Net, out: &str) {
    rewrite(sandbox, profile, out, |record| {
        let Record { task, outcome } = record;
        if let (Task::ProfileExecute { net, classes, .. }, Outcome::ProfileExecute(profile)) = (task, outcome)
        {
            let classes = u16::try_from(*classes).expect("a dataset of tests has few classes");
            let parameters = net::parameters(other, profile.shape.channels, classes);
            (*net, profile.parameters) = (other.clone(), parameters.expect("the net can be"));
        }
    });
}

fn rewrite(sandbox: &Sandbox, from: &str, to: &str, change: impl FnMut(&mut Record)) {
    let bytes = std::fs::read(sandbox.path(from)).expect("a profile");
    let mut records: Vec<Record> =
        envelope::open(PROFILE.0, PROFILE.1, &bytes).expect("an exported profile can be read");
    records.iter_mut().for_each(change);
    let bytes = envelope::seal(PROFILE.0, PROFILE.1, &records);
    std::fs::write(sandbox.path(to), bytes).expect("a profile can be written");
}

/// Replaces every time by one that depends on nothing but what was measured.
fn invent(outcome: &mut Outcome) {
    match outcome {
        Outcome::ProfileAccess { rows } => {
            for row in rows {
                set(&mut row.access, times(row.format));
            }
        }
        Outcome::ProfileExecute(profile) => {
            let time = timing(profile.shape.values() as f64 * VALUE_US);
            (profile.batch, profile.single) = (time, time);
        }
        Outcome::ProfileJpeg { access } => set(access, timing(JPEG_US)),
        other => panic!("that is no profile: {other:?}"),
    }
}

fn times(format: Format) -> Timing {
    timing(format.values(IMAGE) as f64 * VALUE_US)
}

fn timing(median_us: f64) -> Timing {
    Timing {
        median_us,
        p95_us: 1.25 * median_us,
        repeats: 31,
    }
}

fn set(access: &mut AccessProfile, time: Timing) {
    let all = |access: &mut Access| (access.read, access.decode, access.transfer) = (time, time, time);
    all(&mut access.batch);
    all(&mut access.single);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_keeps_more_takes_longer() {
        let of = |name: &str| times(name.parse().unwrap()).median_us;
        let order = ["4x4-b8-k1-q50", "1x1-b8-k1-q50", "4x4-b8-k8-q50", "1x1-b8-k5-q50"];
        assert!(order.is_sorted_by(|a, b| of(a) < of(b)));
        assert!(of("1x1-b8-k8-q50") < JPEG_US);
    }
}
