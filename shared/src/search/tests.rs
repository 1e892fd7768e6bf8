//! Searches as a whole. Trials are made up: see [`bench::Bench`].

mod bench;
mod by_hand;
mod refused;
mod replay;
mod surrogate;
mod unfold;

use super::*;

/// Four parameters of every kind.
const SPACE: &str = "learning_rate = { log = [1e-4, 1] }\nmomentum = { linear = [0.5, 0.99] }\n\
                     depth = { integer = [1, 8] }\noptimizer = { choice = [\"sgd\", \"adamw\", \"lion\"] }";

fn search(space: &str, algorithm: Algorithm, min: u32, max: u32) -> Search {
    let parameters = toml::from_str(space).unwrap();
    Search {
        parameters,
        algorithm,
        epochs: Epochs { min, max },
        budget: Budget::default(),
        seed: 0,
    }
}

/// Every algorithm, on few epochs.
fn all() -> Vec<Search> {
    let with = |algorithm| search(SPACE, algorithm, 1, 9);
    vec![
        with(Algorithm::Random {}),
        with(Algorithm::Grid { steps: 3 }),
        with(Algorithm::Asha { eta: 3 }),
        with(Algorithm::Hyperband { eta: 3 }),
        with(Algorithm::Bohb {
            eta: 3,
            halving: Halving::Hyperband,
        }),
        with(Algorithm::Bohb {
            eta: 3,
            halving: Halving::Asha,
        }),
        with(Algorithm::Pbt {
            population: 6,
            interval: 2,
        }),
    ]
}

fn reported(trial: u32, at: u32, score: f64) -> Event {
    Event::Reported {
        trial: TrialId(trial),
        at,
        score,
    }
}

/// The whole search with this many slots, from its results alone: what was decided before the first of them and after each.
fn replay(search: &Search, slots: usize, results: &[Event]) -> (History, Vec<Decided>) {
    let (mut history, mut decided) = (History::default(), Vec::new());
    let mut decide = |history: &mut History| {
        for next in search.decide(history, slots.saturating_sub(history.running())) {
            history.push(&Event::Decided(next.decision.clone())).unwrap();
            decided.push(next);
        }
    };
    decide(&mut history);
    for result in results {
        match history.push(result) {
            Err(HistoryError::Ended(_)) => continue,
            pushed => pushed.unwrap(),
        }
        decide(&mut history);
    }
    (history, decided)
}
