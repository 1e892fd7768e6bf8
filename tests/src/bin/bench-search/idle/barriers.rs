//! How long workers stand still where a rung of successive halving begins when the one before is complete.

use super::made_up::epoch_of;
use imgcalc_shared::search::{Epochs, brackets};

const ETA: u32 = 3;
const EPOCHS: Epochs = Epochs { min: 1, max: 9 };
/// Rounds of which the mean is taken.
const ROUNDS: u64 = 1000;

/// Shares of the workers' time, by name.
pub(super) fn of(workers: usize) -> Vec<(String, f64)> {
    let hyperband = brackets(EPOCHS, ETA);
    let published: Vec<(Vec<u32>, Vec<u32>)> = hyperband
        .into_iter()
        .map(|bracket| (bracket.levels, bracket.trials))
        .collect();
    let large = vec![(vec![1, 3, 9], vec![81, 27, 9])];
    let row =
        |name: &str, rounds: &[(Vec<u32>, Vec<u32>)]| (format!("computed: {name}"), idle(workers, rounds));
    vec![
        row("successive halving with barriers, 81, 27 and 9 trials", &large),
        row(
            "Hyperband with barriers, brackets of 9, 5 and 3 trials",
            &published,
        ),
    ]
}

fn idle(workers: usize, brackets: &[(Vec<u32>, Vec<u32>)]) -> f64 {
    let (mut trained, mut whole, mut seed) = (0.0, 0.0, 0);
    for _ in 0..ROUNDS {
        for (levels, trials) in brackets {
            // Who goes on does not depend on how fast it is: any will do.
            let epochs: Vec<f64> = (seed..)
                .map(|seed| epoch_of(seed).as_secs_f64())
                .take(trials[0] as usize)
                .collect();
            seed += u64::from(trials[0]);
            let mut after = 0;
            for (&level, &count) in levels.iter().zip(trials) {
                let times: Vec<f64> = epochs[..count as usize]
                    .iter()
                    .map(|epoch| epoch * f64::from(level - after))
                    .collect();
                trained += times.iter().sum::<f64>();
                whole += workers as f64 * together(workers, &times);
                after = level;
            }
        }
    }
    1.0 - trained / whole
}

/// When all are done, where whoever is free takes the next.
fn together(workers: usize, times: &[f64]) -> f64 {
    let mut free = vec![0.0_f64; workers];
    for time in times {
        let first = free
            .iter_mut()
            .min_by(|a, b| a.total_cmp(b))
            .expect("there are workers");
        *first += time;
    }
    free.into_iter().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_free_takes_the_next() {
        assert_eq!(together(2, &[3.0, 1.0, 1.0, 2.0]), 4.0);
        assert_eq!(together(3, &[2.0]), 2.0);
    }
}
