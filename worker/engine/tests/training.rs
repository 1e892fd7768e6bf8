//! Trainings of tiny nets on toy problems: they learn, repeat and resume bit for bit, and refuse what does not belong.

use imgcalc_engine::{EngineError, Init, Observer, Place, Progress, Samples, TrainData, Trained, Wish};
use imgcalc_engine::{predict, train};
use imgcalc_shared::training::{Hyper, InputShape, Net};

const CLASSES: u16 = 3;

fn net() -> Net {
    Net::SmallResnet {
        width: 4,
        blocks: vec![1, 1],
    }
}

fn hyper(epochs: u32) -> Hyper {
    Hyper {
        learning_rate: 0.1,
        momentum: 0.9,
        weight_decay: 1e-4,
        batch_size: 16,
        epochs,
        seed: 7,
    }
}

/// Images of noise with a bright row whose place, a third of the image, is the class.
fn samples(images: usize, side: u16, period: u16, seed: u32) -> Samples {
    let shape = InputShape {
        channels: 1,
        height: side,
        width: side,
    };
    let mut state = seed;
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 26) as i16 - 32
    };
    let labels: Vec<u16> = (0..images)
        .map(|image| (image % CLASSES as usize) as u16)
        .collect();
    let mut values = Vec::new();
    for &label in &labels {
        for row in 0..side {
            let bright = row * CLASSES / side == label;
            values.extend(
                (0..side).map(|column| noise() + if bright && column % 2 == label % 2 { 100 } else { 0 }),
            );
        }
    }
    Samples {
        shape,
        period,
        values,
        labels,
    }
}

fn data(side: u16, period: u16) -> TrainData {
    TrainData {
        train: samples(90, side, period, 1),
        validation: samples(30, side, period, 2),
        test: Some(samples(30, side, period, 3)),
        classes: CLASSES,
    }
}

/// Keeps all it is told; wishes for a checkpoint at the end of each epoch, and what it is set to.
#[derive(Default)]
struct Keeper {
    reports: Vec<Progress>,
    checkpoints: Vec<(Place, Vec<u8>)>,
    at: Vec<(Place, Wish)>,
    refuse: bool,
}

impl Observer for Keeper {
    fn progress(&mut self, progress: &Progress) {
        self.reports.push(progress.clone());
    }

    fn wish(&self, place: Place) -> Wish {
        match self.at.iter().find(|(at, _)| *at == place) {
            Some((_, wish)) => *wish,
            None if place.step == 0 => Wish::Checkpoint,
            None => Wish::GoOn,
        }
    }

    fn checkpoint(&mut self, place: Place, bytes: &[u8]) -> Result<(), String> {
        if self.refuse {
            return Err("the disk is full".into());
        }
        assert!(self.checkpoints.last().is_none_or(|(last, _)| *last < place));
        self.checkpoints.push((place, bytes.to_vec()));
        Ok(())
    }
}

fn place(epoch: u32, step: u64) -> Place {
    Place { epoch, step }
}

fn run(
    hyper: &Hyper,
    data: &TrainData,
    init: Init,
    resume: Option<&[u8]>,
) -> Result<(Trained, Keeper), EngineError> {
    let mut keeper = Keeper::default();
    let trained = train(&net(), hyper, data, init, resume, &mut keeper)?;
    Ok((trained, keeper))
}

/// All runs of one test binary must compute with equally many threads.
fn setup() {
    imgcalc_engine::set_threads(1);
}

