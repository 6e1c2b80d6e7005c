//! What a peer did that ends its session.

use p2p_identity::causes;
use p2p_mux::{DisconnectReason, Exit, rlp};
use whisper_envelope::EnvelopeError;

/// A breach of the Whisper protocol by a peer. Its session ends, the connection with it, and the
/// peer is told "subprotocol error" (0x10), as by go-ethereum. Each has a counter in
/// [`FaultStats`](crate::FaultStats).
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the first packet was of code {code}, not a status")]
    NotStatus { code: u64 },
    #[error("no status in time")]
    StatusTimeout,
    /// All that Parity ever says: it does not tell its version, nor anything that follows from one.
    #[error("an empty status, as of Parity")]
    EmptyStatus,
    #[error("malformed status: {0}")]
    MalformedStatus(rlp::Error),
    #[error("status of version {theirs}, agreed on {ours}")]
    WrongVersion { theirs: u64, ours: u64 },
    #[error("both ends are light clients, which is of no use to either")]
    BothLight,
    #[error("a work requirement that is no number, infinite or negative")]
    BadWork,
    #[error("a bloom of {length} bytes instead of 64")]
    BadBloom { length: usize },
    #[error("malformed packet of code {code}: {error}")]
    MalformedPacket { code: u64, error: rlp::Error },
    #[error("malformed envelope: {}", causes(.0))]
    MalformedEnvelope(EnvelopeError),
    #[error("a packet of {length} bytes, at most {limit} are read")]
    PacketTooLarge { length: usize, limit: usize },
    #[error("more beyond the limits than is tolerated")]
    OverLimit,
}

impl From<&Fault> for Exit {
    /// All of them are a malformed or impossible packet, and the peer hears the one reason there is
    /// for that.
    fn from(_: &Fault) -> Self {
        Self::Disconnect(DisconnectReason::Subprotocol)
    }
}
