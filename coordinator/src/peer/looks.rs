//! What a look may show: three nodes whose messages a test hands over itself.

use super::node::{Bugs, Node};
use crate::leader::{LeaderError, Request, Terms};
use crate::plan::testing;
use crate::replica::log::SimulatedDisk;
use crate::replica::{Identity, Message, PeerId, Timing};
use crate::view::Overview;
use std::collections::BTreeMap;
use tokio::sync::oneshot;

const NOW_MS: u64 = 1_000_000;

type Overviews = oneshot::Receiver<Result<Overview, LeaderError>>;

fn group() -> Vec<Node<SimulatedDisk>> {
    let founders: BTreeMap<PeerId, String> = (1..=3).map(|id| (id, format!("127.0.0.1:{id}"))).collect();
    let node = |id: PeerId| {
        let identity = Identity::new("looks", id, founders.clone());
        let disk = SimulatedDisk::new(id);
        Node::open(disk, &identity, Terms::default(), Timing::default(), None).unwrap()
    };
    (1..=3).map(node).collect()
}

/// Hands messages on until there are none, without those that are not let through.
fn settle(nodes: &mut [Node<SimulatedDisk>], through: impl Fn(&Message) -> bool) {
    loop {
        let mut sent = Vec::new();
        for node in nodes.iter_mut() {
            node.turn(NOW_MS, &mut |message| sent.push(message)).unwrap();
        }
        sent.retain(&through);
        if sent.is_empty() {
            return;
        }
        for message in sent {
            nodes[message.to() as usize - 1].replica().message(message);
        }
    }
}

fn pass_time(nodes: &mut [Node<SimulatedDisk>], ticks: u32, through: impl Fn(&Message) -> bool) {
    for _ in 0..ticks {
        nodes.iter_mut().for_each(|node| node.replica().tick());
        settle(nodes, &through);
    }
}

fn look(node: &mut Node<SimulatedDisk>) -> Overviews {
    let (reply, answer) = oneshot::channel();
    node.request(Request::Overview { reply }, NOW_MS);
    answer
}

#[test]
fn a_look_shows_nothing_that_is_not_committed() {
    let mut nodes = group();
    while !nodes.iter().any(Node::leads) {
        pass_time(&mut nodes, 1, |_| true);
    }
    let leader = nodes.iter().position(Node::leads).unwrap();
    let mut empty = look(&mut nodes[leader]);
    settle(&mut nodes, |_| true);
    assert!(empty.try_recv().unwrap().unwrap().builds.is_empty());

    // Entries do not arrive; everything else does, so that a majority confirms who leads.
    let (reply, mut submitted) = oneshot::channel();
    let build = Box::new(testing::build());
    nodes[leader].request(
        Request::Submit {
            build,
            priority: 0,
            reply,
        },
        NOW_MS,
    );
    settle(&mut nodes, |message| !message.is_append());
    let mut early = look(&mut nodes[leader]);
    pass_time(&mut nodes, 10, |message| !message.is_append());
    assert!(nodes[leader].leads(), "heartbeats hold the lead");
    assert!(submitted.try_recv().is_err(), "no majority has it");
    assert!(early.try_recv().is_err(), "the look saw what may still be lost");

    pass_time(&mut nodes, 20, |_| true);
    assert!(submitted.try_recv().unwrap().is_ok());
    assert_eq!(early.try_recv().unwrap().unwrap().builds.len(), 1);
}

#[test]
fn a_peer_that_no_longer_leads_answers_no_look() {
    let mut nodes = group();
    while !nodes.iter().any(Node::leads) {
        pass_time(&mut nodes, 1, |_| true);
    }
    let old = nodes.iter().position(Node::leads).unwrap() as PeerId + 1;
    // It is cut off, and the others find a leader before it notices.
    let apart = |message: &Message| message.from() != old && message.to() != old;
    let mut late = look(&mut nodes[old as usize - 1]);
    settle(&mut nodes, apart);
    assert!(late.try_recv().is_err(), "nobody has confirmed it");
    pass_time(&mut nodes, 200, apart);
    let told = late.try_recv().expect("it is told that this peer gave up");
    assert!(matches!(told, Err(LeaderError::NotLeader { .. })), "{told:?}");
    assert_eq!(nodes.iter().filter(|node| node.leads()).count(), 1);
}

#[test]
fn a_look_that_nobody_confirmed_would_be_seen_here() {
    let mut nodes = group();
    while !nodes.iter().any(Node::leads) {
        pass_time(&mut nodes, 1, |_| true);
    }
    let leader = nodes.iter().position(Node::leads).unwrap();
    nodes[leader].set_bugs(Bugs {
        looks_unconfirmed: true,
        ..Bugs::default()
    });
    let mut late = look(&mut nodes[leader]);
    settle(&mut nodes, |_| false);
    assert!(late.try_recv().unwrap().is_ok(), "the fault answers it at once");
}
