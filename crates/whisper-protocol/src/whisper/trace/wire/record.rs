//! What one node says about an envelope.

use bytes::Bytes;
use p2p_identity::NodeId;
use p2p_mux::rlp::{List, Raw};

use super::{TraceMessageError, list, list_of};
use crate::{relay::peer_state::skip_reason::SkipReason, relay::trace::EnvelopeSource};

/// Maximum number of drops of a record.
pub(super) const MAX_DROPS: usize = 16;

/// Maximum length of the name of a reason.
pub(super) const MAX_REASON: usize = 64;

/// Maximum number of peers that a node names.
const MAX_PEERS: usize = 256;

/// What one node says about an envelope,
/// `[node, state, kind, source, arrived, left, [[reason, at] ..], [[peer, fate] ..]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceRecord {
    /// The node.
    pub node: NodeId,
    /// Where the envelope is.
    pub state: TraceState,
    /// When and why the node rejected or dropped it, in order.
    pub drops: Vec<TraceDrop>,
    /// What became of it at the peers of the node, while it is in the pool.
    pub peers: Vec<TracedPeer>,
}

/// Where an envelope is at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceState {
    /// It never was in the pool, as far as the node remembers.
    Unknown,
    /// It is in the pool.
    Pooled(TraceArrival),
    /// It was in the pool.
    Left {
        /// When it came, and from where.
        arrival: TraceArrival,
        /// When it left, in seconds since 1970.
        at: u32,
        /// Whether it was evicted for envelopes with more work; otherwise it expired.
        evicted: bool,
    },
}

/// When an envelope came, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceArrival {
    /// Where it came from first.
    pub source: EnvelopeSource,
    /// When, in seconds since 1970 by the clock of the node.
    pub at: u32,
}

/// One time that an envelope was rejected or dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceDrop {
    /// The name of the reason, such as `rejected.low_work`.
    pub reason: String,
    /// When, in seconds since 1970 by the clock of the node.
    pub at: u32,
}

/// The first bytes of the id of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerPrefix(pub [u8; 16]);

/// What became of an envelope at a peer of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TracedPeer {
    /// The peer.
    pub peer: PeerPrefix,
    /// What became of it.
    pub fate: PeerFate,
}

/// What became of an envelope at a peer of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerFate {
    /// The node sent it to the peer.
    Sent,
    /// The node was sent it by the peer, first or again.
    Received,
    /// The node did not send it to the peer.
    NotSent(SkipReason),
}

impl PeerPrefix {
    /// The first bytes of an id.
    #[must_use]
    pub fn of(id: &NodeId) -> Self {
        let mut prefix = [0; 16];
        prefix.copy_from_slice(&id.0[..16]);
        Self(prefix)
    }
}

impl PeerFate {
    const fn number(self) -> u64 {
        match self {
            Self::Sent => 1,
            Self::Received => 2,
            Self::NotSent(SkipReason::OutsideBloom) => 3,
            Self::NotSent(SkipReason::LowWork) => 4,
            Self::NotSent(SkipReason::Oversized) => 5,
            Self::NotSent(SkipReason::LightClient) => 6,
            // What was announced over `lazy/1` waits for the peer.
            Self::NotSent(SkipReason::Pending | SkipReason::Announced | SkipReason::Asked) => 7,
        }
    }

    const fn of(number: u64) -> Result<Self, TraceMessageError> {
        Ok(match number {
            1 => Self::Sent,
            2 => Self::Received,
            3 => Self::NotSent(SkipReason::OutsideBloom),
            4 => Self::NotSent(SkipReason::LowWork),
            5 => Self::NotSent(SkipReason::Oversized),
            6 => Self::NotSent(SkipReason::LightClient),
            7 => Self::NotSent(SkipReason::Pending),
            fate => return Err(TraceMessageError::Fate { fate }),
        })
    }
}

