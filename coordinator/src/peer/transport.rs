//! Messages to the other peers: one task and one stream for each. A message that cannot be sent is dropped, which the
//! consensus expects; it is told, so that it does not go on in the dark.

use super::Options;
use super::drive::Input;
use crate::replica::{Message, PeerId};
use imgcalc_proto::security::{self, Credentials};
use imgcalc_proto::v1::PeerFrame;
use imgcalc_proto::v1::peers_client::PeersClient;
use imgcalc_proto::{MESSAGE_BYTES_MAX, PROTOCOL};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Messages that wait for one peer; what comes on top is dropped.
const QUEUE_MAX: usize = 1024;
/// Longest piece of a message in one frame, bytes.
const PIECE_BYTES_MAX: usize = 1 << 20;
/// Frames under way in a stream before its sender waits.
const FRAMES_MAX: usize = 64;
/// A peer that could not be reached is tried again after so long.
const RETRY: Duration = Duration::from_millis(100);

/// See the module's description.
pub(super) struct Transport {
    line: Line,
    peers: BTreeMap<PeerId, (String, mpsc::Sender<Message>)>,
}

/// What every stream needs.
#[derive(Clone)]
struct Line {
    group: String,
    id: PeerId,
    credentials: Option<Credentials>,
    inputs: mpsc::WeakSender<Input>,
}

impl Transport {
    pub(super) fn new(options: &Options, inputs: mpsc::Sender<Input>) -> Transport {
        Transport {
            line: Line {
                group: options.identity.group.clone(),
                id: options.identity.id,
                credentials: options.credentials.clone(),
                // The handle outside decides how long the peer lives, not its own transport.
                inputs: inputs.downgrade(),
            },
            peers: BTreeMap::new(),
        }
    }

    /// Where the peers listen now.
    pub(super) fn update(&mut self, addresses: &BTreeMap<PeerId, String>) {
        let line = &self.line;
        self.peers
            .retain(|id, (address, _)| addresses.get(id).is_some_and(|now| now == address));
        for (id, address) in addresses {
            if *id != line.id && !self.peers.contains_key(id) {
                let (messages, queue) = mpsc::channel(QUEUE_MAX);
                tokio::spawn(line.clone().serve(*id, address.clone(), queue));
                self.peers.insert(*id, (address.clone(), messages));
            }
        }
    }

    /// Sends a message as far as that is possible at once.
    pub(super) fn send(&mut self, message: Message) {
        let (to, has_snapshot) = (message.to(), message.has_snapshot());
        let queued = match self.peers.get(&to) {
            Some((_, queue)) => queue.try_send(message).is_ok(),
            None => false,
        };
        if !queued {
            let line = self.line.clone();
            tokio::spawn(async move { line.lost(to, has_snapshot).await });
        }
    }
}

impl Line {
    /// Sends messages to one peer until it is no member any more.
    async fn serve(self, peer: PeerId, address: String, mut queue: mpsc::Receiver<Message>) {
        let endpoint = match security::endpoint(&address, self.credentials.as_ref()) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                tracing::error!(peer, address, "cannot be reached: {error}");
                return;
            }
        };
        let mut reached = true;
        while let Some(first) = queue.recv().await {
            let connected = endpoint.connect().await;
            if connected.is_ok() != reached {
                reached = connected.is_ok();
                tracing::debug!(peer, address, reached, "the line to a peer changed");
            }
            let Ok(channel) = connected else {
                self.lost(peer, first.has_snapshot()).await;
                while let Ok(message) = queue.try_recv() {
                    if message.has_snapshot() {
                        self.lost(peer, true).await;
                    }
                }
                tokio::time::sleep(RETRY).await;
                continue;
            };
            let (frames, stream) = mpsc::channel(FRAMES_MAX);
            let mut client = PeersClient::new(channel).max_encoding_message_size(MESSAGE_BYTES_MAX);
            let delivery = client.deliver(ReceiverStream::new(stream));
            tokio::pin!(delivery);
            let mut next = Some(first);
            loop {
                if let Some(message) = next.take() {
                    let has_snapshot = message.has_snapshot();
                    let sent = tokio::select! {
                        sent = self.put(&frames, peer, &message) => sent,
                        ended = &mut delivery => { self.ended(peer, &ended.err()); false }
                    };
                    if has_snapshot && sent {
                        self.report(Input::SnapshotSent { peer, arrived: true }).await;
                    }
                    if !sent {
                        self.lost(peer, has_snapshot).await;
                        break;
                    }
                }
                tokio::select! {
                    message = queue.recv() => match message {
                        Some(message) => next = Some(message),
                        None => return,
                    },
                    ended = &mut delivery => {
                        self.ended(peer, &ended.err());
                        self.lost(peer, false).await;
                        break;
                    }
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn put(&self, frames: &mpsc::Sender<PeerFrame>, peer: PeerId, message: &Message) -> bool {
        let bytes = message.encode();
        let mut pieces = bytes.chunks(PIECE_BYTES_MAX).peekable();
        while let Some(piece) = pieces.next() {
            let frame = PeerFrame {
                group: self.group.clone(),
                protocol: PROTOCOL,
                from: self.id,
                to: peer,
                piece: piece.to_vec(),
                more: pieces.peek().is_some(),
            };
            if frames.send(frame).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Another group or release at the other end is worth a word; a line that breaks is not.
    fn ended(&self, peer: PeerId, status: &Option<tonic::Status>) {
        if let Some(status) = status
            && matches!(
                status.code(),
                tonic::Code::FailedPrecondition
                    | tonic::Code::PermissionDenied
                    | tonic::Code::Unauthenticated
            )
        {
            tracing::warn!(peer, "refuses what this peer says: {}", status.message());
        }
    }

    async fn lost(&self, peer: PeerId, snapshot: bool) {
        if snapshot {
            self.report(Input::SnapshotSent { peer, arrived: false }).await;
        }
        self.report(Input::Unreachable(peer)).await;
    }

    async fn report(&self, input: Input) {
        if let Some(inputs) = self.inputs.upgrade() {
            let _ = inputs.send(input).await;
        }
    }
}
