//! `[search]`: searches that follow once formats are known.

use super::{Spec, SpecError};
use crate::format::Format;
use crate::search::{
    Algorithm, Budget, Epochs, Hours, HyperSearch, NetAlgorithm, NetSearch, NetSpace, PARALLEL_MAX,
    Parameters, Search, SearchError,
};
use serde::{Deserialize, Serialize};

/// Trials at once where the spec does not say; of a search over hyper-parameters, at first.
const PARALLEL: u16 = 4;

/// `[search]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchSpec {
    /// A search over nets.
    pub nets: Option<NetSearchSpec>,
    /// A search over hyper-parameters, of the best net where nets are searched too.
    pub hyper: Option<HyperSearchSpec>,
}

/// `[search.nets]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetSearchSpec {
    /// The format to train on; the best that was found within `time_us` unless given.
    pub format: Option<Format>,
    /// The most inference time of format and net together, µs per image.
    pub time_us: Option<f64>,
    /// `{ name = "predictor" }`, `{ name = "proxies", by = "naswot" }`, `{ name = "supernet", epochs = 20 }` or
    /// `{ name = "random" }`.
    pub algorithm: NetAlgorithm,
    /// Epochs of a training; `training.epochs` unless given.
    pub epochs: Option<u32>,
    /// `{ trainings = 20 }`, also with `wall_hours` or `gpu_hours`: how much may be spent.
    pub budget: NetBudget,
    /// Nets that are drawn and measured; four for each that is trained unless given.
    pub candidates: Option<u32>,
    /// Trainings at once.
    #[serde(default = "parallel")]
    pub parallel: u16,
    /// Seed of every draw.
    #[serde(default)]
    pub seed: u64,
    /// What is searched.
    pub space: NetSpace,
}

/// `[search.nets.budget]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetBudget {
    /// Nets that are trained.
    pub trainings: u32,
    /// Time in which nets are trained, however many at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_hours: Option<Hours>,
    /// Time of all devices together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_hours: Option<Hours>,
}

impl NetSearchSpec {
    /// The search it means where a training has so many epochs.
    pub fn search(&self, epochs: u32) -> NetSearch {
        let trainings = self.budget.trainings;
        NetSearch {
            space: self.space.clone(),
            algorithm: self.algorithm,
            format: self.format,
            time_us: self.time_us,
            epochs: self.epochs.unwrap_or(epochs),
            budget: Budget {
                trainings: Some(trainings),
                epochs: None,
                wall_hours: self.budget.wall_hours,
                gpu_hours: self.budget.gpu_hours,
            },
            candidates: self.candidates.unwrap_or(trainings.saturating_mul(4)),
            parallel: self.parallel,
            seed: self.seed,
        }
    }
}

/// `[search.hyper]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HyperSearchSpec {
    /// The format to train on; the best that was found within `time_us` unless given.
    pub format: Option<Format>,
    /// The most inference time of the format, µs per image.
    pub time_us: Option<f64>,
    /// `{ name = "asha" }`, `hyperband`, `bohb`, `pbt`, `random` or `grid`, with its settings.
    pub algorithm: Algorithm,
    /// `{ min = 1, max = 27 }`: how long a trial is trained. From 1 to `training.epochs` unless given.
    pub epochs: Option<Epochs>,
    /// `{ trainings = 50 }`, `{ epochs = 400 }`, `{ wall_hours = 8 }`, `{ gpu_hours = 100 }`: how much may be spent.
    pub budget: Budget,
    /// Trials at once. As many as there are workers unless given; then which trials there are depends on that, too.
    pub parallel: Option<u16>,
    /// Seed of every draw.
    #[serde(default)]
    pub seed: u64,
    /// What is searched, each with its range.
    pub parameters: Parameters,
}

impl HyperSearchSpec {
    /// The search it means where a training has so many epochs.
    pub fn search(&self, epochs: u32) -> HyperSearch {
        let search = Search {
            parameters: self.parameters.clone(),
            algorithm: self.algorithm,
            epochs: self.epochs.unwrap_or(Epochs { min: 1, max: epochs }),
            budget: self.budget,
            seed: self.seed,
        };
        HyperSearch {
            format: self.format,
            time_us: self.time_us,
            parallel: self.parallel.unwrap_or(PARALLEL),
            widens: self.parallel.is_none(),
            search,
        }
    }
}

