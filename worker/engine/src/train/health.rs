//! Whether a training still gets anywhere; if not, the evidence.

use crate::EpochPoint;
use imgcalc_shared::training::Hyper;

/// A gradient longer than this has exploded if the loss has too. By itself it says little: batch normalisation of values that hardly
/// differ multiplies gradients by up to 316 (one over the root of its ε), layer after layer, and trainings of a few tiny images
/// go through 10⁹ and learn.
const GRADIENT_NORM_MAX: f64 = 1e6;
/// Times the loss of a guesser above which a loss has exploded.
const LOSS_EXPLODED: f64 = 20.0;
/// Epochs after the warm-up in which a net must have learned something.
const EPOCHS_TO_LEARN: u64 = 5;
/// And steps: epochs of few images say little, and a healthy training must never be taken for a dead one.
const STEPS_TO_LEARN: u64 = 1000;
/// Share of a guesser's loss below which a net has learned something.
const LOSS_LEARNED: f64 = 0.99;
/// Standard errors by which an accuracy must be above a guesser's.
const DEVIATIONS: f64 = 2.0;

/// What is seen of one step, beside the loss of one who guesses.
pub(super) fn of_step(loss: f64, gradient_norm: Option<f64>, guessing: f64) -> Result<(), String> {
    if !loss.is_finite() {
        return Err(format!(
            "the loss is {loss}; try a lower learning rate or a warm-up"
        ));
    }
    let Some(norm) = gradient_norm else {
        return Ok(());
    };
    let exploded = norm > GRADIENT_NORM_MAX && loss > LOSS_EXPLODED * guessing;
    if norm.is_finite() && !exploded {
        return Ok(());
    }
    Err(format!(
        "the gradient's norm is {norm:.3e} at a loss of {loss:.4}, where guessing has {guessing:.4}; try a lower learning rate or a \
         warm-up"
    ))
}

/// One who knows how often each class comes, and nothing of the images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Guesser {
    /// Loss on the training images, with the smoothing of labels.
    pub(super) loss: f64,
    /// Accuracy on the validation images that luck alone seldom reaches.
    accuracy: f64,
    /// Epochs before which nothing is expected.
    epochs: u64,
}

impl Guesser {
    /// Of a training whose epochs have so many steps.
    pub(super) fn new(train: &[u16], validation: &[u16], classes: u16, hyper: &Hyper, steps: u64) -> Self {
        let shares = shares(train, classes);
        let smooth =
            |share: f64| (1.0 - hyper.label_smoothing) * share + hyper.label_smoothing / f64::from(classes);
        let entropy = |share: f64| if share > 0.0 { -share * share.ln() } else { 0.0 };
        let most = shares
            .iter()
            .copied()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let most = most.map_or(0, |(class, _)| class as u16);
        let right = validation.iter().filter(|&&label| label == most).count() as f64;
        let share = right / validation.len() as f64;
        let error = (share * (1.0 - share) / validation.len() as f64).sqrt();
        Guesser {
            loss: shares.into_iter().map(|share| entropy(smooth(share))).sum(),
            accuracy: share + DEVIATIONS * error,
            epochs: u64::from(hyper.warmup_epochs) + EPOCHS_TO_LEARN.max(STEPS_TO_LEARN.div_ceil(steps)),
        }
    }

    /// Whether the net, after the last epoch of this curve, is still no better. It follows from the curve alone, so a resumed
    /// training finds the same.
    pub(super) fn check(&self, curve: &[EpochPoint]) -> Result<(), String> {
        let guesses =
            |point: &EpochPoint| point.accuracy <= self.accuracy && point.loss >= LOSS_LEARNED * self.loss;
        match curve.last() {
            Some(last) if curve.len() as u64 >= self.epochs && curve.iter().all(guesses) => Err(format!(
                "after {} epochs accuracy {:.2} % and loss {:.4} are those of one who guesses by the frequency of classes \
                 (at most {:.2} %, {:.4}); try another learning rate",
                curve.len(),
                100.0 * last.accuracy,
                last.loss,
                100.0 * self.accuracy,
                self.loss
            )),
            _ => Ok(()),
        }
    }
}

/// How often each class comes.
fn shares(labels: &[u16], classes: u16) -> Vec<f64> {
    let mut counts = vec![0_u64; usize::from(classes)];
    for &label in labels {
        counts[usize::from(label)] += 1;
    }
    counts
        .into_iter()
        .map(|count| count as f64 / labels.len() as f64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[(f64, f64)]) -> Vec<EpochPoint> {
        let point = |(index, &(loss, accuracy)): (usize, &(f64, f64))| EpochPoint {
            epoch: index as u32 + 1,
            loss,
            accuracy,
        };
        points.iter().enumerate().map(point).collect()
    }

    #[test]
    fn exploding_gradients_and_losses_that_are_no_number_are_named() {
        let guessing = 2.3;
        for (loss, norm) in [
            (1.0, None),
            (1.0, Some(50.0)),
            (2.4, Some(3e9)),
            (900.0, Some(50.0)),
        ] {
            assert!(of_step(loss, norm, guessing).is_ok(), "{loss} {norm:?}");
        }
        let evidence = |loss, norm| of_step(loss, norm, guessing).unwrap_err();
        assert!(evidence(f64::NAN, None).contains("loss is NaN"));
        assert!(evidence(60.0, Some(3e7)).contains("3.000e7 at a loss of 60.0000"));
        assert!(evidence(1.0, Some(f64::INFINITY)).contains("norm is inf"));
    }

    #[test]
    fn a_net_that_only_guesses_is_found_after_its_warm_up() {
        // Half of the images are of class 0: entropy of (1/2, 1/4, 1/4) is 1.04 nats.
        let train = [0, 0, 1, 2].repeat(10);
        let validation = [0, 0, 1, 2].repeat(25);
        let guesser_of = |warmup_epochs, label_smoothing, steps| {
            let hyper = Hyper {
                warmup_epochs,
                label_smoothing,
                ..Hyper::default()
            };
            Guesser::new(&train, &validation, 3, &hyper, steps)
        };
        let guesser = |warmup_epochs, label_smoothing| guesser_of(warmup_epochs, label_smoothing, 200);
        let dead = [(1.04, 0.5); 6];
        assert!(guesser(0, 0.0).check(&curve(&dead[..4])).is_ok());
        let evidence = guesser(0, 0.0).check(&curve(&dead[..5])).unwrap_err();
        assert!(
            evidence.contains("accuracy 50.00 %") && evidence.contains("60.00 %, 1.0397"),
            "{evidence}"
        );
        assert!(guesser(2, 0.0).check(&curve(&dead)).is_ok());
        // 6 epochs of 199 steps reach 1,000, 5 do not.
        assert!(guesser_of(0, 0.0, 199).check(&curve(&dead[..5])).is_ok());
        assert!(guesser_of(0, 0.0, 199).check(&curve(&dead)).is_err());
        // One epoch in which it was better than that will do; so will a loss that has fallen.
        let mut alive = dead;
        alive[1].1 = 0.7;
        assert!(guesser(0, 0.0).check(&curve(&alive)).is_ok());
        let mut falling = dead;
        falling[5].0 = 0.9;
        assert!(guesser(0, 0.0).check(&curve(&falling)).is_ok());
        // Smoothed labels are harder to guess.
        assert!(guesser(0, 0.5).loss > guesser(0, 0.0).loss);
    }
}
