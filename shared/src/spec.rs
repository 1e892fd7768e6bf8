//! The build spec: what a user writes in TOML, checked field by field.

mod check;
mod embedding;
mod resolve;
mod search;
mod training;

use crate::bucket::Choice;
use crate::format::Sampling;
use crate::space::Keeps;
use crate::training::Net;
use serde::{Deserialize, Serialize};

pub use embedding::{EmbeddingSpec, Method};
pub use resolve::{DatasetFacts, Surroundings};
pub use search::{HyperSearchSpec, NetBudget, NetSearchSpec, SearchSpec};
pub use training::{Auto, BatchSize, StartSpec, TrainingPreset, TrainingSpec};

/// A build spec as written. Read it with [`Spec::parse`], which also checks it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Name of the build: letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// The object store: a URL (`file:///data`, `s3://place/prefix`) or a path relative to the spec.
    pub base: String,
    /// Name of the dataset in the base.
    pub dataset: String,
    /// How formats to train are found: `chain` or `embedding`.
    #[serde(default)]
    pub method: Method,
    /// The formats considered.
    #[serde(default)]
    pub space: SpaceSpec,
    /// The net trained.
    #[serde(default = "default_net")]
    pub net: Net,
    /// How it is trained.
    #[serde(default)]
    pub training: TrainingSpec,
    /// How the space is sampled.
    #[serde(default)]
    pub buckets: BucketSpec,
    /// How the sampled formats are linked.
    #[serde(default)]
    pub chain: ChainSpec,
    /// How formats are embedded.
    #[serde(default)]
    pub embedding: EmbeddingSpec,
    /// What is searched once formats are known.
    #[serde(default)]
    pub search: SearchSpec,
    /// How costs are measured.
    #[serde(default)]
    pub profile: ProfileSpec,
    /// The budgets the answer is printed for.
    #[serde(default)]
    pub answer: AnswerSpec,
    /// The workers of `imgcalc build`.
    #[serde(default)]
    pub workers: WorkersSpec,
}

/// `[space]`: a preset, of which any domain may be replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpaceSpec {
    /// `sigmod24` or `sigmod24-whole`.
    pub preset: String,
    /// Samplings instead of the preset's.
    pub samplings: Option<Vec<Sampling>>,
    /// Block sides instead of the preset's.
    pub blocks: Option<Vec<u16>>,
    /// Keeps instead of the preset's: `"triangle"`, `"whole"` or `{ list = [1, 2, 4] }`.
    pub keeps: Option<Keeps>,
    /// Quantisation factors instead of the preset's.
    pub quants: Option<Vec<u16>>,
}

/// `[buckets]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BucketSpec {
    /// Parts of equal size the formats are cut into by inference time.
    pub count: u16,
    /// Buckets sampled by training.
    pub sampled: u16,
    /// Formats trained in a sampled bucket.
    pub formats_per_bucket: u16,
    /// How the sampled buckets are chosen: `bend`, `uniform` or `random`.
    pub choice: Choice,
    /// Seed of `random`.
    pub seed: u64,
}

/// `[chain]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChainSpec {
    /// Parts into which a round's formats are cut so that as many workers can train at once; 1 is the published
    /// chain. See [`crate::chain`] for what it shortens and what it costs.
    pub segments: u16,
}

/// `[profile]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProfileSpec {
    /// Images of a batch.
    pub batch: u32,
    /// Hardware class the times must come from; that of this machine's workers unless given.
    pub hardware: Option<String>,
    /// Qualities of the JPEG baseline where the source is not JPEG.
    pub jpeg_qualities: Vec<u8>,
}

/// `[answer]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnswerSpec {
    /// Inference-time budgets, µs per image; a ladder over the space unless given.
    pub times_us: Vec<f64>,
    /// Space budgets, bytes per image; a ladder over the space unless given.
    pub spaces: Vec<f64>,
}

/// `[workers]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkersSpec {
    /// Local worker processes.
    pub count: u16,
    /// Threads of each; a training's result depends on them, so they belong to its identity.
    pub threads: u16,
}

/// A spec that cannot be built, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Not TOML, an unknown key or a value of the wrong type; the text names line, key and what is allowed.
    #[error("{0}")]
    Syntax(String),
    /// A field with a value that cannot be.
    #[error("{field} = {value}: {allowed}")]
    Field {
        /// Path of the field, for example `training.epochs`.
        field: String,
        /// What the spec says.
        value: String,
        /// What it may say.
        allowed: String,
    },
}

/// A net as a table that a spec may have, line by line, `[net]` first.
///
/// # Panics
/// Never: a net is a table of numbers and texts.
pub fn net_table(net: &Net) -> Vec<String> {
    let fields = toml::Table::try_from(net).expect("a net is a table");
    let lines = fields.iter().map(|(key, value)| format!("{key} = {value}"));
    std::iter::once("[net]".to_string()).chain(lines).collect()
}

fn default_net() -> Net {
    Net::SmallResnet {
        width: 16,
        blocks: vec![1, 1, 1],
    }
}

impl Default for SpaceSpec {
    fn default() -> Self {
        SpaceSpec {
            preset: "sigmod24".into(),
            samplings: None,
            blocks: None,
            keeps: None,
            quants: None,
        }
    }
}

impl Default for BucketSpec {
    fn default() -> Self {
        BucketSpec {
            count: 16,
            sampled: 7,
            formats_per_bucket: 4,
            choice: Choice::Bend,
            seed: 0,
        }
    }
}

impl Default for ChainSpec {
    fn default() -> Self {
        ChainSpec { segments: 1 }
    }
}

impl Default for ProfileSpec {
    fn default() -> Self {
        ProfileSpec {
            batch: 64,
            hardware: None,
            jpeg_qualities: vec![75, 96],
        }
    }
}

impl Default for WorkersSpec {
    fn default() -> Self {
        WorkersSpec { count: 1, threads: 1 }
    }
}

impl Spec {
    /// Reads and checks a spec.
    pub fn parse(text: &str) -> Result<Spec, SpecError> {
        let spec: Spec =
            toml::from_str(text).map_err(|error| SpecError::Syntax(error.to_string().trim().to_string()))?;
        check::check(&spec)?;
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::ResnetStage;

    #[test]
    fn a_net_is_written_as_a_spec_says_it() {
        let stage = |width| ResnetStage {
            width,
            depth: 2,
            kernel: 3,
        };
        let staged = Net::ResnetLike {
            stem: 8,
            stages: vec![stage(8), stage(16)],
        };
        for net in [staged, default_net(), Net::Resnet18 {}] {
            let head = "name = \"n\"\nbase = \"b\"\ndataset = \"d\"\n";
            let text = format!("{head}{}", net_table(&net).join("\n"));
            assert_eq!(Spec::parse(&text).unwrap().net, net, "{text}");
        }
    }
}
