//! From a spec to a build: what only the dataset, the files in the base and the hardware can tell.

mod net;

use super::check::ensure;
use super::{Spec, SpecError, StartSpec};
use crate::build::Build;
use crate::dataset::{Manifest, Splits};
use crate::digest::Digest;
use crate::format::{Format, Size};
use crate::net::{ScriptFacts, WeightsFacts};
use crate::search::{HyperSearch, NetSearch};
use crate::space::Space;
use crate::task::{Jpeg, Start};
use crate::training::Net;

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
#[derive(Clone, Debug, PartialEq)]
pub struct Surroundings {
    /// URL of the base, made absolute.
    pub base: String,
    /// The dataset the spec names.
    pub dataset: DatasetFacts,
    /// Hardware class of the workers, where the spec names none.
    pub hardware: String,
    /// The script the spec's net is, if it is one.
    pub script: Option<ScriptFacts>,
    /// The weights in the base the spec starts from, if it names any.
    pub weights: Option<WeightsFacts>,
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

        let net = self.net_of(surroundings)?;
        let (scratch, transfer) = training.hypers();
        let shapes = net::Shapes {
            space: &space,
            feasible: &feasible,
            size: dataset.size,
            channels: dataset.channels,
        };
        shapes.check(&self.net, surroundings.script.as_ref())?;
        shapes.check_augment(&scratch.augment)?;
        let start = self.start_of(surroundings, &net)?;
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
            net,
            scratch,
            transfer,
            strategy: training.strategy,
            compared: training.compare.clone(),
            start,
            segments: self.chain.segments,
            buckets: self.buckets.count,
            buckets_sampled: self.buckets.sampled,
            formats_per_bucket: self.buckets.formats_per_bucket,
            choice: self.buckets.choice,
            choice_seed: self.buckets.seed,
            embedding: self.embedding_search(),
            search_nets: self.search_nets_of(&feasible)?,
            search_hyper: self.search_hyper_of(&feasible)?,
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
            amendments: Vec::new(),
        })
    }

    /// The net of the build: that of the spec, a script by the digest of its bytes.
    fn net_of(&self, surroundings: &Surroundings) -> Result<Net, SpecError> {
        let Net::Torchscript { script } = &self.net else {
            return Ok(self.net.clone());
        };
        let value = format!("{script:?}");
        let Some(facts) = &surroundings.script else {
            let allowed = format!("the base {} has no script of that name", surroundings.base);
            ensure(false, "net.script", &value, &allowed)?;
            return Ok(self.net.clone());
        };
        let classes = surroundings.dataset.classes;
        let allowed = format!(
            "the script tells {} classes apart and the dataset {:?} has {classes}: export the net again with --classes {classes}",
            facts.classes, self.dataset
        );
        ensure(
            u32::from(facts.classes) == classes,
            "net.script",
            &value,
            &allowed,
        )?;
        let channels = surroundings.dataset.channels;
        let allowed = format!(
            "the script takes images of {} channels and those of {:?} have {channels}: export the net again with --channels {channels}, or import the dataset with as many as the script takes",
            facts.channels, self.dataset
        );
        ensure(facts.channels == channels, "net.script", &value, &allowed)?;
        Ok(facts.net())
    }

    fn search_nets_of(&self, feasible: &[Format]) -> Result<Option<NetSearch>, SpecError> {
        let Some(spec) = &self.search.nets else {
            return Ok(None);
        };
        is_of_space("search.nets.format", spec.format, feasible)?;
        let (scratch, _) = self.training.hypers();
        Ok(Some(spec.search(scratch.epochs)))
    }

    fn search_hyper_of(&self, feasible: &[Format]) -> Result<Option<HyperSearch>, SpecError> {
        let Some(spec) = &self.search.hyper else {
            return Ok(None);
        };
        is_of_space("search.hyper.format", spec.format, feasible)?;
        let (scratch, _) = self.training.hypers();
        Ok(Some(spec.search(scratch.epochs)))
    }

    /// What takes the place of "scratch".
    fn start_of(&self, surroundings: &Surroundings, net: &Net) -> Result<Start, SpecError> {
        let name = match &self.training.start {
            StartSpec::Scratch => return Ok(Start::Scratch),
            StartSpec::Task(task) => return Ok(Start::Weights(*task)),
            StartSpec::Weights(name) => name,
        };
        let (field, value) = ("training.start.weights", format!("{name:?}"));
        let Some(facts) = &surroundings.weights else {
            let allowed = format!("the base {} has no weights of that name", surroundings.base);
            ensure(false, field, &value, &allowed)?;
            return Ok(Start::Scratch);
        };
        let dataset = &surroundings.dataset;
        let classes = u16::try_from(dataset.classes).unwrap_or(u16::MAX);
        if let Err(error) = facts.serves(net, dataset.channels, classes) {
            ensure(false, field, &value, &error.to_string())?;
        }
        Ok(Start::File(facts.digest))
    }
}

/// A format that the spec names for a search must be of the space: its profile and its columns come from there.
fn is_of_space(field: &str, format: Option<Format>, feasible: &[Format]) -> Result<(), SpecError> {
    let Some(format) = format else {
        return Ok(());
    };
    let allowed = "is no format of [space] that the dataset's images can have; name another, or leave it out and say \
                   `time_us`";
    ensure(feasible.contains(&format), field, format, allowed)
}

#[cfg(test)]
mod tests;
