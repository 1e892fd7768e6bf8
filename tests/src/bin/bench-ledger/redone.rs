//! Training that is done twice because something was killed, beside what may be: one checkpoint interval.
//!
//! One worker trains at the default cadence, once with epochs far shorter than an interval, once with longer ones. At
//! moments that are dealt out evenly, the worker and its runner are killed together, as a machine vanishes, or the
//! runner alone. What the next attempt goes on from is in its log; what was done since then is done again.

mod training;

use crate::load::quantile;
use crate::table::Row;
use imgcalc_tests::dice::{Dice, SEED_VARIABLE};
use imgcalc_tests::sandbox::Sandbox;
use std::time::Duration;
use training::Training;

/// The default cadence, seconds.
const CADENCE_MIN: f64 = 10.0;
const CADENCE_MAX: f64 = 60.0;
const IMAGES_SHORT: u64 = 700;
/// Of Fashion-MNIST, beside those that measure accuracy.
const IMAGES_MAX: u64 = 47_000;
/// Long epochs are made to last about so many seconds on this machine.
const EPOCH_LONG: f64 = 17.0;
/// Kills of one build at most: a task that kills twenty runners is given up.
const BUILD_KILLS: usize = 16;

/// Trainings with epochs of one length.
struct Arm {
    images: u64,
    epoch_seconds: f64,
    /// The same of each attempt that was at it for half an epoch: other work may share the machine.
    epochs_seconds: Vec<f64>,
    /// Seconds of training that were done again, of each kill.
    lost: Vec<f64>,
    /// Seconds from the kill until something trained again, of each kill.
    gap: Vec<f64>,
}

/// Kills so many times and takes what it costs.
pub async fn measure(kills: u64) -> anyhow::Result<Vec<Row>> {
    // Whoever starts and kills processes here waits for them without yielding.
    let arms = tokio::task::spawn_blocking(move || both(kills as usize)).await??;
    Ok(arms.into_iter().flat_map(Arm::rows).collect())
}

impl Arm {
    fn new(images: u64) -> Arm {
        Arm {
            images,
            epoch_seconds: 0.0,
            epochs_seconds: Vec::new(),
            lost: Vec::new(),
            gap: Vec::new(),
        }
    }

    fn rows(mut self) -> Vec<Row> {
        let of = format!("{} kills, epochs of {:.1} s", self.lost.len(), self.epoch_seconds);
        let mut rows = Vec::new();
        for (word, share) in [("median", 0.5), ("max", 1.0)] {
            let what = format!("training redone per kill, {of}, {word}");
            let limit = self.limit(share);
            let ours = quantile(&mut self.lost, share);
            rows.push(Row::less(what, "s", ours, "checkpoint interval", limit));
        }
        eprintln!(
            "{of}: from the kill to the next step {:.1} s in the median",
            quantile(&mut self.gap, 0.5)
        );
        rows
    }

    /// Longest time between two checkpoints, for that share of the attempts. The epoch in which one falls due is brought
    /// to its end first, unless each is long enough for a checkpoint of its own.
    fn limit(&mut self, share: f64) -> f64 {
        let due = if self.epoch_seconds < CADENCE_MIN {
            CADENCE_MIN
        } else {
            0.0
        };
        let epoch = match self.epochs_seconds.is_empty() {
            true => self.epoch_seconds,
            false => quantile(&mut self.epochs_seconds, share),
        };
        (due + epoch).min(CADENCE_MAX)
    }

    /// Kills so many times, each within two intervals of about `interval` seconds after the last attempt began to
    /// train: then any moment since a checkpoint is as likely as any other.
    fn run(
        &mut self,
        training: &mut Training,
        kills: usize,
        interval: f64,
        dice: &mut Dice,
    ) -> anyhow::Result<()> {
        let mut slots: Vec<usize> = (0..kills).collect();
        dice.shuffle(&mut slots);
        let (mut seconds, mut epochs) = (0.0, 0.0);
        for (number, slot) in (1..).zip(slots) {
            if number % BUILD_KILLS == 1 {
                training.begin(self.images, number)?;
            }
            let share = (slot as f64 + dice.share()) / kills as f64;
            training.follow_for(Duration::from_secs_f64(2.0 * interval * share));
            let whole = number % 2 == 1;
            let cost = training.kill(whole)?;
            seconds += cost.seconds;
            epochs += cost.epochs;
            if cost.epochs >= 0.5 {
                self.epochs_seconds.push(cost.seconds / cost.epochs);
            }
            eprintln!(
                "kill {number} of {kills}, {}, {} images an epoch: {cost}",
                if whole { "worker and runner" } else { "runner" },
                self.images,
            );
            self.lost.push(cost.lost);
            self.gap.push(cost.gap);
            if number == kills || number % BUILD_KILLS == 0 {
                training.end()?;
            }
        }
        self.epoch_seconds = seconds / epochs;
        Ok(())
    }
}

fn both(kills: usize) -> anyhow::Result<Vec<Arm>> {
    let mut dice = Dice::thrown();
    eprintln!("training redone per kill: {SEED_VARIABLE}={} replays", dice.seed);
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", 60_000);
    let mut training = Training::start(&sandbox, CADENCE_MIN, CADENCE_MAX)?;
    let mut short = Arm::new(IMAGES_SHORT);
    short.run(&mut training, kills.div_ceil(2), CADENCE_MIN, &mut dice)?;
    let images = EPOCH_LONG / short.epoch_seconds * IMAGES_SHORT as f64;
    let mut long = Arm::new((images as u64).clamp(IMAGES_SHORT, IMAGES_MAX));
    long.run(&mut training, kills / 2, EPOCH_LONG.min(CADENCE_MAX), &mut dice)?;
    let mut arms = vec![short, long];
    arms.retain(|arm| !arm.lost.is_empty());
    Ok(arms)
}
