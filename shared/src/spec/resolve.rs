//! From a spec to a build: what only the dataset and the hardware can tell.

use super::check::ensure;
use super::{Spec, SpecError};
use crate::build::Build;
use crate::dataset::{Manifest, Splits};
use crate::digest::Digest;
use crate::format::Size;
use crate::space::Space;
use crate::task::{Jpeg, Start};
use crate::training::Hyper;

/// What a build needs to know of its dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetFacts {
    /// Its digest.
    pub digest: Digest,
    /// Size of its images.
    pub size: Size,
    /// 1 or 3.
    pub channels: u16,
    /// Number of classes.
    pub classes: u32,
    /// Images it has.
    pub splits: Splits,
    /// Whether the source's own JPEG files were kept.
    pub has_jpeg_files: bool,
}

/// What surrounds a spec when it is submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// URL of the base, made absolute.
    pub base: String,
    /// The dataset the spec names.
    pub dataset: DatasetFacts,
    /// Hardware class of the workers, where the spec names none.
    pub hardware: String,
}

impl From<&Manifest> for DatasetFacts {
    fn from(manifest: &Manifest) -> Self {
        DatasetFacts {
            digest: manifest.digest,
            size: manifest.size,
            channels: manifest.channels,
            classes: manifest.classes.len() as u32,
            splits: manifest.splits,
            has_jpeg_files: manifest.jpeg_files.is_some(),
        }
    }
}

impl Spec {
    /// The design space of this spec.
    pub fn design_space(&self) -> Space {
        let preset = Space::preset(&self.space.preset).expect("a checked spec names a preset");
        Space {
            samplings: self.space.samplings.clone().unwrap_or(preset.samplings),
            blocks: self.space.blocks.clone().unwrap_or(preset.blocks),
            keeps: self.space.keeps.clone().unwrap_or(preset.keeps),
            quants: self.space.quants.clone().unwrap_or(preset.quants),
        }
    }