#[test]
fn a_separable_problem_is_learnt() {
    setup();
    let data = data(9, 1);
    let (trained, keeper) = run(&hyper(6), &data, Init::Scratch, None).unwrap();
    assert!(
        trained.accuracy > 0.9 && trained.test_accuracy.unwrap() > 0.9,
        "{:?}",
        trained.curve
    );
    assert!(trained.loss < trained.curve[0].loss);
    assert_eq!(
        (trained.curve.len(), trained.curve[5].accuracy),
        (6, trained.accuracy)
    );

    let found = predict(&net(), &trained.weights, data.test.as_ref().unwrap(), CLASSES).unwrap();
    let right = found
        .iter()
        .zip(&data.test.unwrap().labels)
        .filter(|(a, b)| a == b)
        .count();
    assert_eq!(right as f64 / 30.0, trained.test_accuracy.unwrap());

    let last = keeper.reports.last().unwrap();
    assert_eq!(
        (last.epoch, last.step, last.steps, last.images_seen),
        (6, 6, 6, 540)
    );
    assert_eq!((last.loss, last.accuracy), (trained.loss, Some(trained.accuracy)));
    assert!(keeper.reports.len() == 36 && keeper.reports.iter().all(|report| report.images_per_second > 0.0));
}

#[test]
fn a_resumed_training_equals_an_undisturbed_one_bit_for_bit_at_every_epoch() {
    setup();
    let data = data(6, 2);
    let (whole, kept) = run(&hyper(4), &data, Init::Scratch, None).unwrap();
    assert_eq!(kept.checkpoints.len(), 4);
    for (epoch, (_, checkpoint)) in kept.checkpoints.iter().enumerate() {
        let (resumed, again) = run(&hyper(4), &data, Init::Scratch, Some(checkpoint)).unwrap();
        assert!(resumed == whole, "resumed after epoch {}", epoch + 1);
        assert!(
            again.checkpoints == kept.checkpoints[epoch + 1..],
            "checkpoints after epoch {}",
            epoch + 1
        );
    }
}

#[test]
fn a_training_left_at_any_step_and_resumed_equals_an_undisturbed_one_bit_for_bit() {
    setup();
    // Steps enough that losses are looked at in groups.
    let data = TrainData {
        train: samples(300, 6, 2, 1),
        ..data(6, 2)
    };
    let hyper = Hyper {
        batch_size: 8,
        ..hyper(3)
    };
    let (whole, kept) = run(&hyper, &data, Init::Scratch, None).unwrap();
    let steps = kept.reports[0].steps;
    // Knuth's generator; the rounds are equal in every run.
    let mut state = 5_u64;
    let mut below = |n: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    for round in 0..6 {
        let mut stops: Vec<u64> = (0..3).map(|_| 1 + below(3 * steps - 1)).collect();
        stops.sort_unstable();
        stops.dedup();
        let places: Vec<Place> = stops
            .iter()
            .map(|stop| place((stop / steps) as u32, stop % steps))
            .collect();
        let mut resume: Option<Vec<u8>> = None;
        for &at in &places {
            let mut keeper = Keeper {
                at: vec![(at, Wish::Leave)],
                ..Keeper::default()
            };
            let left = train(
                &net(),
                &hyper,
                &data,
                Init::Scratch,
                resume.as_deref(),
                &mut keeper,
            );
            assert!(matches!(left, Err(EngineError::Stopped)), "round {round}: {at:?}");
            let (last, bytes) = keeper.checkpoints.pop().unwrap();
            assert_eq!(last, at, "round {round}");
            resume = Some(bytes);
        }
        let (resumed, again) = run(&hyper, &data, Init::Scratch, resume.as_deref()).unwrap();
        assert!(resumed == whole, "round {round}: left at {places:?}");
        assert!(
            again.checkpoints.last() == kept.checkpoints.last(),
            "round {round}: {places:?}"
        );
    }
}

