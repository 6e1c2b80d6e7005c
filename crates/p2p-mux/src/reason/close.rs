//! How a connection ended, and which end caused it.

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
    /// This end ended it: the owner or a sub-protocol asked for it, the last sub-protocol returned, or
    /// the peer was silent.
    #[error("by us: {0}")]
    ByUs(DisconnectReason),
    /// This end ended it because memory was short and it was the largest connection that exceeded its
    /// share ([`MemoryBudget`](crate::MemoryBudget)).
    #[error("it used {held} bytes while memory was short, its share was {share}")]
    ExceededShare {
        /// Memory that it used, in bytes.
        held: usize,
        /// Its fair share, in bytes.
        share: usize,
    },
    /// The peer broke the protocol, so this end ended it.
    #[error("the peer broke the protocol")]
    Breach(#[from] ProtocolBreach),
    /// The network failed.
    #[error("the connection was lost")]
    Lost(#[from] LostReason),
}

/// The reason that a peer is told if its connection uses too much memory.
pub(crate) const EXCEEDED_SHARE_REASON: DisconnectReason = DisconnectReason::TooManyPeers;

impl CloseReason {
    /// The reason in the Disconnect message of either end; `None` if the network failed.
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

/// How a peer broke the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProtocolBreach {
    /// An invalid frame: a wrong MAC, too long, or malformed.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A message id that belongs neither to the base protocol nor to a shared sub-protocol.
    #[error("message id {code:#x} belongs to no shared sub-protocol")]
    UnknownCode {
        /// The message id on the connection.
        code: u64,
    },
    /// Too many pings.
    #[error("ping flood")]
    PingFlood,
    /// A violation of `chunk/1`.
    #[error("violation of chunk/1")]
    Chunk(#[from] ChunkError),
}

impl ProtocolBreach {
    /// The reason that the peer is told.
    #[must_use]
    pub const fn reason(&self) -> DisconnectReason {
        DisconnectReason::ProtocolBreach
    }
}

/// How the network failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LostReason {
    /// The peer closed the stream without a Disconnect message.
    #[error("closed without a reason")]
    Eof,
    /// An I/O error.
    #[error("{0}")]
    Io(std::io::ErrorKind),
    /// The network accepted no bytes for [`Config::write_limit`](crate::Config::write_limit), because
    /// the peer does not read.
    #[error("nothing could be written for too long")]
    WriteStalled,
}
