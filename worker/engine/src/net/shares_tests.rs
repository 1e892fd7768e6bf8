use super::*;
use crate::random::Random;
use imgcalc_shared::net::{NetError, Shares, shared_name};
use imgcalc_shared::search::{NetName, NetSpace};

const SHAPE: InputShape = InputShape {
    channels: 3,
    height: 8,
    width: 6,
};
const CLASSES: u16 = 4;

/// Every net of a small space.
fn nets(name: NetName) -> Vec<Net> {
    let space = NetSpace {
        names: vec![name],
        stem: 4,
        stages: vec![1, 2],
        widths: vec![4, 6],
        depths: vec![1, 2],
        kernels: vec![1, 3],
        expansions: match name {
            NetName::ResnetLike => Vec::new(),
            NetName::MobileLike => vec![1, 2],
        },
    };
    let count = space.count().unwrap();
    // All of one stage, and of the many of two stages some.
    let some = (0..count).filter(|index| *index < 20 || index % 13 == 0);
    let nets: Vec<Net> = some
        .map(|index| space.net(&space.nth(index).unwrap()).unwrap())
        .collect();
    assert!(nets.len() > 20);
    nets
}

fn shared(nets: &[Net]) -> Result<(Shares, Network), NetError> {
    crate::set_threads(1);
    let shares = Shares::of(nets)?;
    let mut network = Network::shared(&shares, SHAPE, CLASSES, Device::Cpu).unwrap();
    network.fill_from_seed(3).unwrap();
    Ok((shares, network))
}

fn images() -> Tensor {
    let count = 5 * SHAPE.values() as i64;
    let values = Tensor::arange(count, (Kind::Float, Device::Cpu)).sin();
    values.view([5, SHAPE.channels.into(), SHAPE.height.into(), SHAPE.width.into()])
}

fn trained(graph: &Graph) -> Tensor {
    let mut random = Random::new(1, "test");
    graph.forward(&images(), Pass::Train(&mut random)).unwrap()
}

/// What a net has of a variable, by hand: each number by its place.
fn by_hand(whole: &[i64], numbers: &[f32], shape: &[i64]) -> Vec<f32> {
    let first: Vec<i64> = (0..shape.len())
        .map(|at| if at < 2 { 0 } else { (whole[at] - shape[at]) / 2 })
        .collect();
    let count = shape.iter().product::<i64>();
    let number = |index: i64| {
        let (mut rest, mut from, mut step) = (index, 0, 1);
        for at in (0..shape.len()).rev() {
            from += (first[at] + rest % shape[at]) * step;
            rest /= shape[at];
            step *= whole[at];
        }
        numbers[from as usize]
    };
    (0..count).map(number).collect()
}

fn every_net_makes_of_its_share_what_it_makes_alone(name: NetName) {
    let nets = nets(name);
    let (shares, mut network) = shared(&nets).unwrap();
    network.leaves().unwrap();
    let values = network.values().unwrap();
    for net in nets.iter().chain([shares.largest(), shares.smallest()]) {
        let mut alone = Network::new(&net.into(), SHAPE, CLASSES, Device::Cpu).unwrap();
        let narrowed = alone.variables().iter().map(|variable| {
            let start = match variable.is_buffer() {
                true => seeded(variable, 0),
                false => {
                    let (whole, numbers) = &values[&shared_name(net, &variable.name)];
                    by_hand(whole, numbers, &variable.shape)
                }
            };
            (variable.name.clone(), (variable.shape.clone(), start))
        });
        let narrowed: Values = narrowed.collect();
        alone.fill(&narrowed).unwrap();
        let mut random = Random::new(1, "test");
        let expected = alone.forward(&images(), Pass::Train(&mut random)).unwrap();
        let part = network.part(net, SHAPE.channels, CLASSES).unwrap();
        assert_eq!(trained(&part), expected, "{net:?}");

        let cut = network.cut(net, SHAPE, CLASSES).unwrap().values().unwrap();
        for variable in alone.variables() {
            assert!(variable.is_buffer() || cut[&variable.name] == narrowed[&variable.name]);
        }
    }
}