    /// The build this spec means here, or the field that does not fit the dataset.
    pub fn resolve(&self, surroundings: &Surroundings) -> Result<Build, SpecError> {
        let dataset = &surroundings.dataset;
        let space = self.design_space();
        let (feasible, infeasible) = space.split(dataset.size);
        if feasible.is_empty() {
            let why = infeasible
                .first()
                .map_or("the space is empty".to_string(), |(format, why)| {
                    format!("{format}: {why}")
                });
            let Size { height, width } = dataset.size;
            let allowed = format!("no format of it can hold the dataset's {height}x{width} images ({why})");
            return Err(SpecError::Field {
                field: "space".into(),
                value: format!("{} formats", infeasible.len()),
                allowed,
            });
        }
        let training = &self.training;
        let asked = |field: &str, asked: Option<u32>, there: u32| {
            let allowed = format!("the dataset {:?} has {there}", self.dataset);
            let images = asked.unwrap_or(there);
            ensure(images <= there, field, images, &allowed)?;
            Ok(images)
        };
        let images = Splits {
            train: asked(
                "training.train_images",
                training.train_images,
                dataset.splits.train,
            )?,
            validation: asked(
                "training.validation_images",
                training.validation_images,
                dataset.splits.validation,
            )?,
            test: asked(
                "training.test_images",
                Some(training.test_images.unwrap_or(0)),
                dataset.splits.test,
            )?,
        };
        let splits = format!(
            "{} training and {} validation images",
            images.train, images.validation
        );
        ensure(
            images.train > 0 && images.validation > 0,
            "dataset",
            &splits,
            "a build needs both; import it with --split",
        )?;
        let sample = dataset.splits.validation.max(dataset.splits.train);
        let allowed = format!("a batch is taken from one split, and the largest has {sample} images");
        ensure(
            self.profile.batch <= sample,
            "profile.batch",
            self.profile.batch,
            &allowed,
        )?;

        let scratch = Hyper {
            learning_rate: training.learning_rate,
            momentum: training.momentum,
            weight_decay: training.weight_decay,
            batch_size: training.batch_size,
            epochs: training.epochs,
            seed: training.seed,
            ..Hyper::default()
        };
        let transfer = Hyper {
            learning_rate: training.learning_rate_transfer.unwrap_or(training.learning_rate),
            epochs: training.epochs_transfer.unwrap_or(training.epochs.div_ceil(10)),
            ..scratch.clone()
        };
        let jpegs = if dataset.has_jpeg_files {
            vec![Jpeg::Source]
        } else {
            self.profile
                .jpeg_qualities
                .iter()
                .map(|&quality| Jpeg::Quality(quality))
                .collect()
        };
        Ok(Build {
            name: self.name.clone(),
            base: surroundings.base.clone(),
            dataset: dataset.digest,
            dataset_name: self.dataset.clone(),
            size: dataset.size,
            channels: dataset.channels,
            classes: dataset.classes,
            images,
            space,
            net: self.net.clone(),
            scratch,
            transfer,
            strategy: training.strategy,
            compared: Vec::new(),
            start: Start::Scratch,
            segments: self.chain.segments,
            buckets: self.buckets.count,
            buckets_sampled: self.buckets.sampled,
            formats_per_bucket: self.buckets.formats_per_bucket,
            choice: self.buckets.choice,
            choice_seed: self.buckets.seed,
            batch: self.profile.batch,
            hardware: self
                .profile
                .hardware
                .clone()
                .unwrap_or_else(|| surroundings.hardware.clone()),
            jpegs,
            threads: self.workers.threads,
            times_us: self.answer.times_us.clone(),
            spaces: self.answer.spaces.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings(side: u32) -> Surroundings {
        let dataset = DatasetFacts {
            digest: Digest::of(b"d"),
            size: Size {
                height: side,
                width: side,
            },
            channels: 1,
            classes: 10,
            splits: Splits {
                train: 800,
                validation: 200,
                test: 0,
            },
            has_jpeg_files: false,
        };
        Surroundings {
            base: "file:///b".into(),
            dataset,
            hardware: "cpu".into(),
        }
    }

    fn resolve(extra: &str, side: u32) -> Result<Build, SpecError> {
        Spec::parse(&format!("name = \"n\"\nbase = \"b\"\ndataset = \"d\"\n{extra}"))
            .unwrap()
            .resolve(&surroundings(side))
    }

    #[test]
    fn a_link_has_a_tenth_of_the_epochs_unless_told() {
        assert_eq!(
            resolve("[training]\nepochs = 210", 32).unwrap().transfer.epochs,
            21
        );
        assert_eq!(
            resolve("[training]\nepochs = 6\nepochs_transfer = 2", 32)
                .unwrap()
                .transfer
                .epochs,
            2
        );
        assert_eq!(resolve("[training]\nepochs = 6", 32).unwrap().transfer.epochs, 1);
    }

    #[test]
    fn what_the_dataset_cannot_give_is_refused_by_field() {
        let error = |extra: &str, side| resolve(extra, side).unwrap_err().to_string();
        assert!(
            error("", 28).starts_with("space = 6048 formats"),
            "{}",
            error("", 28)
        );
        assert!(error("[training]\ntrain_images = 801", 32).starts_with("training.train_images = 801"));
        assert!(error("[training]\ntest_images = 1", 32).starts_with("training.test_images = 1"));
        assert!(error("[profile]\nbatch = 1000", 32).starts_with("profile.batch = 1000"));
    }

    #[test]
    fn a_build_is_named_by_what_decides_it() {
        let build = resolve("", 32).unwrap();
        let moved = Build {
            base: "s3://x".into(),
            ..build.clone()
        };
        assert_eq!(build.id(), moved.id());
        assert_ne!(build.id(), resolve("[training]\nseed = 1", 32).unwrap().id());
    }

    #[test]
    fn the_name_of_a_build_is_stable_across_releases() {
        // A change of this value makes every build submitted before another one.
        assert_eq!(resolve("", 32).unwrap().id().0, "n-a256d5e1");
        let cut = |segments| {
            resolve(&format!("[chain]\nsegments = {segments}"), 32)
                .unwrap()
                .id()
        };
        assert_eq!(cut(1), resolve("", 32).unwrap().id());
        assert_ne!(cut(2), cut(1));
    }
}
