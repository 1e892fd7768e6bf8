//! What several benchmarks compare: the chain, and peers that may spend some cost.

use super::metrics::{Score, Truth, epoch_cost};
use super::runs::{Found, Training};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::Format;
use std::collections::BTreeMap;

/// Cost of trainings in epochs on pixels' size.
pub fn cost(trained: &[Training]) -> f64 {
    trained
        .iter()
        .map(|training| training.curve.len() as f64 * epoch_cost(training.format))
        .sum()
}

/// The performance model of a build of the chain.
pub fn chain(found: &Found, truth: &Truth) -> Score {
    let predicted = found
        .candidates
        .iter()
        .filter_map(|candidate| Some((candidate.format, 100.0 * candidate.accuracy?)))
        .collect();
    truth.score(&predicted, found.trained.len() as f64, cost(&found.trained))
}

/// Formats drawn at random and trained from scratch until the cost is spent; the best seen is taken.
pub fn random(brute: &[Found], truth: &Truth, budget: f64, draws: u64) -> Score {
    mean_over_draws(draws, |draw| {
        let trained = drawn(brute, budget, draw);
        let seen: BTreeMap<Format, f64> = trained
            .iter()
            .map(|training| (training.format, training.accuracy))
            .collect();
        truth.choice(
            |format| seen.get(&format).copied(),
            trained.len() as f64,
            cost(&trained),
        )
    })
}

/// Successive halving (Jamieson and Talwalkar, "Non-stochastic best arm identification", 2016) with factor 2 over
/// formats drawn at random, at most this cost: the curves of brute force stand for its partial trainings. They come
/// from a schedule laid out for all epochs, which flatters nobody: early epochs are noisier than a short schedule's.
pub fn successive_halving(brute: &[Found], truth: &Truth, budget: f64, draws: u64) -> Score {
    mean_over_draws(draws, |draw| {
        let seed = &brute[(draw % brute.len() as u64) as usize];
        let order = shuffled(&seed.trained, draw);
        let mut best = None;
        for count in 1..=order.len() {
            let (seen, spent) = halve(&order[..count], truth);
            if spent > budget && best.is_some() {
                break;
            }
            best = Some((seen, spent, count));
        }
        let (seen, cost, count) = best.expect("at least one format is tried");
        let seen: BTreeMap<Format, f64> = seen.into_iter().collect();
        truth.choice(|format| seen.get(&format).copied(), count as f64, cost)
    })
}

/// The last accuracy seen of each format, and what it cost.
fn halve(formats: &[Training], truth: &Truth) -> (Vec<(Format, f64)>, f64) {
    let mut alive: Vec<&Training> = formats.iter().collect();
    let mut seen: BTreeMap<Format, f64> = BTreeMap::new();
    let (mut done, mut spent) = (0usize, 0.0);
    let epochs = truth.epochs as usize;
    let mut until = 1;
    loop {
        for training in &alive {
            spent += (until - done) as f64 * epoch_cost(training.format);
            seen.insert(training.format, training.curve[until - 1].accuracy);
        }
        if until == epochs {
            return (seen.into_iter().collect(), spent);
        }
        alive.sort_by(|a, b| seen[&b.format].total_cmp(&seen[&a.format]));
        alive.truncate(alive.len().div_ceil(2));
        done = until;
        until = (2 * until).min(epochs);
    }
}

/// Formats in random order, each trained from scratch if what is left of the budget allows; one is always allowed.
pub fn drawn(brute: &[Found], budget: f64, draw: u64) -> Vec<Training> {
    let seed = &brute[(draw % brute.len() as u64) as usize];
    let mut trained: Vec<Training> = Vec::new();
    for training in shuffled(&seed.trained, draw) {
        trained.push(training);
        if trained.len() > 1 && cost(&trained) > budget {
            trained.pop();
        }
    }
    trained
}

fn shuffled(trained: &[Training], draw: u64) -> Vec<Training> {
    let mut order = trained.to_vec();
    order.sort_by_key(|training| Digest::of_value(&("draw", draw, training.format)));
    order
}

/// The mean over so many draws, one at least.
pub fn mean_over_draws(draws: u64, score: impl Fn(u64) -> Score) -> Score {
    Score::mean(&(0..draws.max(1)).map(score).collect::<Vec<_>>())
}