#[test]
fn every_resnet_makes_of_its_share_what_it_makes_alone() {
    every_net_makes_of_its_share_what_it_makes_alone(NetName::ResnetLike);
}

#[test]
fn every_mobile_net_makes_of_its_share_what_it_makes_alone() {
    every_net_makes_of_its_share_what_it_makes_alone(NetName::MobileLike);
}

#[test]
fn the_largest_net_is_the_whole_network() {
    let nets = nets(NetName::MobileLike);
    let (shares, network) = shared(&nets).unwrap();
    let part = network.part(shares.largest(), SHAPE.channels, CLASSES).unwrap();
    let mut random = Random::new(1, "test");
    let whole = network.forward(&images(), Pass::Train(&mut random)).unwrap();
    assert_eq!(trained(&part), whole);
}

#[test]
fn gradients_reach_all_that_a_net_has_and_nothing_else() {
    for name in [NetName::ResnetLike, NetName::MobileLike] {
        let nets = nets(name);
        let (_, mut network) = shared(&nets).unwrap();
        let leaves = network.leaves().unwrap();
        for net in &nets {
            for leaf in &leaves {
                leaf.grad().defined().then(|| leaf.grad().zero_());
            }
            let part = network.part(net, SHAPE.channels, CLASSES).unwrap();
            let labels = Tensor::from_slice(&[0_i64, 1, 2, 3, 0]);
            trained(&part).cross_entropy_for_logits(&labels).backward();
            let own = net::variables(net, SHAPE.channels, CLASSES).unwrap();
            for ((shared, _), leaf) in network.fitted_variables().zip(&leaves) {
                let mine = own
                    .iter()
                    .find(|variable| shared_name(net, &variable.name) == shared.name);
                let gradient = leaf.grad();
                let Some(mine) = mine else {
                    let none =
                        !gradient.defined() || gradient.abs().sum(Kind::Double).double_value(&[]) == 0.0;
                    assert!(none, "{}: {net:?} has none", shared.name);
                    continue;
                };
                let (_, numbers) = numbers(shared, &gradient).unwrap();
                let inside = by_hand(&shared.shape, &numbers, &mine.shape);
                let size = |numbers: &[f32]| numbers.iter().map(|x| f64::from(x.abs())).sum::<f64>();
                assert!(size(&inside) > 0.0, "{}: {net:?}", shared.name);
                let not_zero = |numbers: &[f32]| numbers.iter().filter(|x| **x != 0.0).count();
                assert_eq!(not_zero(&inside), not_zero(&numbers), "{}: {net:?}", shared.name);
            }
        }
    }
}

#[test]
fn statistics_are_the_means_of_those_of_the_batches() {
    let nets = nets(NetName::ResnetLike);
    let (_, network) = shared(&nets).unwrap();
    let mut alone = network.cut(&nets[0], SHAPE, CLASSES).unwrap();
    let batches = [images(), images() * 3.0 + 1.0, images().cos()];
    alone
        .measure_statistics(batches.iter().map(|batch| Ok(batch.shallow_clone())))
        .unwrap();
    // Of the first convolution, which sees the images themselves.
    let found = &alone.views["stem.norm.running_mean"];
    let weight = &alone.views["stem.conv.weight"];
    let mean = |batch: &Tensor| {
        let made = batch.conv2d::<&Tensor>(weight, None, [1, 1], [1, 1], [1, 1], 1);
        made.mean_dim([0, 2, 3].as_slice(), false, Kind::Float)
    };
    let expected = (mean(&batches[0]) + mean(&batches[1]) + mean(&batches[2])) / 3.0;
    let apart = (found - expected).abs().max().double_value(&[]);
    assert!(apart < 1e-5, "{apart}");
}
