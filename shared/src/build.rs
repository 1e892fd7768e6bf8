//! A build: a spec resolved against its dataset and hardware, so that nothing outside it decides its outcome.

use crate::bucket::Choice;
use crate::chain::{Link, Strategy};
use crate::dataset::Splits;
use crate::digest::Digest;
use crate::embedding::EmbeddingSearch;
use crate::format::{Format, Size};
use crate::net;
use crate::search::{Budget, HyperSearch, NetSearch, PARALLEL_MAX, Slots};
use crate::space::Space;
use crate::task::{Jpeg, Start, Task};
use crate::training::{Hyper, InputShape, Net};
use serde::{Deserialize, Serialize};

/// Name of a build: its spec's name and the start of the hash of all it says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BuildId(pub String);

/// Everything that decides a build. Made by [`crate::spec::Spec::resolve`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Name from the spec.
    pub name: String,
    /// URL of the object store. Not part of the identity: data may move.
    pub base: String,
    /// The dataset.
    pub dataset: Digest,
    /// The name under which the spec found it. Not part of the identity.
    pub dataset_name: String,
    /// Size of its images.
    pub size: Size,
    /// 1 or 3.
    pub channels: u16,
    /// Number of classes.
    pub classes: u32,
    /// Images of each split used.
    pub images: Splits,
    /// Formats considered.
    pub space: Space,
    /// The net trained.
    pub net: Net,
    /// From scratch.
    pub scratch: Hyper,
    /// From a predecessor's weights.
    pub transfer: Hyper,
    /// Where the first weights of sampled formats come from.
    pub strategy: Strategy,
    /// Other strategies by which the same formats are trained too, to be compared in the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compared: Vec<Strategy>,
    /// Where the first weights of what is trained "from scratch" come from.
    #[serde(default = "scratch", skip_serializing_if = "is_scratch")]
    pub start: Start,
    /// Parts of a round's chain that wait for nothing of one another: see [`crate::chain`]. One is not written, so
    /// that builds keep the names they had before there were segments.
    #[serde(default = "whole", skip_serializing_if = "is_whole")]
    pub segments: u16,
    /// Parts the formats are cut into.
    pub buckets: u16,
    /// Buckets sampled.
    pub buckets_sampled: u16,
    /// Formats trained in a sampled bucket.
    pub formats_per_bucket: u16,
    /// How sampled buckets are chosen.
    pub choice: Choice,
    /// Seed of that choice where it draws.
    pub choice_seed: u64,
    /// How the formats to train are found, if not by sampling buckets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<EmbeddingSearch>,
    /// A search over nets that follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_nets: Option<NetSearch>,
    /// A search over hyper-parameters that follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_hyper: Option<HyperSearch>,
    /// Images of a profile's batch.
    pub batch: u32,
    /// Hardware class of every measured time.
    pub hardware: String,
    /// Files of the JPEG baseline.
    pub jpegs: Vec<Jpeg>,
    /// Threads of a training.
    pub threads: u16,
    /// Time budgets of the answer, µs; empty: a ladder.
    pub times_us: Vec<f64>,
    /// Space budgets of the answer, bytes; empty: a ladder.
    pub spaces: Vec<f64>,
    /// What was asked for since it was submitted, in that order. Not part of the identity: it adds to what the build
    /// finds and changes none of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amendments: Vec<Amendment>,
}

/// More that is wanted of a build than its spec says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Amendment {
    /// Formats of a bucket are trained, whether it was sampled or not.
    Refine {
        /// Index of the bucket, fastest first.
        bucket: u16,
        /// So many of its formats in all, those trained before among them; none: every one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        formats: Option<u16>,
    },
    /// The search may spend so much in all; what is not named stays as it is. It is the search over hyper-parameters, or
    /// that over nets where there is no other: what stands on the best net would have to begin again.
    Budget(Budget),
    /// So many trials of the search over hyper-parameters run at once, from here on.
    Slots {
        /// So many.
        slots: u16,
        /// The last result there was, by its place in the order of results; the ledger says it.
        #[serde(default)]
        after: u64,
    },
}

