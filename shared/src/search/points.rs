//! Which point the next trial is trained with.

use super::draw::Draws;
use super::model::{Model, RANDOM_SHARE, results_min};
use super::{History, Origin, Parameters, Point, TrialId};

/// Draws before a space is taken to have hardly a point left.
const DRAWS_MAX: u32 = 64;
/// A space of no more points is gone through for those left.
const COUNTED_MAX: u64 = 4096;

/// A point that no trial started with, drawn at random; none where there is none left.
pub(super) fn drawn(parameters: &Parameters, seed: u64, history: &History, trial: TrialId) -> Option<Point> {
    let count = parameters.count();
    if count.is_some_and(|count| u64::from(history.started()) >= count) {
        return None;
    }
    let points = (0..DRAWS_MAX).map(|again| draw(parameters, seed, trial, again));
    let mut fresh = points.filter(|point| !is_tried(history, point));
    fresh.next().or_else(|| {
        let count = count.filter(|&count| count <= COUNTED_MAX)?;
        // With as many steps as points the grid is the whole space.
        let mut all = (0..count).filter_map(|index| parameters.grid_point(COUNTED_MAX as u32, index));
        all.find(|point| !is_tried(history, point))
    })
}

/// A point drawn at random, tried or not.
pub(super) fn draw(parameters: &Parameters, seed: u64, trial: TrialId, again: u32) -> Point {
    let mut draws = Draws::of("point", seed, trial, again);
    let places: Vec<f64> = parameters.0.iter().map(|_| draws.unit()).collect();
    parameters.decode(&places)
}

/// A point by the model of the results at the highest of these levels that has enough of them (Falkner et al., BOHB,
/// section 4, algorithm 2); drawn at random where there are too few, and for a share of the trials always.
pub(super) fn modelled(
    parameters: &Parameters,
    levels: &[u32],
    seed: u64,
    history: &History,
    trial: TrialId,
) -> Option<(Point, Origin)> {
    let random = |origin: Origin| Some((drawn(parameters, seed, history, trial)?, origin));
    if Draws::of("share", seed, trial, 0).chance(RANDOM_SHARE) {
        return random(Origin::DrawnBesideModel { share: RANDOM_SHARE });
    }
    let needed = results_min(parameters.0.len());
    let mut most = 0;
    for &level in levels.iter().rev() {
        let ranked = ranked(parameters, level, history);
        most = most.max(ranked.len());
        if ranked.len() < needed {
            continue;
        }
        let sides: Vec<Option<usize>> = parameters.0.values().map(|domain| domain.categories()).collect();
        let model = Model::fit(&sides, &ranked);
        let mut best: Option<(f64, Point)> = None;
        for candidate in model.candidates(&mut Draws::of("candidates", seed, trial, 0)) {
            // Judged where its values really lie.
            let point = parameters.decode(&candidate);
            let Some(place) = parameters.encode(&point) else {
                continue;
            };
            let ratio = model.log_ratio(&place);
            if best.as_ref().is_none_or(|(highest, _)| ratio > *highest) && !is_tried(history, &point) {
                best = Some((ratio, point));
            }
        }
        let (log_ratio, point) = match best {
            Some(best) => best,
            // All candidates were tried before: the model knows nothing new.
            None => return random(Origin::Drawn),
        };
        let (results, good) = (ranked.len() as u32, model.good() as u32);
        return Some((
            point,
            Origin::Modelled {
                at: level,
                results,
                good,
                log_ratio,
            },
        ));
    }
    random(Origin::TooFewResults {
        results: most as u32,
        needed: needed as u32,
    })
}

/// Places of the trials that came to a level, best first. Those that failed on the way to it are its worst.
fn ranked(parameters: &Parameters, level: u32, history: &History) -> Vec<Vec<f64>> {
    let mut came: Vec<(f64, Vec<f64>)> = Vec::new();
    for (_, trial) in history.trials() {
        let score = match trial.score_at(level) {
            Some(score) => score,
            None if trial.end().is_some() && trial.until() == level => f64::NEG_INFINITY,
            None => continue,
        };
        came.extend(parameters.encode(trial.point()).map(|place| (score, place)));
    }
    // Stable: equals stay in the order of their start.
    came.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    came.into_iter().map(|(_, place)| place).collect()
}

fn is_tried(history: &History, point: &Point) -> bool {
    history
        .trials()
        .any(|(_, trial)| *trial.legs()[0].point == *point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_points_of_a_seed_are_stable_across_releases() {
        // A change of these makes searches that run now go on elsewhere.
        let space = "a = { log = [1e-4, 1] }\nb = { integer = [1, 8] }\nc = { choice = [\"x\", \"y\"] }";
        let parameters: Parameters = toml::from_str(space).unwrap();
        let first = [0, 1, 2].map(|trial| draw(&parameters, 7, TrialId(trial), 0).to_string());
        assert_eq!(
            first,
            [
                "a = 0.00231574, b = 3, c = y",
                "a = 0.127442, b = 2, c = y",
                "a = 0.00725106, b = 4, c = y",
            ]
        );
    }
}
