//! What a spec may say, field by field; everything that needs no dataset.

pub(super) mod training;

use super::{Spec, SpecError};
use crate::dataset::is_name;
use crate::format::{Format, Sampling};
use crate::space::{Keeps, PRESETS, Space};
use std::fmt::Display;

/// What a name in a base may be.
const NAMES: &str = "use 1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit";
const WORKERS_MAX: u16 = 1024;
const SEGMENTS_MAX: u16 = WORKERS_MAX;

pub(super) fn check(spec: &Spec) -> Result<(), SpecError> {
    ensure(is_name(&spec.name), "name", &spec.name, NAMES)?;
    ensure(is_name(&spec.dataset), "dataset", &spec.dataset, NAMES)?;
    ensure(
        !spec.base.is_empty(),
        "base",
        "\"\"",
        "use a URL like file:///data or s3://place/prefix, or a path",
    )?;
    space(spec)?;
    training::net(&spec.net)?;
    training::training(&spec.training)?;
    buckets(spec)?;
    within("chain.segments", spec.chain.segments, 1..=SEGMENTS_MAX)?;
    super::embedding::check(spec)?;
    super::search::check(spec)?;
    profile(spec)?;
    for (field, budgets) in [
        ("answer.times_us", &spec.answer.times_us),
        ("answer.spaces", &spec.answer.spaces),
    ] {
        for budget in budgets {
            ensure(
                budget.is_finite() && *budget > 0.0,
                field,
                budget,
                "every budget must be above 0",
            )?;
        }
    }
    within("workers.count", spec.workers.count, 1..=WORKERS_MAX)?;
    within("workers.threads", spec.workers.threads, 1..=256)
}

pub(super) fn ensure(holds: bool, field: &str, value: impl Display, allowed: &str) -> Result<(), SpecError> {
    if holds {
        return Ok(());
    }
    Err(SpecError::Field {
        field: field.into(),
        value: value.to_string(),
        allowed: allowed.into(),
    })
}

fn within<T>(field: &str, value: T, range: std::ops::RangeInclusive<T>) -> Result<(), SpecError>
where
    T: PartialOrd + Display,
{
    let allowed = format!("must be from {} to {}", range.start(), range.end());
    ensure(range.contains(&value), field, value, &allowed)
}

fn positive(field: &str, value: f64, below: f64) -> Result<(), SpecError> {
    let holds = value.is_finite() && value > 0.0 && value < below;
    ensure(holds, field, value, &format!("must be above 0 and below {below}"))
}

fn not_empty<T>(field: &str, list: &Option<Vec<T>>) -> Result<(), SpecError> {
    ensure(
        list.as_ref().is_none_or(|list| !list.is_empty()),
        field,
        "[]",
        "name at least one",
    )
}

fn space(spec: &Spec) -> Result<(), SpecError> {
    let space = &spec.space;
    let presets: Vec<&str> = PRESETS.iter().map(|(name, _)| *name).collect();
    let known = Space::preset(&space.preset).is_some();
    ensure(
        known,
        "space.preset",
        format!("{:?}", space.preset),
        &format!("is one of {}", presets.join(", ")),
    )?;
    not_empty("space.samplings", &space.samplings)?;
    not_empty("space.blocks", &space.blocks)?;
    not_empty("space.quants", &space.quants)?;
    for &block in space.blocks.iter().flatten() {
        let made = Format::new(Sampling::Full, block, 1, 1);
        ensure(
            made.is_ok(),
            "space.blocks",
            block,
            "is one of 8, 16, 32, 64, 128, 256",
        )?;
    }
    for &quant in space.quants.iter().flatten() {
        within("space.quants", quant, 1..=crate::format::QUANT_MAX)?;
    }
    if let Some(Keeps::List(keeps)) = &space.keeps {
        ensure(!keeps.is_empty(), "space.keeps", "[]", "name at least one")?;
        for &keep in keeps {
            within("space.keeps", keep, 1..=2 * crate::format::BLOCK_MAX - 1)?;
        }
    }
    Ok(())
}

fn buckets(spec: &Spec) -> Result<(), SpecError> {
    let buckets = &spec.buckets;
    within("buckets.count", buckets.count, 1..=4096)?;
    within("buckets.sampled", buckets.sampled, 1..=buckets.count)?;
    within(
        "buckets.formats_per_bucket",
        buckets.formats_per_bucket,
        1..=u16::MAX,
    )
}

fn profile(spec: &Spec) -> Result<(), SpecError> {
    within("profile.batch", spec.profile.batch, 1..=1024)?;
    for &quality in &spec.profile.jpeg_qualities {
        within("profile.jpeg_qualities", quality, 1..=100)?;
    }
    if let Some(hardware) = &spec.profile.hardware {
        let allowed = "must be a hardware class as `imgcalc-worker hardware` prints it";
        ensure(
            hardware.len() <= 200 && is_class(hardware),
            "profile.hardware",
            format!("{hardware:?}"),
            allowed,
        )?;
    }
    Ok(())
}

