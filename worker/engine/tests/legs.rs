//! Trainings in stretches: cut or whole they come to the same, and one goes on where another was.

mod support;

use imgcalc_engine::{Course, EngineError, Init, Place, TrainData, Trained, Wish, train};
use imgcalc_shared::task::Leg;
use imgcalc_shared::training::{Augment, Hyper, Net, Optimizer, Schedule};
use std::path::Path;
use support::*;

/// Everything that depends on the place in the training: the schedule after a warm-up, and what is drawn.
fn hyper_of(optimizer: Optimizer) -> Hyper {
    Hyper {
        learning_rate: if optimizer == Optimizer::AdamW { 0.01 } else { 0.1 },
        optimizer,
        schedule: Schedule::Cosine,
        warmup_epochs: 3,
        augment: Augment {
            horizontal_flip: 0.5,
            vertical_flip: 0.2,
            crop: 0.6,
            translation: 0.4,
            cutout: 0.4,
            brightness: 0.1,
            contrast: 0.2,
            ..Augment::default()
        },
        ..hyper(6)
    }
}

fn leg(hyper: &Hyper, after: u32, until: u32) -> Course<'_> {
    Course {
        hyper,
        leg: Some(Leg { after, until }),
    }
}

/// The legs between these epochs, each from the state of the one before.
fn in_legs(hyper: &Hyper, data: &TrainData, first: Init, ends: &[u32]) -> Trained {
    let (mut state, mut curve) = (None::<Vec<u8>>, Vec::new());
    let mut last = None;
    for pair in ends.windows(2) {
        let init = state.as_deref().map_or(first, Init::State);
        let (trained, kept) = run(leg(hyper, pair[0], pair[1]), data, init, None).unwrap();
        let epochs: Vec<u32> = trained.curve.iter().map(|point| point.epoch).collect();
        assert_eq!(epochs, (pair[0] + 1..=pair[1]).collect::<Vec<u32>>());
        assert_eq!(trained.test_accuracy.is_some(), pair[1] == hyper.epochs);
        let reported = kept.reports.iter().map(|report| (report.epoch, report.epochs));
        assert!(reported.clone().all(|(_, all)| all == hyper.epochs));
        assert_eq!(reported.map(|(epoch, _)| epoch).min(), Some(pair[0] + 1));
        curve.extend(trained.curve.clone());
        state = trained.state.clone();
        last = Some(trained);
    }
    Trained {
        curve,
        ..last.unwrap()
    }
}

/// One that was never cut has no state, and another leg another, since a state says where it is from.
fn stateless(trained: Trained) -> Trained {
    Trained {
        state: None,
        ..trained
    }
}

#[test]
fn a_training_in_legs_equals_a_whole_one_bit_for_bit() {
    setup();
    let data = data(6, 2);
    for optimizer in [Optimizer::Sgd, Optimizer::AdamW] {
        let hyper = hyper_of(optimizer);
        let (whole, _) = run(&hyper, &data, Init::Scratch, None).unwrap();
        assert!(whole.state.is_none() && whole.test_accuracy.is_some());
        for ends in [&[0, 2, 5, 6][..], &[0, 6], &[0, 1, 2, 3, 4, 5, 6]] {
            let cut = in_legs(&hyper, &data, Init::Scratch, ends);
            assert!(stateless(cut) == whole, "{optimizer:?} {ends:?}");
        }
        // From weights, too.
        let first = Init::Weights(&whole.weights);
        let (whole, _) = run(&hyper, &data, first, None).unwrap();
        assert!(
            stateless(in_legs(&hyper, &data, first, &[0, 4, 6])) == whole,
            "{optimizer:?} from weights"
        );
    }
}

#[test]
fn a_leg_left_in_its_middle_and_resumed_equals_an_undisturbed_one() {
    setup();
    let data = data(6, 2);
    for optimizer in [Optimizer::Sgd, Optimizer::AdamW] {
        let hyper = hyper_of(optimizer);
        let (first, _) = run(leg(&hyper, 0, 2), &data, Init::Scratch, None).unwrap();
        let first = first.state.unwrap();
        let second = leg(&hyper, 2, 5);
        let (undisturbed, kept) = run(second, &data, Init::State(&first), None).unwrap();
        for at in [place(2, 3), place(3, 0), place(4, 5)] {
            let checkpoint = left_at(second, &data, Init::State(&first), at);
            let (resumed, _) = run(second, &data, Init::Scratch, Some(&checkpoint)).unwrap();
            assert!(resumed == undisturbed, "{optimizer:?} left at {at:?}");
        }
        // One that ended is not done again.
        let (at, end) = kept.checkpoints.last().unwrap();
        assert_eq!(*at, place(5, 0));
        let (again, kept) = run(second, &data, Init::Scratch, Some(end)).unwrap();
        assert!(again == undisturbed && kept.reports.is_empty());
    }
}