impl Build {
    /// The name of this build: equal builds have equal names, wherever their data lies.
    pub fn id(&self) -> BuildId {
        let identity = Build {
            base: String::new(),
            dataset_name: String::new(),
            amendments: Vec::new(),
            ..self.clone()
        };
        let digest = Digest::of_value(&("imgcalc-build", 1, &identity)).to_string();
        BuildId(format!("{}-{}", self.name, &digest[..8]))
    }

    /// Why an amendment cannot be made to this build, if it cannot.
    pub fn unfit(&self, amendment: &Amendment) -> Option<String> {
        match amendment {
            Amendment::Refine { bucket, .. } if *bucket >= self.buckets => Some(format!(
                "there is no bucket {bucket}: build {} has {}, counted from 0",
                self.id(),
                self.buckets
            )),
            Amendment::Refine { formats: Some(0), .. } => {
                Some("a refinement takes one format at least".into())
            }
            Amendment::Refine { .. } => None,
            Amendment::Budget(more) => match (&self.search_hyper, &self.search_nets) {
                (None, None) => Some(format!("build {} has no search", self.id())),
                (None, Some(search)) => search.unfit(more),
                (Some(search), _) => search.search.budget.unfit(more),
            },
            Amendment::Slots { .. } if self.search_hyper.is_none() => Some(format!(
                "build {} has no search over hyper-parameters, whose trials run side by side",
                self.id()
            )),
            Amendment::Slots { slots, .. } => {
                let now = self.search_slots().map_or(0, |now| now.now());
                let fits = (now..=PARALLEL_MAX.into()).contains(&usize::from(*slots));
                (!fits).then(|| {
                    format!(
                        "{slots} trials at once: name {now}, as many as there are, to {PARALLEL_MAX}; for fewer, give the search \
                         fewer workers"
                    )
                })
            }
        }
    }

    /// How many trials of the search over hyper-parameters run at once.
    pub fn search_slots(&self) -> Option<Slots> {
        let mut slots = Slots::new(self.search_hyper.as_ref()?.parallel.into());
        for amendment in &self.amendments {
            if let Amendment::Slots { slots: now, after } = amendment {
                slots.raise(*after, (*now).into());
            }
        }
        Some(slots)
    }

    /// What the search that amendments raise may spend now.
    pub fn search_budget(&self) -> Option<Budget> {
        match self.hyper_search() {
            Some(search) => Some(search.search.budget),
            None => Some(self.net_search()?.budget),
        }
    }

    /// The search over nets with the budget it has now.
    pub fn net_search(&self) -> Option<NetSearch> {
        let mut search = self.search_nets.clone()?;
        if self.search_hyper.is_none() {
            search.budget = self.raised(search.budget);
        }
        Some(search)
    }

    /// The search over hyper-parameters with the budget and the slots it has now.
    pub fn hyper_search(&self) -> Option<HyperSearch> {
        let mut search = self.search_hyper.clone()?;
        search.search.budget = self.raised(search.search.budget);
        let slots = self.search_slots().map_or(0, |slots| slots.now());
        search.parallel = u16::try_from(slots).unwrap_or(u16::MAX);
        Some(search)
    }

    fn raised(&self, budget: Budget) -> Budget {
        let raise = |budget: Budget, amendment: &Amendment| match amendment {
            Amendment::Budget(more) => budget.raised(*more),
            Amendment::Refine { .. } | Amendment::Slots { .. } => budget,
        };
        self.amendments.iter().fold(budget, raise)
    }

    /// Adds an amendment; false if what was asked for before is as much already.
    pub fn amend(&mut self, amendment: &Amendment) -> bool {
        let wanted = match amendment {
            Amendment::Refine { .. } => self.amendments.iter().any(|earlier| earlier.covers(amendment)),
            Amendment::Budget(more) => self
                .search_budget()
                .is_none_or(|budget| budget.raised(*more) == budget),
            Amendment::Slots { slots, .. } => {
                let now = self.search_slots().map(|now| now.now());
                now == Some(usize::from(*slots))
            }
        };
        if !wanted {
            self.amendments.push(amendment.clone());
        }
        !wanted
    }

