//! Do the algorithms find better points than chance does at the same cost? On made-up objectives, over fifty seeds.

use super::bench::{Bench, Objective};
use super::*;

const SEEDS: u64 = 50;
const EPOCHS: u64 = 540;
const SLOTS: usize = 4;
/// Sides of the unit cube, in order: cutout, learning_rate, momentum, optimizer.
const SPACE: &str = "learning_rate = { log = [1e-4, 1] }\nmomentum = { linear = [0.5, 0.99] }\n\
                     cutout = { linear = [0, 0.5] }\noptimizer = { choice = [\"sgd\", \"adamw\", \"lion\"] }";

const SIDES: &str = "a = { linear = [0, 1] }\nb = { linear = [0, 1] }\nc = { linear = [0, 1] }\n\
                     d = { linear = [0, 1] }\ne = { linear = [0, 1] }\nf = { linear = [0, 1] }\n\
                     g = { linear = [0, 1] }\nh = { linear = [0, 1] }";

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

/// Each with its name and its space, whose sides stand in the order of their names.
const OBJECTIVES: [(&str, &str, Objective); 4] = [
    (
        "bowl",
        SPACE,
        Objective {
            ceiling: |x| {
                BEST - 0.3 * square(x[0], 0.3) - square(x[1], 0.7) - 0.5 * square(x[2], 0.8) - off(x[3])
            },
            rate: |_| 0.15,
        },
    ),
    (
        // What comes out best learns slowest, so that early scores mislead.
        "slow starters",
        SPACE,
        Objective {
            ceiling: |x| {
                BEST - 0.3 * square(x[0], 0.3) - square(x[1], 0.3) - 0.5 * square(x[2], 0.8) - off(x[3])
            },
            rate: |x| 0.12 + 0.15 * x[1],
        },
    ),
    (
        // Two parameters matter together only.
        "valley",
        SPACE,
        Objective {
            ceiling: |x| {
                let together = 4.0 * square(x[1] + x[2], 1.1) + 0.3 * square(x[1], 0.6);
                BEST - together - 0.2 * square(x[0], 0.5) - off(x[3])
            },
            rate: |_| 0.15,
        },
    ),
    (
        // More parameters than a few hundred random points can cover.
        "many sides",
        SIDES,
        Objective {
            ceiling: |x| BEST - x.iter().map(|&side| 0.4 * square(side, 0.3)).sum::<f64>(),
            rate: |_| 0.15,
        },
    ),
];

/// What the best point of each comes to in the end.
const BEST: f64 = 0.95;

/// Mean distance, over the seeds, of the best score found from the best there is.
fn regret(space: &str, objective: Objective, algorithm: Algorithm) -> f64 {
    let of_seed = |seed: u64| {
        let budget = Budget {
            epochs: Some(EPOCHS),
            ..Budget::default()
        };
        let search = Search {
            seed,
            budget,
            ..search(space, algorithm, 1, 27)
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
    for (name, space, objective) in OBJECTIVES {
        let (chance, found) = (
            regret(space, objective, Algorithm::Random {}),
            regret(space, objective, algorithm),
        );
        assert!(
            found < part * chance,
            "{name}: {algorithm:?} {found:.4}, chance {chance:.4}"
        );
    }
}

#[test]
fn asha_beats_chance() {
    beats_chance(Algorithm::Asha { eta: 3 }, 0.8);
}

#[test]
fn hyperband_beats_chance() {
    beats_chance(Algorithm::Hyperband { eta: 3 }, 0.9);
}

#[test]
fn bohb_beats_chance() {
    for halving in [Halving::Hyperband, Halving::Asha] {
        beats_chance(Algorithm::Bohb { eta: 3, halving }, 0.92);
    }
}

#[test]
fn pbt_beats_chance() {
    let (population, interval) = (20, 3);
    beats_chance(Algorithm::Pbt { population, interval }, 0.92);
}

#[test]
fn a_model_pays_where_chance_cannot_cover_the_space() {
    let (_, space, objective) = OBJECTIVES[3];
    for (halving, alone) in [
        (Halving::Hyperband, Algorithm::Hyperband { eta: 3 }),
        (Halving::Asha, Algorithm::Asha { eta: 3 }),
    ] {
        let modelled = regret(space, objective, Algorithm::Bohb { eta: 3, halving });
        let drawn = regret(space, objective, alone);
        assert!(
            modelled < 0.85 * drawn,
            "{halving:?} with a model {modelled:.4}, without {drawn:.4}"
        );
    }
}
