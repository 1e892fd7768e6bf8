//! Made-up answers that look like real ones.

mod nets;

use super::ReportFacts;
use imgcalc_shared::build::BuildId;
use imgcalc_shared::chain::Strategy;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::embedding::{EmbeddingFacts, Step};
use imgcalc_shared::explore::{
    Answer, Baseline, BestTrial, BucketFacts, BytesRead, Candidate, ChainLink, Scored, SearchFacts,
    StrategyFacts, StrategyTraining, TrainingBytes, TrialFacts, TrialStanding,
};
use imgcalc_shared::format::{Format, Sampling, Size};
use imgcalc_shared::profile::InferenceTime;
use imgcalc_shared::search::{Algorithm, Budget, Domain, Epochs, Parameters, TrialId, Value};
use imgcalc_shared::task::{EpochPoint, Jpeg};

pub(super) use nets::nets;

const SIZE: Size = Size {
    height: 128,
    width: 128,
};

/// An answer without anything in it.
pub(super) fn empty() -> Answer {
    Answer {
        build: BuildId("none".into()),
        dataset: "none".into(),
        hardware: "none".into(),
        batch: 1,
        validation_images: 0,
        candidates: vec![],
        baselines: vec![],
        buckets: vec![],
        chain: vec![],
        strategies: vec![],
        embedding: None,
        nets: None,
        hyper: None,
        missing: vec![],
    }
}

pub(super) fn facts() -> ReportFacts {
    ReportFacts {
        name: "caltech-demo".into(),
        generated_at: "2025-03-04 05:06:07 UTC".into(),
        feasible: 384,
        infeasible: 72,
        trainings: 17,
        epochs: 410.0,
        epochs_brute_force: 19_200.0,
        column_bytes: 84_321_000_000,
        bytes: BytesRead::default(),
        start: "scratch".into(),
    }
}

/// `wanted` formats over `buckets` buckets, every `every`th bucket sampled.
pub(super) fn answer(wanted: usize, buckets: usize, every: usize) -> Answer {
    let mut formats: Vec<Format> = Vec::new();
    // Few formats: spread over the space rather than the first of it.
    let quants: &[u16] = if wanted > 400 { &[20, 50, 100] } else { &[20] };
    for sampling in Sampling::ALL {
        for block in [8u16, 16, 32, 64, 128, 256] {
            for keep in (1..=block).step_by(if wanted > 400 { 1 } else { 4 }) {
                let made = quants
                    .iter()
                    .map(|&quant| Format::new(sampling, block, keep, quant).unwrap());
                formats.extend(made);
            }
        }
    }
    formats.truncate(wanted.max(1));
    let mut candidates: Vec<Candidate> = formats.iter().map(|&format| candidate(format)).collect();
    candidates.sort_by(|a, b| a.time_us.total_cmp(&b.time_us));
    let per = candidates.len().div_ceil(buckets);
    for (index, candidate) in candidates.iter_mut().enumerate() {
        candidate.bucket = index / per;
    }
    let (facts, sampled) = sample(&mut candidates, per, every);
    let chain = chain(&candidates, &sampled);
    candidates.sort_by(|a, b| a.format.density_order(b.format));
    Answer {
        build: BuildId("caltech-demo-4f2a91c07d3e".into()),
        dataset: "caltech-256".into(),
        hardware: "gpu-nvidia-h200-t8".into(),
        batch: 256,
        validation_images: 3_000,
        candidates,
        baselines: baselines(),
        buckets: facts,
        chain,
        strategies: vec![],
        embedding: None,
        nets: None,
        hyper: None,
        missing: vec![],
    }
}

/// What the chain of an answer would have come to by other strategies.
pub(super) fn strategies(answer: &Answer) -> Vec<StrategyFacts> {
    let by = |(salt, strategy): (u64, Strategy)| {
        let training = |link: &ChainLink| StrategyTraining {
            format: link.format,
            parent: link.parent.filter(|_| strategy != Strategy::Scratch),
            accuracy: link.accuracy - 0.01 * salt as f64 * noise(link.format, salt),
            test_accuracy: None,
        };
        let count = answer.chain.len();
        StrategyFacts {
            strategy,
            trainings: answer.chain.iter().map(training).collect(),
            cost_epochs: 40.0 * (1 + salt) as f64,
            seconds: 3000.0 * (1 + salt) as f64,
            in_sequence: count / (1 + salt as usize),
        }
    };
    (0..).zip(Strategy::ALL).map(by).collect()
}

