//! What a dry run says of the training.

use imgcalc_shared::build::Build;
use imgcalc_shared::chain::Strategy;
use imgcalc_shared::embedding::EmbeddingFacts;
use imgcalc_shared::explore::{NetSearchFacts, SearchFacts};
use imgcalc_shared::search::{NetAlgorithm, NetSearch};
use imgcalc_shared::spec::{StartSpec, TrainingSpec};
use imgcalc_shared::training::{Augment, Optimizer, Precision, Schedule};

/// Preset, epochs and how steps are made.
pub(super) fn training(spec: &TrainingSpec, build: &Build) -> String {
    let (scratch, transfer) = (&build.scratch, &build.transfer);
    let optimizer = match scratch.optimizer {
        Optimizer::Sgd => "SGD",
        Optimizer::AdamW => "AdamW",
    };
    let batch = match scratch.batch_auto {
        true => "as many images a step as are measured to be fast".to_string(),
        false => format!("{} images a step", scratch.batch_size),
    };
    let schedule = match scratch.schedule {
        Schedule::Cosine => "cosine".to_string(),
        Schedule::Constant => "constant".to_string(),
        Schedule::Step { every, factor } => format!("times {factor} every {every} epochs"),
    };
    let mut words = format!(
        "preset {}: {} epochs from scratch, {} of a link, {optimizer} of {} and {}, {schedule}, {batch}",
        spec.preset.name(),
        scratch.epochs,
        transfer.epochs,
        scratch.learning_rate,
        transfer.learning_rate,
    );
    if scratch.warmup_epochs > 0 {
        words += &format!(
            ", {} and {} epochs of warm-up",
            scratch.warmup_epochs, transfer.warmup_epochs
        );
    }
    if scratch.label_smoothing > 0.0 {
        words += &format!(", label smoothing {}", scratch.label_smoothing);
    }
    if scratch.precision == Precision::Bf16 {
        words += ", bf16";
    }
    if scratch.deterministic {
        words += ", deterministic";
    }
    words
}

/// How formats are found without sampling.
pub(super) fn embedding(build: &Build, facts: &EmbeddingFacts) -> String {
    let verified = match &build.embedding {
        Some(search) if search.verify => "and trained",
        _ => "not trained",
    };
    format!(
        "{}, in each a format recommended by embedding {verified}; the embedding costs {:.1} epochs on pixels' size",
        build.buckets, facts.cost_epochs
    )
}

/// What a search takes, as a rehearsal had it.
pub(super) fn trials(facts: &SearchFacts) -> String {
    format!(
        "{} of {} ({} at once), about {} epochs of at most {} each, on {}",
        facts.trials.len(),
        facts.algorithm,
        facts.parallel,
        facts.epochs_spent,
        facts.epochs.max,
        facts.format
    )
}

/// What a search over nets takes, where all of its candidates are fast enough.
pub(super) fn nets(facts: &NetSearchFacts, search: &NetSearch) -> String {
    let of = match search.space.count() {
        Some(count) => format!(" of {count} nets"),
        None => String::new(),
    };
    let looked = match search.algorithm.needs_proxies() {
        true => " and looked at untrained",
        false => "",
    };
    let fast = match search.time_us {
        Some(budget) => format!(" that take at most {budget} µs"),
        None => String::new(),
    };
    let rounds = match search.algorithm {
        NetAlgorithm::Predictor {} => format!(" in rounds of {}", search.parallel),
        _ => String::new(),
    };
    format!(
        "{} candidates{of} measured{looked}, {}{fast} trained for {} epochs each ({}{rounds}), on {}",
        facts.candidates.len(),
        facts.chosen().len(),
        search.epochs,
        search.algorithm,
        facts.format
    )
}

/// The augmentations that are on, if any.
pub(super) fn augment(augment: &Augment) -> Option<String> {
    let on = augment
        .strengths()
        .into_iter()
        .filter(|(_, strength)| *strength > 0.0);
    let words = |(field, strength): (&str, f64)| format!("{} {strength}", field.replace('_', " "));
    let on: Vec<String> = on.map(words).collect();
    (!on.is_empty()).then(|| on.join(", "))
}

/// Who hands weights to whom, from where, and what that is compared with.
pub(super) fn strategy(build: &Build, start: &StartSpec) -> String {
    let mut words = build.strategy.words().to_string();
    match start {
        StartSpec::Scratch => {}
        StartSpec::Weights(name) => words += &format!(", from the weights {name:?} in place of scratch"),
        StartSpec::Task(task) => {
            words += &format!(", from the training {} in place of scratch", task.0.short())
        }
    }
    let compared: Vec<&str> = build
        .compared
        .iter()
        .map(|strategy| Strategy::words(*strategy))
        .collect();
    if !compared.is_empty() {
        words += &format!("; compared with {}", compared.join(", "));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing;
    use imgcalc_shared::spec::TrainingPreset;

    #[test]
    fn a_dry_run_says_what_is_not_as_usual_and_nothing_more() {
        let mut build = testing::build();
        let mut spec = TrainingSpec {
            preset: TrainingPreset::SmallImages,
            ..TrainingSpec::default()
        };
        assert_eq!(
            training(&spec, &build),
            "preset small-images: 20 epochs from scratch, 2 of a link, SGD of 0.1 and 0.1, cosine, 64 images a step"
        );
        assert_eq!(augment(&build.scratch.augment), None);
        assert_eq!(strategy(&build, &spec.start), "dense to sparse");
        build.scratch.augment.crop = 0.2;
        build.scratch.precision = Precision::Bf16;
        build.scratch.batch_auto = true;
        build.compared = vec![Strategy::Scratch, Strategy::FromSparsest];
        spec.start = StartSpec::Weights("imagenet".into());
        assert!(training(&spec, &build).ends_with("measured to be fast, bf16"));
        assert_eq!(augment(&build.scratch.augment).unwrap(), "crop 0.2");
        assert_eq!(
            strategy(&build, &spec.start),
            "dense to sparse, from the weights \"imagenet\" in place of scratch; compared with all from scratch, \
             all from the sparsest"
        );
    }
}
