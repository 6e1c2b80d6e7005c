//! How a connection ended, and who is to blame.

use rlpx_transport::FrameError;
use thiserror::Error;

use crate::{ChunkError, DisconnectReason};

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer ended it.
    #[error("by the peer: {0}")]
    ByPeer(DisconnectReason),
    /// We ended it: the owner, a sub-protocol, the last one returning, or the peer's silence.
    #[error("by us: {0}")]
    ByUs(DisconnectReason),
    /// We ended it because memory was short, and of all connections this one held the most beyond
    /// its share ([`MemoryBudget`](crate::MemoryBudget)).
    #[error("it held {held} bytes while memory was short, and {share} were its share")]
    ExceededShare {
        /// What it held, in bytes.
        held: usize,
        /// What it could have held in any case.
        share: usize,
    },
    /// The peer broke the protocol, so we ended it.
    #[error("the peer broke the protocol: {0}")]
    Breach(#[from] ProtocolBreach),
    /// The network failed.
    #[error("the connection was lost: {0}")]
    Lost(#[from] LostReason),
}

/// What a peer is told that holds too much memory: there is no room for it.
pub(crate) const EXCEEDED_SHARE_REASON: DisconnectReason = DisconnectReason::TooManyPeers;

impl CloseReason {
    /// The reason that went over the wire, from either end; `None` if the network failed.
    #[must_use]
    pub const fn reason(&self) -> Option<DisconnectReason> {
        match self {
            Self::ByPeer(reason) | Self::ByUs(reason) => Some(*reason),
            Self::ExceededShare { .. } => Some(EXCEEDED_SHARE_REASON),
            Self::Breach(fault) => Some(fault.reason()),
            Self::Lost(_) => None,
        }
    }
}

/// What a peer did that the protocol forbids.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProtocolBreach {
    /// A frame with a bad MAC, too long, or with a body that is not what it should be.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// A message whose id belongs neither to the base protocol nor to a shared sub-protocol.
    #[error("message id {code:#x} is outside of every shared sub-protocol")]
    UnknownCode {
        /// The id on the wire.
        code: u64,
    },
    /// More pings than any node has a use for.
    #[error("ping flood")]
    PingFlood,
    /// A piece of a message, or something in the middle of one, that `chunk/1` forbids.
    #[error("chunk/1: {0}")]
    Chunk(#[from] ChunkError),
}

impl ProtocolBreach {
    /// What the peer is told.
    #[must_use]
    pub const fn reason(&self) -> DisconnectReason {
        DisconnectReason::ProtocolBreach
    }
}

/// How the network failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LostReason {
    /// The peer closed the connection without a word.
    #[error("closed without a reason")]
    Eof,
    /// The operating system says so.
    #[error("{0}")]
    Io(std::io::ErrorKind),
    /// The network took nothing for [`Config::write_limit`](crate::Config::write_limit): the peer
    /// does not read.
    #[error("nothing could be written for too long")]
    WriteStalled,
}
