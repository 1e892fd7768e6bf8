//! `[training]`: a preset, of which any field may be replaced.

use crate::chain::Strategy;
use crate::task::TaskId;
use crate::training::{Augment, Hyper, Optimizer, Precision, Schedule};
use serde::{Deserialize, Serialize};

/// Images per step where `"auto"` is asked for and cannot be measured; the presets' too.
const BATCH_SIZE: u32 = 64;

/// `[training]`. What is not given is the preset's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingSpec {
    /// Where fields come from that are not given.
    pub preset: TrainingPreset,
    /// Epochs of a training from scratch.
    pub epochs: Option<u32>,
    /// Epochs of a link that starts from another's weights; a tenth of `epochs` where those are given.
    pub epochs_transfer: Option<u32>,
    /// Where first weights come from: `dense_to_sparse` (the chain), `sparse_to_dense`, `from_densest`, `from_sparsest`
    /// or `scratch`.
    pub strategy: Strategy,
    /// Other strategies by which the same formats are trained too, to be compared in the report.
    pub compare: Vec<Strategy>,
    /// What takes the place of "scratch".
    pub start: StartSpec,
    /// Peak learning rate from scratch.
    pub learning_rate: Option<f64>,
    /// Peak learning rate of a link; that from scratch unless given.
    pub learning_rate_transfer: Option<f64>,
    /// How gradients become steps: `sgd` or `adamw`.
    pub optimizer: Optimizer,
    /// Momentum of SGD; β₁ of AdamW.
    pub momentum: Option<f64>,
    /// L2 penalty of SGD; decoupled decay of AdamW.
    pub weight_decay: Option<f64>,
    /// `cosine`, `constant` or `{ step = { every = 30, factor = 0.1 } }`.
    pub schedule: Schedule,
    /// Epochs over which the learning rate first rises to its peak. A link warms up as long, but for no more than half
    /// of its epochs, so that the schedule has the other half.
    pub warmup_epochs: u32,
    /// Share of the target spread over all classes.
    pub label_smoothing: f64,
    /// Number format of convolutions and linear layers: `f32` or `bf16`.
    pub precision: Precision,
    /// Whether a GPU must use deterministic algorithms only.
    pub deterministic: bool,
    /// What is done to training images at random.
    pub augment: Augment,
    /// Images per step, or `"auto"`.
    pub batch_size: Option<BatchSize>,
    /// Seeds initial weights, the order of images and every augmentation.
    pub seed: u64,
    /// Training images used; all unless given.
    pub train_images: Option<u32>,
    /// Validation images used; all unless given.
    pub validation_images: Option<u32>,
    /// Test images used; none unless given.
    pub test_images: Option<u32>,
}

/// A named set of hyper-parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainingPreset {
    /// The published training: SGD of 0.001 with momentum 0.9 and a penalty of 4e-5, 210 epochs from scratch and 20 of
    /// a link, cosine.
    #[default]
    Sigmod24,
    /// For small images and nets, where few epochs suffice: SGD of 0.1 with momentum 0.9 and a penalty of 5e-4, 20
    /// epochs from scratch and 2 of a link, cosine.
    SmallImages,
}

/// Images per step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "images per step as a whole number, or \"auto\"")]
pub enum BatchSize {
    /// As many.
    Images(u32),
    /// As many as use the hardware well, which is measured.
    Auto(Auto),
}

/// The word `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auto {
    /// It.
    Auto,
}

/// Where the first weights come from of whatever starts from no other training of the build: the chain's root, every
/// format under `scratch`, the baseline on pixels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartSpec {
    /// Seeded random weights.
    #[default]
    Scratch,
    /// Weights of this name in the base.
    Weights(String),
    /// What this training of the same ledger came to.
    Task(TaskId),
}

impl TrainingPreset {
    /// Its name in a spec.
    pub fn name(self) -> &'static str {
        match self {
            TrainingPreset::Sigmod24 => "sigmod24",
            TrainingPreset::SmallImages => "small-images",
        }
    }

    /// From scratch.
    fn hyper(self) -> Hyper {
        let published = Hyper::default();
        match self {
            TrainingPreset::Sigmod24 => published,
            TrainingPreset::SmallImages => Hyper {
                learning_rate: 0.1,
                weight_decay: 5e-4,
                epochs: 20,
                ..published
            },
        }
    }

    fn epochs_transfer(self) -> u32 {
        match self {
            TrainingPreset::Sigmod24 => 20,
            TrainingPreset::SmallImages => 2,
        }
    }
}

