use super::*;
use crate::search::Value;
use std::collections::BTreeSet;

const SPACE: &str = "names = [\"resnet_like\", \"mobile_like\"]\nstages = [1, 2, 3]\nwidths = [8, 16, 24, 32, 48]\n\
                     depths = [1, 2, 3]\nkernels = [3, 5, 7]\nexpansions = [1, 3, 6]";

fn space() -> NetSpace {
    toml::from_str(SPACE).unwrap()
}

fn number(point: &Point, name: &str) -> Option<f64> {
    match point.0.get(name)? {
        Value::Integer(whole) => Some(*whole as f64),
        _ => None,
    }
}

/// An accuracy that wants some choices large, some in the middle, and depends on which go together.
fn accuracy(point: &Point) -> f64 {
    let of = |name: &str| number(point, name);
    let mobile = of("expansion1").is_some();
    let stage = |stage: u32| {
        let width = of(&format!("width{stage}"))?;
        let (depth, kernel) = (of(&format!("depth{stage}"))?, of(&format!("kernel{stage}"))?);
        let wanted = if mobile { 24.0 } else { 48.0 };
        let misfit = (width - wanted).abs() / 48.0 + (depth - 2.0).abs() / 4.0 + (kernel - 5.0).abs() / 8.0;
        Some(0.1 - 0.08 * misfit + of(&format!("expansion{stage}")).unwrap_or(0.0) * 0.003)
    };
    0.5 + (1..=3).filter_map(stage).sum::<f64>()
}

fn proxies(synflow: f64) -> Proxies {
    Proxies {
        synflow,
        grad_norm: 1.0,
        jacobian_covariance: -1.0,
        naswot: 1.0,
    }
}

fn judged(point: Point) -> Judged {
    Judged {
        accuracy: accuracy(&point),
        point,
        proxies: None,
    }
}

fn drawn(space: &NetSpace, seed: u64, count: u32) -> Vec<Judged> {
    let points = (0..count).map(|trial| space.draw(seed, TrialId(trial), 0));
    points.map(judged).collect()
}

fn best(all: &[Judged]) -> f64 {
    all.iter().map(|net| net.accuracy).fold(f64::MIN, f64::max)
}

fn searched(space: &NetSpace, seed: u64, trainings: usize) -> Vec<Judged> {
    let mut all: Vec<Judged> = Vec::new();
    while all.len() < trainings {
        let candidates = space.candidates(&all, 100, seed);
        let candidates: Vec<_> = candidates.into_iter().map(|point| (point, None)).collect();
        let next = space.propose(&all, &candidates, 10, seed);
        assert_eq!(next.len(), 10);
        all.extend(next.into_iter().map(judged));
    }
    all
}

#[test]
fn with_as_many_trainings_it_finds_better_nets_than_chance() {
    let space = space();
    let (mut sums, mut won) = ([0.0; 2], 0);
    for seed in 0..6 {
        let found = [
            best(&searched(&space, seed, 40)),
            best(&drawn(&space, 100 + seed, 40)),
        ];
        won += usize::from(found[0] > found[1]);
        sums = [sums[0] + found[0], sums[1] + found[1]];
    }
    assert!(won >= 5 && sums[0] > sums[1] + 6.0 * 0.01, "won {won}, {sums:?}");
}

#[test]
fn nets_it_never_saw_are_put_in_order() {
    let space = space();
    let predictor = Predictor::fit(&space, &drawn(&space, 1, 60), 1).unwrap();
    let others = drawn(&space, 2, 60);
    let (mut agreements, mut pairs) = (0, 0);
    for (at, a) in others.iter().enumerate() {
        for b in &others[..at] {
            let of = |net: &Judged| predictor.predict(&net.point, None).unwrap().accuracy;
            pairs += 1;
            agreements += i32::from((of(a) > of(b)) == (a.accuracy > b.accuracy));
        }
    }
    // Kendall's rank correlation; none is 0.
    let tau = 2.0 * f64::from(agreements) / f64::from(pairs) - 1.0;
    assert!(tau > 0.6, "{tau}");
}

#[test]
fn a_proxy_that_knows_is_heeded() {
    let space = space();
    // What is good does not follow from the choices.
    let hidden = |at: usize| (at * 7 % 12) as f64;
    let all: Vec<Judged> = drawn(&space, 3, 36)
        .into_iter()
        .enumerate()
        .map(|(at, net)| Judged {
            proxies: Some(proxies(hidden(at))),
            accuracy: 0.5 + 0.03 * hidden(at),
            ..net
        })
        .collect();
    let predictor = Predictor::fit(&space, &all, 1).unwrap();
    let point = space.draw(9, TrialId(0), 0);
    let of = |synflow| {
        predictor
            .predict(&point, Some(&proxies(synflow)))
            .unwrap()
            .accuracy
    };
    assert!(of(10.0) > of(1.0) + 0.1, "{} {}", of(10.0), of(1.0));
    // Without it a net is taken to be like the mean.
    let unknown = predictor.predict(&point, None).unwrap().accuracy;
    assert!((of(1.0)..of(10.0)).contains(&unknown));
}

#[test]
fn the_same_results_give_the_same_proposal_in_any_order() {
    let space = space();
    let all = drawn(&space, 4, 20);
    let mut turned = all.clone();
    turned.reverse();
    let candidates = space.candidates(&all, 30, 5);
    assert_eq!(candidates, space.candidates(&turned, 30, 5));
    assert_ne!(candidates, space.candidates(&all, 30, 6));
    let with: Vec<_> = candidates.into_iter().map(|point| (point, None)).collect();
    let next = space.propose(&all, &with, 5, 5);
    assert_eq!(next, space.propose(&all, &with, 5, 5));
    assert_eq!(next, space.propose(&turned, &with, 5, 5));
}

#[test]
fn no_candidate_was_trained_or_comes_twice_and_a_small_space_runs_out() {
    let text = "names = [\"resnet_like\"]\nstages = [1, 2]\nwidths = [8, 16]\ndepths = [1, 2]\nkernels = [3]";
    let space: NetSpace = toml::from_str(text).unwrap();
    let mut all: Vec<Judged> = Vec::new();
    loop {
        let candidates = space.candidates(&all, 6, 1);
        if candidates.is_empty() {
            break;
        }
        all.extend(candidates.into_iter().map(judged));
    }
    let names: BTreeSet<String> = all.iter().map(|net| net.point.to_string()).collect();
    assert_eq!(
        (all.len() as u64, names.len()),
        (space.count().unwrap(), all.len())
    );
}

#[test]
fn too_little_is_known_of_few_nets_and_of_such_that_are_all_alike() {
    let space = space();
    let mut all = drawn(&space, 1, RESULTS_MIN as u32);
    assert!(Predictor::fit(&space, &all, 1).is_some());
    assert!(Predictor::fit(&space, &all[1..], 1).is_none());
    let candidates: Vec<_> = (0..4)
        .map(|trial| (space.draw(8, TrialId(trial), 0), None))
        .collect();
    let first: Vec<Point> = candidates[..2].iter().map(|(point, _)| point.clone()).collect();
    assert_eq!(space.propose(&all[1..], &candidates, 2, 1), first);
    for net in &mut all {
        net.accuracy = 0.1;
    }
    assert!(Predictor::fit(&space, &all, 1).is_none());
    assert_eq!(space.propose(&all, &candidates, 2, 1), first);
}
