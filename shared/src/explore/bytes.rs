//! Bytes that trainings read, beside what they would have read without columns.
//!
//! A training counts its images once, not once an epoch: with columns as without them, a worker that keeps what it read
//! has to ask the base for it once.

use super::Findings;
use crate::build::Build;
use crate::format::Format;
use crate::profile::AccessProfile;
use crate::task::{Jpeg, Trained};
use serde::{Deserialize, Serialize};

/// What a training read and what it would have read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingBytes {
    /// What was trained.
    pub format: Format,
    /// Bytes asked of the base; what other trainings of the worker had read before counts nothing.
    pub read: u64,
    /// Bytes of its images in files of this format alone; unknown while its profile is.
    pub own_files: Option<f64>,
    /// Bytes of its images as JPEG; unknown while the baseline's profile is.
    pub jpeg: Option<f64>,
}

/// All trainings on formats together. The baseline, which reads pixels, is none of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BytesRead {
    /// One by one.
    pub trainings: Vec<TrainingBytes>,
    /// Bytes asked of the base.
    pub read: u64,
    /// What one set of files for each format would have taken.
    pub own_files: Option<f64>,
    /// What JPEG files would have taken, every training reading them.
    pub jpeg: Option<f64>,
    /// Which JPEG files.
    pub reference: Option<Jpeg>,
}

impl BytesRead {
    /// Of finished trainings on formats.
    pub fn of<'a>(
        build: &Build,
        findings: &Findings,
        trained: impl IntoIterator<Item = (Format, &'a Trained)>,
    ) -> BytesRead {
        let images = [build.images.train, build.images.validation, build.images.test];
        let images: f64 = images.into_iter().map(f64::from).sum();
        let all = |access: &AccessProfile| images * access.batch.bytes;
        // The source's own files, else the first there are: the baseline reports refer to.
        let reference = findings.jpegs.iter().find(|(jpeg, _)| *jpeg == Jpeg::Source);
        let reference = reference.or(findings.jpegs.first());
        let jpeg = reference.map(|(_, access)| all(access));
        let training = |(format, trained): (Format, &Trained)| TrainingBytes {
            format,
            read: trained.bytes_read,
            own_files: findings.access.get(&format).map(all),
            jpeg,
        };
        let trainings: Vec<TrainingBytes> = trained.into_iter().map(training).collect();
        let sum = |of: fn(&TrainingBytes) -> Option<f64>| -> Option<f64> {
            (!trainings.is_empty()).then(|| trainings.iter().map(of).sum())?
        };
        BytesRead {
            read: trainings.iter().map(|training| training.read).sum(),
            own_files: sum(|training| training.own_files),
            jpeg: sum(|training| training.jpeg),
            reference: reference.map(|(jpeg, _)| *jpeg),
            trainings,
        }
    }

    /// How many times more one set of files for each format would have taken.
    pub fn less_than_own_files(&self) -> Option<f64> {
        self.times(self.own_files)
    }

    /// How many times more JPEG would have taken.
    pub fn less_than_jpeg(&self) -> Option<f64> {
        self.times(self.jpeg)
    }

    fn times(&self, other: Option<f64>) -> Option<f64> {
        let times = other? / self.read as f64;
        times.is_finite().then_some(times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{ObjectRef, Splits};
    use crate::digest::Digest;
    use crate::format::Size;
    use crate::profile::{Access, Timing};
    use crate::spec::{DatasetFacts, Spec, Surroundings};

    fn build() -> Build {
        let side = 32;
        let dataset = DatasetFacts {
            digest: Digest::of(b"d"),
            size: Size {
                height: side,
                width: side,
            },
            channels: 1,
            classes: 10,
            splits: Splits {
                train: 70,
                validation: 20,
                test: 10,
            },
            has_jpeg_files: false,
        };
        let surroundings = Surroundings {
            base: "file:///b".into(),
            dataset,
            hardware: "cpu".into(),
            script: None,
            weights: None,
        };
        let spec = "name = \"n\"\nbase = \"b\"\ndataset = \"d\"\n[training]\ntest_images = 10";
        let spec = format!("{spec}\n[profile]\nbatch = 16");
        Spec::parse(&spec).unwrap().resolve(&surroundings).unwrap()
    }

    fn access(bytes: f64) -> AccessProfile {
        let timing = Timing {
            median_us: 1.0,
            p95_us: 1.0,
            repeats: 1,
        };
        let access = Access {
            read: timing,
            decode: timing,
            transfer: timing,
            bytes,
        };
        AccessProfile {
            batch: access,
            single: access,
        }
    }

    fn trained(bytes_read: u64) -> Trained {
        Trained {
            weights: ObjectRef {
                key: String::new(),
                bytes: 0,
                digest: Digest::of(b""),
            },
            loss: 0.0,
            accuracy: 0.5,
            test_accuracy: None,
            curve: Vec::new(),
            bytes_read,
            seconds: 1.0,
            batch_halved_to: None,
            state: None,
        }
    }

    #[test]
    fn a_training_counts_its_images_once_against_its_own_files_and_jpeg() {
        let (dense, sparse): (Format, Format) =
            ("1x1-b8-k8-q20".parse().unwrap(), "1x1-b8-k4-q20".parse().unwrap());
        let mut findings = Findings::default();
        findings.access.insert(dense, access(100.0));
        findings.access.insert(sparse, access(40.0));
        findings.jpegs.push((Jpeg::Quality(75), access(300.0)));
        // The sparse one found all it needs in the cache.
        let (first, second) = (trained(10_000), trained(0));
        let bytes = BytesRead::of(&build(), &findings, [(dense, &first), (sparse, &second)]);
        assert_eq!(bytes.read, 10_000);
        assert_eq!(bytes.own_files, Some(100.0 * 100.0 + 100.0 * 40.0));
        assert_eq!(bytes.jpeg, Some(2.0 * 100.0 * 300.0));
        assert_eq!(bytes.less_than_own_files(), Some(1.4));
        assert_eq!(bytes.less_than_jpeg(), Some(6.0));
        assert_eq!(bytes.trainings[1].own_files, Some(4_000.0));

        // What is not known is not made up, and nothing is divided by nothing.
        findings.access.remove(&sparse);
        let bytes = BytesRead::of(&build(), &findings, [(dense, &first), (sparse, &second)]);
        assert_eq!(bytes.own_files, None);
        let bytes = BytesRead::of(&build(), &findings, [(sparse, &second)]);
        assert_eq!(bytes.less_than_jpeg(), None);
        assert_eq!(BytesRead::of(&build(), &Findings::default(), []).own_files, None);
    }
}
