//! `method = "embedding"` and `[embedding]`: formats by one training without labels.

use super::{Spec, SpecError};
use crate::embedding::EmbeddingSearch;
use crate::training::Embedding;
use serde::{Deserialize, Serialize};

/// How formats to train are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Buckets of inference time are sampled by the chain.
    #[default]
    Chain,
    /// A walk over the vectors that one training without labels gives to all formats.
    Embedding,
}

/// `[embedding]`. What is not given has its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmbeddingSpec {
    /// Whether the recommended formats are trained too, as links of a chain along the walk.
    pub verify: Option<bool>,
    /// Steps of the training; each reads one batch in two formats.
    pub steps: Option<u32>,
    /// Images of a step.
    pub batch_size: Option<u32>,
    /// Peak learning rate.
    pub learning_rate: Option<f64>,
    /// What similarities are divided by before they compete.
    pub temperature: Option<f64>,
    /// Channels of the net's first stage.
    pub width: Option<u16>,
    /// Numbers an image becomes.
    pub code: Option<u16>,
    /// Numbers of a format's vector.
    pub dimensions: Option<u16>,
    /// Training images it learns from, at most.
    pub images: Option<u32>,
    /// Images whose codes make up a format's vector.
    pub probes: Option<u32>,
    /// Share of the formats that are seen in training.
    pub seen: Option<f64>,
    /// Seeds everything that is drawn; `training.seed` unless given.
    pub seed: Option<u64>,
}

impl Spec {
    /// The search by embedding, where the spec asks for one.
    pub fn embedding_search(&self) -> Option<EmbeddingSearch> {
        if self.method != Method::Embedding {
            return None;
        }
        let (spec, default) = (&self.embedding, Embedding::default());
        let settings = Embedding {
            steps: spec.steps.unwrap_or(default.steps),
            batch_size: spec.batch_size.unwrap_or(default.batch_size),
            learning_rate: spec.learning_rate.unwrap_or(default.learning_rate),
            temperature: spec.temperature.unwrap_or(default.temperature),
            width: spec.width.unwrap_or(default.width),
            code: spec.code.unwrap_or(default.code),
            dimensions: spec.dimensions.unwrap_or(default.dimensions),
            images: spec.images.unwrap_or(default.images),
            probes: spec.probes.unwrap_or(default.probes),
            seen: spec.seen.unwrap_or(default.seen),
            seed: spec.seed.unwrap_or(self.training.seed),
        };
        Some(EmbeddingSearch {
            settings,
            verify: spec.verify.unwrap_or(true),
        })
    }
}

pub(super) fn check(spec: &Spec) -> Result<(), SpecError> {
    let Some(search) = spec.embedding_search() else {
        if spec.embedding == EmbeddingSpec::default() {
            return Ok(());
        }
        return Err(SpecError::Field {
            field: "method".into(),
            value: "\"chain\"".into(),
            allowed: "the spec has an [embedding]: say `method = \"embedding\"`, or leave it out".into(),
        });
    };
    let checked = search.settings.check();
    checked.map_err(|error| SpecError::Field {
        field: format!("embedding.{}", error.field()),
        value: error.found().into(),
        allowed: format!("must be {}", error.wanted()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(extra: &str) -> Result<Spec, SpecError> {
        Spec::parse(&format!("name = \"n\"\nbase = \"b\"\ndataset = \"d\"\n{extra}"))
    }

    #[test]
    fn nothing_said_is_the_chain_and_a_word_is_the_default_embedding() {
        assert_eq!(parse("").unwrap().embedding_search(), None);
        let search = parse("method = \"embedding\"")
            .unwrap()
            .embedding_search()
            .unwrap();
        assert_eq!(search.settings, Embedding::default());
        assert!(search.verify);
        let text = "method = \"embedding\"\n[training]\nseed = 7\n[embedding]\nsteps = 20\nverify = false";
        let search = parse(text).unwrap().embedding_search().unwrap();
        assert_eq!(
            (search.settings.steps, search.settings.seed, search.verify),
            (20, 7, false)
        );
    }

    #[test]
    fn settings_that_cannot_be_are_refused_by_field() {
        for (text, said) in [
            (
                "method = \"embedding\"\n[embedding]\nsteps = 0",
                "embedding.steps = 0: must be 1 to",
            ),
            (
                "method = \"embedding\"\n[embedding]\nseen = 1.5",
                "embedding.seen = 1.5: must be above 0",
            ),
            (
                "method = \"embedding\"\n[embedding]\nimages = 4",
                "embedding.images = 4: must be 128",
            ),
            (
                "[embedding]\nsteps = 3",
                "method = \"chain\": the spec has an [embedding]",
            ),
            ("method = \"embed\"", "`chain` or `embedding`"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
