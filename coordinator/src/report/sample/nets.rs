//! A search over nets, made up.

use imgcalc_shared::explore::{NetCandidate, NetSearchFacts};
use imgcalc_shared::search::{Budget, NetAlgorithm, Point, Promise, Reason, Value};
use imgcalc_shared::task::{EpochPoint, Proxies};
use imgcalc_shared::training::{Net, ResnetStage};

const BUDGET_US: f64 = 100.0;

/// A search of so many candidates, of which a third at most is trained.
pub(in crate::report) fn nets(candidates: u32, algorithm: NetAlgorithm) -> NetSearchFacts {
    let trainings = candidates / 3;
    let mut candidates: Vec<NetCandidate> = (0..candidates).map(candidate).collect();
    let is_fast = |candidate: &&mut NetCandidate| candidate.time_us.is_some_and(|time| time <= BUDGET_US);
    let fit: Vec<&mut NetCandidate> = candidates.iter_mut().filter(is_fast).collect();
    let of = fit.len() as u32;
    for (rank, candidate) in (1..).zip(fit).take(trainings as usize) {
        train(candidate, rank, of, algorithm);
    }
    let better = |a: &usize, b: &usize| {
        let accuracy = |at: usize| candidates[at].accuracy.unwrap_or(0.0);
        accuracy(*a).total_cmp(&accuracy(*b))
    };
    let trained = (0..candidates.len()).filter(|&at| candidates[at].accuracy.is_some());
    NetSearchFacts {
        format: "1x1-b8-k5-q20".parse().unwrap(),
        algorithm,
        time_us: Some(BUDGET_US),
        budget: Budget {
            trainings: Some(trainings),
            ..Budget::default()
        },
        wall_seconds: 0.0,
        device_seconds: 0.0,
        epochs: 6,
        measured: candidates.len(),
        fit: of as usize,
        best: trained.max_by(better),
        candidates,
        is_over: true,
    }
}

fn candidate(id: u32) -> NetCandidate {
    let stages = (0..1 + id % 3).map(|stage| ResnetStage {
        width: (8 << stage) * (1 + (id % 2) as u16),
        depth: 1 + (id % 4) as u16,
        kernel: 3,
    });
    let size = f64::from(1 + id * 7 % 12);
    NetCandidate {
        point: Point([("name".into(), Value::Text("<resnet> & co".into()))].into()),
        net: Net::ResnetLike {
            stem: 16,
            stages: stages.collect(),
        },
        parameters: 10_000 * u64::from(1 + id),
        flops: 1_000_000 * u64::from(1 + id),
        time_us: Some(20.0 + 9.0 * size),
        proxies: Some(Proxies {
            synflow: size,
            grad_norm: 0.1,
            jacobian_covariance: -1.0,
            naswot: 100.0 + size,
        }),
        supernet: None,
        reason: None,
        task: None,
        accuracy: None,
        test_accuracy: None,
        curve: Vec::new(),
        weights: None,
    }
}

fn train(candidate: &mut NetCandidate, rank: u32, of: u32, algorithm: NetAlgorithm) {
    let time = candidate.time_us.unwrap_or(0.0);
    let accuracy = 0.7 + 0.002 * time - 0.01 * f64::from(rank % 4);
    let curve = (1..=6).map(|epoch| EpochPoint {
        epoch,
        loss: 1.0,
        accuracy: accuracy - 0.05 * f64::from(6 - epoch),
    });
    candidate.reason = Some(match algorithm {
        NetAlgorithm::Proxies { by } => Reason::Promises {
            by,
            score: match by {
                Promise::Ranks => -f64::from(rank),
                _ => 100.0 - f64::from(rank),
            },
            rank,
            of,
        },
        NetAlgorithm::Predictor {} => Reason::Predicted {
            round: 1 + rank / 4,
            results: 4 * (rank / 4),
            accuracy: (rank > 4).then_some(accuracy - 0.02),
            deviation: (rank > 4).then_some(0.01),
        },
        _ => Reason::Drawn,
    });
    candidate.accuracy = Some(accuracy);
    candidate.test_accuracy = Some(accuracy - 0.01);
    candidate.curve = curve.collect();
    candidate.weights = Some(format!("tasks/<{rank}>/weights"));
}
