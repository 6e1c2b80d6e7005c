//! Packets of shh/6 beyond EIP-627: the extensions of status-im, and requests to a mail server.
//!
//! Each type reads and writes the body of one packet; the table has the codes. Decoding any bytes gives a packet or a
//! typed error, ignores further elements, and never uses more memory than the input.
//!
//! | code | packet | meaning |
//! |---|---|---|
//! | 11 | [`Ack`] | a peer has read a bundle |
//! | 12 | [`Response`] | a peer lists the envelopes of a bundle that it refused, with the reasons |
//! | 20 | [`Rates`] | the rate limits of a peer; also in its status |
//! | 123 | [`SyncRequest`] | a mail server copies from another |
//! | 124 | [`SyncResponse`] | its answer; counted and ignored |
//! | 125 | [`Completion`] | a mail server has answered |
//! | 126 | [`Request`] | a request to a mail server |
//!
//! Not here: the packets of EIP-627 itself, which the session reads, and direct messages (127), which contain only
//! envelopes.

use p2p_mux::rlp;
use whisper_envelope::EnvelopeError;

mod ack;
mod completion;
mod query;
mod rates;
mod request;
mod response;
mod sync;

pub use ack::Ack;
pub use completion::{Completion, Cursor};
pub use query::{Query, QueryForm};
pub use rates::Rates;
pub use request::Request;
pub use response::{RefusedEnvelope, Response};
pub use sync::{SyncRequest, SyncResponse};

/// The body of a packet does not have the format of its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// The RLP is invalid.
    #[error(transparent)]
    Rlp(#[from] rlp::Error),
    /// The envelope in the packet is malformed.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The bloom is not 64 bytes long.
    #[error("the bloom has {length} bytes instead of 64")]
    Bloom {
        /// Its length in bytes.
        length: usize,
    },
    /// A [`Response`] of an unknown version.
    #[error("the response has version {theirs}; only version 1 is known")]
    Version {
        /// The version in the packet.
        theirs: u64,
    },
    /// A [`SyncRequest`] for no envelopes, or for more than 1000.
    #[error("sync request for {limit} envelopes; 1 to 1000 are allowed")]
    Limit {
        /// The requested number.
        limit: u64,
    },
    /// A [`Query`] that is neither RLP nor of a valid length.
    #[error("the query has {length} bytes; 8 and at least 72 are valid")]
    Query {
        /// Its length in bytes.
        length: usize,
    },
    /// A [`Completion`] of an invalid length.
    #[error("the completion has an invalid length of {length} bytes")]
    Completion {
        /// Its length in bytes.
        length: usize,
    },
}

/// Maximum number of bytes that are kept of a peer's text.
const MAX_TEXT: usize = 256;

/// Reads a peer's text: invalid UTF-8 is replaced, and a long text is cut. It may be any text, so it must be quoted.
pub(crate) fn text(bytes: &[u8]) -> String {
    let kept = bytes.get(..MAX_TEXT).unwrap_or(bytes);
    let mut text = String::from_utf8_lossy(kept).into_owned();
    // The replacement character is longer than the byte that it replaces.
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}
