//! One unit of work a worker does, and what comes out of it.
//!
//! A task's id is the hash of all its inputs and of the code version of its kind, so equal work has an equal name
//! in every build, and a result once committed is never computed again.

use crate::dataset::Splits;
use crate::digest::Digest;
use crate::format::{Family, Format};
use crate::training::{Embedding, Hyper, InputShape, Net, Precision};
mod embedded;
mod outcome;
mod words;

pub use embedded::{AgreementPoint, Embedded, FormatVector};
pub use outcome::{BatchTiming, EpochPoint, Outcome, Proxies, Supernet, Trained};

use serde::{Deserialize, Serialize};

/// Name of a task: the hash of its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub Digest);

/// What to do, with every input that decides the outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// Make columns of one family for the row groups that hold a subset of a dataset.
    Columns {
        /// The dataset.
        dataset: Digest,
        /// As what they are stored, all of one family: every image is read and transformed once for all of them.
        formats: Vec<Format>,
        /// Images that must be covered.
        images: Splits,
    },
    /// Measure read, decode and transfer of formats of one family, really encoded from a sample.
    ProfileAccess {
        /// The dataset the sample is from: its first validation images (training images where there are too few).
        dataset: Digest,
        /// The formats, all of one family.
        formats: Vec<Format>,
        /// Images of a batch, and of the sample.
        batch: u32,
        /// Hardware class it is valid for.
        hardware: String,
    },
    /// Measure the execution of a net on inputs of one shape.
    ProfileExecute {
        /// The net.
        net: Net,
        /// Shape of one input.
        shape: InputShape,
        /// Outputs of the net.
        classes: u32,
        /// Images of a batch.
        batch: u32,
        /// Hardware class it is valid for.
        hardware: String,
    },
    /// Measure read, full decode and transfer of JPEG files: the baseline.
    ProfileJpeg {
        /// The dataset the sample is from.
        dataset: Digest,
        /// Which files.
        jpeg: Jpeg,
        /// Images of a batch, and of the sample.
        batch: u32,
        /// Hardware class it is valid for.
        hardware: String,
    },
    /// Measure the steps of a training on made-up inputs of one shape, at several batches: what `batch_size = "auto"` is
    /// chosen by.
    ProfileTraining {
        /// The net.
        net: Net,
        /// Shape of one input: the largest that will be trained on.
        shape: InputShape,
        /// Outputs of the net.
        classes: u32,
        /// Number format.
        precision: Precision,
        /// Images of a batch, ascending.
        batches: Vec<u32>,
        /// Threads of the computation.
        threads: u16,
        /// Hardware class it is valid for.
        hardware: String,
    },
    /// Look at an untrained net on one batch: what it promises before it costs anything.
    Proxies {
        /// The dataset.
        dataset: Digest,
        /// Images of each split used; the batch is of the training images.
        images: Splits,
        /// What the net sees.
        input: Input,
        /// The net.
        net: Net,
        /// Images of the batch.
        batch: u32,
        /// Seed of the first weights and of the choice of images.
        seed: u64,
        /// Threads of the computation: sums depend on how they are split.
        threads: u16,
    },
    /// Train nets at once that share their weights, and score each with its share: what is worth a training of its own is chosen
    /// by that.
    Supernet {
        /// The dataset.
        dataset: Digest,
        /// Images of each split used; scored is on the validation images.
        images: Splits,
        /// What the nets see.
        input: Input,
        /// The nets, all of one name.
        nets: Vec<Net>,
        /// How what holds them all is trained.
        hyper: Hyper,
        /// Threads of the computation: sums depend on how they are split.
        threads: u16,
    },
    /// Train a net.
    Train {
        /// The dataset.
        dataset: Digest,
        /// Images of each split used.
        images: Splits,
        /// What the net sees.
        input: Input,
        /// The net.
        net: Net,
        /// How it is trained.
        hyper: Hyper,
        /// Where the first weights come from.
        start: Start,
        /// Threads of the computation: sums depend on how they are split.
        threads: u16,
        /// The stretch of it that is done, where it is done in stretches. What is whole has none, so that tasks keep the
        /// names they had before there were any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        leg: Option<Leg>,
    },
    /// Train one net to read the same images alike in all formats, without labels, and give each format a vector: formats in
    /// which it sees the same lie side by side.
    Embed {
        /// The dataset.
        dataset: Digest,
        /// Images of each split it may look at.
        images: Splits,
        /// The formats, whose columns need not be there: it makes what it sees from pixels.
        formats: Vec<Format>,
        /// How it is done.
        embedding: Embedding,
        /// Threads of the computation: sums depend on how they are split.
        threads: u16,
    },
}

