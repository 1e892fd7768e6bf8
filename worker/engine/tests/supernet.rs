//! Nets that are trained with shared weights: what comes of it, and that it is the same however often it is cut.

mod support;

use imgcalc_engine::{EngineError, Feeds, Place, Supernet, TrainData, Wish, supernet};
use imgcalc_shared::search::{NetName, NetSpace};
use imgcalc_shared::training::{Hyper, Net, Optimizer, Precision};
use support::*;

fn nets(name: NetName) -> Vec<Net> {
    let space = NetSpace {
        names: vec![name],
        stem: 4,
        stages: vec![1, 2],
        widths: vec![4, 8],
        depths: vec![1, 2],
        kernels: vec![1, 3],
        expansions: match name {
            NetName::ResnetLike => Vec::new(),
            NetName::MobileLike => vec![1, 2],
        },
    };
    let count = space.count().unwrap();
    let every = (0..count).step_by(count as usize / 9);
    every
        .map(|index| space.net(&space.nth(index).unwrap()).unwrap())
        .collect()
}

fn run(
    nets: &[Net],
    hyper: &Hyper,
    data: &TrainData,
    resume: Option<&[u8]>,
    at: Vec<(Place, Wish)>,
) -> (Result<Supernet, EngineError>, Keeper) {
    let mut keeper = Keeper {
        at,
        ..Keeper::default()
    };
    let mut feeds = Feeds::try_from(data).unwrap();
    (supernet(nets, hyper, &mut feeds, resume, &mut keeper), keeper)
}

#[test]
fn nets_with_shared_weights_learn_and_the_same_again() {
    setup();
    let data = data(6, 2);
    for name in [NetName::ResnetLike, NetName::MobileLike] {
        let nets = nets(name);
        let found = run(&nets, &hyper(12), &data, None, vec![]).0.unwrap();
        assert_eq!((found.accuracies.len(), found.curve.len()), (nets.len(), 12));
        // A third is what guessing gives; a window of 1×1 sees no row.
        let best = found.accuracies.iter().copied().fold(0.0, f64::max);
        assert!(best > 0.6, "{name:?}: {:?}", found.accuracies);
        let mean = found.accuracies.iter().sum::<f64>() / nets.len() as f64;
        assert!(mean > 0.45, "{name:?}: {:?}", found.accuracies);
        assert!(found == run(&nets, &hyper(12), &data, None, vec![]).0.unwrap());
        let other = Hyper { seed: 8, ..hyper(12) };
        assert!(found != run(&nets, &other, &data, None, vec![]).0.unwrap());
    }
}

#[test]
fn one_that_is_cut_anywhere_ends_as_one_that_is_not_bit_for_bit() {
    setup();
    let data = data(6, 1);
    let nets = nets(NetName::ResnetLike);
    for optimizer in [Optimizer::Sgd, Optimizer::AdamW] {
        let hyper = Hyper {
            optimizer,
            learning_rate: 0.01,
            precision: Precision::F32,
            ..hyper(3)
        };
        let (whole, kept) = run(&nets, &hyper, &data, None, vec![]);
        let whole = whole.unwrap();
        // In the middle of an epoch, between two, and at the end: while nets are scored nothing is left to be lost.
        for at in [place(0, 2), place(1, 0), place(2, 5), place(3, 0)] {
            let (left, mut keeper) = run(&nets, &hyper, &data, None, vec![(at, Wish::Leave)]);
            assert!(matches!(left, Err(EngineError::Stopped)), "{at:?}");
            let (last, bytes) = keeper.checkpoints.pop().unwrap();
            assert_eq!(last, at);
            let (resumed, again) = run(&nets, &hyper, &data, Some(&bytes), vec![]);
            assert!(resumed.unwrap() == whole, "{at:?}");
            if at.epoch < 3 {
                assert!(again.checkpoints.last() == kept.checkpoints.last(), "{at:?}");
            }
        }
    }
}

#[test]
fn a_checkpoint_of_other_nets_is_refused() {
    setup();
    let data = data(6, 1);
    let nets = nets(NetName::ResnetLike);
    let (_, kept) = run(&nets, &hyper(1), &data, None, vec![]);
    let (_, bytes) = kept.checkpoints.last().unwrap();
    // The same largest and smallest, another choice between them.
    let fewer: Vec<Net> = nets.iter().chain(&nets[..1]).cloned().collect();
    let refused = run(&fewer, &hyper(1), &data, Some(bytes), vec![]).0.unwrap_err();
    assert!(
        matches!(&refused, EngineError::BadCheckpoint(reason) if reason.contains("choice of nets")),
        "{refused}"
    );
    let alone = imgcalc_engine::train(
        &nets[0],
        &hyper(1),
        &data,
        imgcalc_engine::Init::Scratch,
        Some(bytes),
        &mut Keeper::default(),
    );
    assert!(matches!(alone, Err(EngineError::BadCheckpoint(_))));
}

#[test]
fn nets_that_share_nothing_or_images_that_are_too_few_are_bad_data() {
    setup();
    let data = data(6, 1);
    let stages = nets(NetName::ResnetLike);
    let mixed = [stages[0].clone(), nets(NetName::MobileLike)[0].clone()];
    for nets in [&[][..], &[Net::Resnet18 {}], &mixed] {
        let refused = run(nets, &hyper(1), &data, None, vec![]).0.unwrap_err();
        assert!(matches!(refused, EngineError::BadData(_)), "{refused}");
    }
    let refused = run(&stages, &hyper(0), &data, None, vec![]).0.unwrap_err();
    assert!(refused.to_string().contains("no epoch"), "{refused}");
}