/// What a spec may say of its searches, as far as that needs no dataset.
pub(super) fn check(spec: &Spec) -> Result<(), SpecError> {
    let (scratch, _) = spec.training.hypers();
    if let Some(nets) = &spec.search.nets {
        place("nets", nets.parallel, nets.format, nets.time_us)?;
        let checked = nets.search(scratch.epochs).check();
        checked.map_err(|error| of_search("nets", error))?;
    }
    let Some(hyper) = &spec.search.hyper else {
        return Ok(());
    };
    let parallel = hyper.parallel.unwrap_or(PARALLEL);
    place("hyper", parallel, hyper.format, hyper.time_us)?;
    let budget = hyper.budget;
    if !budget.is_limited() && !matches!(hyper.algorithm, Algorithm::Grid { .. }) {
        let allowed = "would never end; say `trainings`, `epochs`, `wall_hours` or `gpu_hours`, for example { trainings = 30 }";
        return Err(refused("hyper", "budget", "{}".into(), allowed));
    }
    let checked = hyper.search(scratch.epochs).check(&scratch);
    checked.map_err(|error| of_search("hyper", error))
}

/// What every search says of where and how it runs.
fn place(search: &str, parallel: u16, format: Option<Format>, time_us: Option<f64>) -> Result<(), SpecError> {
    if !(1..=PARALLEL_MAX).contains(&parallel) {
        let allowed = format!("must be from 1 to {PARALLEL_MAX}");
        return Err(refused(search, "parallel", parallel.to_string(), &allowed));
    }
    if let Some(time) = time_us.filter(|time| !(time.is_finite() && *time > 0.0)) {
        return Err(refused(search, "time_us", time.to_string(), "must be above 0"));
    }
    // Of nets the time is also that of the net, so there both say something.
    if let ("hyper", Some(format), Some(time)) = (search, format, time_us) {
        let allowed = format!("`search.hyper.format` names {format} already; leave one of them out");
        return Err(refused(search, "time_us", time.to_string(), &allowed));
    }
    Ok(())
}

fn refused(search: &str, field: &str, value: String, allowed: &str) -> SpecError {
    SpecError::Field {
        field: format!("search.{search}.{field}"),
        value,
        allowed: allowed.into(),
    }
}

/// An error of a search as one of the spec.
fn of_search(search: &str, error: SearchError) -> SpecError {
    refused(search, &error.field, error.value, &error.allowed)
}

fn parallel() -> u16 {
    PARALLEL
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASHA: &str = "[training]\nepochs = 9\n[search.hyper]\nalgorithm = { name = \"asha\", eta = 3 }\n\
        budget = { trainings = 20 }\n[search.hyper.parameters]\nlearning_rate = { log = [1e-3, 1.0] }\n";

    fn parse(extra: &str) -> Result<Spec, SpecError> {
        Spec::parse(&format!("name = \"n\"\nbase = \"b\"\ndataset = \"d\"\n{extra}"))
    }

    #[test]
    fn what_is_not_said_has_a_meaning() {
        let spec = parse(ASHA).unwrap();
        let search = spec.search.hyper.unwrap().search(9);
        assert_eq!(search.search.epochs, Epochs { min: 1, max: 9 });
        assert_eq!((search.parallel, search.format, search.time_us), (4, None, None));
    }

    #[test]
    fn bad_searches_are_refused_with_their_field_and_a_remedy() {
        let with = |from: &str, to: &str| ASHA.replace(from, to);
        for (text, said) in [
            (
                with("[1e-3, 1.0]", "[1.0, 1e-3]"),
                "search.hyper.parameters.learning_rate = ",
            ),
            (with("[1e-3, 1.0]", "[0.0, 1.0]"), "raise its first end"),
            (
                with("trainings = 20", "trainings = 2"),
                "search.hyper.budget.trainings = 2",
            ),
            (
                with("trainings = 20", "epochs = 8"),
                "search.hyper.budget.epochs = 8",
            ),
            (with("trainings = 20", ""), "would never end"),
            (with("epochs = 9", "epochs = 2"), "or use the algorithm `random`"),
            (
                with("[search.hyper]", "[search.hyper]\nparallel = 0"),
                "search.hyper.parallel = 0",
            ),
            (
                with("[search.hyper]", "[search.hyper]\ntime_us = -1.0"),
                "search.hyper.time_us = -1",
            ),
            (
                with(
                    "[search.hyper]",
                    "[search.hyper]\nformat = \"1x1-b8-k2-q20\"\ntime_us = 3.0",
                ),
                "names 1x1-b8-k2-q20 already",
            ),
            (
                with("learning_rate = {", "rate = {"),
                "search.hyper.parameters = rate",
            ),
            (
                with("log = [1e-3, 1.0]", "log = [1e-3, 100.0]"),
                "must be above 0 and below 100",
            ),
            (
                with("\"asha\", eta = 3", "\"asha\", eta = 1"),
                "search.hyper.algorithm.eta = 1",
            ),
            (with("\"asha\", eta = 3", "\"tpe\""), "`random`"),
        ] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
