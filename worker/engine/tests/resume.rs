//! Trainings that are left and resumed, and checkpoints that are damaged.

mod support;

use imgcalc_engine::{EngineError, Init, Place, TrainData, Wish, train};
use imgcalc_shared::training::{Hyper, Net};
use support::*;

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
