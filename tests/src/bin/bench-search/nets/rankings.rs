//! What ranks nets before they are trained, each as the search itself does it.

use super::agreement::Run;
use super::pool::{Pool, tested};
use anyhow::Context;
use imgcalc_shared::explore::NetCandidate;
use imgcalc_shared::search::{Budget, Judged, NetAlgorithm, NetSearch, Predictor, Promise, Reason, Seen};
use imgcalc_tests::dice::Dice;

/// Halves of the nets that the predictor learns from, for each seed.
const SPLITS: u64 = 50;

/// A ranking of the nets, several times over.
pub struct Ranking {
    /// What it is called.
    pub name: String,
    /// Nets that had to be trained for it.
    pub trained: usize,
    /// What it said, with each seed and each split.
    pub runs: Vec<Run>,
}

/// All rankings that are compared.
pub fn all(pool: &Pool) -> anyhow::Result<Vec<Ranking>> {
    let promises = [
        Promise::Synflow,
        Promise::GradNorm,
        Promise::JacobianCovariance,
        Promise::Naswot,
        Promise::Ranks,
        Promise::Parameters,
        Promise::Flops,
    ];
    let mut all = Vec::new();
    for by in promises {
        all.push(promised(pool, by)?);
    }
    all.push(shared(pool));
    all.push(predicted(pool, true)?);
    all.push(predicted(pool, false)?);
    if pool.seeds.len() > 1 {
        all.push(another_seed(pool));
    }
    Ok(all)
}

/// By what an untrained net promises.
fn promised(pool: &Pool, by: Promise) -> anyhow::Result<Ranking> {
    let mut runs = Vec::new();
    for (seed, nets) in pool.seeds.iter().enumerate() {
        let seen: Vec<Seen> = nets.iter().map(untrained).collect();
        let count = seen.len() as u32;
        let search = NetSearch {
            space: pool.space.clone(),
            algorithm: NetAlgorithm::Proxies { by },
            format: None,
            time_us: None,
            epochs: 1,
            budget: Budget {
                trainings: Some(count),
                ..Budget::default()
            },
            candidates: count,
            parallel: 1,
            seed: 0,
        };
        let mut scores = vec![None; seen.len()];
        for chosen in search.choose(&seen) {
            match chosen.why {
                Reason::Promises { score, .. } => scores[chosen.at] = Some(score),
                why => anyhow::bail!("a net is chosen by {by} because it is {why}"),
            }
        }
        runs.push(run(pool, seed, scores));
    }
    Ok(Ranking {
        name: by.to_string(),
        trained: 0,
        runs,
    })
}

/// By the accuracy of each with its share of a supernet's weights.
fn shared(pool: &Pool) -> Ranking {
    let scores = |nets: &Vec<NetCandidate>| nets.iter().map(|net| net.supernet).collect();
    let runs = pool.seeds.iter().enumerate();
    Ranking {
        name: "supernet, one for each family".into(),
        trained: 0,
        runs: runs.map(|(seed, nets)| run(pool, seed, scores(nets))).collect(),
    }
}

/// By a model of the accuracies of one half, of the other half: with what was seen of them untrained, or without.
fn predicted(pool: &Pool, with_proxies: bool) -> anyhow::Result<Ranking> {
    let half = pool.len() / 2;
    let mut runs = Vec::new();
    for (seed, nets) in pool.seeds.iter().enumerate() {
        for split in 0..SPLITS {
            let proxies = |net: &NetCandidate| net.proxies.filter(|_| with_proxies);
            let mut order: Vec<usize> = (0..nets.len()).collect();
            Dice::new(split).shuffle(&mut order);
            let (learned, held_out) = order.split_at(half);
            let judged: Vec<Judged> = learned
                .iter()
                .map(|&at| Judged {
                    point: nets[at].point.clone(),
                    proxies: proxies(&nets[at]),
                    accuracy: nets[at].accuracy.unwrap_or(f64::NAN),
                })
                .collect();
            let predictor = Predictor::fit(&pool.space, &judged, split)
                .with_context(|| format!("{half} trained nets are too few to predict from"))?;
            let mut scores = vec![None; nets.len()];
            for &at in held_out {
                let prediction = predictor.predict(&nets[at].point, proxies(&nets[at]).as_ref());
                scores[at] = prediction.map(|prediction| prediction.accuracy);
            }
            runs.push(run(pool, seed, scores));
        }
    }
    let name = match with_proxies {
        true => "predictor, fitted on half of the nets",
        false => "predictor without proxies",
    };
    Ok(Ranking {
        name: name.into(),
        trained: half,
        runs,
    })
}

/// By the trainings of one seed, of what those of the others come to: the ceiling that noise leaves.
fn another_seed(pool: &Pool) -> Ranking {
    let others = |seed: usize| {
        pool.seeds
            .iter()
            .enumerate()
            .filter(move |(other, _)| *other != seed)
    };
    let truth = |seed: usize, at: usize| others(seed).map(|(_, nets)| tested(&nets[at])).sum::<f64>();
    let runs = pool.seeds.iter().enumerate().map(|(seed, nets)| Run {
        seed,
        scores: nets.iter().map(|net| net.accuracy).collect(),
        truth: (0..nets.len()).map(|at| truth(seed, at)).collect(),
    });
    Ranking {
        name: "another seed of all trainings".into(),
        trained: pool.len(),
        runs: runs.collect(),
    }
}

fn run(pool: &Pool, seed: usize, scores: Vec<Option<f64>>) -> Run {
    Run {
        seed,
        scores,
        truth: pool.truth.clone(),
    }
}

fn untrained(net: &NetCandidate) -> Seen {
    Seen {
        point: net.point.clone(),
        parameters: net.parameters,
        flops: net.flops,
        proxies: net.proxies,
        supernet: None,
        result: None,
    }
}
