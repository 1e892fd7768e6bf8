//! What a spec may say of the net and its training.

use super::{NAMES, ensure, positive, within};
use crate::chain::Strategy;
use crate::dataset::is_name;
use crate::net;
use crate::spec::{SpecError, StartSpec, TrainingSpec};
use crate::training::{Augment, AugmentError, Hyper, HyperError, Net};

pub(super) fn net(of: &Net) -> Result<(), SpecError> {
    let (width, blocks) = match of {
        Net::SmallResnet { width, blocks } => (width, blocks),
        Net::Torchscript { script } => {
            return ensure(is_name(script), "net.script", format!("{script:?}"), NAMES);
        }
        Net::ResnetLike { .. } | Net::MobileLike { .. } => {
            // Every limit is the net's own, and it says which it crosses.
            let error = net::parameters(of, 1, 1).err().map(|error| error.to_string());
            let allowed = error.as_deref().unwrap_or_default();
            return ensure(error.is_none(), "net", of.name(), allowed);
        }
        _ => return Ok(()),
    };
    within("net.width", *width, 1..=512)?;
    let shown = format!("{blocks:?}");
    ensure(
        (1..=5).contains(&blocks.len()),
        "net.blocks",
        &shown,
        "name 1 to 5 stages, for example [1, 1, 1]",
    )?;
    ensure(
        blocks.iter().all(|&count| (1..=32).contains(&count)),
        "net.blocks",
        &shown,
        "a stage has 1 to 32 blocks",
    )
}

pub(super) fn training(training: &TrainingSpec) -> Result<(), SpecError> {
    let (scratch, _) = training.hypers();
    let of_training = |error: HyperError| SpecError::Field {
        field: format!("training.{}", error.field),
        value: error.value,
        allowed: error.allowed,
    };
    scratch.check().map_err(of_training)?;
    if let Some(epochs) = training.epochs_transfer {
        within("training.epochs_transfer", epochs, 1..=Hyper::EPOCHS_MAX)?;
    }
    if let Some(rate) = training.learning_rate_transfer {
        positive("training.learning_rate_transfer", rate, Hyper::RATE_BELOW)?;
    }
    let augment = &scratch.augment;
    augment.check_ranges().map_err(|error| refused(augment, &error))?;
    strategies(training)?;
    if let StartSpec::Weights(name) = &training.start {
        ensure(
            is_name(name),
            "training.start.weights",
            format!("{name:?}"),
            NAMES,
        )?;
    }
    let counts = [
        ("training.train_images", training.train_images),
        ("training.validation_images", training.validation_images),
    ];
    for (field, images) in counts {
        ensure(
            images != Some(0),
            field,
            0,
            "must be at least 1; leave it out to use all",
        )?;
    }
    Ok(())
}

/// What an augmentation cannot be, as a field of the spec.
pub(in crate::spec) fn refused(augment: &Augment, error: &AugmentError) -> SpecError {
    let strengths = augment.strengths();
    let strength = strengths.iter().find(|(field, _)| *field == error.field);
    SpecError::Field {
        field: format!("training.augment.{}", error.field),
        value: strength.map_or(String::new(), |(_, strength)| strength.to_string()),
        allowed: format!("{}; {}", error.reason, error.remedy),
    }
}

/// What is compared is named once, and is not what the build does anyway.
fn strategies(training: &TrainingSpec) -> Result<(), SpecError> {
    for (at, strategy) in training.compare.iter().enumerate() {
        let named = training.compare[..at].contains(strategy) || *strategy == training.strategy;
        let others = Strategy::ALL
            .into_iter()
            .filter(|other| *other != training.strategy);
        let others: Vec<&str> = others.map(Strategy::name).collect();
        let allowed = format!(
            "is named twice; `training.strategy` is {}, and what can be compared with it is each of {} once",
            training.strategy.name(),
            others.join(", ")
        );
        let value = format!("{:?}", strategy.name());
        ensure(!named, "training.compare", value, &allowed)?;
    }
    Ok(())
}