impl TraceState {
    /// When and from where the envelope came; `None` if the node does not know it.
    #[must_use]
    pub const fn arrival(&self) -> Option<&TraceArrival> {
        match self {
            Self::Unknown => None,
            Self::Pooled(arrival) | Self::Left { arrival, .. } => Some(arrival),
        }
    }

    fn read(list: &mut List<'_>) -> Result<Self, TraceMessageError> {
        let (state, source_kind) = (list.uint()?, list.uint()?);
        let source = list.item()?;
        let (arrived, left) = (list.uint()?, list.uint()?);
        let wrong = Err(TraceMessageError::State { state, source_kind });
        let source = match source_kind {
            0 if state == 0 => return Ok(Self::Unknown),
            1 => EnvelopeSource::Here,
            2 => EnvelopeSource::Peer(NodeId(source.array()?)),
            3 => EnvelopeSource::Forgotten,
            _ => return wrong,
        };
        let arrival = TraceArrival { source, at: arrived };
        match state {
            1 => Ok(Self::Pooled(arrival)),
            2 | 3 => Ok(Self::Left { arrival, at: left, evicted: state == 3 }),
            _ => wrong,
        }
    }
}

impl TraceRecord {
    /// The record as it is sent, shortened to what a record may have.
    pub(in crate::whisper::trace) fn shortened(mut self) -> Self {
        self.drops.truncate(MAX_DROPS);
        self.peers.truncate(MAX_PEERS);
        self
    }

    pub(super) fn read(list: &mut List<'_>) -> Result<Self, TraceMessageError> {
        list.open_list(|list| {
            let (node, state) = (NodeId(list.array()?), TraceState::read(list)?);
            let drops = list.list(|list| list.each(drop))?;
            if drops.len() > MAX_DROPS {
                return Err(TraceMessageError::Drops { count: drops.len() });
            }
            let peers = list.list(|list| list.each(peer))?;
            Ok(Self { node, state, drops, peers })
        })
    }

    /// The record as an item of an answer.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let (state, arrival, left) = match &self.state {
            TraceState::Unknown => (0_u64, None, 0),
            TraceState::Pooled(arrival) => (1, Some(arrival), 0),
            TraceState::Left { arrival, at, evicted } => {
                (2 + u64::from(*evicted), Some(arrival), *at)
            }
        };
        let (kind, source): (u64, &[u8]) = match arrival.map(|arrival| &arrival.source) {
            None => (0, &[]),
            Some(EnvelopeSource::Here) => (1, &[]),
            Some(EnvelopeSource::Peer(id)) => (2, &id.0),
            Some(EnvelopeSource::Forgotten) => (3, &[]),
        };
        let arrived = arrival.map_or(0, |arrival| arrival.at);
        let drop = |drop: &TraceDrop| list(&[&drop.reason, &drop.at]);
        let peer = |peer: &TracedPeer| list(&[&peer.peer.0, &peer.fate.number()]);
        let drops = list_of(self.drops.iter().map(drop));
        let peers = list_of(self.peers.iter().map(peer));
        list(&[&self.node.0, &state, &kind, &source, &arrived, &left, &Raw(&drops), &Raw(&peers)])
    }
}

fn drop(list: &mut List<'_>) -> Result<TraceDrop, TraceMessageError> {
    list.open_list(|list| {
        let is_plain = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_');
        let name = list.bytes()?;
        if name.len() > MAX_REASON || !name.iter().all(is_plain) {
            return Err(TraceMessageError::Reason);
        }
        Ok(TraceDrop { reason: String::from_utf8_lossy(name).into_owned(), at: list.uint()? })
    })
}

fn peer(list: &mut List<'_>) -> Result<TracedPeer, TraceMessageError> {
    list.open_list(|list| {
        let (peer, fate) = (PeerPrefix(list.array()?), PeerFate::of(list.uint()?)?);
        Ok(TracedPeer { peer, fate })
    })
}
