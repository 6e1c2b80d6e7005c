//! Why a mail server does not answer a request.

use crate::wire::packet::PacketError;

/// Why a mail server does not answer a request. The text is sent to the client.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("request is invalid: {0}")]
    Malformed(#[from] PacketError),
    #[error("failed to decrypt p2p request")]
    Undecryptable,
    #[error("request is invalid: it is not signed")]
    Unsigned,
    #[error("PoW too low: {work} instead of {required}")]
    LowWork { work: f64, required: f64 },
    #[error("request is invalid: unencrypted requests of this peer are refused")]
    NotAllowed,
    #[error("query range is invalid: lower > upper")]
    Range,
    #[error("invalid request: {count} topics; {limit} are allowed")]
    Topics { count: usize, limit: usize },
    #[error("rate limit exceeded")]
    TooOften,
    #[error("invalid request: the cursor is not one of this request")]
    Cursor,
    #[error("invalid request: the archive was replaced: begin again without a cursor")]
    OtherArchive,
    #[error("failed to read all envelopes: the archive cannot be read")]
    Archive,
}