    /// Shape of the net's input for a format.
    pub fn shape(&self, format: Format) -> InputShape {
        let plane = format.plane(self.size);
        InputShape {
            channels: self.channels,
            height: plane.height as u16,
            width: plane.width as u16,
        }
    }

    /// Shape of the net's input for pixels.
    pub fn pixel_shape(&self) -> InputShape {
        InputShape {
            channels: self.channels,
            height: self.size.height as u16,
            width: self.size.width as u16,
        }
    }

    /// Cost of one epoch of a training on inputs of this shape relative to one on pixels: convolutions cost in
    /// proportion to the area they slide over. Used for estimates and comparisons of cost, never for profiles.
    pub fn epoch_cost(&self, shape: InputShape) -> f64 {
        shape.values() as f64 / self.pixel_shape().values() as f64
    }

    /// Hyper-parameters of a training that starts from another format's weights, or does not. `batch` are the images
    /// per step where they were measured.
    pub fn hyper(&self, from_parent: bool, batch: Option<u32>) -> Hyper {
        let hyper = if from_parent {
            &self.transfer
        } else {
            &self.scratch
        };
        Hyper {
            batch_size: batch.unwrap_or(hyper.batch_size),
            ..hyper.clone()
        }
    }

    /// The training of a link as epochs × [`Build::epoch_cost`].
    pub fn link_cost(&self, link: &Link) -> f64 {
        let epochs = self.hyper(link.parent.is_some(), None).epochs;
        f64::from(epochs) * self.epoch_cost(self.shape(link.format))
    }

    /// The training a task describes as epochs × [`Build::epoch_cost`]; 0 for other kinds.
    pub fn training_cost(&self, task: &Task) -> f64 {
        if let Task::Embed {
            formats, embedding, ..
        } = task
        {
            return embedding.cost_epochs(formats, self.size, self.images.train);
        }
        let (input, epochs) = match task {
            Task::Train {
                input, hyper, leg, ..
            } => (
                input,
                leg.map_or(hyper.epochs, |leg| leg.until.saturating_sub(leg.after)),
            ),
            // A step is one of several nets.
            Task::Supernet { input, hyper, .. } => (input, hyper.epochs.saturating_mul(net::NETS_OF_A_STEP)),
            _ => return 0.0,
        };
        let shape = match input {
            crate::task::Input::Format(format) => self.shape(*format),
            crate::task::Input::Pixels => self.pixel_shape(),
        };
        f64::from(epochs) * self.epoch_cost(shape)
    }
}

impl Amendment {
    /// Whether a refinement asks for as much as another.
    fn covers(&self, other: &Amendment) -> bool {
        match (self, other) {
            (
                Amendment::Refine { bucket, formats },
                Amendment::Refine {
                    bucket: wanted_in,
                    formats: wanted,
                },
            ) => {
                let all = |formats: &Option<u16>| formats.unwrap_or(u16::MAX);
                bucket == wanted_in && all(formats) >= all(wanted)
            }
            _ => false,
        }
    }
}

impl std::fmt::Display for Amendment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Amendment::Refine {
                bucket,
                formats: None,
            } => write!(f, "all formats of bucket {bucket}"),
            Amendment::Refine {
                bucket,
                formats: Some(count),
            } => write!(f, "{count} formats of bucket {bucket}"),
            Amendment::Budget(budget) => write!(f, "a budget of {budget}"),
            Amendment::Slots { slots, .. } => write!(f, "{slots} trials at once"),
        }
    }
}

fn scratch() -> Start {
    Start::Scratch
}

fn is_scratch(start: &Start) -> bool {
    *start == scratch()
}

fn whole() -> u16 {
    1
}

fn is_whole(segments: &u16) -> bool {
    *segments == whole()
}

impl std::fmt::Display for BuildId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}