#[test]
fn a_checkpoint_in_the_middle_of_an_epoch_does_not_disturb() {
    setup();
    let data = data(6, 1);
    let (whole, _) = run(&hyper(2), &data, Init::Scratch, None).unwrap();
    let mut keeper = Keeper {
        at: (1..6).map(|step| (place(1, step), Wish::Checkpoint)).collect(),
        ..Keeper::default()
    };
    let trained = train(&net(), &hyper(2), &data, Init::Scratch, None, &mut keeper).unwrap();
    assert!(trained == whole);
    let places: Vec<Place> = keeper.checkpoints.iter().map(|(place, _)| *place).collect();
    assert_eq!(
        places,
        [(1, 0), (1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (2, 0)].map(|(epoch, step)| place(epoch, step))
    );
}

#[test]
fn a_training_that_is_told_to_leave_before_its_first_step_stores_nothing() {
    setup();
    let mut keeper = Keeper {
        at: vec![(place(0, 0), Wish::Leave)],
        ..Keeper::default()
    };
    let left = train(&net(), &hyper(1), &data(3, 1), Init::Scratch, None, &mut keeper);
    assert!(matches!(left, Err(EngineError::Stopped)));
    assert!(keeper.checkpoints.is_empty());
}

#[test]
fn a_checkpoint_of_the_first_release_is_read() {
    setup();
    // Written after epoch 2 of 3, before there were any in the middle of an epoch.
    let frozen = include_bytes!("golden/checkpoint-1.safetensors");
    let (resumed, _) = run(&hyper(3), &data(6, 2), Init::Scratch, Some(frozen)).unwrap();
    assert_eq!(resumed.curve.len(), 3);
    // The sums of another machine may differ in their last bits.
    let (whole, _) = run(&hyper(3), &data(6, 2), Init::Scratch, None).unwrap();
    assert!((resumed.curve[0].loss - whole.curve[0].loss).abs() < 1e-3);
}

#[test]
fn equal_seeds_give_equal_weights_and_others_do_not() {
    setup();
    let data = data(6, 1);
    let weights = |seed| {
        run(&Hyper { seed, ..hyper(2) }, &data, Init::Scratch, None)
            .unwrap()
            .0
            .weights
    };
    assert!(weights(1) == weights(1));
    assert!(weights(1) != weights(2));
}

#[test]
fn a_predecessor_of_another_size_and_period_hands_its_weights_on() {
    setup();
    let before = run(&hyper(6), &data(12, 2), Init::Scratch, None).unwrap().0;
    let start = Hyper {
        learning_rate: 0.0,
        weight_decay: 0.0,
        ..hyper(1)
    };
    for (side, period) in [(9, 1), (9, 3), (1, 1)] {
        let after = run(&start, &data(side, period), Init::Weights(&before.weights), None)
            .unwrap()
            .0;
        assert_eq!(after.parameters, before.parameters);
        assert!(side == 1 || after.accuracy > 0.5, "{side}: {}", after.accuracy);
        // The standardisation is the successor's own.
        let own = predict(&net(), &after.weights, &data(side, period).validation, CLASSES);
        assert!(own.is_ok(), "{own:?}");
        assert!(
            period == 2 || predict(&net(), &before.weights, &data(side, period).validation, CLASSES).is_err()
        );
    }
}

#[test]
fn any_flipped_bit_or_lost_byte_of_a_checkpoint_is_an_error() {
    setup();
    let data = TrainData {
        test: None,
        ..data(3, 1)
    };
    let checkpoint = run(&hyper(1), &data, Init::Scratch, None)
        .unwrap()
        .1
        .checkpoints
        .remove(0)
        .1;
    let refused = |bytes: &[u8]| {
        let error = run(&hyper(1), &data, Init::Scratch, Some(bytes))
            .map(|_| ())
            .unwrap_err();
        assert!(matches!(&error, EngineError::BadCheckpoint(_)), "{error}");
    };
    let header = 8 + u64::from_le_bytes(checkpoint[..8].try_into().unwrap()) as usize;
    let positions = (0..16)
        .chain((16..header).step_by(23))
        .chain((header..checkpoint.len()).step_by(499));
    for position in positions.chain([header - 1, header, checkpoint.len() - 1]) {
        let mut damaged = checkpoint.clone();
        damaged[position] ^= 1 << (position % 8);
        refused(&damaged);
    }
    for len in [0, 7, 8, 9, header - 1, header, checkpoint.len() - 1] {
        refused(&checkpoint[..len]);
    }
    refused(&[checkpoint.as_slice(), &[0]].concat());
}

#[test]
fn a_checkpoint_or_weights_of_something_else_are_refused_with_the_reason() {
    setup();
    let data = data(6, 1);
    let (trained, mut kept) = run(&hyper(2), &data, Init::Scratch, None).unwrap();
    let checkpoint = kept.checkpoints.remove(0).1;
    let reason = |hyper: &Hyper, data: &TrainData, resume: &[u8]| {
        run(hyper, data, Init::Scratch, Some(resume))
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    assert!(reason(&Hyper { seed: 8, ..hyper(2) }, &data, &checkpoint).contains("hyper-parameters"));
    let mut other = data.clone();
    other.train.values[5] += 1;
    assert!(reason(&hyper(2), &other, &checkpoint).contains("training images"));
    assert!(reason(&hyper(2), &data, &trained.weights).contains("not a \"imgcalc-checkpoint\""));

    let wider = Net::SmallResnet {
        width: 5,
        blocks: vec![1, 1],
    };
    let init = Init::Weights(&trained.weights);
    let error = train(&wider, &hyper(1), &data, init, None, &mut Keeper::default()).unwrap_err();
    assert!(
        matches!(&error, EngineError::BadWeights(reason) if reason.contains("width: 4")),
        "{error}"
    );
    let error = run(&hyper(1), &data, Init::Weights(&checkpoint), None)
        .map(|_| ())
        .unwrap_err();
    assert!(matches!(error, EngineError::BadWeights(_)), "{error}");
}

#[test]
fn a_diverging_training_is_a_numeric_failure_with_its_place() {
    setup();
    let wild = Hyper {
        learning_rate: 1e38,
        momentum: 0.99,
        ..hyper(3)
    };
    let error = run(&wild, &data(6, 1), Init::Scratch, None)
        .map(|_| ())
        .unwrap_err();
    assert!(
        matches!(
            error,
            EngineError::Numeric {
                epoch: 1,
                step: 2..=6
            }
        ),
        "{error}"
    );
}

#[test]
fn impossible_demands_are_refused() {
    setup();
    let refused = |hyper: Hyper, data: &TrainData, reason: &str| {
        let error = run(&hyper, data, Init::Scratch, None).map(|_| ()).unwrap_err();
        assert!(
            matches!(&error, EngineError::BadData(text) if text.contains(reason)),
            "{error}"
        );
    };
    let good = data(6, 1);
    refused(hyper(0), &good, "no epoch");
    refused(
        Hyper {
            batch_size: 1,
            ..hyper(1)
        },
        &good,
        "two images",
    );
    refused(
        Hyper {
            learning_rate: f64::NAN,
            ..hyper(1)
        },
        &good,
        "learning rate",
    );
    refused(
        Hyper {
            momentum: 1.0,
            ..hyper(1)
        },
        &good,
        "momentum",
    );
    refused(
        hyper(1),
        &TrainData {
            classes: 2,
            ..good.clone()
        },
        "has label 2",
    );
    refused(
        hyper(1),
        &TrainData {
            validation: samples(3, 9, 1, 1),
            ..good.clone()
        },
        "validation: images of 1x9x9",
    );
    refused(
        hyper(1),
        &TrainData {
            test: Some(samples(0, 6, 1, 1)),
            ..good
        },
        "test: there is no image",
    );
}

#[test]
fn the_observer_stops_a_training_by_request_and_by_failing_to_store() {
    setup();
    let mut keeper = Keeper {
        at: vec![(place(0, 0), Wish::Stop)],
        ..Keeper::default()
    };
    let stopped = train(&net(), &hyper(1), &data(3, 1), Init::Scratch, None, &mut keeper);
    assert!(matches!(stopped, Err(EngineError::Stopped)) && keeper.reports.is_empty());
    let mut keeper = Keeper {
        refuse: true,
        ..Keeper::default()
    };
    let failed = train(&net(), &hyper(1), &data(3, 1), Init::Scratch, None, &mut keeper);
    assert!(matches!(failed, Err(EngineError::Checkpoint(reason)) if reason == "the disk is full"));
}
