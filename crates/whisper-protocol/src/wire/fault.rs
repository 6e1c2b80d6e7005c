//! Violations of the protocol by a peer.

use p2p_mux::{DisconnectReason, Exit, rlp};
use whisper_envelope::EnvelopeError;

/// A violation of the Whisper protocol by a peer. It ends the session and the connection with the reason "subprotocol
/// error" (0x10), as in go-ethereum. Each has a counter in [`FaultStats`](crate::FaultStats).
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the first packet has code {code} and is not a status")]
    NotStatus { code: u64 },
    #[error("no status arrived in time")]
    StatusTimeout,
    /// Parity sends an empty status. Its version of the protocol is therefore unknown.
    #[error("the status is empty, as Parity's is")]
    EmptyStatus,
    #[error("malformed status")]
    MalformedStatus(#[source] rlp::Error),
    #[error("the status has version {theirs}, but {ours} was agreed on")]
    WrongVersion { theirs: u64, ours: u64 },
    #[error("both ends are light clients, so neither would relay anything")]
    BothLight,
    #[error("the work requirement is not a number, infinite or negative")]
    BadWork,
    #[error("the bloom has {length} bytes instead of 64")]
    BadBloom { length: usize },
    #[error("malformed packet with code {code}")]
    MalformedPacket { code: u64, source: rlp::Error },
    #[error("malformed envelope")]
    MalformedEnvelope(#[source] EnvelopeError),
    #[error("the packet has {length} bytes; the maximum is {limit}")]
    PacketTooLarge { length: usize, limit: usize },
    #[error("the peer exceeded its limits more often than is tolerated")]
    OverLimit,
}

impl Fault {
    /// How the session ends. There is one reason for all violations of a sub-protocol.
    pub(crate) const EXIT: Exit = Exit::Disconnect(DisconnectReason::Subprotocol);
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use p2p_identity::causes;

    use super::*;

    #[test]
    fn causes_are_printed_once() {
        let rlp = rlp::Item::parse(&[]).unwrap_err();
        for (fault, count) in [
            (Fault::MalformedStatus(rlp), 1),
            (Fault::MalformedPacket { code: 1, source: rlp }, 1),
            (Fault::MalformedEnvelope(EnvelopeError::Rlp(rlp)), 1),
        ] {
            assert!(fault.source().is_some());
            let text = causes(&fault).to_string();
            assert_eq!(text.matches(&rlp.to_string()).count(), count, "{text}");
        }
    }
}