/// A stretch of a training, at whose end it pauses. Cut or whole, a training comes to the same weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leg {
    /// Epochs done before it.
    pub after: u32,
    /// Epochs done after it.
    pub until: u32,
}

/// The files the JPEG baseline reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jpeg {
    /// The source's own files.
    Source,
    /// Files encoded at this quality, 1 to 100.
    Quality(u8),
}

/// What the net sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// The coefficients of a format.
    Format(Format),
    /// Pixels: the baseline.
    Pixels,
}

/// Where the first weights of a training come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Seeded random weights.
    Scratch,
    /// The weights another training committed.
    Weights(TaskId),
    /// Weights that were put into the base, by the digest of their bytes.
    File(Digest),
    /// Where the leg of another training ended: its weights and its optimiser's state.
    State(TaskId),
}

/// Class of a failure; each has its own budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The worker was told to stop.
    Preempted,
    /// The worker or its runner was gone.
    WorkerLost,
    /// Memory ran out, on the host or the device.
    OutOfMemory,
    /// A loss that is no number.
    Numeric,
    /// An input object is damaged or missing.
    BadData,
    /// The base could not be written or read, for example because the disk is full.
    Storage,
    /// Anything else the task's own code reports.
    Application,
}

impl Start {
    /// The training that must have ended before.
    pub fn parent(self) -> Option<TaskId> {
        match self {
            Start::Weights(parent) | Start::State(parent) => Some(parent),
            Start::Scratch | Start::File(_) => None,
        }
    }
}

impl Task {
    /// The name of this task.
    pub fn id(&self) -> TaskId {
        TaskId(Digest::of_value(&("imgcalc-task", self.code_version(), self)))
    }

    /// Raised whenever the code of a kind changes what comes out of it.
    fn code_version(&self) -> u32 {
        match self {
            Task::Columns { .. } => 1,
            Task::ProfileAccess { .. } => 1,
            Task::ProfileExecute { .. } => 2,
            Task::ProfileJpeg { .. } => 1,
            Task::ProfileTraining { .. } => 1,
            Task::Proxies { .. } => 1,
            Task::Supernet { .. } => 1,
            Task::Train { .. } => 2,
            Task::Embed { .. } => 1,
        }
    }

    /// Whether it measures time and must therefore run alone on its host.
    pub fn is_profile(&self) -> bool {
        matches!(
            self,
            Task::ProfileAccess { .. }
                | Task::ProfileExecute { .. }
                | Task::ProfileJpeg { .. }
                | Task::ProfileTraining { .. }
        )
    }

    /// The dataset it reads, if any.
    pub fn dataset(&self) -> Option<Digest> {
        match self {
            Task::ProfileAccess { dataset, .. }
            | Task::ProfileJpeg { dataset, .. }
            | Task::Columns { dataset, .. }
            | Task::Proxies { dataset, .. }
            | Task::Supernet { dataset, .. }
            | Task::Train { dataset, .. }
            | Task::Embed { dataset, .. } => Some(*dataset),
            Task::ProfileExecute { .. } | Task::ProfileTraining { .. } => None,
        }
    }

    /// The family whose columns it makes or trains on, if any.
    pub fn family(&self) -> Option<Family> {
        match self {
            Task::Columns { formats, .. } => formats.first().map(|format| format.family()),
            Task::Proxies {
                input: Input::Format(format),
                ..
            }
            | Task::Supernet {
                input: Input::Format(format),
                ..
            }
            | Task::Train {
                input: Input::Format(format),
                ..
            } => Some(format.family()),
            _ => None,
        }
    }

