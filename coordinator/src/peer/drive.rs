//! The task that owns a node: brings it requests, messages and time, and gives the disk and the network what it wants.

use super::node::Node;
use super::transport::Transport;
use crate::leader::{Reply, Request};
use crate::replica::log::Disk;
use crate::replica::{Change, Message, PeerId};
use crate::view::Members;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

/// What is answered with one sync of the log at most.
const BATCH_MAX: usize = 512;
/// A leader that ends waits so long for another to take over.
const HAND_OVER_MAX: Duration = Duration::from_secs(2);

/// What comes to a peer.
#[derive(Debug)]
pub(super) enum Input {
    /// Somebody asks the leader.
    Request(Request),
    /// Somebody asks for other members.
    Change { change: Change, reply: Reply<()> },
    /// Somebody asks who is there.
    Members(oneshot::Sender<Members>),
    /// Another peer says something.
    Message(Message),
    /// Another peer cannot be reached.
    Unreachable(PeerId),
    /// A snapshot was handed to a peer, or could not be.
    SnapshotSent { peer: PeerId, arrived: bool },
    /// End in good order.
    Close(oneshot::Sender<()>),
}

pub(super) async fn drive<D: Disk + Send + 'static>(
    mut node: Node<D>,
    mut transport: Transport,
    tick: Duration,
    mut inputs: mpsc::Receiver<Input>,
    stop: watch::Sender<Option<String>>,
) {
    let mut ticks = tokio::time::interval(tick);
    // After a pause of the whole process time goes on from now: a burst of ticks would look like a silent leader.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut closing: Vec<oneshot::Sender<()>> = Vec::new();
    let mut close_by = None;
    loop {
        tokio::select! {
            input = inputs.recv() => match input {
                Some(input) => take(&mut node, input, &mut closing),
                None => break,
            },
            _ = ticks.tick() => node.replica().tick(),
        }
        for _ in 1..BATCH_MAX {
            match inputs.try_recv() {
                Ok(input) => take(&mut node, input, &mut closing),
                Err(_) => break,
            }
        }
        transport.update(&node.replica().members().addresses);
        let turn =
            tokio::task::block_in_place(|| node.turn(now_ms(), &mut |message| transport.send(message)));
        if let Err(error) = turn {
            let why = error.to_string();
            tracing::error!("{why}");
            node.fail(&why);
            let _ = stop.send(Some(why));
            return;
        }
        if !closing.is_empty() {
            let by = *close_by.get_or_insert_with(|| {
                node.hand_over();
                tokio::time::Instant::now() + HAND_OVER_MAX
            });
            let alone = node.replica().members().voters.len() < 2;
            if alone || !node.leads() || tokio::time::Instant::now() >= by {
                break;
            }
        }
    }
    if let Err(error) = node.close() {
        tracing::warn!("the end of the ledger is not written, which costs nothing: {error}");
    }
    for done in closing {
        let _ = done.send(());
    }
}

fn take<D: Disk>(node: &mut Node<D>, input: Input, closing: &mut Vec<oneshot::Sender<()>>) {
    match input {
        Input::Request(request) => node.request(request, now_ms()),
        Input::Change { change, reply } => node.change(&change, reply),
        Input::Members(reply) => drop(reply.send(node.members())),
        Input::Message(message) => node.replica().message(message),
        Input::Unreachable(peer) => node.replica().unreachable(peer),
        Input::SnapshotSent { peer, arrived } => node.replica().snapshot_sent(peer, arrived),
        Input::Close(done) => closing.push(done),
    }
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}
