//! The numbers a training follows.

use super::Augment;
use serde::{Deserialize, Serialize};

/// Hyper-parameters of one training. What has its default is not written, so that a task keeps the name it had before
/// there was a choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hyper {
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Momentum of SGD, in [0, 1); of AdamW the decay of the first moment (β₁).
    pub momentum: f64,
    /// SGD: L2 penalty added to the gradient of every parameter; AdamW: decoupled decay, times the learning rate.
    pub weight_decay: f64,
    /// Images per step.
    pub batch_size: u32,
    /// Passes over the training images.
    pub epochs: u32,
    /// Seeds the initial weights, the order of images and every augmentation.
    pub seed: u64,
    /// Whether the batch may be halved where memory does not suffice: it was not the user who chose it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub batch_auto: bool,
    /// How gradients become steps.
    #[serde(default, skip_serializing_if = "is_default")]
    pub optimizer: Optimizer,
    /// How the learning rate goes from its peak.
    #[serde(default, skip_serializing_if = "is_default")]
    pub schedule: Schedule,
    /// Epochs over which the learning rate first rises linearly to its peak.
    #[serde(default, skip_serializing_if = "is_default")]
    pub warmup_epochs: u32,
    /// Share of the target spread evenly over all classes, in [0, 1) (Szegedy et al., "Rethinking the Inception
    /// Architecture for Computer Vision", section 7).
    #[serde(default, skip_serializing_if = "is_default")]
    pub label_smoothing: f64,
    /// Number format of convolutions and linear layers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub precision: Precision,
    /// Whether a GPU must use deterministic algorithms only; a CPU always does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deterministic: bool,
    /// What is done to training images at random.
    #[serde(default, skip_serializing_if = "is_default")]
    pub augment: Augment,
}

/// How gradients become steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Stochastic gradient descent with momentum, as PyTorch has it.
    #[default]
    Sgd,
    /// Adam with decoupled weight decay (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", algorithm 2),
    /// β₂ = 0.999 and ε = 1e-8.
    AdamW,
}

/// How the learning rate goes from its peak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// Along half a cosine to 0 (Loshchilov and Hutter, "SGDR", equation 5, one period).
    #[default]
    Cosine,
    /// Not at all.
    Constant,
    /// Times `factor` after every so many epochs.
    Step {
        /// Epochs between two steps.
        every: u32,
        /// What the rate is multiplied by, in (0, 1].
        factor: f64,
    },
}

/// Number format of convolutions and linear layers; weights, statistics and steps are 32-bit floats always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// bfloat16 where PyTorch's autocast uses it.
    Bf16,
}

impl Default for Hyper {
    /// The published training (Sirin and Idreos, "The Image Calculator", SIGMOD 2024, the experimental set-up): the preset `sigmod24`.
    fn default() -> Self {
        Hyper {
            learning_rate: 0.001,
            momentum: 0.9,
            weight_decay: 4e-5,
            batch_size: 64,
            epochs: 210,
            seed: 0,
            batch_auto: false,
            optimizer: Optimizer::default(),
            schedule: Schedule::default(),
            warmup_epochs: 0,
            label_smoothing: 0.0,
            precision: Precision::default(),
            deterministic: false,
            augment: Augment::default(),
        }
    }
}

/// A hyper-parameter that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} = {value}: {allowed}")]
pub struct HyperError {
    /// Its name in a spec, for example `augment.crop`.
    pub field: String,
    /// What it is.
    pub value: String,
    /// What it may be.
    pub allowed: String,
}

impl Hyper {
    /// Most epochs of a training.
    pub const EPOCHS_MAX: u32 = 100_000;
    /// Most images per step.
    pub const BATCH_MAX: u32 = 65_536;
    /// Learning rates stay below this.
    pub const RATE_BELOW: f64 = 100.0;

    /// Whether a training can follow these numbers.
    pub fn check(&self) -> Result<(), HyperError> {
        let refuse = |field: &str, value: String, allowed: String| {
            let field = field.into();
            Err(HyperError {
                field,
                value,
                allowed,
            })
        };
        let counted = [
            ("epochs", self.epochs, Hyper::EPOCHS_MAX),
            ("batch_size", self.batch_size, Hyper::BATCH_MAX),
        ];
        for (field, value, most) in counted {
            if !(1..=most).contains(&value) {
                return refuse(field, value.to_string(), format!("must be from 1 to {most}"));
            }
        }
        let rate = self.learning_rate;
        if !(rate.is_finite() && rate > 0.0 && rate < Hyper::RATE_BELOW) {
            let allowed = format!("must be above 0 and below {}", Hyper::RATE_BELOW);
            return refuse("learning_rate", rate.to_string(), allowed);
        }
        let shares = [
            ("momentum", self.momentum),
            ("weight_decay", self.weight_decay),
            ("label_smoothing", self.label_smoothing),
        ];
        for (field, value) in shares {
            if !(0.0..1.0).contains(&value) {
                return refuse(field, value.to_string(), "must be at least 0 and below 1".into());
            }
        }
        if self.warmup_epochs >= self.epochs {
            let allowed = format!(
                "must be below the {} epochs of a training from scratch",
                self.epochs
            );
            return refuse("warmup_epochs", self.warmup_epochs.to_string(), allowed);
        }
        if let Schedule::Step { every, factor } = self.schedule {
            if !(1..=Hyper::EPOCHS_MAX).contains(&every) {
                let allowed = format!("must be from 1 to {}", Hyper::EPOCHS_MAX);
                return refuse("schedule.step.every", every.to_string(), allowed);
            }
            if !(factor > 0.0 && factor <= 1.0) {
                let allowed = "must be above 0 and at most 1".to_string();
                return refuse("schedule.step.factor", factor.to_string(), allowed);
            }
        }
        Ok(())
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
