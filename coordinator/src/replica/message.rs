//! What replicas say to each other, as bytes and back. Bytes from outside are checked before raft's core sees them.

use super::log::LogError;
use super::members::{Members, PeerId, is_change};
use prost_of_raft::Message as _;
use raft::eraftpb::{self, EntryType, MessageType};

/// Kinds that one peer says to another. Proposals and reads are not among them: clients go to the leader themselves.
const TRAVELS: [MessageType; 10] = [
    MessageType::MsgAppend,
    MessageType::MsgAppendResponse,
    MessageType::MsgRequestVote,
    MessageType::MsgRequestVoteResponse,
    MessageType::MsgRequestPreVote,
    MessageType::MsgRequestPreVoteResponse,
    MessageType::MsgSnapshot,
    MessageType::MsgHeartbeat,
    MessageType::MsgHeartbeatResponse,
    MessageType::MsgTimeoutNow,
];

/// A message between replicas.
#[derive(Clone, Debug, PartialEq)]
pub struct Message(pub(super) eraftpb::Message);

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a message of a replica: {0}")]
pub struct BadMessage(String);

impl Message {
    /// Who sent it.
    pub fn from(&self) -> PeerId {
        self.0.from
    }

    /// Who is to get it.
    pub fn to(&self) -> PeerId {
        self.0.to
    }

    /// Whether it carries an image: its sender wants to know whether it arrived.
    pub fn has_snapshot(&self) -> bool {
        self.0.get_msg_type() == MessageType::MsgSnapshot
    }

    /// Whether it carries entries from the leader.
    #[cfg(test)]
    pub(crate) fn is_append(&self) -> bool {
        self.0.get_msg_type() == MessageType::MsgAppend
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        self.0.encode_to_vec()
    }

    /// Reads what [`Message::encode`] wrote. `from` and `to` are what the line it came on says.
    pub fn decode(bytes: &[u8], from: PeerId, to: PeerId) -> Result<Message, BadMessage> {
        let bad = |what: &str| BadMessage(what.to_string());
        let message = eraftpb::Message::decode(bytes).map_err(|error| BadMessage(error.to_string()))?;
        if (message.from, message.to) != (from, to) {
            return Err(bad("it is of another sender or for another peer"));
        }
        // The getters of prost's enums fall back to the first variant or panic; nothing unknown may get there.
        let kind = MessageType::from_i32(message.msg_type).ok_or_else(|| bad("its kind is unknown"))?;
        if !TRAVELS.contains(&kind) {
            return Err(bad("a peer says such things only to itself"));
        }
        for entry in &message.entries {
            match EntryType::from_i32(entry.entry_type) {
                Some(EntryType::EntryNormal) => {}
                Some(EntryType::EntryConfChangeV2) if is_change(&entry.data) => {}
                _ => return Err(bad("an entry in it is of no known kind")),
            }
        }
        let mut indices = message.entries.windows(2);
        if !indices.all(|pair| pair[0].index.checked_add(1) == Some(pair[1].index)) {
            return Err(bad("its entries are not in order"));
        }
        let first = message.entries.first().map(|entry| entry.index);
        if kind == MessageType::MsgAppend
            && first.is_some_and(|first| Some(first) != message.index.checked_add(1))
        {
            return Err(bad(
                "its entries do not follow the entry they are to be appended to",
            ));
        }
        if kind == MessageType::MsgSnapshot {
            let snapshot = message.snapshot.as_ref();
            let snapshot = snapshot.ok_or_else(|| bad("its snapshot is missing"))?;
            if snapshot
                .metadata
                .as_ref()
                .is_none_or(|metadata| metadata.conf_state.is_none())
            {
                return Err(bad("its snapshot does not say what it is of"));
            }
            open_snapshot(&snapshot.data).map_err(|error| BadMessage(error.to_string()))?;
        }
        Ok(Message(message))
    }
}

/// ```text
/// length of members (8 bytes, little-endian) · members · image · xxh3-64 of all before (8 bytes, little-endian)
/// ```
pub(super) fn seal_snapshot(members: &[u8], image: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(members.len() + image.len() + 16);
    sealed.extend_from_slice(&(members.len() as u64).to_le_bytes());
    sealed.extend_from_slice(members);
    sealed.extend_from_slice(image);
    let checksum = twox_hash::XxHash3_64::oneshot(&sealed);
    sealed.extend_from_slice(&checksum.to_le_bytes());
    sealed
}

pub(super) fn open_snapshot(sealed: &[u8]) -> Result<(Members, Vec<u8>), LogError> {
    let damaged = |what: &str| LogError::Damaged {
        path: "ledger".into(),
        what: format!("a snapshot from another peer {what}"),
    };
    let (body, checksum) = sealed
        .split_last_chunk::<8>()
        .ok_or_else(|| damaged("is too short"))?;
    if twox_hash::XxHash3_64::oneshot(body) != u64::from_le_bytes(*checksum) {
        return Err(damaged("does not match its checksum"));
    }
    let (length, rest) = body
        .split_first_chunk::<8>()
        .ok_or_else(|| damaged("is too short"))?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let (members, image) = rest
        .split_at_checked(length)
        .ok_or_else(|| damaged("is too short"))?;
    Ok((
        Members::read(members, "a snapshot from another peer")?,
        image.to_vec(),
    ))
}