/// The checkpoint of a training that leaves there.
fn left_at(course: Course, data: &TrainData, init: Init, at: Place) -> Vec<u8> {
    let mut keeper = Keeper {
        at: vec![(at, Wish::Leave)],
        ..Keeper::default()
    };
    let left = train(&net(), course, data, init, None, &mut keeper);
    assert!(matches!(left, Err(EngineError::Stopped)));
    let (last, checkpoint) = keeper.checkpoints.pop().unwrap();
    assert_eq!(last, at);
    checkpoint
}

#[test]
fn a_copy_goes_on_with_its_own_hyper_parameters_and_is_cut_as_well_as_any() {
    setup();
    let data = data(6, 2);
    let origin = hyper_of(Optimizer::AdamW);
    let (first, _) = run(leg(&origin, 0, 2), &data, Init::Scratch, None).unwrap();
    let state = first.state.unwrap();
    let goes_on = |hyper: &Hyper, ends: &[u32]| {
        let trained = in_legs(hyper, &data, Init::State(&state), ends);
        assert!(trained.curve.iter().all(|point| point.loss.is_finite()));
        stateless(trained)
    };
    let same = goes_on(&origin, &[2, 6]);
    let slower = Hyper {
        learning_rate: 0.001,
        ..origin.clone()
    };
    // Its steps are others in number, too: how many the optimiser has done must travel with its state.
    let smaller_batches = Hyper {
        batch_size: 9,
        ..origin.clone()
    };
    let other_order = Hyper {
        seed: 8,
        ..origin.clone()
    };
    // The state of one optimiser is none of another: it starts from zero, and so does the count of its steps.
    let other_optimizer = hyper_of(Optimizer::Sgd);
    for hyper in [slower, smaller_batches, other_order, other_optimizer] {
        let whole = goes_on(&hyper, &[2, 6]);
        assert!(whole.weights != same.weights, "{hyper:?}");
        assert!(goes_on(&hyper, &[2, 3, 6]) == whole, "{hyper:?} cut");
        let checkpoint = left_at(leg(&hyper, 2, 6), &data, Init::State(&state), place(3, 2));
        let (resumed, _) = run(leg(&hyper, 2, 6), &data, Init::Scratch, Some(&checkpoint)).unwrap();
        assert!(stateless(resumed) == whole, "{hyper:?} resumed");
    }
}

#[test]
fn a_fresh_optimiser_does_not_throw_a_copy_off() {
    setup();
    let data = data(6, 2);
    let origin = Hyper {
        augment: Augment::default(),
        ..hyper_of(Optimizer::Sgd)
    };
    let (first, _) = run(leg(&origin, 0, 4), &data, Init::Scratch, None).unwrap();
    let hyper = Hyper {
        learning_rate: 0.002,
        optimizer: Optimizer::AdamW,
        ..origin
    };
    let state = first.state.unwrap();
    let (on, _) = run(leg(&hyper, 4, 6), &data, Init::State(&state), None).unwrap();
    assert!(
        on.curve[0].loss < first.curve[2].loss,
        "{:?} after {:?}",
        on.curve,
        first.curve
    );
}

#[test]
fn whether_a_net_only_guesses_is_judged_by_all_legs() {
    setup();
    // 30 steps an epoch: 34 epochs make 1,000 steps. With no learning rate nothing is learnt.
    let data = TrainData {
        train: samples(90, 3, 1, 1),
        ..data(3, 1)
    };
    let dead = Hyper {
        learning_rate: 0.0,
        batch_size: 3,
        ..hyper(40)
    };
    let (first, _) = run(leg(&dead, 0, 33), &data, Init::Scratch, None).unwrap();
    let state = first.state.unwrap();
    let evidence = |result: Result<_, EngineError>| match result.map(|_| ()).unwrap_err() {
        EngineError::Numeric { epoch, evidence, .. } => (epoch, evidence),
        other => panic!("{other}"),
    };
    let cut = evidence(run(leg(&dead, 33, 40), &data, Init::State(&state), None));
    assert_eq!(cut.0, 34);
    assert_eq!(cut, evidence(run(&dead, &data, Init::Scratch, None)));
    // One that has learnt is not taken for dead, however little its last leg sees.
    let alive = Hyper {
        learning_rate: 0.05,
        ..dead.clone()
    };
    let (first, _) = run(leg(&alive, 0, 2), &data, Init::Scratch, None).unwrap();
    assert!(first.accuracy > 0.6, "{}", first.accuracy);
    let state = first.state.unwrap();
    run(leg(&dead, 2, 40), &data, Init::State(&state), None).unwrap();
}

