//! How a training is done, and what of it.

use crate::EngineError;
use crate::data::Feeds;
use imgcalc_shared::task::Leg;
use imgcalc_shared::training::Hyper;

/// A training, or a leg of it. Schedule, warm-up, order of images and all that is drawn follow from the place in the whole training.
#[derive(Clone, Copy, Debug)]
pub struct Course<'a> {
    /// Of the whole training.
    pub hyper: &'a Hyper,
    /// The stretch of it that is done; none is all.
    pub leg: Option<Leg>,
}

impl<'a> From<&'a Hyper> for Course<'a> {
    fn from(hyper: &'a Hyper) -> Self {
        Course { hyper, leg: None }
    }
}

impl Course<'_> {
    /// Epochs done before.
    pub(crate) fn after(&self) -> u32 {
        self.leg.map_or(0, |leg| leg.after)
    }

    /// Epochs done in the end.
    pub(crate) fn until(&self) -> u32 {
        self.leg.map_or(self.hyper.epochs, |leg| leg.until)
    }

    /// Whether nothing of the training is left then.
    pub(crate) fn ends_training(&self) -> bool {
        self.until() == self.hyper.epochs
    }

    /// Whether these images can be trained on so at all.
    pub(super) fn check(&self, feeds: &Feeds) -> Result<(), EngineError> {
        feeds.check()?;
        let Hyper {
            learning_rate,
            momentum,
            weight_decay,
            label_smoothing,
            batch_size,
            epochs,
            warmup_epochs,
            ..
        } = self.hyper;
        let (after, until) = (self.after(), self.until());
        let finite = |value: &f64| value.is_finite() && *value >= 0.0;
        let wrong = if !finite(learning_rate) {
            format!("the learning rate {learning_rate} is not a finite number from 0")
        } else if !finite(weight_decay) {
            format!("the weight decay {weight_decay} is not a finite number from 0")
        } else if !(0.0..1.0).contains(momentum) {
            format!("the momentum {momentum} is not in [0, 1)")
        } else if !(0.0..1.0).contains(label_smoothing) {
            format!("the label smoothing {label_smoothing} is not in [0, 1)")
        } else if warmup_epochs >= epochs && *warmup_epochs > 0 {
            format!("a warm-up of {warmup_epochs} epochs leaves none of {epochs}")
        } else if *batch_size < 2 || feeds.train.len() < 2 {
            "batch normalisation needs two images in a batch".into()
        } else if *epochs == 0 {
            "there is no epoch".into()
        } else if after >= until || until > *epochs {
            format!("a training of {epochs} epochs has no stretch from epoch {after} to {until}")
        } else {
            return Ok(());
        };
        Err(EngineError::BadData(wrong))
    }
}