/// What the trainings of an answer's chain read.
pub(super) fn bytes_read(answer: &Answer) -> BytesRead {
    let training = |link: &ChainLink| TrainingBytes {
        format: link.format,
        read: 1_000_000 * (1 + u64::from(link.format.keep())),
        own_files: Some(2e6 * f64::from(1 + link.format.keep())),
        jpeg: Some(1e8),
    };
    let trainings: Vec<TrainingBytes> = answer.chain.iter().map(training).collect();
    BytesRead {
        read: trainings.iter().map(|training| training.read).sum(),
        own_files: trainings.iter().map(|training| training.own_files).sum(),
        jpeg: trainings.iter().map(|training| training.jpeg).sum(),
        reference: Some(Jpeg::Quality(90)),
        trainings,
    }
}

/// Repeatable noise from 0 to 1.
fn noise(format: Format, salt: u64) -> f64 {
    let text = format!("{format}/{salt}");
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

fn candidate(format: Format) -> Candidate {
    let sampled = format.sampling().sampled(SIZE);
    let block = f64::from(format.block());
    let blocks = (f64::from(sampled.height) / block) * (f64::from(sampled.width) / block);
    let values = 3.0 * blocks * f64::from(format.kept_in_block());
    let bytes = 14.0 + values * 0.55 * (20.0 / f64::from(format.quant())).powf(0.4);
    let inputs = 3.0 * blocks * f64::from(format.side()).powi(2);
    let jitter = 0.92 + 0.16 * noise(format, 1);
    let parts = InferenceTime {
        read_us: jitter * (0.8 + bytes / 1500.0),
        decode_us: jitter * (1.1 + values / 900.0),
        transfer_us: 0.6 + inputs / 4000.0,
        execute_us: jitter * (6.0 + inputs / 350.0),
    };
    let detail = (values / 49_152.0).powf(0.18) * (1.0 - 0.02 * (block / 32.0).ln().abs());
    let accuracy = (0.30 + 0.58 * detail - 0.03 * noise(format, 2)).clamp(0.02, 0.95);
    let time_us = parts.total_us();
    Candidate {
        format,
        bucket: 0,
        time_us,
        time_us_p95: 1.2 * time_us,
        latency_us: 40.0 * time_us.sqrt(),
        latency_us_p95: 55.0 * time_us.sqrt(),
        parts,
        bytes,
        image_bytes: bytes + 96.0,
        accuracy: Some(accuracy),
        accuracy_low: Some(accuracy - 0.035),
        accuracy_high: Some((accuracy + 0.03).min(1.0)),
        measured: false,
        accuracy_predicted: Some(accuracy),
    }
}

/// Marks one format of each sampled bucket as measured; candidates come fastest first.
fn sample(candidates: &mut [Candidate], per: usize, every: usize) -> (Vec<BucketFacts>, Vec<usize>) {
    let mut sampled = Vec::new();
    let count = candidates.len().div_ceil(per);
    let facts = |(index, formats): (usize, &mut [Candidate])| {
        let best = formats.iter().enumerate();
        let best = best.max_by(|a, b| a.1.accuracy.unwrap().total_cmp(&b.1.accuracy.unwrap()));
        let (at, accuracy) = best
            .map(|(at, candidate)| (at, candidate.accuracy.unwrap()))
            .unwrap();
        let chosen = index % every == 0 || index + 1 == count;
        if chosen {
            let format = &mut formats[at];
            format.measured = true;
            format.accuracy_low = Some(accuracy - 0.013);
            format.accuracy_high = Some(accuracy + 0.012);
            sampled.push(index * per + at);
        }
        BucketFacts {
            formats: formats.len(),
            time_us_low: formats[0].time_us,
            time_us_high: formats[formats.len() - 1].time_us,
            round: chosen.then_some(1 + index / every % 3),
            refined: None,
            trained: usize::from(chosen),
            best_measured: chosen.then_some(accuracy),
            best_interpolated: Some(accuracy),
        }
    };
    let facts = candidates.chunks_mut(per).enumerate().map(facts).collect();
    (facts, sampled)
}

fn chain(candidates: &[Candidate], sampled: &[usize]) -> Vec<ChainLink> {
    let round = |place: usize| 1 + place % 3;
    let mut order: Vec<(usize, Format, usize, f64)> = sampled
        .iter()
        .enumerate()
        .map(|(place, &index)| {
            let candidate = &candidates[index];
            (
                round(place),
                candidate.format,
                candidate.bucket,
                candidate.accuracy.unwrap(),
            )
        })
        .collect();
    order.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.density_order(b.1)));
    let mut links: Vec<ChainLink> = Vec::new();
    for (round, format, bucket, accuracy) in order {
        let denser = links
            .iter()
            .filter(|link| link.format.density_order(format).is_lt());
        let parent = denser
            .max_by(|a, b| a.format.density_order(b.format))
            .map(|link| link.format);
        let epochs = if parent.is_some() { 12 } else { 50 };
        let first = if parent.is_some() { 0.55 } else { 0.05 };
        let curve = (1..=epochs).map(|epoch| {
            let done = 1.0 - (-6.0 * f64::from(epoch) / f64::from(epochs)).exp();
            EpochPoint {
                epoch,
                loss: 3.0 * (1.0 - done) + 0.2,
                accuracy: accuracy * (first + (1.0 - first) * done),
            }
        });
        links.push(ChainLink {
            format,
            parent,
            round,
            bucket,
            accuracy,
            test_accuracy: Some(accuracy - 0.012),
            weights: format!("weights/{format}"),
            weights_digest: Digest::of(format.to_string().as_bytes()),
            seconds: 30.0 * f64::from(epochs),
            bytes_read: 1_000_000,
            batch_halved_to: None,
            curve: curve.collect(),
        });
    }
    links
}