#[test]
fn a_damaged_or_foreign_state_is_refused_with_the_reason() {
    setup();
    let data = data(6, 2);
    let hyper = hyper_of(Optimizer::AdamW);
    let (first, kept) = run(leg(&hyper, 0, 2), &data, Init::Scratch, None).unwrap();
    let state = first.state.unwrap();
    let refusal = |net: &Net, data: &TrainData, course: Course, init: Init| {
        let mut keeper = Keeper::default();
        train(net, course, data, init, None, &mut keeper)
            .map(|_| ())
            .unwrap_err()
    };
    let refused = |net: &Net, data: &TrainData, bytes: &[u8], words: &str| {
        let error = refusal(net, data, leg(&hyper, 2, 4), Init::State(bytes));
        assert!(
            matches!(&error, EngineError::BadWeights(reason) if reason.contains(words)),
            "{words}: {error}"
        );
    };
    for position in (0..state.len()).step_by(499).chain([state.len() - 1]) {
        let mut damaged = state.clone();
        damaged[position] ^= 1 << (position % 8);
        refused(&net(), &data, &damaged, "the state of a training");
    }
    for len in [0, 8, state.len() / 2, state.len() - 1] {
        refused(&net(), &data, &state[..len], "the state of a training");
    }
    let wider = Net::SmallResnet {
        width: 5,
        blocks: vec![1, 1],
    };
    refused(&wider, &data, &state, "the net differs");
    refused(
        &net(),
        &support::data(6, 1),
        &state,
        "the shape of images differs",
    );
    let mut other = data.clone();
    other.classes += 1;
    refused(&net(), &other, &state, "the number of classes differs");
    let mut other = data.clone();
    other.train.labels.swap(0, 1);
    refused(&net(), &other, &state, "the training images differs");
    let mut other = data.clone();
    other.train.values[5] += 1;
    refused(&net(), &other, &state, "these training images");
    refused(&net(), &data, &first.weights, "not a \"imgcalc-checkpoint\"");
    // Not where the leg begins, or in the middle of an epoch.
    refused(&net(), &data, &kept.checkpoints[0].1, "not that after epoch 2");
    let middle = left_at(leg(&hyper, 0, 3), &data, Init::Scratch, place(2, 1));
    refused(&net(), &data, &middle, "not that after epoch 2");

    let bad_data = |course: Course, init: Init| {
        let error = refusal(&net(), &data, course, init);
        assert!(matches!(&error, EngineError::BadData(_)), "{error}");
    };
    bad_data(leg(&hyper, 2, 4), Init::Scratch);
    bad_data(leg(&hyper, 2, 4), Init::Weights(&first.weights));
    for (after, until) in [(2, 2), (3, 2), (2, 7)] {
        bad_data(leg(&hyper, after, until), Init::State(&state));
    }
    // A whole training begins before its first epoch.
    let error = refusal(&net(), &data, (&hyper).into(), Init::State(&state));
    assert!(matches!(error, EngineError::BadWeights(_)), "{error}");
}

#[test]
fn a_state_of_the_first_release_that_had_them_is_gone_on_from() {
    setup();
    let data = data(6, 2);
    let hyper = Hyper {
        learning_rate: 0.01,
        optimizer: Optimizer::AdamW,
        ..hyper(3)
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/state-1.safetensors");
    if !path.exists() && std::env::var_os("IMGCALC_REGENERATE").is_some() {
        let (first, _) = run(leg(&hyper, 0, 2), &data, Init::Scratch, None).unwrap();
        std::fs::write(&path, first.state.unwrap()).unwrap();
    }
    let frozen = std::fs::read(&path).unwrap();
    let (on, _) = run(leg(&hyper, 2, 3), &data, Init::State(&frozen), None).unwrap();
    let (whole, _) = run(&hyper, &data, Init::Scratch, None).unwrap();
    // The sums of another machine may differ in their last bits.
    assert!((on.curve[0].loss - whole.curve[2].loss).abs() < 1e-3);
}

#[test]
fn a_checkpoint_of_one_leg_is_refused_by_every_other_and_by_the_whole() {
    setup();
    let data = data(6, 1);
    let hyper = hyper(4);
    let (_, mut kept) = run(leg(&hyper, 0, 3), &data, Init::Scratch, None).unwrap();
    let checkpoint = kept.checkpoints.remove(1).1;
    for course in [leg(&hyper, 0, 4), leg(&hyper, 1, 3), (&hyper).into()] {
        let error = run(course, &data, Init::Scratch, Some(&checkpoint));
        let error = error.map(|_| ()).unwrap_err();
        assert!(
            matches!(&error, EngineError::BadCheckpoint(reason) if reason.contains("stretch of epochs")),
            "{error}"
        );
    }
}
