//! Do the algorithms find better points than chance does at the same cost? On made-up objectives, over fifty seeds.

use super::bench::{Bench, Objective};
use super::*;

const SEEDS: u64 = 50;
const EPOCHS: u64 = 540;
const SLOTS: usize = 4;
/// Sides of the unit cube, in order: cutout, learning_rate, momentum, optimizer.
const SPACE: &str = "learning_rate = { log = [1e-4, 1] }\nmomentum = { linear = [0.5, 0.99] }\n\
                     cutout = { linear = [0, 0.5] }\noptimizer = { choice = [\"sgd\", \"adamw\", \"lion\"] }";

fn square(place: f64, best: f64) -> f64 {
    (place - best).powi(2)
}

fn off(choice: f64) -> f64 {
    if (1.0 / 3.0..2.0 / 3.0).contains(&choice) {
        0.0
    } else {
        0.08
    }
}

/// Name, objective, the best there is.
const OBJECTIVES: [(&str, Objective); 3] = [
    (
        "bowl",
        Objective {
            ceiling: |x| {
                0.95 - 0.3 * square(x[0], 0.3) - square(x[1], 0.7) - 0.5 * square(x[2], 0.8) - off(x[3])
            },
            rate: |_| 0.15,
        },
    ),
    (
        // What comes out best learns slowest, so that early scores mislead.
        "slow starters",
        Objective {
            ceiling: |x| {
                0.95 - 0.3 * square(x[0], 0.3) - square(x[1], 0.3) - 0.5 * square(x[2], 0.8) - off(x[3])
            },
            rate: |x| 0.12 + 0.15 * x[1],
        },
    ),
    (
        // Two parameters matter together only.
        "valley",
        Objective {
            ceiling: |x| {
                0.95 - 4.0 * square(x[1] + x[2], 1.1)
                    - 0.3 * square(x[1], 0.6)
                    - 0.2 * square(x[0], 0.5)
                    - off(x[3])
            },
            rate: |_| 0.15,
        },
    ),
];

const BEST: f64 = 0.95;

/// Mean distance, over the seeds, of the best score found from the best there is.
fn regret(objective: Objective, algorithm: Algorithm) -> f64 {
    let of_seed = |seed: u64| {
        let budget = Budget {
            trainings: None,
            epochs: Some(EPOCHS),
        };
        let search = Search {
            seed,
            budget,
            ..search(SPACE, algorithm, 1, 27)
        };
        assert_eq!(search.check(), Ok(()));
        let mut bench = Bench::new(&search, objective, SLOTS);
        bench.pace = seed;
        let history = bench.run().history;
        assert!(
            history.epochs() <= EPOCHS && history.epochs() + 27 >= EPOCHS,
            "{}",
            history.epochs()
        );
        BEST - history.best().unwrap().score
    };
    (0..SEEDS).map(of_seed).sum::<f64>() / SEEDS as f64
}

/// The most of chance's regret that an algorithm may have, on every objective.
fn beats_chance(algorithm: Algorithm, part: f64) {
    for (name, objective) in OBJECTIVES {
        let (chance, found) = (
            regret(objective, Algorithm::Random {}),
            regret(objective, algorithm),
        );
        println_of(name, algorithm, chance, found);
        assert!(
            found < part * chance,
            "{name}: {algorithm:?} {found:.4}, chance {chance:.4}"
        );
    }
}

fn println_of(name: &str, algorithm: Algorithm, chance: f64, found: f64) {
    eprintln!("{name:14} {algorithm:?}: {found:.4} (random {chance:.4})");
}

#[test]
fn asha_beats_chance() {
    beats_chance(Algorithm::Asha { eta: 3 }, 0.9);
}

#[test]
fn hyperband_beats_chance() {
    beats_chance(Algorithm::Hyperband { eta: 3 }, 0.95);
}

#[test]
fn bohb_beats_chance() {
    beats_chance(
        Algorithm::Bohb {
            eta: 3,
            halving: Halving::Hyperband,
        },
        0.8,
    );
    beats_chance(
        Algorithm::Bohb {
            eta: 3,
            halving: Halving::Asha,
        },
        0.8,
    );
}

#[test]
fn pbt_beats_chance() {
    beats_chance(
        Algorithm::Pbt {
            population: 20,
            interval: 3,
        },
        0.8,
    );
}