impl TrainingSpec {
    /// Hyper-parameters from scratch, and of a link.
    pub fn hypers(&self) -> (Hyper, Hyper) {
        let preset = self.preset.hyper();
        let (batch_size, batch_auto) = match self.batch_size {
            None => (preset.batch_size, false),
            Some(BatchSize::Images(images)) => (images, false),
            Some(BatchSize::Auto(Auto::Auto)) => (BATCH_SIZE, true),
        };
        let scratch = Hyper {
            learning_rate: self.learning_rate.unwrap_or(preset.learning_rate),
            momentum: self.momentum.unwrap_or(preset.momentum),
            weight_decay: self.weight_decay.unwrap_or(preset.weight_decay),
            batch_size,
            epochs: self.epochs.unwrap_or(preset.epochs),
            seed: self.seed,
            batch_auto,
            optimizer: self.optimizer,
            schedule: self.schedule,
            warmup_epochs: self.warmup_epochs,
            label_smoothing: self.label_smoothing,
            precision: self.precision,
            deterministic: self.deterministic,
            augment: self.augment,
        };
        let epochs = match (self.epochs_transfer, self.epochs) {
            (Some(epochs), _) => epochs,
            (None, Some(epochs)) => epochs.div_ceil(10),
            (None, None) => self.preset.epochs_transfer(),
        };
        let transfer = Hyper {
            learning_rate: self.learning_rate_transfer.unwrap_or(scratch.learning_rate),
            epochs,
            warmup_epochs: scratch.warmup_epochs.min(epochs / 2),
            ..scratch.clone()
        };
        (scratch, transfer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hypers(text: &str) -> (Hyper, Hyper) {
        toml::from_str::<TrainingSpec>(text).unwrap().hypers()
    }

    #[test]
    fn the_published_training_is_what_nothing_said_means() {
        let (scratch, transfer) = hypers("");
        assert_eq!(scratch, Hyper::default());
        let link = Hyper {
            epochs: 20,
            ..Hyper::default()
        };
        assert_eq!(transfer, link);
        assert_eq!(hypers("preset = \"sigmod24\""), (scratch, transfer));
    }

    #[test]
    fn any_field_replaces_the_presets() {
        let (scratch, transfer) = hypers("preset = \"small-images\"\nlearning_rate = 0.2\nepochs = 31");
        assert_eq!((scratch.learning_rate, scratch.weight_decay), (0.2, 5e-4));
        assert_eq!((scratch.epochs, transfer.epochs), (31, 4));
        assert_eq!(transfer.learning_rate, 0.2);
        assert_eq!(hypers("preset = \"small-images\"").1.epochs, 2);
        assert_eq!(hypers("epochs_transfer = 7").1.epochs, 7);
    }

    #[test]
    fn a_link_warms_up_for_half_of_its_epochs_at_most() {
        let (scratch, transfer) = hypers("epochs = 100\nwarmup_epochs = 8");
        assert_eq!((scratch.warmup_epochs, transfer.warmup_epochs), (8, 5));
        assert_eq!(hypers("epochs = 10\nwarmup_epochs = 8").1.warmup_epochs, 0);
        assert_eq!(hypers("warmup_epochs = 8").1.warmup_epochs, 8);
    }

    #[test]
    fn everything_can_be_written() {
        let (scratch, _) = hypers(
            "optimizer = \"adamw\"\nschedule = { step = { every = 30, factor = 0.1 } }\nlabel_smoothing = 0.1\n\
             precision = \"bf16\"\ndeterministic = true\nbatch_size = \"auto\"\n[augment]\nhorizontal_flip = 0.5",
        );
        let expected = Hyper {
            optimizer: Optimizer::AdamW,
            schedule: Schedule::Step {
                every: 30,
                factor: 0.1,
            },
            label_smoothing: 0.1,
            precision: Precision::Bf16,
            deterministic: true,
            batch_auto: true,
            augment: Augment {
                horizontal_flip: 0.5,
                ..Augment::default()
            },
            ..Hyper::default()
        };
        assert_eq!(scratch, expected);
        assert_eq!(hypers("batch_size = 32").0.batch_size, 32);
        let spec: TrainingSpec = toml::from_str("start = { weights = \"imagenet\" }").unwrap();
        assert_eq!(spec.start, StartSpec::Weights("imagenet".into()));
        let digits = "ab".repeat(32);
        let spec: TrainingSpec = toml::from_str(&format!("start = {{ task = \"{digits}\" }}")).unwrap();
        assert_eq!(spec.start, StartSpec::Task(TaskId(digits.parse().unwrap())));
    }

    #[test]
    fn what_cannot_be_meant_says_what_can() {
        for (text, said) in [
            ("batch_size = \"big\"", "or \"auto\""),
            ("preset = \"imagenet\"", "`sigmod24` or `small-images`"),
            ("optimizer = \"adam\"", "`sgd` or `adamw`"),
            ("start = { task = \"12\" }", "64 hexadecimal digits"),
            ("compare = [\"densest\"]", "from_densest"),
            ("[augment]\nflip = 1.0", "horizontal_flip"),
        ] {
            let error = toml::from_str::<TrainingSpec>(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
