//! What a search over nets has come to.

use crate::format::Format;
use crate::search::{Budget, NetAlgorithm, Point, Reason};
use crate::task::{EpochPoint, Proxies, TaskId};
use crate::training::Net;
use serde::{Deserialize, Serialize};

/// A search over nets as far as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetSearchFacts {
    /// The format nets are trained on.
    pub format: Format,
    /// How it goes about it.
    pub algorithm: NetAlgorithm,
    /// The most inference time, µs per image.
    pub time_us: Option<f64>,
    /// What it may spend.
    pub budget: Budget,
    /// Seconds in which something was trained for it.
    pub wall_seconds: f64,
    /// Seconds of all devices together that trained for it.
    pub device_seconds: f64,
    /// Epochs of each.
    pub epochs: u32,
    /// Candidates whose time is known.
    pub measured: usize,
    /// Candidates that are fast enough.
    pub fit: usize,
    /// Every candidate, in the order in which they were drawn.
    pub candidates: Vec<NetCandidate>,
    /// Index of the most accurate that was trained.
    pub best: Option<usize>,
    /// Whether nothing will follow.
    pub is_over: bool,
}

/// A candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetCandidate {
    /// Its point of the space.
    pub point: Point,
    /// It.
    pub net: Net,
    /// Fitted numbers.
    pub parameters: u64,
    /// Operations of a forward pass on the format.
    pub flops: u64,
    /// Inference time of format and net together, µs per image, once measured.
    pub time_us: Option<f64>,
    /// What was seen of it untrained.
    pub proxies: Option<Proxies>,
    /// The accuracy it came to with its share of the weights of a supernet, 0 to 1.
    pub supernet: Option<f64>,
    /// Why it is trained, if it is.
    pub reason: Option<Reason>,
    /// Its training, if it has one.
    pub task: Option<TaskId>,
    /// What that came to, 0 to 1.
    pub accuracy: Option<f64>,
    /// On test images, if the build has some.
    pub test_accuracy: Option<f64>,
    /// One point per epoch.
    pub curve: Vec<EpochPoint>,
    /// Key of its weights in the base.
    pub weights: Option<String>,
}

impl NetSearchFacts {
    /// The most accurate net that was trained; of equals the faster.
    pub fn best(&self) -> Option<&NetCandidate> {
        self.candidates.get(self.best?)
    }
}