fn is_class(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::Net;

    fn parse(extra: &str) -> Result<Spec, SpecError> {
        Spec::parse(&format!("name = \"n\"\nbase = \"b\"\ndataset = \"d\"\n{extra}"))
    }

    #[test]
    fn a_spec_of_three_lines_is_whole() {
        let spec = parse("").unwrap();
        assert_eq!((spec.buckets.count, spec.workers.count), (16, 1));
    }

    #[test]
    fn the_nets_people_use_are_named_alone() {
        for net in Net::PUBLISHED {
            let name = net.name();
            assert_eq!(parse(&format!("[net]\nname = \"{name}\"")).unwrap().net, net);
            assert_eq!(
                serde_json::to_string(&net).unwrap(),
                format!(r#"{{"name":"{name}"}}"#)
            );
        }
    }

    #[test]
    fn bad_values_name_field_value_and_what_is_allowed() {
        for (extra, field) in [
            ("[training]\nepochs = 0", "training.epochs = 0"),
            ("[training]\nlearning_rate = nan", "training.learning_rate = NaN"),
            ("[training]\nmomentum = 1.0", "training.momentum = 1"),
            ("[training]\nbatch_size = 0", "training.batch_size = 0"),
            ("[training]\nepochs_transfer = 0", "training.epochs_transfer = 0"),
            ("[training]\nwarmup_epochs = 210", "training.warmup_epochs = 210"),
            (
                "[training]\nlabel_smoothing = 1.0",
                "training.label_smoothing = 1",
            ),
            (
                "[training.schedule]\nstep = { every = 0, factor = 0.1 }",
                "training.schedule.step.every = 0",
            ),
            (
                "[training.schedule]\nstep = { every = 1, factor = 1.5 }",
                "training.schedule.step.factor = 1.5",
            ),
            (
                "[training]\ncompare = [\"dense_to_sparse\"]",
                "training.compare = \"dense_to_sparse\"",
            ),
            (
                "[training]\ncompare = [\"scratch\", \"scratch\"]",
                "training.compare = \"scratch\"",
            ),
            (
                "[training]\nstart = { weights = \"../x\" }",
                "training.start.weights = \"../x\"",
            ),
            (
                "[training.augment]\nhorizontal_flip = 1.5",
                "training.augment.horizontal_flip = 1.5",
            ),
            (
                "[net]\nname = \"torchscript\"\nscript = \"\"",
                "net.script = \"\"",
            ),
            ("[training]\ntrain_images = 0", "training.train_images = 0"),
            ("[space]\npreset = \"sigmod\"", "space.preset = \"sigmod\""),
            ("[space]\nblocks = [12]", "space.blocks = 12"),
            ("[space]\nquants = []", "space.quants = []"),
            ("[space]\nkeeps = { list = [0] }", "space.keeps = 0"),
            ("[buckets]\nsampled = 17", "buckets.sampled = 17"),
            ("[buckets]\ncount = 0", "buckets.count = 0"),
            ("[chain]\nsegments = 0", "chain.segments = 0"),
            ("[profile]\nbatch = 0", "profile.batch = 0"),
            (
                "[profile]\njpeg_qualities = [101]",
                "profile.jpeg_qualities = 101",
            ),
            ("[answer]\ntimes_us = [-1.0]", "answer.times_us = -1"),
            ("[workers]\nthreads = 0", "workers.threads = 0"),
            (
                "[net]\nname = \"small_resnet\"\nwidth = 0\nblocks = [1]",
                "net.width = 0",
            ),
        ] {
            let error = parse(extra).unwrap_err();
            assert!(matches!(error, SpecError::Field { .. }), "{extra}: {error}");
            assert!(error.to_string().starts_with(field), "{extra}: {error}");
        }
    }

    #[test]
    fn unknown_keys_and_nets_name_line_and_alternatives() {
        let error = parse("[training]\nepoch = 3").unwrap_err().to_string();
        assert!(
            error.contains("epoch") && error.contains("epochs_transfer") && error.contains("line 5"),
            "{error}"
        );
        let error = parse("[net]\nname = \"vgg\"\nwidth = 1\nblocks = [1]")
            .unwrap_err()
            .to_string();
        assert!(error.contains("vgg") && error.contains("small_resnet"), "{error}");
        let stages = "stages = [{ width = 8, depth = 1, kernel = 4 }]";
        let error = parse(&format!("[net]\nname = \"resnet_like\"\nstem = 8\n{stages}"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("net = resnet_like") && error.contains("take 3 or 5"),
            "{error}"
        );
        let error = parse("[net]\nname = \"resnet18\"\nwidth = 1")
            .unwrap_err()
            .to_string();
        assert!(error.contains("width"), "{error}");
    }
}
