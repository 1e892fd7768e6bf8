//! A search over hyper-parameters: its trials train one net on one format with ever other numbers.

use super::{Domain, Parameters, Point, Search, SearchError};
use crate::format::Format;
use crate::training::Hyper;
use serde::{Deserialize, Serialize};

/// What can be searched: every number a training follows but how long it is, which seed it has and how exactly it
/// computes. Strengths of augmentations are written `augment.crop`.
pub const SEARCHED: [&str; 8] = [
    "learning_rate",
    "momentum",
    "weight_decay",
    "batch_size",
    "optimizer",
    "schedule",
    "warmup_epochs",
    "label_smoothing",
];

/// A search over hyper-parameters as a build has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HyperSearch {
    /// The format its trials are trained on; the best that was found within `time_us` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// The most inference time of that format, µs per image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_us: Option<f64>,
    /// Trials that run at once, at first.
    pub parallel: u16,
    /// Whether they become more where workers would have nothing to do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub widens: bool,
    /// The search.
    pub search: Search,
}

/// Hyper-parameters with what a point says; the rest is as in `base`.
pub fn at_point(base: &Hyper, point: &Point) -> Result<Hyper, SearchError> {
    let mut value = serde_json::to_value(base).expect("hyper-parameters are JSON");
    for (name, chosen) in &point.0 {
        let chosen_json = serde_json::to_value(chosen).expect("a value is JSON");
        let (folder, field) = match name.split_once('.') {
            Some(("augment", field)) => (Some("augment"), field),
            _ => (None, name.as_str()),
        };
        if folder.is_none() && !SEARCHED.contains(&field) {
            let allowed = format!("what can be searched is {} and augment.NAME", SEARCHED.join(", "));
            return Err(SearchError::new("parameters", name, &allowed));
        }
        let place = match folder {
            Some(folder) => &mut value[folder][field],
            None => &mut value[field],
        };
        *place = chosen_json;
        // One after the other, so that an error is about this one.
        if let Err(error) = serde_json::from_value::<Hyper>(value.clone()) {
            return Err(refused(name, chosen.to_string(), &error.to_string()));
        }
    }
    let hyper: Hyper = serde_json::from_value(value).expect("read above");
    hyper
        .check()
        .map_err(|error| refused(&error.field, error.value, &error.allowed))?;
    let augment = hyper.augment.check_ranges();
    augment.map_err(|error| {
        let name = format!("augment.{}", error.field);
        refused(&name, error.reason, error.remedy.as_str())
    })?;
    Ok(hyper)
}

impl HyperSearch {
    /// Whether trainings can follow every point there is: each parameter is tried at both ends of its range, or at each of
    /// its values, with the rest as in `base`.
    pub fn check(&self, base: &Hyper) -> Result<(), SearchError> {
        self.search.check()?;
        for (name, domain) in &self.search.parameters.0 {
            let one = Parameters([(name.clone(), domain.clone())].into());
            let places: Vec<f64> = match domain {
                Domain::Choice(values) => {
                    let count = values.len() as f64;
                    (0..values.len()).map(|at| (at as f64 + 0.5) / count).collect()
                }
                _ => vec![0.0, 1.0],
            };
            for place in places {
                at_point(&self.base(base), &one.decode(&[place]))?;
            }
        }
        Ok(())
    }

    /// What a trial follows where its point says nothing: `base`, for as many epochs as the search allows.
    pub fn base(&self, base: &Hyper) -> Hyper {
        let epochs = self.search.epochs.max;
        Hyper {
            epochs,
            warmup_epochs: base.warmup_epochs.min(epochs / 2),
            batch_auto: false,
            ..base.clone()
        }
    }
}

fn refused(name: &str, value: String, allowed: &str) -> SearchError {
    SearchError::new(&format!("parameters.{name}"), value, allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::Optimizer;

    fn search(parameters: &str) -> HyperSearch {
        let text = format!(
            "parallel = 2\n[search]\nalgorithm = {{ name = \"random\" }}\nepochs = {{ max = 5 }}\n\
             budget = {{ trainings = 3 }}\n[search.parameters]\n{parameters}"
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn a_point_replaces_what_it_names_and_nothing_else() {
        let point: Point = toml::from_str(
            "learning_rate = 0.3\nbatch_size = 32\noptimizer = \"adamw\"\n\"augment.crop\" = 0.25",
        )
        .unwrap();
        let hyper = at_point(&Hyper::default(), &point).unwrap();
        let mut expected = Hyper {
            learning_rate: 0.3,
            batch_size: 32,
            optimizer: Optimizer::AdamW,
            ..Hyper::default()
        };
        expected.augment.crop = 0.25;
        assert_eq!(hyper, expected);
    }

    #[test]
    fn trials_are_as_long_as_the_search_says() {
        let base = Hyper {
            warmup_epochs: 8,
            ..Hyper::default()
        };
        let base = search("momentum = { linear = [0.5, 0.9] }").base(&base);
        assert_eq!((base.epochs, base.warmup_epochs), (5, 2));
    }

    #[test]
    fn what_no_training_can_follow_is_refused_by_name() {
        for (parameters, said) in [
            (
                "epochs = { integer = [1, 5] }",
                "parameters = epochs: what can be searched is",
            ),
            (
                "batch = { integer = [1, 5] }",
                "parameters = batch: what can be searched is",
            ),
            (
                "momentum = { linear = [0.5, 1.0] }",
                "parameters.momentum = 1: must be",
            ),
            ("batch_size = { linear = [8, 64] }", "parameters.batch_size = 8"),
            (
                "batch_size = { integer = [0, 64] }",
                "parameters.batch_size = 0: must be from 1",
            ),
            (
                "warmup_epochs = { integer = [0, 5] }",
                "must be below the 5 epochs",
            ),
            ("optimizer = { choice = [\"sgd\", \"adam\"] }", "`sgd` or `adamw`"),
            (
                "\"augment.flip\" = { linear = [0.0, 0.5] }",
                "parameters.augment.flip",
            ),
            (
                "\"augment.crop\" = { linear = [0.0, 1.0] }",
                "parameters.augment.crop",
            ),
            ("\"training.seed\" = { integer = [0, 9] }", "what can be searched"),
        ] {
            let error = search(parameters)
                .check(&Hyper::default())
                .unwrap_err()
                .to_string();
            assert!(error.contains(said), "{parameters}: {error}");
        }
        let fine = "learning_rate = { log = [1e-3, 1.0] }\nschedule = { choice = [\"cosine\", \"constant\"] }\n\
                    warmup_epochs = { integer = [0, 2] }\n\"augment.crop\" = { linear = [0.0, 0.3] }";
        assert_eq!(search(fine).check(&Hyper::default()), Ok(()));
    }
}