fn baselines() -> Vec<Baseline> {
    let baseline = |jpeg: Jpeg, bytes: f64, decode_us: f64| {
        let parts = InferenceTime {
            read_us: 22.0,
            decode_us,
            transfer_us: 14.0,
            execute_us: 150.0,
        };
        Baseline {
            jpeg,
            time_us: parts.total_us(),
            time_us_p95: 1.3 * parts.total_us(),
            latency_us: 2_400.0,
            parts,
            bytes,
            accuracy: Some(0.874),
        }
    };
    vec![
        baseline(Jpeg::Source, 14_200.0, 410.0),
        baseline(Jpeg::Quality(90), 9_800.0, 360.0),
        baseline(Jpeg::Quality(50), 3_900.0, 300.0),
    ]
}

/// A search of so many trials, each of which was trained for some epochs.
pub(super) fn search(trials: u32) -> SearchFacts {
    let rate = Domain::Log([1e-3, 1.0]);
    let kind = Domain::Choice(vec![
        Value::Text("sgd & co".into()),
        Value::Text("<adamw>".into()),
    ]);
    let parameters = Parameters([("learning_rate".into(), rate), ("optimizer".into(), kind)].into());
    let trial = |id: u32| {
        let share = f64::from(id) / f64::from(trials);
        let epochs = [1, 3, 9][id as usize % 3];
        let curve = (1..=epochs).map(|epoch| EpochPoint {
            epoch,
            loss: 1.0,
            accuracy: 0.4 + 0.4 * share + 0.01 * f64::from(epoch),
        });
        let curve: Vec<EpochPoint> = curve.collect();
        TrialFacts {
            trial: TrialId(id),
            point: parameters.decode(&[share, 1.0 - share]),
            bracket: 0,
            standing: if epochs == 9 {
                TrialStanding::Done
            } else {
                TrialStanding::Paused
            },
            epochs,
            until: epochs,
            accuracy: curve.last().map(|point| point.accuracy),
            copied: Vec::new(),
            curve,
            tasks: Vec::new(),
        }
    };
    let trials: Vec<TrialFacts> = (0..trials).map(trial).collect();
    let mut epochs_spent = 0;
    let scored = trials.iter().map(|trial| {
        epochs_spent += u64::from(trial.epochs);
        Scored {
            trial: trial.trial,
            epoch: trial.epochs,
            accuracy: trial.accuracy.unwrap_or(0.0),
            epochs_spent,
        }
    });
    let scored: Vec<Scored> = scored.collect();
    let best = trials.last().map(|trial| BestTrial {
        trial: trial.trial,
        point: trial.point.clone(),
        epochs: trial.epochs,
        accuracy: trial.accuracy.unwrap_or(0.0),
        test_accuracy: None,
        weights: "weights".into(),
    });
    SearchFacts {
        format: "1x1-b8-k4-q20".parse().unwrap(),
        algorithm: Algorithm::Asha { eta: 3 },
        epochs: Epochs { min: 1, max: 9 },
        budget: Budget::default(),
        parallel: 4,
        epochs_spent,
        seconds: 10.0,
        wall_seconds: 0.0,
        device_seconds: 0.0,
        is_over: true,
        parameters,
        trials,
        scored,
        best,
    }
}

/// A walk over the formats of an answer.
pub(super) fn embedding(answer: &Answer) -> EmbeddingFacts {
    let place = |(at, candidate): (usize, &Candidate)| (candidate.format, [at as f64, (at * at % 17) as f64]);
    let step = |candidate: &Candidate| Step {
        format: candidate.format,
        time_us: candidate.time_us,
        bytes: candidate.bytes,
        bucket: candidate.bucket,
        of: 6,
        rank: 1,
        agreement: 0.9,
        to_densest: 0.8,
        to_previous: 0.85,
    };
    EmbeddingFacts {
        steps: answer.candidates.iter().step_by(12).map(step).collect(),
        map: answer.candidates.iter().enumerate().map(place).collect(),
        cost_epochs: 8.0,
        found: Some(0.75),
        seconds: 60.0,
    }
}