    /// The hardware class it must run on, if any.
    pub fn hardware(&self) -> Option<&str> {
        match self {
            Task::ProfileAccess { hardware, .. }
            | Task::ProfileExecute { hardware, .. }
            | Task::ProfileJpeg { hardware, .. }
            | Task::ProfileTraining { hardware, .. } => Some(hardware),
            Task::Columns { .. }
            | Task::Proxies { .. }
            | Task::Supernet { .. }
            | Task::Train { .. }
            | Task::Embed { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Sampling;
    use crate::profile::AccessProfile;

    fn columns(keep: u16) -> Task {
        let images = Splits {
            train: 10,
            validation: 5,
            test: 0,
        };
        Task::Columns {
            dataset: Digest::of(b"d"),
            formats: vec![Format::new(Sampling::Full, 8, keep, 50).unwrap()],
            images,
        }
    }

    #[test]
    fn equal_inputs_have_equal_ids_and_different_inputs_do_not() {
        assert_eq!(columns(8).id(), columns(8).id());
        assert_ne!(columns(8).id(), columns(7).id());
    }

    #[test]
    fn ids_are_stable_across_releases() {
        // A change of this value forgets every result ever committed: raise a code version instead.
        assert_eq!(columns(8).id().to_string()[..16], *"c92dbba63eaacdf0");
    }

    #[test]
    fn proxies_that_are_no_numbers_are_not_accepted() {
        let task = Task::Proxies {
            dataset: Digest::of(b"d"),
            images: Splits {
                train: 10,
                validation: 5,
                test: 0,
            },
            input: Input::Pixels,
            net: Net::Resnet18 {},
            batch: 8,
            seed: 0,
            threads: 1,
        };
        let outcome = |naswot: f64| {
            Outcome::Proxies(Proxies {
                synflow: -3.0,
                grad_norm: 1.0,
                jacobian_covariance: -9.0,
                naswot,
            })
        };
        assert!(task.accepts(&outcome(5.0)));
        assert!(!task.accepts(&outcome(f64::NAN)) && !task.accepts(&outcome(f64::INFINITY)));
        assert!(!columns(8).accepts(&outcome(5.0)));
    }

    #[test]
    fn a_supernet_answers_for_each_of_its_nets_with_shares_of_images() {
        let task = Task::Supernet {
            dataset: Digest::of(b"d"),
            images: Splits {
                train: 10,
                validation: 5,
                test: 0,
            },
            input: Input::Pixels,
            nets: vec![Net::Resnet18 {}; 2],
            hyper: Hyper {
                epochs: 1,
                ..Hyper::default()
            },
            threads: 1,
        };
        let found = Supernet {
            accuracies: vec![0.5, 1.0],
            curve: vec![EpochPoint {
                epoch: 1,
                loss: 2.0,
                accuracy: 0.5,
            }],
            bytes_read: 1,
            seconds: 1.0,
            batch_halved_to: None,
        };
        assert!(task.accepts(&Outcome::Supernet(found.clone())));
        let refused = |change: fn(&mut Supernet)| {
            let mut found = found.clone();
            change(&mut found);
            !task.accepts(&Outcome::Supernet(found))
        };
        assert!(refused(|found| found.accuracies.truncate(1)));
        assert!(refused(|found| found.accuracies.push(0.5)));
        assert!(refused(|found| found.accuracies[0] = 1.5));
        assert!(refused(|found| found.accuracies[1] = f64::NAN));
        assert!(refused(|found| found.curve.clear()));
        assert!(refused(|found| found.curve[0].epoch = 2));
        assert!(refused(|found| found.curve[0].loss = f64::NAN));
        assert!(refused(|found| found.curve[0].accuracy = -0.5));
        assert!(refused(|found| found.seconds = f64::INFINITY));
        assert!(!columns(8).accepts(&Outcome::Supernet(found)));
        assert_eq!(task.to_string(), "supernet of 2 nets pixels");
        assert!(!task.is_profile() && task.hardware().is_none() && task.dataset().is_some());
    }

    #[test]
    fn an_outcome_of_another_kind_is_not_accepted() {
        let timing = crate::profile::Timing {
            median_us: 1.0,
            p95_us: 1.0,
            repeats: 1,
        };
        let access = crate::profile::Access {
            read: timing,
            decode: timing,
            transfer: timing,
            bytes: 1.0,
        };
        let outcome = Outcome::ProfileJpeg {
            access: AccessProfile {
                batch: access,
                single: access,
            },
        };
        assert!(!columns(8).accepts(&outcome));
        assert!(columns(8).accepts(&Outcome::Columns { objects: 1, bytes: 1 }));
    }
}
